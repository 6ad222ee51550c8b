"""``_sentry.plain``: what it writes is what the SDK's serializer writes; what it is not sure of it does not write."""

from __future__ import annotations

import enum
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import event as note
from hypothesis import example, given
from hypothesis import strategies as st
from sentry_sdk.serializer import serialize
from sentry_sdk.utils import format_timestamp

from sentry_web._sentry import innards, plain
from sentry_web._sentry.private import AnnotatedValue

pytestmark = pytest.mark.skipif(not innards.KNOWN, reason="not with this sentry-sdk: its serializer was not compared")


class Colour(str, enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Told(str):
    __slots__ = ()

    def __sentry_repr__(self) -> str:
        return "[told]"


CYCLE: dict[str, Any] = {}
CYCLE["itself"] = {"again": CYCLE}
LIST: list[Any] = []
LIST.append(LIST)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text("aé …\ud800", max_size=30),
    st.datetimes(timezones=st.sampled_from([None, timezone.utc, timezone(timedelta(hours=5))])),
    st.sampled_from([Colour.RED, Number.ONE, Told("x"), b"bytes", (1, 2), {1, 2}, CYCLE, LIST]),
    st.sampled_from([{1: 2}, {Colour.RED: 1}]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=12),
        st.dictionaries(st.text("ab", max_size=3), inner, max_size=12),
        st.builds(AnnotatedValue, inner, st.sampled_from([{"len": 3}, {"rem": [["!config", "s"]], "len": 1}])),
    ),
    max_leaves=25,
)
parts = st.sampled_from(
    ["extra", "request", "contexts", "tags", "spans", "user", "breadcrumbs", "exception", "_meta", "measurements"]
)
events = st.dictionaries(parts, values | st.dictionaries(st.sampled_from(["data", "headers"]), values), max_size=4)


def same(left: Any, right: Any) -> bool:
    """Whether both are the same to the last type; ``1`` and ``True`` are not."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@given(events, st.sampled_from([None, 20, 100_000]))
def test_it_writes_as_the_serializer_does_or_not_at_all(event: dict[str, Any], longest: int | None) -> None:
    try:
        written = plain.write(event, longest)
    except plain.NotPlain:
        note("left to the SDK")
        return
    assert same(written, serialize(event, max_value_length=longest))


@given(events)
@example({"extra": datetime(1, 1, 1)})  # noqa: DTZ001 - found by Hypothesis: no zone can tell it in another one
def test_what_it_writes_shares_nothing_with_the_event_that_could_change(event: dict[str, Any]) -> None:
    try:
        written = plain.write(event)
    except plain.NotPlain:
        return
    before = json.dumps(written)
    for part in event.values():
        if isinstance(part, (dict, list)):
            part.clear()
    assert json.dumps(written) == before


PLAIN = {
    "tags": {"a": "b", "n": 1, "f": 1.5, "none": None},
    "contexts": {"trace": {"data": {"deep": {"er": [1, (2, "three"), {}]}}}},
    "start_timestamp": datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=timezone.utc),
    "request": {"headers": {"cookie": AnnotatedValue("[Filtered]", {"rem": [["!config", "s"]]})}},
    "extra": {"argv": list(range(20)), "more": {str(number): number for number in range(20)}},
    "transaction_info": {"source": Colour.RED},
    "spans": AnnotatedValue([{"op": "db"}], {"len": 5}),
}


def test_the_common_event_is_plain() -> None:
    written = plain.write(PLAIN)
    assert same(written, serialize(PLAIN))
    assert written["_meta"]["extra"]["argv"] == {"": {"len": 20}}
    assert written["start_timestamp"] == "2024-02-29T01:02:03.000004Z"


@pytest.mark.parametrize(
    "event",
    [
        {"extra": {"a": {"b": {"c": {"d": {"e": 1}}}}}},
        {"extra": {"a": {1: 2}}},
        {"request": {"data": "body"}},
        {"request": {"data": {"a": 1}, "method": "POST"}},
        {"tags": CYCLE},
        {"tags": {"list": LIST}},
        {"tags": {"a": float("nan")}},
        {"tags": {"a": [float("inf")]}},
        {"tags": {"a": b"bytes"}},
        {"tags": {"a": Number.ONE}},
        {"tags": {"a": Told("x")}},
        {"tags": {1: "a"}},
        {1: "a"},
        {"tags": AnnotatedValue(AnnotatedValue(1, {}), {})},
        {"exception": {}},
        {"_meta": {}},
    ],
    ids=lambda value: re.sub(r" at 0x\w+", "", repr(value)),
)
def test_what_it_is_not_sure_of_is_left_to_the_serializer(event: dict[str, Any]) -> None:
    with pytest.raises(plain.NotPlain):
        plain.write(event)


@pytest.mark.parametrize("text", ["x" * 21, "é" * 6, "x" * 2000])
def test_a_text_that_may_be_too_long_is_left_to_the_serializer(text: str) -> None:
    for event in ({"tags": {"a": text}}, {"tags": [text]}, {"extra": {"a": text}}):
        with pytest.raises(plain.NotPlain):
            plain.write(event, 20)


def test_a_text_that_is_not_too_long_is_not() -> None:
    assert plain.write({"tags": {"a": "x" * 20, "b": Colour.RED}}, 20)["tags"]["a"] == "x" * 20


@given(st.datetimes(timezones=st.sampled_from([None, timezone.utc, timezone(timedelta(hours=5))])))
def test_times_are_written_as_the_sdk_writes_them(time: datetime) -> None:
    assert plain.timestamp(time) == format_timestamp(time)


def test_what_is_known_to_be_plain_is_not_copied() -> None:
    trace: dict[str, Any] = {"trace_id": "a" * 32, "data": {"odd": object()}}
    request = {"url": "http://shop.example/", "headers": {"Host": "shop.example"}}
    tags = {"odd": object()}
    event = {"transaction": "t", "spans": [], "tags": tags, "extra": {"a": 1.5}, "request": request}
    contexts = {"trace": trace, "theirs": {"b": (1,)}}
    parts = frozenset(("transaction", "spans", "tags"))
    written = plain.write_known({**event, "contexts": contexts}, ("trace", "response"), parts)
    assert written == {**event, "contexts": {"trace": trace, "theirs": {"b": [1]}}}
    assert written["tags"] is tags
    assert written["contexts"]["trace"] is trace
    assert written["request"] is request


def check_that_it_is_looked_at(event: dict[str, Any]) -> None:
    """Nothing but the trace being known, the event is written, or refused, as one of which nothing is known."""
    try:
        expected = plain.write(event)
    except plain.NotPlain:
        with pytest.raises(plain.NotPlain):
            plain.write_known(event, ("trace",), frozenset())
    else:
        assert plain.write_known(event, ("trace",), frozenset()) == expected


@pytest.mark.parametrize(
    "request_data",
    [None, "text", {"data": {"a": 1}}, {"headers": {"Host": b"x"}}, {"headers": {1: "x"}}, {"env": ["x"]}],
)
def test_a_request_is_looked_at_where_it_is_not_all_text(request_data: Any) -> None:
    event: dict[str, Any] = {"transaction": "t", "contexts": {"trace": {}}, "request": request_data}
    check_that_it_is_looked_at(event)


@pytest.mark.parametrize(
    "time",
    [
        datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=timezone.utc),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
        "2024-02-29T12:30:01Z",
        1709209801.5,
        None,
    ],
)
def test_times_of_what_is_known_are_looked_at(time: Any) -> None:
    event: dict[str, Any] = {"contexts": {"trace": {}}, "timestamp": time}
    check_that_it_is_looked_at(event)
