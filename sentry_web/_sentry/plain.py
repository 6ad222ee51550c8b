"""Events of plain values as the SDK's serializer would write them, in a twentieth of its time.

``sentry_sdk.serializer`` asks a dozen questions of each value, whatever it is (75 values of a trivial request: 230 µs).
Of nearly all events the answers are known: plain JSON types, within the limits. This walks only such an event, copies
it as that does (times as text, remarks into ``_meta``), and raises :class:`NotPlain` at the first value of which it is
not sure; the SDK's serializer then does the work. No client, no scope and no request is known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from itertools import islice
from math import isfinite
from typing import Any, Optional

from sentry_sdk.utils import format_timestamp

from .private import AnnotatedValue

#: Parts of an event with rules of their own that no transaction of ours has.
SPECIAL = frozenset(("breadcrumbs", "exception", "threads", "stacktrace", "_meta"))
#: Bags (``extra``, a body) are cut by the SDK below so many levels, and after so many entries.
_BAG_DEPTH = 5
_BAG_BREADTH = 10
#: Containers within containers that are followed: what holds itself, which the SDK marks, is left to it.
_DEEPEST = 30

#: The way to a value: that to its container, and its key there. ``None`` is the way to the event itself.
_Path = Optional["tuple[Any, Any]"]
_TEXT = frozenset((str,))
_PLAIN = frozenset((str, int, bool, type(None)))
_FLAT = _PLAIN | {float}


class NotPlain(Exception):  # noqa: N818 - no error: it says who has to do the work
    """The event holds a value that the SDK's serializer may treat in a way of its own."""


def write(event: dict[str, Any], longest: int | None = None) -> dict[str, Any]:
    """A copy of the event as it is sent.

    :param longest: the SDK's ``max_value_length``, in bytes; ``None``: texts are not cut.
    :raises NotPlain: as soon as one value is not known to be plain.
    """
    if not SPECIAL.isdisjoint(event):
        raise NotPlain
    writer = _Writer(longest)
    written = writer.event(event)
    if writer.meta is not None:
        written["_meta"] = writer.meta
    return written


def write_known(event: dict[str, Any], known: Iterable[str], parts: frozenset[str]) -> dict[str, Any]:
    """The same of an event that is ours, but for what others added: what we make is plain, and not copied.

    :param known: ``contexts`` that are ours.
    :param parts: parts that are ours; besides, there are contexts and times.
    :raises NotPlain: as soon as one value of the rest is not known to be plain.
    """
    written = event.copy()
    rest = {key: written[key] for key in written.keys() - parts}
    if _is_text(event.get("request")):
        rest.pop("request", None)
    contexts = rest.pop("contexts")
    ours = {name: contexts[name] for name in known if name in contexts}
    if len(ours) < len(contexts):
        rest["contexts"] = {name: context for name, context in contexts.items() if name not in ours}
    for key in _TIMES & rest.keys():
        if type(rest[key]) is datetime:
            written[key] = _time(rest.pop(key))
    if rest:  # mostly nothing
        written.update(write(rest))
    written["contexts"] = {**written["contexts"], **ours} if "contexts" in rest else ours
    return written


_TIMES = frozenset(("timestamp", "start_timestamp"))


def _is_text(part: Any) -> bool:
    """Whether a dictionary's values are texts, or dictionaries of texts by texts; a body is looked at elsewhere."""
    if type(part) is not dict or "data" in part:
        return False
    inner = [value for value in part.values() if type(value) is not str]
    return all([type(value) is dict and _TEXT.issuperset(map(type, (*value, *value.values()))) for value in inner])  # noqa: C419 - few


class _Writer:
    """What is the same for all values of one event."""

    __slots__ = ("_longest", "_short", "meta")

    def __init__(self, longest: int | None) -> None:
        self._longest = longest
        #: In characters: in UTF-8 none takes more than four bytes.
        self._short = longest // 4 if longest is not None else 0
        #: Remarks, by the path to the value they are about.
        self.meta: dict[str, Any] | None = None

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event; ``extra`` is a bag, and so is a body, which transactions have only by an option of ours."""
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
        """A copy, made in C; one by one only what in it is more than a text or a number."""
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
        """A value of which the SDK keeps so many levels, and so many entries of each."""
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
        """Of a subclass of ``str`` (an enumeration's member, mostly) the SDK sends the text itself."""
        if not isinstance(value, str) or hasattr(kind, "__sentry_repr__"):
            raise NotPlain
        self._check_length(str.__str__(value))

    def _check_length(self, text: str) -> None:
        """Whether the SDK would cut it; what takes longer to tell it is asked to do itself."""
        if self._longest is not None and len(text) > self._short and (len(text) > self._longest or not text.isascii()):
            raise NotPlain

    def _remarked(self, value: Any, path: _Path) -> Any:
        """What a remark is about; the remark goes to ``_meta``."""
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
    except (ValueError, OverflowError) as error:  # the year 1, in a zone east of Greenwich
        raise NotPlain from error


def timestamp(time: datetime) -> str:
    """A time in RFC 3339, as the SDK writes it, whose ``strftime`` takes four times as long."""
    if time.tzinfo is timezone.utc and time.microsecond and time.year >= 1000:
        return time.isoformat()[:-6] + "Z"
    return str(format_timestamp(time))
