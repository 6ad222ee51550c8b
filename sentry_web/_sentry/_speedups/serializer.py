"""A fast serializer of events and local variables, with the same results as the SDK's.

``sentry_sdk.serializer`` asks a dozen questions about each value, most of them about where in the event it stands. Here
the places of an event are a table (``EVENT`` and the places in it), and values of plain types take a short way through
it. All others meet the same questions as in the SDK, in the same order. An event that is nested deeper than
``_DEEPEST`` levels, as a reference cycle is, is left to the SDK.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from itertools import compress, count, islice
from math import isfinite
from operator import not_
from typing import Any, NamedTuple

import sentry_sdk.client
import sentry_sdk.serializer
from sentry_sdk.serializer import MAX_DATABAG_BREADTH, MAX_DATABAG_DEPTH, Memo, global_repr_processors, sequence_types
from sentry_sdk.serializer import serialize as sdk_serialize
from sentry_sdk.utils import (
    capture_internal_exception,
    disable_capture_event,
    format_timestamp,
    safe_repr,
    strip_string,
)

from ..compat import AnnotatedValue

#: Levels of nested containers; events with more are left to the SDK.
_DEEPEST = 30
_UNLIMITED = float("inf")
_CYCLE = "<cyclic>"
_FAILED = "<failed to serialize, use init(debug=True) to see error logs>"

_TEXT = frozenset((str,))
_is_text: Callable[[Any], bool] = str.__instancecheck__
#: Types whose values stay as they are, but for long texts.
_PLAIN: frozenset[type] = frozenset((str, int, bool, type(None)))
_is_plain = _PLAIN.__contains__
_NONE: frozenset[type] = frozenset()
#: Types of whose values only the representation is sent where representations are.
_PLAIN_AS_REPR: frozenset[type] = _PLAIN | {float, bytes}
_NUMBERS = (bool, int, float)
_BYTES = (bytes, bytearray)
_TEXTS = (str, bytes, bytearray, memoryview)

#: The path to a value: the path to its container, and its key there. ``None`` is the path to the event itself.
_Path = tuple[Any, Any] | None


class Place(NamedTuple):
    """A place in an event: what is sent of a value depends on where it stands."""

    #: The places of the values under these keys.
    inner: dict[str, Place]
    #: The place of all other values in it; ``None`` stands for the place itself.
    rest: Place | None
    #: Whether it is a databag, of which the SDK keeps a limited number of levels and entries.
    bag: bool = False
    #: Whether the SDK's option ``max_request_body_size="always"`` lifts these limits.
    body: bool = False
    #: Whether the representations that integrations have registered apply in it.
    represented: bool = False


PLAIN = Place({}, None)
BAG = Place({}, None, bag=True, represented=True)
BODY = BAG._replace(body=True)
_SPAN = Place({"data": Place({}, None, represented=True)}, PLAIN)
_BREADCRUMBS = Place({"values": Place({}, BAG)}, PLAIN)
REQUEST = Place({"data": BODY}, PLAIN)
EVENT = Place({"extra": BAG, "request": REQUEST, "breadcrumbs": _BREADCRUMBS}, PLAIN)
#: The same where integrations have registered representations, which apply to the data of spans too.
EVENT_REPRESENTED = EVENT._replace(inner={**EVENT.inner, "spans": Place({}, _SPAN)})

#: The supported keyword arguments of the SDK's ``serialize``.
_OPTIONS = frozenset(("max_request_body_size", "max_value_length", "is_vars", "custom_repr"))

_original: Callable[..., Any] | None = None


def install() -> None:
    """Replace the SDK's ``serialize``, for events and for the variables of frames."""
    global _original
    for module in _modules():
        if module.serialize is not serialize:
            _original, module.serialize = module.serialize, serialize


def uninstall() -> None:
    """Restore the SDK's own ``serialize``."""
    for module in _modules():
        if _original is not None and module.serialize is serialize:
            module.serialize = _original


def _modules() -> tuple[Any, ...]:
    return sentry_sdk.client, sentry_sdk.serializer


def serialize(event: dict[str, Any], **options: Any) -> Any:
    """Serialize an event, or the variables of a frame: here, or by the SDK where that is left to it.

    Args:
        event: The event.
        options: The options of the SDK's ``serialize``.
    """
    if options.keys() <= _OPTIONS and type(event) is dict:
        try:
            return write(event, **options)
        except Exception:  # noqa: BLE001, S110 - NotWritten, or a fault of ours: the application's own call goes on
            pass
    return (_original or sdk_serialize)(event, **options)


class NotWritten(Exception):  # noqa: N818 - not an error: a signal to use the SDK's serializer
    """Raised for an event that is left to the SDK."""


def write(
    event: dict[str, Any],
    max_request_body_size: str | None = None,
    max_value_length: int | None = None,
    is_vars: bool = False,
    custom_repr: Callable[[Any], str | None] | None = None,
) -> Any:
    """Return a serialized copy of an event, or of the variables of a frame.

    Args:
        event: The event, which is not modified.
        max_request_body_size: The SDK's option; ``"always"`` keeps the whole body.
        max_value_length: The SDK's option, in bytes; ``None`` if texts are not truncated.
        is_vars: Whether these are variables, of which each is sent as its representation.
        custom_repr: The SDK's option: the representation of a value, or ``None`` for the usual one.

    Raises:
        NotWritten: If the event is nested too deeply, or has options that do not go together.
    """
    if is_vars and max_request_body_size is not None:
        raise NotWritten  # nobody asks for both
    writer = _Writer(max_request_body_size == "always", max_value_length, is_vars, custom_repr)
    disable_capture_event.set(True)  # what the representation of a value does is not reported
    try:
        if is_vars:
            return writer.node(event, None, BAG, _Level(PLAIN, True, None, None, _DEEPEST))
        written = writer.event(event)
    finally:
        disable_capture_event.set(False)
    if writer.meta is not None and isinstance(written, dict):
        written["_meta"] = writer.meta
    return written


def _keys_of_others(container: Any) -> Iterable[Any]:
    """Yield the keys of those values that are neither texts nor whole numbers; they may be replaced meanwhile."""
    if type(container) is list:
        return compress(count(), map(not_, map(_is_plain, map(type, container))))
    return compress(container, map(not_, map(_is_plain, map(type, container.values()))))


class _Level:
    """The rules for the values in one container.

    Args:
        place: The kind of place in which the container stands.
        as_repr: Whether to send texts and numbers as their representations, as for variables.
        depth: How many levels are left of a databag, this one included; ``None`` outside of databags.
        breadth: How many entries of each container are kept; ``None`` for all.
        deepest: How many levels are left before the event is left to the SDK.
    """

    __slots__ = ("place", "as_repr", "depth", "breadth", "deepest")

    def __init__(self, place: Place, as_repr: bool, depth: float | None, breadth: float | None, deepest: int) -> None:
        if deepest < 0:
            raise NotWritten
        self.place = place
        self.as_repr = as_repr
        self.depth = depth
        self.breadth = breadth
        self.deepest = deepest


class _Writer:
    """The serialization of one event."""

    __slots__ = (
        "_keep_bodies",
        "_longest",
        "_short",
        "_is_vars",
        "_custom_repr",
        "_sequences",
        "_memo",
        "_ids",
        "meta",
    )

    def __init__(self, keep_bodies: bool, longest: int | None, is_vars: bool, custom_repr: Any) -> None:
        self._keep_bodies = keep_bodies
        self._longest = longest
        #: The number of characters that always fit: in UTF-8 a character takes at most four bytes.
        self._short = _SHORT if longest is None else longest // 4
        self._is_vars = is_vars
        self._custom_repr = custom_repr
        self._sequences = tuple(sequence_types)
        #: The containers around the value that is being written, by identity.
        self._memo = Memo()
        self._ids: dict[int, Any] = self._memo._ids  # noqa: SLF001 - registered representations get the memo
        #: Remarks as the tree of ``_meta``, by the paths of their values.
        self.meta: dict[str, Any] | None = None

    def event(self, event: dict[str, Any]) -> Any:
        """Write an event."""
        place = EVENT_REPRESENTED if global_repr_processors else EVENT
        level = _Level(place, False, None, None, _DEEPEST)
        if not _TEXT.issuperset(map(type, event)):
            return self.node(event, None, place, level)
        self._ids[id(event)] = event
        written = event.copy()
        special = {}
        for key in place.inner:
            if key in event and not self._is_plain_here(key, event[key]):
                written[key] = None  # keeps its place among the keys
                special[key] = self._special(event[key], (None, key), place.inner[key], level)
        self._write_below(written, None, level.deepest)
        written.update(special)
        return written

    def _is_plain_here(self, key: str, value: Any) -> bool:
        """Return whether a value in a place of its own has nothing that this place treats differently."""
        return key == "request" and type(value) is dict and "data" not in value and _TEXT.issuperset(map(type, value))

    def _special(self, value: Any, path: _Path, place: Place, level: _Level) -> Any:
        """Write a value in a place of its own; a small databag of plain values and lists of them is just copied."""
        if place is not BAG or global_repr_processors or self._short != sys.maxsize or type(value) is not dict:
            return self.node(value, path, place, level)
        written = value.copy()
        if len(written) > MAX_DATABAG_BREADTH or not _TEXT.issuperset(map(type, written)):
            return self.node(value, path, place, level)
        for key in _keys_of_others(written):
            item = written[key]
            if type(item) is not list or len(item) > MAX_DATABAG_BREADTH or not _PLAIN.issuperset(map(type, item)):
                return self.node(value, path, place, level)
            written[key] = item.copy()
        return written

    # --- plain values, outside of databags ---

    def _plain(self, value: Any, path: _Path, deepest: int) -> Any:
        """Write a value that stands in no databag."""
        kind = type(value)
        if kind is dict:
            return self._plain_dictionary(value, path, deepest)
        if kind is list or kind is tuple:
            if deepest < 0:
                raise NotWritten
            written = list(value)
            self._write_below(written, path, deepest)
            return written
        if kind is str:
            return value if len(value) <= self._short else self._shortened(value, path)
        if kind in _PLAIN or (kind is float and isfinite(value)):
            return value
        return self._seldom(value, kind, path, deepest)

    def _seldom(self, value: Any, kind: type, path: _Path, deepest: int) -> Any:
        """Write a time, an annotated value, or any other, that stands in no databag."""
        try:
            if kind is datetime:
                return timestamp(value)
            if kind is AnnotatedValue and type(value.value) is not AnnotatedValue:
                self._remark(path, value.metadata)
                return self._plain(value.value, path, deepest - 1)
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            pass  # a time that has no UTC, a remark in the place of another
        return self.node(value, path, PLAIN, _Level(PLAIN, False, None, None, deepest))

    def _plain_dictionary(self, value: dict[Any, Any], path: _Path, deepest: int) -> Any:
        """Write a dictionary that stands in no databag."""
        if not _TEXT.issuperset(map(type, value)):
            return self.node(value, path, PLAIN, _Level(PLAIN, False, None, None, deepest))
        written = value.copy()
        self._write_below(written, path, deepest)
        return written

    def _write_below(self, written: Any, path: _Path, deepest: int) -> None:
        """Write what is in a copied container, and in those in it, anew where it is neither text nor whole number."""
        is_limited = self._short != sys.maxsize
        containers: list[tuple[Any, _Path, int]] = [(written, path, deepest)]
        for container, outer, left in containers:  # which grows meanwhile
            for key in self._keys_to_write(container) if is_limited else _keys_of_others(container):
                value = container[key]
                kind = type(value)
                if kind is dict and _TEXT.issuperset(map(type, value)):
                    container[key] = copy = value.copy()
                    is_done = _PLAIN.issuperset(map(type, copy.values()))
                elif kind is list:
                    container[key] = copy = value.copy()
                    is_done = _PLAIN.issuperset(map(type, copy))
                else:
                    if kind is datetime and value.tzinfo is timezone.utc:
                        container[key] = timestamp(value)
                    elif kind is not float or not isfinite(value):
                        container[key] = self._plain(value, (outer, key), left - 1)
                    continue
                if is_limited or not is_done:
                    if left < 0:
                        raise NotWritten
                    containers.append((copy, (outer, key), left - 1))

    def _keys_to_write(self, container: Any) -> Iterable[Any]:
        """Return the keys in a container of what has to be written anew where texts are truncated."""
        values = container.values() if type(container) is dict else container
        if max(map(len, filter(_is_text, values)), default=0) <= self._short:
            return _keys_of_others(container)
        return container if type(container) is dict else range(len(container))

    # --- all values ---

    def node(self, value: Any, path: _Path, place: Place, outer: _Level) -> Any:
        """Write any value; one whose own code raises becomes ``None``, or in a databag a text that says so.

        Args:
            value: The value.
            path: Where it stands.
            place: The kind of that place.
            outer: The rules of the container around it.
        """
        ids, identity = self._ids, id(value)
        if identity in ids:
            del ids[identity]  # so does the SDK; from here it may be met once more
            return _CYCLE
        ids[identity] = value
        try:
            return self._written(value, path, place, outer)
        except NotWritten:
            raise
        except BaseException:  # noqa: BLE001 - as in the SDK
            capture_internal_exception(sys.exc_info())
            return _FAILED if outer.place.bag else None
        finally:
            ids.pop(identity, None)

    def _written(  # noqa: C901, PLR0911, PLR0912 - one question after the other, in the SDK's order
        self, value: Any, path: _Path, place: Place, outer: _Level
    ) -> Any:
        as_repr, depth, breadth = outer.as_repr, outer.depth, outer.breadth
        if isinstance(value, AnnotatedValue):
            as_repr = False
            self._remark(path, value.metadata)
            value = value.value
        if place.bag:
            if place.body and self._keep_bodies:
                depth = breadth = _UNLIMITED
            elif depth is None:
                depth, breadth = MAX_DATABAG_DEPTH, MAX_DATABAG_BREADTH
            if depth <= 0:
                self._remark(path, {"rem": [["!limit", "x"]]})
                return self._shortened(self._repr(value), path)
            depth -= 1
        if place.represented and global_repr_processors:
            hints = {"memo": self._memo, "remaining_depth": None if depth is None else depth + 1}
            for processor in global_repr_processors:
                result: Any = processor(value, hints)
                if result is not NotImplemented:
                    return self._without_remark(result, path)
        kind = type(value)
        if kind is str or kind is bytes:  # most values, which need none of the questions below
            if as_repr:
                value = self._repr(value)
            elif kind is bytes:
                value = value.decode("utf-8", "replace")
            return self._shortened(value, path)
        if kind is dict:
            return self._mapping(value, path, _Level(place, as_repr, depth, breadth, outer.deepest - 1))
        sentry_repr = getattr(kind, "__sentry_repr__", None)
        if value is None or isinstance(value, _NUMBERS):
            is_odd = isinstance(value, float) and not isfinite(value)
            return self._repr(value) if as_repr or is_odd else value
        if callable(sentry_repr):
            return sentry_repr(value)
        if isinstance(value, datetime):
            return self._repr(value) if as_repr else timestamp(value)
        if isinstance(value, Mapping):
            return self._mapping(value, path, _Level(place, as_repr, depth, breadth, outer.deepest - 1))
        if isinstance(value, self._sequences) and not isinstance(value, _TEXTS):
            return self._sequence(value, path, _Level(place, as_repr, depth, breadth, outer.deepest - 1))
        if not as_repr and isinstance(value, _BYTES):
            value = value.decode("utf-8", "replace")
        if as_repr or not isinstance(value, str):
            value = self._repr(value)
        return self._shortened(value, path)

    def _mapping(self, value: Mapping[Any, Any], path: _Path, level: _Level) -> dict[str, Any]:
        pairs, total = _pairs(value, level.breadth)
        written: dict[str, Any] = {}
        left = _UNLIMITED if level.breadth is None else level.breadth
        as_repr, inner, rest = level.as_repr, level.place.inner, level.place.rest or level.place
        quick, short = self._quick_types(level), self._short
        for key, item in pairs.items():
            if left <= 0:
                self._remark(path, {"len": total})
                break
            left -= 1
            name = key if type(key) is str else str(key)
            if type(item) in quick:
                text = safe_repr(item) if as_repr else item
                is_long = type(text) is str and len(text) > short
                written[name] = self._child(item, (path, name), rest, level) if is_long else text
            else:
                written[name] = self._child(item, (path, name), inner.get(name, rest), level)
        return written

    def _sequence(self, value: Any, path: _Path, level: _Level) -> list[Any]:
        written: list[Any] = []
        left = _UNLIMITED if level.breadth is None else level.breadth
        as_repr, rest = level.as_repr, level.place.rest or level.place
        quick, short = self._quick_types(level), self._short
        for index, item in enumerate(value):
            if left <= 0:
                self._remark(path, {"len": len(value)})
                break
            left -= 1
            if type(item) in quick:
                text = safe_repr(item) if as_repr else item
                is_long = type(text) is str and len(text) > short
                written.append(self._child(item, (path, index), rest, level) if is_long else text)
            else:
                written.append(self._child(item, (path, index), rest, level))
        return written

    def _child(self, item: Any, path: _Path, place: Place, level: _Level) -> Any:
        if place is PLAIN:
            return self._plain(item, path, level.deepest - 1)
        return self.node(item, path, place, level)

    def _quick_types(self, level: _Level) -> frozenset[type]:
        """Return the types whose values in a databag's container can be written without asking anything else."""
        if level.depth is None or level.depth < 1 or global_repr_processors:
            return _NONE
        if not level.as_repr:
            return _PLAIN
        return _PLAIN_AS_REPR if self._custom_repr is None else _NONE

    # --- texts and remarks ---

    def _repr(self, value: Any) -> str:
        if self._custom_repr is not None:
            try:
                return self._custom_repr(value) or safe_repr(value)
            except Exception:  # noqa: BLE001, S110 - the user's function
                pass
        return safe_repr(value)

    def _shortened(self, text: Any, path: _Path) -> Any:
        """Return a text as the SDK truncates it; the description of a span stays whole."""
        if self._longest is not None and len(text) <= self._short:
            return text
        segments = _segments(path)
        if len(segments) == 3 and segments[0] == "spans" and segments[2] == "description":
            return text
        return self._without_remark(strip_string(text, max_length=self._longest), path)

    def _without_remark(self, value: Any, path: _Path) -> Any:
        if isinstance(value, AnnotatedValue):
            self._remark(path, value.metadata)
            return value.value
        return value

    def _remark(self, path: _Path, metadata: dict[str, Any]) -> None:
        """Add a remark to ``_meta``; variables have none."""
        if self._is_vars:
            return
        if self.meta is None:
            self.meta = {}
        node = self.meta
        for segment in _segments(path):
            node = node.setdefault(str(segment), {})
        node.setdefault("", {}).update(**metadata)


def _segments(path: _Path) -> list[Any]:
    segments: list[Any] = []
    while path is not None:
        path, segment = path
        segments.append(segment)
    return segments[::-1]


def timestamp(time: datetime) -> str:
    """Return a time in the format of RFC 3339, as the SDK does; ``isoformat`` is faster than its ``strftime``."""
    if time.tzinfo is timezone.utc and time.microsecond and time.year >= 1000 and type(time) is datetime:
        return time.isoformat()[:-6] + "Z"
    return str(format_timestamp(time))


# --- What differs between releases ---


class _Longer(dict[Any, Any]):
    """A mapping that says that it has more entries than it has."""

    def __len__(self) -> int:
        return super().__len__() + 1


def _counts_before_copying() -> bool:
    """Return whether this release asks a mapping itself for its length, and not the copy of it."""
    entries = _Longer.fromkeys(range(MAX_DATABAG_BREADTH + 1))
    remark = sdk_serialize({"extra": entries})["_meta"]["extra"][""]
    return bool(remark["len"] == MAX_DATABAG_BREADTH + 2)


def _always_fits() -> int:
    """Return the number of characters that always fit without ``max_value_length``, which has a default in 2.45."""
    return 256 if isinstance(strip_string("x" * 1_000_000), AnnotatedValue) else sys.maxsize


_SHORT = _always_fits()


def _copied_first(value: Mapping[Any, Any], breadth: Any) -> tuple[dict[Any, Any], int]:
    pairs = dict(value.items())
    return pairs, len(pairs)


def _counted_first(value: Mapping[Any, Any], breadth: Any) -> tuple[dict[Any, Any], int]:
    total = len(value)
    items: Iterable[tuple[Any, Any]] = value.items()
    return dict(islice(items, breadth + 1) if isinstance(breadth, int) else items), total


#: Returns the entries of a mapping that may be kept, and how many it has.
_pairs = _counted_first if _counts_before_copying() else _copied_first


# --- The probe ---


def probe() -> bool:
    """Return whether this release of the SDK serializes the sample events, under all options, identically."""
    client, serializer = _modules()
    theirs = client.serialize
    if not getattr(theirs, "__module__", "").startswith("sentry_sdk."):
        return theirs is serialize
    if serializer.serialize is not theirs:
        return False
    options: list[dict[str, Any]] = [
        {"max_request_body_size": "medium", "max_value_length": 40, "custom_repr": None},
        {"max_request_body_size": "always", "max_value_length": None, "custom_repr": _custom_repr},
        {"is_vars": True, "custom_repr": None},
    ]
    return all(theirs(event, **chosen) == write(event, **chosen) for event in _EVENTS for chosen in options)


def _custom_repr(value: Any) -> str | None:
    return "odd" if isinstance(value, complex) else None


class _Broken:
    """An object whose own code raises."""

    def __repr__(self) -> str:
        raise ValueError


class _Represented:
    """An object that says how it is to be sent."""

    def __sentry_repr__(self) -> str:
        return "represented"

    def __repr__(self) -> str:
        return "a representation"


_TIME = datetime(2026, 11, 26, 20, 38, 59, 120_000, tzinfo=timezone.utc)
_REMARK = {"rem": [["!config", "s"]]}
_ODD = {
    "list": [1, "a", (2.5, None)],
    "numbers": [float("inf"), True, 10**20, 1j],
    "objects": [_Broken(), _Represented(), {3}, b"\xff", _TIME],
    "deep": {"a": {"b": {"c": {"d": {"e": 1}}}}},
    7: "ä" * 30,
}
_CYCLIC: dict[str, Any] = {}
_CYCLIC["itself"] = [_CYCLIC]
#: The events that ``probe`` compares, with each kind of value in each kind of place.
_EVENTS: tuple[dict[str, Any], ...] = (
    {
        "type": "transaction",
        "transaction": "shop.book",
        "timestamp": _TIME,
        "start_timestamp": _TIME.replace(microsecond=0),
        "contexts": {
            "trace": {"data": {"n": 1, "f": 0.5, "b": True, "none": None, "long": "x" * 60}, "list": [1, "a"]}
        },
        "spans": AnnotatedValue([{"op": "db", "description": "x" * 60, "data": {"odd": _ODD}}], {"len": 2000}),
        "tags": {"protocol": "wsgi", 1: 2},
        "odd": _ODD,
    },
    {
        "message": "a message" * 10,
        "request": {
            "headers": {"cookie": AnnotatedValue("[Filtered]", _REMARK), "host": "example.com"},
            "cookies": AnnotatedValue({"a": AnnotatedValue("[Filtered]", _REMARK)}, {"len": 2}),
            "data": {"many": list(range(20)), "odd": _ODD, "text": "y" * 60},
        },
        "breadcrumbs": {"values": [{"message": "m", "data": dict.fromkeys("abcdefghijkl", 1)}], "odd": _ODD},
        "exception": {"values": [{"stacktrace": {"frames": [{"vars": {"a": "'a'"}, "lineno": 7}]}}]},
        "extra": {"deep": _ODD["deep"], "many": list(range(20)), "odd": _ODD, "cycle": _CYCLIC},
        "user": {"id": 7},
    },
)
