"""Remembers of which loggers the SDK makes breadcrumbs, logs and events.

The SDK compares the name of each record's logger with the pattern of each logger that is left out, once for each of its
handlers, and looks through the attributes of each record for additional ones.
"""

from __future__ import annotations

from collections.abc import Callable
from logging import INFO, LogRecord
from operator import itemgetter
from typing import Any

from sentry_sdk.integrations import logging

#: The number of loggers that are remembered; their names come from code.
_MOST = 1000

_sdk: Any = logging
_names = vars(logging)
#: The names of the sets of loggers that are left out, at least two.
_IGNORED = [name for name in vars(logging) if name.startswith("_IGNORED_LOGGERS")]
_ignored: Callable[[Any], tuple[set[str], ...]] = itemgetter(*_IGNORED, *_IGNORED[:1])
#: The SDK's own ``_can_record``, by its classes.
_methods: dict[Any, Any] = {}
_sdk_extra: Callable[[Any, Any], Any] = _sdk._BaseHandler._extra_from_record  # noqa: SLF001


def remembering(decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return a method of a handler that decides as this one does, and remembers what was decided."""
    known: tuple[tuple[frozenset[str], ...], dict[str, bool]] = ((), {})

    def can_record(handler: Any, record: Any) -> bool:
        nonlocal known
        before, answers = known
        present = _ignored(_names)
        if present == before:
            answer = answers.get(record.name)
            if answer is not None:
                return answer
        else:
            known = _, answers = tuple(map(frozenset, present)), {}
        answer = decide(handler, record)
        if type(record.name) is str and len(answers) < _MOST:
            answers[record.name] = answer
        return answer

    return can_record


def extra_from_record(handler: Any, record: Any) -> Any:
    """Return the attributes that not every record has (``_BaseHandler._extra_from_record``)."""
    if vars(record).keys() <= handler.COMMON_RECORD_ATTRS:
        return {}
    return _sdk_extra(handler, record)


def _handlers() -> list[Any]:
    """Return the classes that decide by themselves."""
    return [kind for kind in vars(logging).values() if isinstance(kind, type) and "_can_record" in vars(kind)]


def probe() -> bool:
    """Return whether the same is decided of several records, also when a logger is left out from now on."""
    for kind in _handlers():
        _methods.setdefault(kind, kind._can_record)  # noqa: SLF001
    return bool(_methods) and all(map(_decides_the_same, _handlers()))


def _decides_the_same(kind: Any) -> bool:
    decide = _methods[kind]
    remembered, handler = remembering(decide), _sdk.BreadcrumbHandler()
    left_out: set[str] = getattr(_sdk, _IGNORED[0])
    results = []
    none: set[str] = set()
    for patterns in (none, {"probe.*"}, none):
        left_out |= patterns
        try:
            for name in ("probe", "probe.inner", " sentry_sdk.errors", "urllib3.connection", "probe.inner"):
                record = LogRecord(name, INFO, "path", 1, "message", (), None)
                results.append(remembered(handler, record) == decide(handler, record))
        finally:
            left_out -= patterns
    record = LogRecord("probe", INFO, "path", 1, "message", (), None)
    for extra in ({}, {"_private": 1}, {"order": 7}):
        vars(record).update(extra)
        results.append(extra_from_record(handler, record) == _sdk_extra(handler, record))
    return all(results)


def install() -> None:
    """Replace the methods of the SDK's handlers."""
    _sdk._BaseHandler._extra_from_record = extra_from_record  # noqa: SLF001
    for kind in _handlers():
        kind._can_record = remembering(_methods[kind])  # noqa: SLF001
