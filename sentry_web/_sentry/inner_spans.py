"""The private names of sentry-sdk by which spans are made and queued without what the SDK does around it.

As in ``innards``: only for the releases in which it was compared (tests/sentry/test_inner_spans.py), and only while
nobody has put functions of their own in the places of the SDK's.
"""

from __future__ import annotations

import sys
import time
from _random import Random as Generator
from datetime import datetime, timezone
from hashlib import sha512
from operator import attrgetter
from typing import Any

import sentry_sdk
import sentry_sdk.utils
from sentry_sdk import Scope
from sentry_sdk.profiler.continuous_profiler import get_profiler_id
from sentry_sdk.tracing import Span, Transaction
from sentry_sdk.tracing_utils import Baggage

from . import innards

_Client: Any = sentry_sdk.Client  # a class, whatever its annotation says

#: What a transaction is made of. Where it has one slot more or less, the SDK's constructor knows better.
_SLOTS: frozenset[str] = frozenset(
    (  # noqa: SIM905 - a list of words, one to a line, would fill a page
        "_trace_id _span_id parent_span_id same_process_as_parent sampled op description _measurements "
        "start_timestamp _start_timestamp_monotonic_ns status timestamp _tags _data _span_recorder hub "
        "_context_manager_state _containing_transaction scope origin name _flags _flags_capacity source "
        "parent_sampled sample_rate _contexts _profile _continuous_profile _baggage _sample_rand"
    ).split()
)
_CONSTRUCTORS = (Span.__init__, Transaction.__init__)
_FINISH = Transaction.finish
TRANSACTION_KNOWN = (
    innards.KNOWN
    and frozenset(name for kind in Transaction.__mro__ for name in getattr(kind, "__slots__", ())) == _SLOTS
    and innards.all_theirs([(*_CONSTRUCTORS, _FINISH)])
)


def transaction(context: Any, *, op: str, name: str, source: str, origin: str) -> Transaction | None:
    """A transaction in the trace of a propagation context, as its constructor makes it (6 µs of 12 less).

    ``None``: that has to do it.
    """
    if not TRANSACTION_KNOWN or (Span.__init__, Transaction.__init__) != _CONSTRUCTORS:
        return None
    made: Any = object.__new__(Transaction)
    is_new = not context._trace_id
    if is_new:
        context.trace_id = innards.new_id()
    made._trace_id = context.trace_id
    made._span_id = innards.new_span_id()
    made.parent_span_id = context.parent_span_id
    made.same_process_as_parent = False
    made.op = op
    made.origin = origin
    made.sampled = made.description = made.status = made.hub = made.scope = None
    made._containing_transaction = made._span_recorder = made.timestamp = None
    made._measurements, made._tags, made._data, made._flags, made._contexts = {}, {}, {}, {}, {}
    made._flags_capacity = 10
    made.start_timestamp = datetime.now(timezone.utc)
    made._start_timestamp_monotonic_ns = time.perf_counter_ns()
    made.update_active_thread()
    made.set_profiler_id(get_profiler_id())
    made.name = name
    made.source = source
    made.sample_rate = made._profile = made._continuous_profile = None
    made.parent_sampled = context.parent_sampled
    baggage = made._baggage = context.baggage
    known = baggage._sample_rand() if baggage is not None else None
    if known is None:
        known = innards.any_rand() if is_new else sample_rand(made._trace_id)
    made._sample_rand = known
    return made  # type: ignore[no-any-return]


def finish(made: Any, ended: datetime, client: Any) -> dict[str, Any] | None:
    """End a transaction; the event that its ``finish()`` hands to the scope (6 µs of 10 less).

    ``None``: nothing was done, and ``finish()`` has to do it: it knows of profiles, of spans that were not kept, of
    statuses that are not, and of conversations with an AI.
    """
    recorder, data = made._span_recorder, made._data
    if (
        not TRANSACTION_KNOWN
        or Transaction.finish is not _FINISH
        or made.timestamp is not None
        or recorder is None
        or recorder.dropped_spans
        or not made.sampled
        or not made.name
        or made._profile is not None
        or "profiler_id" in data
        or "gen_ai.operation.name" in data
        or data.get("http.response.status_code") in client.options["trace_ignore_status_codes"]
        or any(span.timestamp is None or str(span.op).startswith("gen_ai.") for span in recorder.spans)
    ):
        return None
    made.timestamp = ended
    made._span_recorder = None  # the cycle of transaction, recorder and spans
    trace = {
        "trace_id": made._trace_id,
        "span_id": made._span_id,
        "parent_span_id": made.parent_span_id,
        "op": made.op,
        "description": made.description,
        "origin": made.origin,
        "dynamic_sampling_context": made.get_baggage().dynamic_sampling_context(),
        "data": data,
    }
    if made.status:
        trace["status"] = made.status
    return {
        "type": "transaction",
        "transaction": made.name,
        "transaction_info": {"source": made.source},
        "contexts": {**made._contexts, "trace": trace},
        "tags": made._tags,
        "timestamp": ended,
        "start_timestamp": made.start_timestamp,
        "spans": [span.to_json() for span in recorder.spans],
        "measurements": made._measurements,
    }


def may_come_late() -> bool:
    """Whether a transaction may be made later than its request began; a profiler would have to be told of it."""
    return TRANSACTION_KNOWN and get_profiler_id() is None


def begun_before(made: Any, started: datetime, clock: int) -> None:
    """Let a transaction have begun when its request did.

    :param clock: the same time, by ``time.perf_counter_ns()``.
    """
    made.start_timestamp = started
    made._start_timestamp_monotonic_ns = clock


def ended_before(made: Any, span_id: str, ended: datetime) -> None:
    """Make a transaction the one that has been sent already, by this id."""
    made._span_id = span_id
    made.timestamp = ended


def trace_header(made: Any) -> dict[str, str]:
    """What the trace's header says of a transaction, or of what has its attributes."""
    return Baggage.populate_from_transaction(made).dynamic_sampling_context()


def sample_rand(trace_id: str) -> float:
    """The SDK's ``_generate_sample_rand`` without what ``random`` does around its generator (2 µs of 5)."""
    text = trace_id.encode()
    bits = Generator(int.from_bytes(text + sha512(text).digest(), "big")).getrandbits
    number = bits(20)
    while number >= 1_000_000:
        number = bits(20)
    return number / 1_000_000


#: The same for streamed spans, which changed more often.
_FIRST_STREAMING = (2, 70)
_format_attribute: Any = getattr(sentry_sdk.utils, "format_attribute", None)
_StreamedSpan: Any = getattr(sys.modules.get("sentry_sdk.traces"), "StreamedSpan", None)
#: What a segment is made of.
_SEGMENT_SLOTS: frozenset[str] = frozenset(
    (  # noqa: SIM905
        "_name _attributes _active _span_id _trace_id _parent_span_id _segment _parent_sampled _start_timestamp "
        "_start_timestamp_monotonic_ns _end_timestamp _status _scope _previous_span_on_scope _baggage _sample_rand "
        "_sample_rate _continuous_profile"
    ).split()
)
_stream_getter = attrgetter("_capture_span", "_merge_scopes", "apply_to_telemetry", "update_from_scope")


def _stream_functions() -> Any:
    return _stream_getter(Scope), _Client._capture_telemetry, _Client._capture_span


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
        and client.span_batcher is not None
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
    number = innards.any_rand() if is_new else sample_rand(context.trace_id)
    if number >= rate:
        return None
    made = _segment(client, scope, name, attributes)
    made._trace_id = context.trace_id
    made._sample_rand = number
    made._sample_rate = rate
    made._start()
    return made


def _segment(client: Any, scope: Any, name: str, attributes: dict[str, Any]) -> Any:
    """A segment as its constructor makes it; that copies and formats each attribute (a third of its time)."""
    made: Any = object.__new__(_StreamedSpan)
    made._name = name
    made._active = True
    made._attributes = {
        "sentry.trace_lifecycle": "stream",
        **attributes,
        "sentry.platform": "python",
        "process.command_args": _format_attribute(sys.argv),
        "sentry.sdk.integrations": sorted(client.integrations),
    }
    made._scope = scope
    made._segment = made
    made._parent_span_id = made._parent_sampled = made._baggage = made._end_timestamp = None
    made._start_timestamp = datetime.now(timezone.utc)
    made._start_timestamp_monotonic_ns = time.perf_counter_ns()
    made._span_id = innards.new_span_id()
    made._status = "ok"
    made._update_active_thread()
    made._continuous_profile = None
    made._start_profile()
    made._set_profile_id(get_profiler_id())
    if client.options.get("dist"):
        made.set_attribute("sentry.dist", str(client.options["dist"]).strip())
    return made
