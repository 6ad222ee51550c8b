"""``_sentry.slots``: scopes that are empty yet."""

from __future__ import annotations

from typing import Any

import pytest
from sentry_sdk import Scope

from sentry_web._sentry import innards, slots

pytestmark = pytest.mark.skipif(
    not slots.KNOWN and innards.release() > (2, 75),
    reason="not with this sentry-sdk: its scopes have other slots, and are made at once",
)


class Empty(Scope):
    __slots__ = ()


def test_the_scopes_of_the_sdk_under_test_are_made_of_slots() -> None:
    """Where they are not, every scope is made at once, without a warning; of a later release the skip reports it."""
    assert slots.KNOWN


def test_an_empty_scope_has_a_client_and_what_it_keeps() -> None:
    kept = object()
    around: Any = Scope(), Scope()
    for scope in around:
        scope.client = object()
    for scope, model in zip(slots.empty_pair(Empty, Empty, around, kept), around):
        assert scope.client is model.client
        assert slots.kept_in(scope) is kept
        with pytest.raises(AttributeError):
            scope._tags  # noqa: B018


def test_the_second_knows_the_first() -> None:
    first, second = slots.empty_pair(Empty, Empty, (Scope(), Scope()), object())
    assert slots.companion_of(second) is first


def test_a_filled_scope_is_the_full_one_in_all_but_identity() -> None:
    full = Scope()
    full.set_tag("shelf", "7")
    full.set_user({"id": "1"})
    scope, _ = slots.empty_pair(Empty, Empty, (Scope(), Scope()), object())
    slots.fill(scope, full, Scope)
    assert type(scope) is Scope
    for name in Scope.__slots__:
        assert getattr(scope, name) is getattr(full, name), name
