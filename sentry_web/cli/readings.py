"""What is shown of an event or a span: name, duration, status, frame, what was filtered.

JSON in, as it goes over the wire, and small values out. Nothing here prints, compares or talks to anybody; a
key that is missing is an empty answer, since the reader of a report is not its judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

__all__ = [
    "ErrorReading",
    "FrameReading",
    "SpanReading",
    "TraceReading",
    "attributes_of",
    "read_error",
    "read_segment",
    "read_transaction",
]

FILTERED = "[Filtered]"  # what sentry-sdk and Sentry put in the place of a value
_FRAMES = 5  # of an error, at most
Json = Mapping[str, Any]


@dataclass(frozen=True)
class SpanReading:
    """One span below a root span; ``seconds`` is ``None`` where it says no times."""

    op: str
    name: str
    seconds: float | None


@dataclass(frozen=True)
class TraceReading:
    """A root span: a ``"transaction"`` event, or the ``"segment"`` of streamed spans; ``kind`` says which."""

    kind: str
    name: str
    source: str
    op: str
    method: str
    path: str
    protocol: str
    status: str
    status_code: int | None
    seconds: float | None
    filtered: tuple[str, ...]
    spans: tuple[SpanReading, ...]
    trace_id: str


class FrameReading(NamedTuple):
    """One frame: ``file:line function``, and the line of source where the event has it."""

    place: str
    source: str


@dataclass(frozen=True)
class ErrorReading:
    """An error event, or a message, of which ``type`` is the level and ``frames`` is empty.

    ``frames`` are the application's, the innermost first; of an error in none of its frames, the innermost alone.
    """

    type: str
    value: str
    frames: tuple[FrameReading, ...]
    name: str
    method: str
    path: str
    filtered: tuple[str, ...]
    trace_id: str

    @property
    def frame(self) -> str:
        """The place of the innermost frame, if there is one."""
        return self.frames[0].place if self.frames else ""


def read_transaction(event: Json) -> TraceReading:
    """Read a transaction event."""
    trace = _mapping(event, "contexts", "trace")
    request = _mapping(event, "request")
    return TraceReading(
        kind="transaction",
        name=str(event.get("transaction", "")),
        source=str(_mapping(event, "transaction_info").get("source", "")),
        op=str(trace.get("op", "")),
        method=str(request.get("method", "")),
        path=_path(request),
        protocol=str(_mapping(event, "tags").get("protocol", "")),
        status=str(trace.get("status", "")),
        status_code=_status_code(event, _mapping(trace, "data")),
        seconds=_seconds(event.get("start_timestamp"), event.get("timestamp")),
        filtered=_filtered_in_request(request),
        spans=tuple(_read_span(span) for span in event.get("spans") or ()),
        trace_id=str(trace.get("trace_id", "")),
    )


def read_segment(segment: Json, spans: Iterable[Json]) -> TraceReading:
    """Read a segment, the root of streamed spans; ``spans`` are the other spans of its trace."""
    attributes = attributes_of(segment)
    code = attributes.get("http.response.status_code")
    return TraceReading(
        kind="segment",
        name=str(segment.get("name", "")),
        source=str(attributes.get("sentry.segment.name.source", attributes.get("sentry.span.source", ""))),
        op=str(attributes.get("sentry.op", "")),
        method=str(attributes.get("http.request.method", "")),
        path=str(attributes.get("url.path", "")),
        protocol=str(attributes.get("protocol", "")),
        status=str(segment.get("status", "")),
        status_code=code if isinstance(code, int) else None,
        seconds=_seconds(segment.get("start_timestamp"), segment.get("end_timestamp")),
        filtered=tuple(sorted(key for key, value in attributes.items() if FILTERED in str(value))),
        spans=tuple(_read_streamed_span(span) for span in spans),
        trace_id=str(segment.get("trace_id", "")),
    )


def read_error(event: Json) -> ErrorReading:
    """Read an error event or a message. Of a chain of exceptions, the one that was raised last counts."""
    values = _mapping(event, "exception").get("values") or []
    request = _mapping(event, "request")
    exception: Json = values[-1] if values else {}
    message = _mapping(event, "logentry").get("message") or event.get("message") or ""
    return ErrorReading(
        type=str(exception.get("type") or event.get("level", "")),
        value=str(exception.get("value") or message),
        frames=tuple(_frames(_mapping(exception, "stacktrace").get("frames") or [])),
        name=str(event.get("transaction", "")),
        method=str(request.get("method", "")),
        path=_path(request),
        filtered=_filtered_in_request(request),
        trace_id=str(_mapping(event, "contexts", "trace").get("trace_id", "")),
    )


def attributes_of(span: Json) -> dict[str, Any]:
    """The attributes of a streamed span, out of their ``{"type": …, "value": …}`` wrapping."""
    return {key: attribute["value"] for key, attribute in _mapping(span, "attributes").items()}


def _read_span(span: Json) -> SpanReading:
    name = span.get("description") or ""
    return SpanReading(str(span.get("op", "")), str(name), _seconds(span.get("start_timestamp"), span.get("timestamp")))


def _read_streamed_span(span: Json) -> SpanReading:
    seconds = _seconds(span.get("start_timestamp"), span.get("end_timestamp"))
    return SpanReading(str(attributes_of(span).get("sentry.op", "")), str(span.get("name", "")), seconds)


def _mapping(event: Json, *path: str) -> Json:
    found: Any = event
    for key in path:
        found = found.get(key) or {}
    return found if isinstance(found, Mapping) else {}


def _path(request: Json) -> str:
    return urlsplit(str(request.get("url", ""))).path


def _status_code(event: Json, data: Json) -> int | None:
    code = data.get("http.response.status_code", _mapping(event, "contexts", "response").get("status_code"))
    return code if isinstance(code, int) else None


def _seconds(start: Any, end: Any) -> float | None:
    first, last = _moment(start), _moment(end)
    return None if first is None or last is None else last - first


def _moment(timestamp: Any) -> float | None:
    """Seconds since the epoch of either form that Sentry takes: a number, or RFC 3339 in UTC."""
    if isinstance(timestamp, str):
        return datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    return timestamp if isinstance(timestamp, float) else None


def _frames(frames: list[Json]) -> Iterator[FrameReading]:
    own = [frame for frame in frames if frame.get("in_app")] or frames[-1:]
    for frame in reversed(own[-_FRAMES:]):
        place = f"{frame.get('filename', '?')}:{frame.get('lineno', '?')} {frame.get('function', '?')}"
        yield FrameReading(place, str(frame.get("context_line") or "").strip())


def _filtered_in_request(request: Json) -> tuple[str, ...]:
    """What went out as "[Filtered]": names of headers and cookies, ``?key`` of the query, ``body.key``."""
    headers = [name.lower() for name, value in _mapping(request, "headers").items() if value == FILTERED]
    cookies = [f"cookie {name}" for name, value in _mapping(request, "cookies").items() if value == FILTERED]
    query = parse_qsl(str(request.get("query_string") or ""), keep_blank_values=True)
    keys = [f"?{name}" for name, value in query if value == FILTERED]
    body = [f"body.{name}" for name, value in _mapping(request, "data").items() if value == FILTERED]
    return tuple(sorted(headers + cookies + keys + body))
