"""A fork has what the SDK's has, and shares with the scope what the SDK's shares."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk import Scope
from sentry_sdk.feature_flags import FlagBuffer

from sentry_web._sentry import _speedups
from sentry_web._sentry._speedups import forks as fast
from sentry_web._sentry.redaction import RedactingScope

ACTS: dict[str, Any] = {
    "tag": lambda scope, n: scope.set_tag(f"t{n}", str(n)),
    "user": lambda scope, n: scope.set_user({"id": str(n)}),
    "context": lambda scope, n: scope.set_context("c", {"n": n}),
    "extra": lambda scope, n: scope.set_extra("e", n),
    "breadcrumb": lambda scope, n: scope._breadcrumbs.append({"message": str(n)}),
    "processor": lambda scope, n: scope.add_event_processor(lambda event, hint: event),
    "name": lambda scope, n: scope.set_transaction_name(f"n{n}", source="custom"),
    "attachment": lambda scope, n: scope.add_attachment(bytes=b"a", filename="f"),
    "level": lambda scope, n: scope.set_level("warning"),
    "fingerprint": lambda scope, n: setattr(scope, "fingerprint", [str(n)]),
    "trace": lambda scope, n: scope.set_new_propagation_context(),
    "attribute": lambda scope, n: scope._attributes.update(a=n) if hasattr(scope, "_attributes") else None,
}
acts = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(0, 2)), max_size=8)


@pytest.fixture(autouse=True, scope="module")
def _found() -> None:
    _speedups.install()
    assert fast.probe()


def slots(scope: Any) -> dict[str, Any]:
    return {name: getattr(scope, name) for name in Scope.__slots__ if hasattr(scope, name)}


def shown(scope: Any) -> dict[str, str]:
    return {name: repr(value) for name, value in slots(scope).items()}


@given(acts, acts, st.sampled_from([Scope, RedactingScope]))
def test_a_fork_is_that_of_the_sdk(before: Any, after: Any, kind: Any) -> None:
    scope: Any = Scope()
    scope.__class__ = kind
    for act, number in before:
        ACTS[act](scope, number)
    ours, theirs = fast.fork(scope), scope.fork()
    assert type(ours) is kind
    assert shown(ours) == shown(theirs)
    for name, value in slots(theirs).items():
        assert (getattr(ours, name) is getattr(scope, name)) == (value is getattr(scope, name))
    unchanged = shown(scope)
    for act, number in after:
        ACTS[act](ours, number)
    assert shown(scope) == unchanged


def test_a_scope_with_feature_flags_is_left_to_the_sdk() -> None:
    scope: Any = Scope()
    scope._flags = FlagBuffer(3)
    assert fast.fork(scope) is None
    assert _speedups.fork(scope)._flags is not scope._flags


def test_before_the_probe_all_is_left_to_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "fork", _speedups.leave_to_sdk)
    assert fast.fork(Scope()) is None


def test_the_probe_sees_a_release_that_forks_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(10))

    def fork(scope: Any) -> Any:
        forked = original(scope)
        forked._tags = scope._tags.copy() if next(calls) else scope._tags  # not the same each time
        return forked

    original = Scope.fork
    monkeypatch.setattr(fast, "fork", fast.fork)
    monkeypatch.setattr(Scope, "fork", fork)
    assert not fast.probe()


def test_a_release_that_copies_everything_by_itself_has_no_rare_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork(scope: Any) -> Any:
        forked = original(scope)
        forked._flags = scope._flags
        return forked

    original = Scope.fork
    monkeypatch.setattr(fast, "fork", fast.fork)
    monkeypatch.setattr(Scope, "fork", fork)
    assert fast.probe()
    assert fast._find().rare == ()
