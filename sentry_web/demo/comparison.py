"""Field-by-field comparison of two reports, ignoring fields that may differ.

Every field that is not listed here is compared. The functions are pure and take JSON; they do not depend on how reports
are collected or shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["IGNORED", "Difference", "differences"]


#: The text that stands for a missing field.
ABSENT = "(absent)"


class Difference(NamedTuple):
    """A field in which the protocols differ, with the value of each (:data:`ABSENT` if missing)."""

    field: str
    wsgi: str
    asgi: str


_ID = "made up anew each time"
_TIME = "a time, or how long something took"
_THREAD = "each server has threads of its own"
_SIZE = "the frameworks' own JSON spacing and error pages are not of one length"
_ROUTE = "each framework writes a route's parameters its own way, and Starlette before 1.0 does not report it"
_PROTOCOL = "names the protocol: the one difference that is meant"
_REMARKS = "remarks on frames, by their place among those of servers and frameworks"
_PORT = "each server listens on a port of its own"

# The attributes of a root span: in a transaction, and in a segment of stream mode.
_ATTRIBUTES = (("contexts", "trace", "data", "{}"), ("attributes", "{}", "*"), ("spans", "*", "data", "{}"))


def _attribute(name: str, reason: str) -> dict[tuple[str, ...], str]:
    return {tuple(part.format(name) for part in path): reason for path in _ATTRIBUTES}


def _ids_and_times(*path: str) -> dict[tuple[str, ...], str]:
    # Trace ids are compared: both applications are asked to continue the same trace.
    ids = {(*path, name): _ID for name in ("event_id", "span_id")}
    times = {(*path, name): _TIME for name in ("start_timestamp", "end_timestamp", "timestamp")}
    return {**ids, **times}


#: Paths of ignored fields, in which ``*`` stands for any key or index, and the reasons.
IGNORED: Mapping[tuple[str, ...], str] = {
    **_ids_and_times(),
    **_ids_and_times("contexts", "trace"),
    **_ids_and_times("spans", "*"),
    ("spans", "*", "parent_span_id"): _ID,
    ("parent_span_id",): _ID,
    **_attribute("sentry.segment.id", _ID),
    **_attribute("sentry_web.time_to_first_byte", _TIME),
    **_attribute("thread.id", _THREAD),
    **_attribute("thread.name", _THREAD),
    **_attribute("http.response.body.size", _SIZE),
    **_attribute("http.route", _ROUTE),
    **_attribute("protocol", _PROTOCOL),
    **_attribute("sentry.origin", _PROTOCOL),
    ("contexts", "trace", "origin"): _PROTOCOL,
    ("tags", "protocol"): _PROTOCOL,
    ("exception", "values", "*", "mechanism", "type"): _PROTOCOL,
    ("request", "env", "SERVER_PORT"): _PORT,
    ("_meta", "exception"): _REMARKS,
}


def differences(wsgi: Any, asgi: Any, where: str = "") -> list[Difference]:
    """Compare two JSON documents, except for the fields in :data:`IGNORED`.

    Header names are compared case-insensitively (RFC 9110, 5.1; WSGI does not preserve their case). Only the
    application's own frames of a stack trace are compared, since servers and frameworks add others. Only exceptions
    with such a frame are compared: under an older server Starlette streams in a task group, which adds an
    ``ExceptionGroup`` to the chain.

    Args:
        wsgi: The document of the WSGI application.
        asgi: The document of the ASGI application.
        where: A prefix for the name of every field.
    """
    left, right = (dict(_leaves(side, ())) for side in (wsgi, asgi))
    return [
        Difference(where + ".".join(path), left.get(path, ABSENT), right.get(path, ABSENT))
        for path in sorted({*left, *right})
        if left.get(path) != right.get(path)
    ]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and text of every leaf that is compared."""
    if _is_ignored(path):
        return
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key.lower() if path[-1:] == ("headers",) else key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(_own(value, "".join(path[-1:]))):
            yield from _leaves(inner, (*path, str(index)))
    else:
        yield path, repr(value)


def _own(items: list[Any], key: str) -> list[Any]:
    """Return the application's own frames, or the exceptions that have such frames; all items of any other list."""
    if key == "frames":
        return [frame for frame in items if frame.get("in_app")]
    if key == "values":
        return [each for each in items if _own(each.get("stacktrace", {}).get("frames", []), "frames")] or items
    return items


def _is_ignored(path: tuple[str, ...]) -> bool:
    return any(
        len(path) == len(pattern) and all(wanted in ("*", key) for wanted, key in zip(pattern, path))
        for pattern in IGNORED
    )
