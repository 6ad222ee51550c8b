"""``_sentry.waiting``: scopes that become others at their first touch; what these are is told in ``test_scopes``."""

from __future__ import annotations

from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import Scope

from sentry_web._sentry import slots, waiting
from sentry_web._sentry.redaction import RedactingScope

pytestmark = pytest.mark.skipif(not slots.KNOWN, reason="not with this sentry-sdk: its scopes are no mere slots")


class Opening:
    """Makes two scopes, and counts."""

    root = None

    def __init__(self) -> None:
        self.made = 0

    def take(self) -> tuple[Scope, Scope]:
        self.made += 1
        isolation, current = Scope(), Scope()
        isolation.set_tag("shelf", "7")
        return isolation, current

    bare = take


def pair() -> tuple[Any, Any, Opening]:
    opening = Opening()
    return (*waiting.pair((sentry_sdk.get_isolation_scope(), sentry_sdk.get_current_scope()), opening), opening)


def test_to_ask_for_the_client_is_no_touch() -> None:
    isolation, current, opening = pair()
    assert isolation.client is sentry_sdk.get_isolation_scope().client
    assert current.client is sentry_sdk.get_current_scope().client
    assert waiting.is_waiting(isolation)
    assert opening.made == 0


def test_each_becomes_its_own() -> None:
    isolation, current, opening = pair()
    assert isolation._tags == {"shelf": "7"}
    assert (type(isolation), waiting.is_waiting(isolation)) == (Scope, False)
    current.set_tag("colour", "red")
    assert (type(current), current._tags) == (RedactingScope, {"colour": "red"})
    assert opening.made == 2


def test_the_isolation_scope_is_filled_with_the_current_one() -> None:
    isolation, current, opening = pair()
    current.set_tag("colour", "red")
    assert (type(isolation), isolation._tags) == (Scope, {"shelf": "7"})
    assert opening.made == 1


def test_an_isolation_scope_that_is_full_is_left_alone() -> None:
    isolation, current, _ = pair()
    isolation.set_tag("size", "small")
    current.set_tag("colour", "red")
    assert isolation._tags == {"shelf": "7", "size": "small"}


def test_amid_the_making_the_isolation_scope_waits_on() -> None:
    """What is copied then, in the place of what is being made, has nothing of the request yet."""
    isolation, current, opening = pair()
    opening.take = lambda: None  # type: ignore[method-assign,assignment,return-value]
    current.set_tag("colour", "red")
    assert type(current) is RedactingScope
    assert waiting.is_waiting(isolation)


def test_a_touch_from_outside_makes_it_once() -> None:
    isolation, _, opening = pair()
    waiting.touch(isolation)
    waiting.touch(isolation)
    assert opening.made == 1


def test_a_fork_has_a_lock_of_its_own() -> None:
    before = waiting.becoming
    waiting._renew_lock()
    assert waiting.becoming is not before
    assert waiting.becoming.acquire(blocking=False)
    waiting.becoming.release()
