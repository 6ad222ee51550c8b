"""Compare two reports field by field, without what may differ.

Everything that is not named here counts. Pure functions on JSON; nothing here knows how reports are collected
or shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["IGNORED", "Difference", "differences"]


#: What a side says of a field that it does not have.
ABSENT = "(absent)"


class Difference(NamedTuple):
    """A field on which the protocols do not agree, and what each says there (:data:`ABSENT`: nothing)."""

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

# Where a root span has its attributes: in a transaction, and in a segment of stream mode.
_ATTRIBUTES = (("contexts", "trace", "data", "{}"), ("attributes", "{}", "*"), ("spans", "*", "data", "{}"))


def _attribute(name: str, reason: str) -> dict[tuple[str, ...], str]:
    return {tuple(part.format(name) for part in path): reason for path in _ATTRIBUTES}


def _ids_and_times(*path: str) -> dict[tuple[str, ...], str]:
    # Trace ids do count: both fronts are asked to continue the same trace.
    ids = {(*path, name): _ID for name in ("event_id", "span_id")}
    times = {(*path, name): _TIME for name in ("start_timestamp", "end_timestamp", "timestamp")}
    return {**ids, **times}


#: Path of a field, in which ``*`` stands for any one key or index → why it does not count.
IGNORED: Mapping[tuple[str, ...], str] = {
    **_ids_and_times(),
    **_ids_and_times("contexts", "trace"),
    **_ids_and_times("spans", "*"),
    ("spans", "*", "parent_span_id"): _ID,
    ("parent_span_id",): _ID,
    **_attribute("sentry.segment.id", _ID),
    **_attribute("http.server.time_to_first_byte", _TIME),
    **_attribute("thread.id", _THREAD),
    **_attribute("thread.name", _THREAD),
    **_attribute("http.response.body.size", _SIZE),
    **_attribute("http.route", _ROUTE),
    **_attribute("protocol", _PROTOCOL),
    ("tags", "protocol"): _PROTOCOL,
    ("exception", "values", "*", "mechanism", "type"): _PROTOCOL,
    ("request", "env", "SERVER_PORT"): _PORT,
    ("_meta", "exception"): _REMARKS,
}


def differences(wsgi: Any, asgi: Any, where: str = "") -> list[Difference]:
    """Compare two JSON documents after :data:`IGNORED`; ``where`` begins the name of every field.

    Names of headers are compared without case (RFC 9110, 5.1: WSGI has lost it). Of a stack trace only the
    frames that are the application's own are compared, since servers and frameworks lie around them, and of a
    chain of exceptions only those with such a frame: under an older server Starlette streams in a task group,
    which puts an ``ExceptionGroup`` into the chain.
    """
    left, right = (dict(_leaves(side, ())) for side in (wsgi, asgi))
    return [
        Difference(where + ".".join(path), left.get(path, ABSENT), right.get(path, ABSENT))
        for path in sorted({*left, *right})
        if left.get(path) != right.get(path)
    ]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every leaf that counts, with its path."""
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
    """Of frames those that are the application's, of exceptions those that have one; of anything else all."""
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
