"""The private names of sentry-sdk by which streamed spans are made and sent without what the SDK does around it.

As in ``innards``: only for the releases in which it was compared (tests/sentry/test_inner_segments.py), and only while
nobody has put functions of their own in the places of the SDK's.
"""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from operator import attrgetter
from typing import Any

import sentry_sdk
import sentry_sdk.utils
from sentry_sdk import Scope
from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.profiler.continuous_profiler import get_profiler_id

from . import innards, plain
from .inner_spans import Beginning, sample_rand

_Client: Any = sentry_sdk.Client  # a class, whatever its annotation says

#: The stream mode changed more often than transactions did.
_FIRST_STREAMING = (2, 70)
_format_attribute: Any = getattr(sentry_sdk.utils, "format_attribute", None)
_serialize_attribute: Any = getattr(sentry_sdk.utils, "serialize_attribute", None)
_StreamedSpan: Any = getattr(sys.modules.get("sentry_sdk.traces"), "StreamedSpan", None)
#: What a segment is made of.
_SEGMENT_SLOTS: frozenset[str] = frozenset(
    (  # noqa: SIM905
        "_name _attributes _active _span_id _trace_id _parent_span_id _segment _parent_sampled _start_timestamp "
        "_start_timestamp_monotonic_ns _end_timestamp _status _scope _previous_span_on_scope _baggage _sample_rand "
        "_sample_rate _continuous_profile"
    ).split()
)
_SpanBatcher: Any = getattr(sys.modules.get("sentry_sdk._span_batcher"), "SpanBatcher", None)
_of_batchers = attrgetter("add", "_flush", "_to_transport_format")
_stream_getter = attrgetter("_capture_span", "_merge_scopes", "apply_to_telemetry", "update_from_scope")


def _stream_functions() -> Any:
    return _stream_getter(Scope), _Client._capture_telemetry, _Client._capture_span, *_of_batchers(_SpanBatcher)


def _stream_known() -> bool:
    if frozenset(getattr(_StreamedSpan, "__slots__", ())) != _SEGMENT_SLOTS:
        return False
    if not innards.KNOWN or innards.release() < _FIRST_STREAMING:
        return False
    try:
        functions = _stream_functions()
    except AttributeError:
        return False
    return innards.all_theirs([functions[0], functions[1:]])


STREAM_KNOWN = _stream_known()
_STREAM_ORIGINAL = _stream_functions() if STREAM_KNOWN else None


def queue_span(span: Any, client: Any) -> None:
    """Hand a completed span to the batcher, as ``_Client._capture_telemetry`` does where nobody else is asked."""
    written = span._to_json()
    written["_segment_span"] = span._segment
    client.span_batcher.add(written)


def streams_untouched(client: Any) -> bool:
    """Whether completing and queueing a span is as the SDK made it, and asks nobody."""
    options = client.options
    return (
        STREAM_KNOWN
        and type(client) is _Client
        and _stream_functions() == _STREAM_ORIGINAL
        and type(client.span_batcher) is _SpanBatcher
        and not options.get("before_send_span")
        and not options["_experiments"]
    )


#: Options with which more than the rate decides, or more is started.
_ASKED = (
    "traces_sampler",
    "debug",
    "ignore_spans",
    "profiles_sample_rate",
    "profiles_sampler",
    "profile_session_sample_rate",
)


def segment_by_rate(client: Any, scope: Any, name: str, attributes: dict[str, Any]) -> Any:
    """Start a segment that the rate alone samples; ``None``: that is left to the SDK.

    ``start_span`` comes to the same decision, and makes a log record for it (15 µs).
    """
    get = client.options.get
    context = scope.get_active_propagation_context()
    rate = get("traces_sample_rate")
    if (
        not streams_untouched(client)
        or any(map(get, _ASKED))
        or context.baggage is not None
        or context.parent_sampled is not None
        or not isinstance(rate, (float, int))
        or not 0 < rate <= 1
    ):
        return None
    rate = innards.damped(float(rate), client)
    is_new = not context._trace_id
    if is_new:
        context.trace_id = innards.new_id()
    number = rand_of_new(context.trace_id, rate) if is_new else sample_rand(context.trace_id)
    if number >= rate:
        return None
    made = segment(client, name, attributes)
    decide(made, context.trace_id, number, rate)
    start(made, scope)
    return made


def streams_by_rate(options: Any) -> bool:
    """Whether, where streamed spans are known, nothing but the rate decides on them."""
    return STREAM_KNOWN and not any(map(options.get, _ASKED))


def may_come_late(client: Any) -> bool:
    """Whether a segment may be made later than its request began; a profiler would have to be told of it."""
    return streams_untouched(client) and get_profiler_id() is None


def sends_untouched(client: Any) -> bool:
    """Whether a segment may be sent without the batcher."""
    return streams_untouched(client) and client.transport is not None and not client.spotlight


def rand_of_new(trace_id: str, rate: float) -> float:
    """The number that decides on a trace which nobody knows; the SDK draws it again where it may decide against."""
    return innards.any_rand() if rate >= 1 else sample_rand(trace_id)


def decide(made: Any, trace_id: str, number: float, rate: float) -> None:
    """Tell a segment by what it is sampled."""
    made._trace_id = trace_id
    made._sample_rand = number
    made._sample_rate = rate


def start(made: Any, scope: Any) -> None:
    """Make a segment the active span of a scope."""
    move(made, scope)
    made._start()


def move(made: Any, scope: Any) -> None:
    """Tell a segment that the scope which it is active on has become another one."""
    made._scope = scope


def end(made: Any, ended: datetime | None) -> None:
    """End a segment that is on no scope, as its ``end()`` does."""
    attributes = made._attributes
    attributes["sentry.segment.id"] = made.span_id
    attributes["sentry.segment.name"] = made.name
    made._end_timestamp = ended


def envelope(made: Any) -> Envelope:
    """The envelope of a segment that has no children, as the batcher makes it when one has ended.

    That does it on a thread of its own; to wake it takes three times as long as this.
    """
    headers = {"sent_at": plain.timestamp(datetime.now(timezone.utc)), "trace": made._dynamic_sampling_context()}
    payload = {"version": 2, "items": [_written(made)]}
    written = Envelope(headers=headers)
    written.add_item(
        Item(
            type=_SpanBatcher.TYPE,
            content_type=_SpanBatcher.CONTENT_TYPE,
            headers={"item_count": 1},
            payload=PayloadRef(json=payload),
        )
    )
    return written


def _written(made: Any) -> dict[str, Any]:
    """A span as the batcher writes it; that copies the attributes twice and asks much of each (15 µs)."""
    attributes = made._attributes
    made._attributes = {}
    written: dict[str, Any] = made._to_json()
    values = attributes.values()
    named = zip(attributes, values, map(_TYPES.get, map(type, values)))
    written["attributes"] = {
        key: {"value": value, "type": name} if name else _serialize_attribute(value) for key, value, name in named
    }
    return written


#: The names of attributes' types (https://develop.sentry.dev/sdk/telemetry/attributes/).
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "double"}


_arguments: tuple[list[str], Any] = [], []


def _command_arguments() -> Any:
    """``sys.argv`` as an attribute; to make one of it takes 5 µs."""
    global _arguments  # noqa: PLW0603 - there is one list for the process
    seen, formatted = _arguments
    if seen != sys.argv:
        formatted = _format_attribute(sys.argv)
        _arguments = list(sys.argv), formatted
    return formatted.copy() if isinstance(formatted, list) else formatted


def segment(client: Any, name: str, attributes: dict[str, Any], began: Beginning | None = None) -> Any:
    """A segment as its constructor makes it; that copies and formats each attribute (a third of its time).

    :param began: if not now.
    """
    began = began or Beginning()
    made: Any = object.__new__(_StreamedSpan)
    made._name = name
    made._active = True
    made._attributes = {
        "sentry.trace_lifecycle": "stream",
        **attributes,
        "sentry.platform": "python",
        "process.command_args": _command_arguments(),
        "sentry.sdk.integrations": sorted(client.integrations),
    }
    made._scope = None
    made._segment = made
    made._parent_span_id = made._parent_sampled = made._baggage = made._end_timestamp = None
    made._start_timestamp = began.time
    made._start_timestamp_monotonic_ns = began.clock
    made._span_id = innards.new_span_id()
    made._status = "ok"
    made._attributes.update(began.thread)
    made._continuous_profile = None
    made._start_profile()
    made._set_profile_id(get_profiler_id())
    if client.options.get("dist"):
        made.set_attribute("sentry.dist", str(client.options["dist"]).strip())
    return made
