"""What is merged of the scopes is what the SDK merges, for telemetry and for whatever else may be asked."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk import Scope

from sentry_web._sentry import compat
from sentry_web._sentry._speedups import merged_scopes as fast
from sentry_web._sentry._speedups.probing import client_with, enter_scopes
from sentry_web._sentry.redaction import RedactingScope

if not compat.HAS_STREAMED_SPANS:
    pytest.skip("not with this sentry-sdk: it has no streamed spans", allow_module_level=True)

from sentry_sdk.traces import StreamedSpan, start_span

attributes = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=3)
users = st.none() | st.fixed_dictionaries({}, optional={"id": st.just("1"), "email": st.sampled_from([None, "a@b"])})
scopes = st.fixed_dictionaries({"attributes": attributes, "user": users, "span": st.sampled_from([None, 0, 1])})
telemetry = st.one_of(
    attributes,
    st.fixed_dictionaries(
        {"body": st.just("b"), "attributes": attributes},
        optional={"trace_id": st.sampled_from([None, "t"]), "span_id": st.sampled_from([None, "s"])},
    ),
)


SENT = {"data_collection": {"user_info": True, "provided_by_user": True}}
#: Settings that say whether users are sent; sentry-sdk 3 has but one of them.
_given = {"provided_by_user": st.booleans()} if compat.HAS_TRANSACTIONS else {}
settings = st.fixed_dictionaries(
    {"data_collection": st.fixed_dictionaries({"user_info": st.booleans(), **_given})},
    optional={"send_default_pii": st.booleans()} if compat.HAS_TRANSACTIONS else {},
)


def entered(around: Any, isolation: Any, current: Any, options: Any = SENT) -> Any:
    """Make three scopes with these values the current ones, and return the current one."""
    client = client_with(trace_lifecycle="stream", traces_sample_rate=1.0, **options)
    scope = enter_scopes(client, RedactingScope)
    spans = [start_span(name, parent_span=None) for name in ("first", "second")]
    for each, values in zip(
        (Scope.get_global_scope(), Scope.get_isolation_scope(), scope), (around, isolation, current)
    ):
        filled: Any = each
        filled._attributes = dict(values["attributes"])
        filled._user = values["user"]
        filled._span = None if values["span"] is None else spans[values["span"]]
    return scope


@pytest.fixture(autouse=True)
def _global_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentry_sdk.scope._global_scope", Scope())


@given(scopes, scopes, scopes, telemetry, settings)
def test_telemetry_gets_the_same(around: Any, isolation: Any, current: Any, values: Any, options: Any) -> None:
    def applied() -> tuple[Any, Any]:
        scope = entered(around, isolation, current, options)
        merged = fast.merge(scope)
        assert type(merged) is fast.PartlyMerged
        return apply(merged, values, scope), apply(fast._merge_all(scope), values, scope)

    ours, theirs = copy_context().run(applied)
    assert ours == theirs


def apply(merged: Any, values: Any, scope: Any) -> str:
    if "attributes" in values:
        record = {**values, "attributes": dict(values["attributes"])}
        merged.apply_to_telemetry(record)
        return repr(record)
    span = StreamedSpan(name="q", attributes=values, scope=scope, active=False)
    merged.apply_to_telemetry(span)
    return repr(span.get_attributes())


EMPTY: dict[str, Any] = {"attributes": {}, "user": None, "span": None}


def test_whatever_else_is_asked_is_merged_then() -> None:
    def merged() -> None:
        scope = entered(EMPTY, {**EMPTY, "user": {"id": "1"}}, EMPTY)
        Scope.get_isolation_scope().set_tag("a", "1")
        scope.set_tag("b", "2")
        ours = fast.merge(scope)
        ours._attributes["own"] = 1
        assert ours._tags == {"a": "1", "b": "2"}
        assert (ours._attributes, ours._user) == ({"own": 1}, {"id": "1"})
        theirs = fast._merge_all(scope)
        assert ours.get_traceparent() == theirs.get_traceparent()
        assert not hasattr(ours, "no_such_attribute")

    copy_context().run(merged)


def test_for_an_event_all_scopes_are_merged() -> None:
    def kinds() -> list[type]:
        scope = entered(EMPTY, EMPTY, EMPTY)
        other = Scope()
        return [type(fast.merge(scope, None, {})), type(fast.merge(scope, other)), type(fast.merge(scope.fork()))]

    assert fast.PartlyMerged not in copy_context().run(kinds)


def test_a_fault_of_ours_is_none_of_the_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_merged", lambda *scopes: 1 / 0)
    merged = copy_context().run(lambda: fast.merge(entered(EMPTY, EMPTY, EMPTY)))
    assert type(merged) is not fast.PartlyMerged


def test_the_probe_agrees_with_this_release() -> None:
    assert fast.probe()


def test_the_probe_sees_a_release_that_merges_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    def merge_all(scope: Any, *args: Any, **kwargs: Any) -> Any:
        merged = merging(scope, *args, **kwargs)
        merged._attributes["more"] = 1
        return merged

    merging = fast._merge_all
    monkeypatch.setattr(fast, "_merge_all", merge_all)
    assert not fast.probe()
