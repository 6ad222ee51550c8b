"""The fast serializer writes what the SDK's writes, for events and variables of every kind."""

from __future__ import annotations

import enum
import json
from array import array
from collections import OrderedDict, UserDict, deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import sentry_sdk.client
import sentry_sdk.serializer
from hypothesis import example, given
from hypothesis import strategies as st
from sentry_sdk.serializer import add_global_repr_processor, global_repr_processors, serialize
from sentry_sdk.utils import format_timestamp

from sentry_web._sentry._speedups import serializer as fast
from sentry_web._sentry.compat import AnnotatedValue


class Colour(str, enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Represented(str):
    __slots__ = ()

    def __sentry_repr__(self) -> str:
        return "[represented]"


class Broken:
    """Raises when it is represented; not for Hypothesis, which represents whatever it has made."""

    active = False

    def __repr__(self) -> str:
        if Broken.active:
            raise ValueError("repr")
        return "Broken()"


class BrokenKey(Broken):
    def __hash__(self) -> int:
        return 7


class BrokenMapping(Mapping[str, int]):
    """Raises when it is asked for its entries."""

    def __getitem__(self, key: str) -> int:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        if Broken.active:
            raise RuntimeError("changed during iteration")
        return iter(())

    def __len__(self) -> int:
        return 3


class BrokenList(list[int]):
    """Raises amid the iteration, as one that another thread changes."""

    def __iter__(self) -> Iterator[int]:
        yield 1
        if Broken.active:
            raise RuntimeError("changed during iteration")


class Longer(dict[Any, Any]):
    """Says that it has more entries than it has."""

    def __len__(self) -> int:
        return super().__len__() + 1


class Exiting:
    """Raises what is no ``Exception`` when it is represented by its own method."""

    def __sentry_repr__(self) -> str:
        raise SystemExit(1)


CYCLE: dict[str, Any] = {}
CYCLE["itself"] = {"again": CYCLE}
LIST: list[Any] = []
LIST.append(LIST)
OTHER_CYCLE: dict[str, Any] = {"a": 1}
OTHER_CYCLE.update(first=[OTHER_CYCLE], second=[OTHER_CYCLE])

#: Drawn by name: Hypothesis represents what it chooses from, and some of these cannot be.
ODD: dict[str, Any] = {
    "broken": Broken(),
    "broken inside": {"a": Broken()},
    "broken mapping": BrokenMapping(),
    "broken list": BrokenList([1, 2]),
    "broken key": {BrokenKey(): 1},
    "exiting": Exiting(),
    "cycle": CYCLE,
    "other cycle": OTHER_CYCLE,
    "list in itself": LIST,
}

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text("aé …\ud800", max_size=30),
    st.text(max_size=60),
    st.datetimes(timezones=st.sampled_from([None, timezone.utc, timezone(timedelta(hours=5))])),
    st.sampled_from([Colour.RED, Number.ONE, Represented("x"), b"bytes", bytearray(b"\xff"), memoryview(b"m")]),
    st.sampled_from([(1, 2), {1}, frozenset("a"), array("i", [1, 2]), deque([1]), range(3), 1j, Decimal("1.5")]),
    st.sampled_from(sorted(ODD)).map(ODD.__getitem__),
    st.sampled_from([{1: 2}, {Colour.RED: 1}, {1: "a", "1": "b"}, Longer(a=1), UserDict(a=1), OrderedDict(b=2)]),
    st.sampled_from(["x" * 300, "é" * 200]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=12),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text("ab", max_size=3), inner, max_size=12),
        st.dictionaries(st.one_of(st.text("ab", max_size=2), st.integers(0, 3)), inner, max_size=12),
        st.builds(AnnotatedValue, inner, st.sampled_from([{"len": 3}, {"rem": [["!config", "s"]], "len": 1}])),
    ),
    max_leaves=25,
)
names = st.sampled_from(["data", "values", "headers", "description", "spans", "", "len"])
#: Values as an event has them, in which the places that the SDK treats specially come up.
events = st.dictionaries(
    st.one_of(
        st.sampled_from(["extra", "request", "contexts", "spans", "breadcrumbs", "exception", "_meta", "vars"]),
        st.sampled_from([1, None]),
    ),
    values
    | st.dictionaries(names, values | st.dictionaries(names, values, max_size=3), max_size=4)
    | st.lists(st.dictionaries(names, values, max_size=3), max_size=3),
    max_size=4,
)


def custom_repr(value: Any) -> str | None:
    if isinstance(value, complex):
        raise TypeError(value)
    return "mine" if isinstance(value, (int, set)) else None


options = st.fixed_dictionaries(
    {},
    optional={
        "max_request_body_size": st.sampled_from(["always", "medium"]),
        "max_value_length": st.sampled_from([None, 0, 1, 20, 250, 100_000]),
        "custom_repr": st.sampled_from([None, custom_repr]),
        "is_vars": st.booleans(),
    },
)


def as_json(value: Any) -> str:
    """Return a value in a form in which ``1`` and ``True`` are not the same, and neither are two orders of keys.

    The order of the remarks is no matter: those of one container are added before those of the containers in it.
    """

    def dump(part: Any, **options: Any) -> str:
        return json.dumps(part, default=lambda other: f"{type(other)} {id(other)}", **options)

    if not isinstance(value, dict) or "_meta" not in value:
        return dump(value)
    return dump({**value, "_meta": None}) + dump(value["_meta"], sort_keys=True)


def both(event: dict[str, Any], chosen: dict[str, Any]) -> tuple[str, str]:
    """Return what the fast serializer, which may leave an event to the SDK, and the SDK's own make of an event."""
    Broken.active = True
    try:
        return as_json(fast.serialize(event, **chosen)), as_json(serialize(event, **chosen))
    finally:
        Broken.active = False


@given(events, options)
@example({"extra": datetime(1, 1, 1)}, {})  # noqa: DTZ001 - it cannot be converted to another zone
@example({"spans": [{"description": "x" * 300}]}, {"max_value_length": 20})
@example({"breadcrumbs": AnnotatedValue({"values": [CYCLE]}, {"len": 3})}, {})
@example({"request": {"data": CYCLE}}, {"max_request_body_size": "always"})
@example({"": {"": AnnotatedValue(1, {"len": 3}), "len": AnnotatedValue(1, {"len": 3})}}, {})
@example({"a": 10**5000}, {"is_vars": True})
def test_it_writes_as_the_sdk_does(event: dict[str, Any], chosen: dict[str, Any]) -> None:
    ours, theirs = both(event, chosen)
    assert ours == theirs


def representation(value: Any, hints: dict[str, Any]) -> Any:
    """Represent some values, as integrations of the SDK do for a framework's."""
    assert set(hints) == {"memo", "remaining_depth"}
    if isinstance(value, frozenset):
        return f"frozen at {hints['remaining_depth']}"
    return AnnotatedValue("a list", {"len": len(value)}) if isinstance(value, list) and value else NotImplemented


@given(events, options)
def test_it_writes_as_the_sdk_does_where_representations_are_registered(
    event: dict[str, Any], chosen: dict[str, Any]
) -> None:
    add_global_repr_processor(representation)
    try:
        ours, theirs = both(event, chosen)
    finally:
        global_repr_processors.remove(representation)
    assert ours == theirs


@given(events)
def test_what_it_writes_shares_nothing_with_the_event_that_could_change(event: dict[str, Any]) -> None:
    if as_json(serialize(event)).count("<class"):  # an object that represents itself by another object
        return
    result = fast.serialize(event)
    before = as_json(result)
    for part in event.values():
        if isinstance(part, (dict, list)) and all(part is not odd for odd in ODD.values()):
            part.clear()
    assert as_json(result) == before


TRANSACTION = {
    "tags": {"a": "b", "n": 1, "f": 1.5, "none": None},
    "contexts": {"trace": {"data": {"deep": {"er": [1, (2, "three"), {}]}}}},
    "start_timestamp": datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=timezone.utc),
    "request": {"headers": {"cookie": AnnotatedValue("[Filtered]", {"rem": [["!config", "s"]]})}},
    "extra": {"argv": list(range(20)), "more": {str(number): number for number in range(20)}},
    "transaction_info": {"source": Colour.RED},
    "spans": AnnotatedValue([{"op": "db"}], {"len": 5}),
}


def test_an_event_of_the_usual_kinds_needs_no_help_from_the_sdk() -> None:
    result = fast.write(TRANSACTION)
    assert as_json(result) == as_json(serialize(TRANSACTION))
    assert result["_meta"]["extra"]["argv"] == {"": {"len": 20}}
    assert result["start_timestamp"] == "2024-02-29T01:02:03.000004Z"


@pytest.mark.parametrize("value", [CYCLE, LIST], ids=["dict", "list"])
def test_what_is_nested_too_deeply_is_left_to_the_sdk(value: Any) -> None:
    with pytest.raises(fast.NotWritten):
        fast.write({"tags": value})
    assert fast.write({"extra": {"here": value}})["extra"]["here"]  # databags are limited anyway


def test_a_tuple_that_is_nested_too_deeply_is_left_to_the_sdk() -> None:
    nested: Any = ()
    for _ in range(40):
        nested = (nested,)
    with pytest.raises(fast.NotWritten):
        fast.write({"tags": nested})


@pytest.mark.parametrize(
    "extra",
    [
        {"sys.argv": ["shop.py"], "n": 1},
        {"sys.argv": list(range(20))},
        {"sys.argv": ["shop.py", ["more"]]},
        {"sys.argv": ("shop.py",)},
        {str(number): number for number in range(20)},
        {1: 2},
    ],
)
def test_small_and_large_databags(extra: dict[Any, Any]) -> None:
    assert as_json(fast.write({"extra": extra})) == as_json(serialize({"extra": extra}))


def test_no_event_is_captured_by_what_a_representation_does() -> None:
    class Reporting:
        def __repr__(self) -> str:
            return f"captured {sentry_sdk.utils.disable_capture_event.get(False)}"

    assert fast.write({"it": Reporting()}, is_vars=True) == {"it": "captured True"}
    assert sentry_sdk.utils.disable_capture_event.get(False) is False


@given(st.datetimes(timezones=st.sampled_from([None, timezone.utc, timezone(timedelta(hours=5))])))
def test_times_are_written_as_the_sdk_writes_them(time: datetime) -> None:
    assert fast.timestamp(time) == format_timestamp(time)


@pytest.fixture
def uninstalled() -> Iterator[None]:
    """The SDK's own serializer, until the test ends: a middleware of another test may have installed ours for good."""
    installed = sentry_sdk.client.serialize is fast.serialize
    fast.uninstall()
    yield
    fast.uninstall()
    if installed:
        fast.install()


@pytest.mark.usefixtures("uninstalled")
def test_the_sdk_uses_it_and_gets_its_own_back() -> None:
    modules: list[Any] = [sentry_sdk.client, sentry_sdk.serializer]
    fast.install()
    fast.install()
    for module in modules:
        assert module.serialize is fast.serialize
        assert module.serialize({"tags": {1: b"x"}}) == serialize({"tags": {1: b"x"}})
    fast.uninstall()
    assert all(module.serialize is serialize for module in modules)


def test_the_probe_agrees_with_this_release() -> None:
    assert fast.probe()


@pytest.mark.parametrize(
    "change",
    [lambda result: {**result, "new": 1}, lambda result: None],
    ids=["writes more", "writes nothing"],
)
def test_the_probe_sees_a_serializer_that_is_different(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def different(event: Any, **options: Any) -> Any:
        return change(serialize(event, **options))

    different.__module__ = "sentry_sdk.serializer"
    monkeypatch.setattr(sentry_sdk.client, "serialize", different)
    monkeypatch.setattr(sentry_sdk.serializer, "serialize", different)
    assert not fast.probe()


@pytest.mark.usefixtures("uninstalled")
@pytest.mark.parametrize("module", [sentry_sdk.client, sentry_sdk.serializer], ids=["client", "serializer"])
def test_a_serializer_that_somebody_has_replaced_is_left_alone(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "serialize", lambda event, **options: event)
    assert not fast.probe()
