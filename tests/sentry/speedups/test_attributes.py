"""Attributes are set, estimated and written as the SDK does it."""

from __future__ import annotations

import os
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk import utils

from sentry_web._sentry import _speedups, compat
from sentry_web._sentry._speedups import attributes as fast
from sentry_web._sentry._speedups.probing import client_with, enter_scopes
from sentry_web.testing.transport import recording

if not compat.HAS_STREAMED_SPANS:
    pytest.skip("not with this sentry-sdk: it has no streamed spans", allow_module_level=True)

from sentry_sdk.traces import NoOpStreamedSpan, StreamedSpan


class Text(str):
    """A text that is another one where it is shown."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown"


class Number(int):
    """A number of a class of its own."""

    __slots__ = ()


class Broken:
    """An object whose own code raises."""

    def __repr__(self) -> str:
        raise ValueError


scalars = st.one_of(st.text(max_size=20), st.booleans(), st.integers(), st.floats(), st.none(), st.binary(max_size=3))
values = st.one_of(
    scalars,
    st.sampled_from([Text("given"), Number(7), ["a", Text("b")], [True, 1], [1, 1.5]]),
    st.builds(Broken),
    st.lists(st.text(max_size=3), max_size=3),
    st.lists(st.integers(), max_size=3),
    st.lists(scalars, max_size=3),
    st.lists(scalars, max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=2), scalars, max_size=2),
)
attributes = st.dictionaries(st.text(max_size=5), values, max_size=6)


@pytest.fixture(autouse=True, scope="module")
def _kept() -> None:
    _speedups.install()
    assert fast.probe()


@given(values)
def test_values_are_kept_and_written_as_by_the_sdk(value: Any) -> None:
    set_value, written = fast.format_attribute(value), fast.serialize_attribute(value)
    assert repr(set_value) == repr(utils.format_attribute(value))
    assert repr(written) == repr(utils.serialize_attribute(value))
    assert set_value is not value or not isinstance(value, list)


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=6), attributes)
def test_several_attributes_are_set_as_one_by_one(before: dict[str, Any], added: dict[str, Any]) -> None:
    spans: list[Any] = [object.__new__(StreamedSpan) for _ in range(2)]
    for span in spans:
        span._attributes = dict(before)
    assert fast.set_attributes(spans[0], added)
    for key, value in added.items():
        spans[1]._attributes[key] = utils.format_attribute(value)
    assert repr(spans[0]._attributes) == repr(spans[1]._attributes)


def test_a_span_that_is_not_sampled_keeps_no_attributes() -> None:
    span: Any = object.__new__(NoOpStreamedSpan)
    assert not fast.set_attributes(span, {"a": 1})


def formatted(given: dict[str, Any]) -> dict[str, Any]:
    """Return attributes as a span keeps them."""
    return {key: utils.format_attribute(value) for key, value in given.items()}


kept = attributes.map(formatted)
links = st.lists(st.fixed_dictionaries({"trace_id": st.just("a")}, optional={"attributes": kept}), max_size=2)
spans = st.fixed_dictionaries(
    {"name": st.text(max_size=5), "is_segment": st.booleans(), "attributes": kept},
    optional={"_segment_span": st.just(None), "parent_span_id": st.just("b"), "links": links},
)


@given(spans)
def test_spans_are_estimated_and_written_as_by_the_sdk(span: dict[str, Any]) -> None:
    before = repr(span)
    assert repr(fast.to_transport_format(span)) == repr(fast._sdk["to_transport_format"](span))
    assert fast.estimate_size(span) == fast._sdk["estimate_size"](span)
    assert repr(span) == before


@given(attributes, st.booleans(), st.booleans(), st.sampled_from([None, "", "q"]))
def test_spans_are_handed_over_as_by_the_sdk(added: Any, ended: bool, is_child: bool, name: str | None) -> None:
    def both() -> list[str]:
        scope = enter_scopes(client_with(trace_lifecycle="stream", traces_sample_rate=1.0))
        span: Any = StreamedSpan(name="root", attributes=added, scope=scope)
        if is_child:
            span = StreamedSpan(name="q", scope=scope, segment=span, parent_span_id=span.span_id)
        span._name, span._end_timestamp = name, span.start_timestamp if ended else None
        written = fast.to_json(span)
        assert written["attributes"] is not span.get_attributes()
        return [repr(list(each.items())) for each in (written, fast._sdk["to_json"](span))]

    ours, theirs = copy_context().run(both)
    assert ours == theirs


def test_it_is_in_use() -> None:
    stream: dict[str, Any] = {"trace_lifecycle": "stream"} if compat.HAS_TRANSACTIONS else {}
    with recording(traces_sample_rate=1.0, **stream) as events:
        from sentry_sdk._span_batcher import SpanBatcher
        from sentry_sdk.traces import start_span

        with start_span("root", attributes={"names": ["a", "b"], "number": 1}):
            pass
        switched_on = not os.environ.get("SENTRY_WEB_NO_SPEEDUPS")
        assert (SpanBatcher._to_transport_format is fast.to_transport_format) is switched_on
        assert b'"names":{"value":["a","b"],"type":"array"},"number":{"value":1,"type":"integer"}' in events.all_bytes


def test_the_probe_sees_a_release_that_writes_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fast._sdk, "serialize_attribute", lambda value: {"value": value, "type": "any"})
    assert not fast.probe()


def test_the_probe_sees_a_release_that_keeps_values_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fast._sdk, "format_attribute", str)
    assert not fast.probe()


@pytest.mark.parametrize("name", ["to_transport_format", "estimate_size"])
def test_the_probe_sees_a_release_that_batches_otherwise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fast._sdk, name, len)
    assert not fast.probe()
