"""A fast serializer for events of plain values, with the same results as the SDK's.

``sentry_sdk.serializer`` checks each value in a dozen ways, which nearly all transactions do not need: they consist of
plain JSON types within the limits. This module copies such events as the SDK does (times as text, remarks in
``_meta``), and raises ``NotPlain`` at the first value of any other kind; the event is then serialized by the SDK. The
client calls :func:`serialize`, which replaces the name in the client's module.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import islice
from math import isfinite
from typing import Any

import sentry_sdk.client
from sentry_sdk.serializer import global_repr_processors
from sentry_sdk.serializer import serialize as sdk_serialize
from sentry_sdk.utils import format_timestamp

from ..compat import AnnotatedValue

#: Parts of an event that the SDK serializes by special rules; transactions do not have them.
SPECIAL = frozenset(("breadcrumbs", "exception", "threads", "stacktrace", "_meta"))
#: The limits at which the SDK truncates databags (``extra``, a body): levels, and entries of each container.
_BAG_DEPTH = 5
_BAG_BREADTH = 10
#: Maximum depth of nested containers; deeper ones, and so also reference cycles, are left to the SDK.
_DEEPEST = 30

#: The path to a value: the path to its container, and its key there. ``None`` is the path to the event itself.
_Path = tuple[Any, Any] | None
_TEXT = frozenset((str,))
_PLAIN = frozenset((str, int, bool, type(None)))
_FLAT = _PLAIN | {float}


#: The supported keyword arguments of the SDK's ``serialize``.
_OPTIONS = frozenset(("max_request_body_size", "max_value_length", "custom_repr"))
_original: Callable[..., Any] | None = None


def install() -> None:
    """Replace the client's ``serialize``."""
    global _original
    client: Any = sentry_sdk.client
    if client.serialize is not serialize:
        _original, client.serialize = client.serialize, serialize


def uninstall() -> None:
    """Restore the client's own ``serialize``."""
    client: Any = sentry_sdk.client
    if _original is not None and client.serialize is serialize:
        client.serialize = _original


def serialize(event: dict[str, Any], **options: Any) -> Any:
    """Serialize an event: here if it is plain, else by the SDK.

    Args:
        event: The event.
        options: The options of the SDK's ``serialize``.
    """
    if options.get("custom_repr") is None and not global_repr_processors and options.keys() <= _OPTIONS:
        try:
            return write(event, options.get("max_value_length"))
        except Exception:  # noqa: BLE001, S110 - the SDK's serializer handles whatever is wrong with the event
            pass
    return (_original or sdk_serialize)(event, **options)


def probe() -> bool:
    """Return whether this release of the SDK serializes some sample events, with remarks and limits, identically."""
    client: Any = sentry_sdk.client
    theirs = client.serialize
    if not getattr(theirs, "__module__", "").startswith("sentry_sdk."):
        return theirs is serialize
    for longest in (None, 40, 100_000):
        for event in _EVENTS:
            expected = theirs(
                copy.deepcopy(event), max_request_body_size="medium", max_value_length=longest, custom_repr=None
            )
            try:
                written = write(event, longest)
            except NotPlain:
                if longest is None:
                    return False
                continue
            if written != expected:
                return False
    return True


_TIME = datetime(2026, 11, 26, 20, 38, 59, 120_000, tzinfo=timezone.utc)
_REMARK = {"rem": [["!config", "s"]]}
#: The events that :func:`probe` compares, with each kind of value that is supported here.
_EVENTS: tuple[dict[str, Any], ...] = (
    {
        "type": "transaction",
        "transaction": "shop.book",
        "timestamp": _TIME,
        "start_timestamp": _TIME.replace(microsecond=0),
        "contexts": {
            "trace": {"data": {"n": 1, "f": 0.5, "b": True, "none": None, "long": "x" * 60}, "list": [1, "a"]}
        },
        "spans": [{"op": "db", "description": "SELECT 1", "data": {"nested": {"t": (1, 2.5)}}, "timestamp": _TIME}],
        "tags": {"protocol": "wsgi"},
    },
    {
        "message": "a message",
        "request": {
            "headers": {"cookie": AnnotatedValue("[Filtered]", _REMARK), "host": "example.com"},
            "cookies": AnnotatedValue({"a": AnnotatedValue("[Filtered]", _REMARK)}, {"len": 2}),
        },
        "extra": {"deep": {"a": {"b": {"c": "d"}}}, "many": list(range(20)), "text": "ä" * 30},
        "user": {"id": 7},
    },
)


class NotPlain(Exception):  # noqa: N818 - not an error: a signal to use the SDK's serializer
    """Raised for a value that the SDK's serializer may treat specially."""


def write(event: dict[str, Any], longest: int | None = None) -> dict[str, Any]:
    """Return a serialized copy of an event.

    Args:
        event: The event, which is not modified.
        longest: The SDK's ``max_value_length``; ``None`` if texts are not truncated.

    Raises:
        NotPlain: If a value is not known to be plain.
    """
    if not SPECIAL.isdisjoint(event):
        raise NotPlain
    writer = _Writer(longest)
    written = writer.event(event)
    if writer.meta is not None:
        written["_meta"] = writer.meta
    return written


class _Writer:
    """The serialization of one event."""

    __slots__ = ("_longest", "_short", "meta")

    def __init__(self, longest: int | None) -> None:
        self._longest = longest
        #: The number of characters that always fit: in UTF-8 a character takes at most four bytes.
        self._short = longest // 4 if longest is not None else 0
        #: Remarks as the tree of ``_meta``, by the paths of their values.
        self.meta: dict[str, Any] | None = None

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the serialized event; ``extra`` is a databag, and an event with a body is not plain."""
        extra, request = event.get("extra"), event.get("request")
        if type(request) is dict and "data" in request:
            raise NotPlain
        if extra is None:
            return self._dictionary(event, None, _DEEPEST)
        written = self._dictionary({**event, "extra": None}, None, _DEEPEST)
        written["extra"] = self._bag(extra, (None, "extra"), _BAG_DEPTH)
        return written

    def _value(self, value: Any, path: _Path, deepest: int) -> Any:
        kind = type(value)
        if kind is dict:
            return self._dictionary(value, path, deepest - 1)
        if kind is list or kind is tuple:
            if deepest < 0:
                raise NotPlain
            return [self._value(item, (path, index), deepest - 1) for index, item in enumerate(value)]
        if kind is AnnotatedValue:
            return self._value(self._remarked(value, path), path, deepest)
        return self._scalar(value, kind)

    def _dictionary(self, value: dict[Any, Any], path: _Path, deepest: int) -> dict[str, Any]:
        """Return a copy, made in C; only values other than texts and numbers are serialized one by one."""
        written = value.copy()
        if deepest < 0 or not _TEXT.issuperset(map(type, written)):
            raise NotPlain
        if self._longest is not None:
            self._check_lengths(written)
        kinds = set(map(type, written.values()))
        if kinds <= _FLAT:
            if float in kinds:
                self._check_floats(written)
        else:
            for key, item in written.items():
                kind = type(item)
                if kind is dict:
                    written[key] = self._dictionary(item, (path, key), deepest - 1)
                elif kind not in _PLAIN:
                    written[key] = self._value(item, (path, key), deepest)
        return written

    def _check_floats(self, written: dict[str, Any]) -> None:
        for item in written.values():
            if type(item) is float and not isfinite(item):
                raise NotPlain

    def _check_lengths(self, written: dict[str, Any]) -> None:
        for item in written.values():
            if type(item) is str and len(item) > self._short:
                self._check_length(item)

    def _bag(self, value: Any, path: _Path, depth: int) -> Any:
        """Return a serialized databag, of which the SDK keeps a limited number of levels and entries."""
        if depth <= 0:
            raise NotPlain
        kind = type(value)
        if kind is AnnotatedValue:
            value = self._remarked(value, path)
            kind = type(value)
        if kind not in (dict, list, tuple):
            return self._scalar(value, kind)
        if len(value) > _BAG_BREADTH:
            self._remark(path, {"len": len(value)})
        if kind is not dict:
            return [self._bag(item, (path, index), depth - 1) for index, item in enumerate(value[:_BAG_BREADTH])]
        kept = dict(islice(value.copy().items(), _BAG_BREADTH))
        if not _TEXT.issuperset(map(type, kept)):
            raise NotPlain
        return {key: self._bag(item, (path, key), depth - 1) for key, item in kept.items()}

    def _scalar(self, value: Any, kind: type) -> Any:
        if kind is str:
            self._check_length(value)
        elif kind is float:
            if not isfinite(value):
                raise NotPlain
        elif kind is datetime:
            return _time(value)
        elif value is not None and kind is not int and kind is not bool:
            self._check_subclass(value, kind)
        return value

    def _check_subclass(self, value: Any, kind: type) -> None:
        """Check a value of another type: only a subclass of ``str`` is plain, since the SDK sends its text."""
        if not isinstance(value, str) or hasattr(kind, "__sentry_repr__"):
            raise NotPlain
        self._check_length(str.__str__(value))

    def _check_length(self, text: str) -> None:
        """Check that the SDK would not truncate a text; long texts that are not ASCII are left to the SDK."""
        if self._longest is not None and len(text) > self._short and (len(text) > self._longest or not text.isascii()):
            raise NotPlain

    def _remarked(self, value: Any, path: _Path) -> Any:
        """Add the remark of an annotated value to ``_meta``, and return the value itself."""
        inner = value.value
        if type(inner) is AnnotatedValue:
            raise NotPlain
        self._remark(path, value.metadata)
        return inner

    def _remark(self, path: _Path, metadata: dict[str, Any]) -> None:
        if self.meta is None:
            self.meta = {}
        node = self.meta
        for segment in _segments(path):
            node = node.setdefault(segment, {})
        node.setdefault("", {}).update(metadata)


def _segments(path: _Path) -> list[str]:
    segments: list[str] = []
    while path is not None:
        path, segment = path
        segments.append(str(segment))
    return segments[::-1]


def _time(value: datetime) -> str:
    try:
        return timestamp(value)
    except (ValueError, OverflowError) as error:  # the year 1, in a time zone east of Greenwich
        raise NotPlain from error


def timestamp(time: datetime) -> str:
    """Return a time in the format of RFC 3339, as the SDK does; ``isoformat`` is faster than its ``strftime``."""
    if time.tzinfo is timezone.utc and time.microsecond and time.year >= 1000:
        return time.isoformat()[:-6] + "Z"
    return str(format_timestamp(time))
