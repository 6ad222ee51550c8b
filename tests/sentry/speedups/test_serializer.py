"""The fast serializer writes what the SDK's writes; what it is not sure of it leaves to it."""

from __future__ import annotations

import enum
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import sentry_sdk.client
from hypothesis import event as note
from hypothesis import example, given
from hypothesis import strategies as st
from sentry_sdk.serializer import serialize
from sentry_sdk.utils import format_timestamp

from sentry_web._sentry._speedups import serializer as plain
from sentry_web._sentry.compat import AnnotatedValue


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
@example({"extra": datetime(1, 1, 1)})  # noqa: DTZ001 - found by Hypothesis: it cannot be converted to another zone
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


def test_the_client_uses_it_and_gets_its_own_back() -> None:
    client: Any = sentry_sdk.client
    installed = client.serialize is plain.serialize  # by a middleware of another test
    plain.install()
    try:
        assert client.serialize is plain.serialize
        plain.install()
        assert client.serialize({"tags": {"a": "b"}}) == {"tags": {"a": "b"}}
        assert client.serialize({"tags": {1: b"x"}}) == serialize({"tags": {1: b"x"}})
        assert client.serialize({"tags": {"a": 1}}, custom_repr=lambda value: "mine") == serialize(
            {"tags": {"a": 1}}, custom_repr=lambda value: "mine"
        )
    finally:
        plain.uninstall()
    assert client.serialize is serialize
    plain.uninstall()
    if installed:
        plain.install()


def test_the_probe_agrees_with_this_release() -> None:
    assert plain.probe()


@pytest.mark.parametrize(
    "change",
    [lambda written: {**written, "new": 1}, lambda written: None],
    ids=["writes more", "writes nothing"],
)
def test_the_probe_sees_a_serializer_that_is_different(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def different(event: Any, **options: Any) -> Any:
        return change(serialize(event, **options))

    different.__module__ = "sentry_sdk.serializer"
    monkeypatch.setattr(sentry_sdk.client, "serialize", different)
    assert not plain.probe()


def test_a_serializer_that_somebody_has_replaced_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentry_sdk.client, "serialize", lambda event, **options: event)
    assert not plain.probe()
