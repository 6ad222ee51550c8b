"""Child spans are those that the SDK starts, and the current scope is not forked for them."""

from __future__ import annotations

import re
import warnings
from contextvars import copy_context
from typing import Any

import pytest
import sentry_sdk
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk import Scope

from sentry_web._sentry import compat
from sentry_web._sentry._speedups import child_spans
from sentry_web._sentry._speedups.probing import client_with, enter_scopes

IDS = re.compile(r"[0-9a-f]{16,32}")
#: Attributes that tell the time, or the thread.
CHANGES = ("thread.id", "thread.name", "process.command_args")

#: Whether the next span is a child of the present one, and whether that one ends first.
steps = st.lists(
    st.tuples(st.sampled_from("abq"), st.sampled_from(["default", "root", "none"]), st.booleans()), max_size=6
)
static_steps = st.lists(
    st.tuples(
        st.fixed_dictionaries(
            {},
            optional={
                "op": st.just("db"),
                "name": st.just("q"),
                "description": st.just("d"),
                "origin": st.just("auto.db"),
                "sampled": st.booleans(),
                "trace_id": st.just("ab" * 16),
                "instrumenter": st.sampled_from(["sentry", "otel"]),
            },
        ),
        st.booleans(),
    ),
    max_size=6,
)


def numbered(value: Any, known: dict[str, int]) -> Any:
    """Replace ids by the order in which they come up."""
    return IDS.sub(lambda found: f"#{known.setdefault(found[0], len(known))}", repr(value))


class Fast(Scope):
    """A scope that starts spans as the request's own do."""

    __slots__ = ()


child_spans._give(Fast)


@pytest.mark.skipif(not compat.HAS_TRANSACTIONS, reason="not with this sentry-sdk: it has no transactions")
@given(static_steps, st.sampled_from([None, True, False]), st.sampled_from(["sentry", "otel"]), st.booleans())
def test_spans_of_a_transaction_are_those_of_the_sdk(
    steps: Any, sampled: bool | None, instrumenter: str, has_ended: bool
) -> None:
    runs = [copy_context().run(static, kind, steps, sampled, instrumenter, has_ended) for kind in (Fast, Scope)]
    assert runs[0] == runs[1]


def static(kind: type[Scope], steps: Any, sampled: bool | None, instrumenter: str, has_ended: bool) -> list[Any]:
    from sentry_sdk.tracing import NoOpSpan

    from sentry_web._sentry.transactions import RequestTransaction

    scope = enter_scopes(client_with(instrumenter=instrumenter), kind)
    root: Any = None
    if sampled is not None:
        root = scope.span = RequestTransaction(name="root", sampled=sampled)
        root.init_span_recorder(100)
        root.timestamp = root.start_timestamp if has_ended else None
    found: list[Any] = []
    known: dict[str, int] = {}
    for arguments, stays in steps:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                span: Any = sentry_sdk.start_span(**arguments)
        except TypeError as error:  # two trace ids
            found.append(str(error))
            continue
        is_noop = isinstance(span, NoOpSpan)
        seen = {} if is_noop else {**span.to_json(), "start_timestamp": 0, "data": {}}
        found += [type(span), [str(each.message) for each in caught], numbered(seen, known)]
        found += [sentry_sdk.get_current_scope() is scope, not is_noop and span.scope is scope]
        if stays and not is_noop:
            span.__enter__()
    return [*found, root and len(root._span_recorder.spans)]


@pytest.mark.skipif(not compat.HAS_STREAMED_SPANS, reason="not with this sentry-sdk: it has no streamed spans")
@given(steps, st.sampled_from([None, 0.0, 1.0]), st.sampled_from([None, ["q"]]))
def test_streamed_spans_are_those_of_the_sdk(steps: Any, rate: float | None, ignored: list[str] | None) -> None:
    runs = [copy_context().run(streamed, kind, steps, rate, ignored) for kind in (Fast, Scope)]
    assert runs[0] == runs[1]


def streamed(kind: type[Scope], steps: Any, rate: float | None, ignored: list[str] | None) -> list[Any]:
    from sentry_sdk.traces import _DEFAULT_PARENT_SPAN, start_span

    client = client_with(trace_lifecycle="stream", traces_sample_rate=rate, ignore_spans=ignored)
    scope = enter_scopes(client, kind)
    found: list[Any] = []
    known: dict[str, int] = {}
    root = start_span("root", parent_span=None)
    spans = [root]
    for name, parent, active in steps:
        parents: dict[str, Any] = {"default": _DEFAULT_PARENT_SPAN, "root": root, "none": None}
        span: Any = start_span(name, {"a": name}, parents[parent], active)
        spans.append(span)
        attributes = {key: value for key, value in span.get_attributes().items() if key not in CHANGES}
        ids = (span.trace_id, span.span_id, span._parent_span_id, span._segment.span_id)
        found += [type(span), span.name, attributes, numbered(ids, known), span.sampled, span._parent_sampled]
        found += [span._scope is scope, scope._span is span, getattr(span, "_unsampled_reason", None)]
        found.append(sentry_sdk.get_current_scope() is scope)
    return found


@pytest.mark.skipif(compat.HAS_TRANSACTIONS, reason="not with this sentry-sdk: its spans have no links")
def test_links_are_left_to_the_sdk() -> None:
    def started() -> Any:
        enter_scopes(client_with(traces_sample_rate=1.0), Fast)
        sentry_sdk.traces.start_span("root", parent_span=None)
        return sentry_sdk.traces.start_span("q", links=[{"trace_id": "ab" * 16, "span_id": "cd" * 8}])

    assert len(copy_context().run(started)._links) == 1


def test_no_scope_is_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        scope = enter_scopes(client_with(traces_sample_rate=1.0), Fast)
        if compat.HAS_TRANSACTIONS:
            scope.span = sentry_sdk.tracing.Transaction(name="root", sampled=True)
        else:
            sentry_sdk.traces.start_span("root", parent_span=None)
        monkeypatch.setattr(Scope, "fork", lambda scope: pytest.fail("forked"))
        assert sentry_sdk.start_span(name="q").sampled

    copy_context().run(run)


def test_the_probe_agrees_with_this_release() -> None:
    assert child_spans.probe()


def test_the_probe_sees_a_release_that_starts_them_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "start_span" if compat.HAS_TRANSACTIONS else child_spans._STREAMED
    original = getattr(Scope, name)

    def start(scope: Any, *args: Any, **kwargs: Any) -> Any:
        return original(Scope(), *args, **kwargs)

    monkeypatch.setattr(Scope, name, start)
    assert not child_spans.probe()
