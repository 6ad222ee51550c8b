"""The private names of sentry-sdk by which transactions are made and ended without what the SDK does around it.

As in ``innards``: only for the releases in which it was compared (tests/sentry/test_inner_spans.py), and only while
nobody has put functions of their own in the places of the SDK's.
"""

from __future__ import annotations

import time
from _random import Random as Generator
from datetime import datetime, timezone
from hashlib import sha512
from typing import Any

import sentry_sdk
from sentry_sdk.profiler.continuous_profiler import get_profiler_id
from sentry_sdk.tracing import Span, Transaction
from sentry_sdk.tracing_utils import Baggage
from sentry_sdk.utils import get_current_thread_meta

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


class Beginning:
    """When and where a request began."""

    __slots__ = ("time", "clock", "_thread")

    def __init__(self) -> None:
        self.time = datetime.now(timezone.utc)
        #: The same, by ``time.perf_counter_ns()``, as profilers have it.
        self.clock = time.perf_counter_ns()
        self._thread = get_current_thread_meta()

    @property
    def thread(self) -> dict[str, Any]:
        """The thread, as a span's data; made when it is told (240 bytes of an open connection)."""
        ident, name = self._thread
        if ident is None:
            return {}
        return {"thread.id": str(ident), "thread.name": name} if name is not None else {"thread.id": str(ident)}


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


def begun_before(made: Any, began: Beginning) -> None:
    """Let a transaction have begun when and where its request did."""
    made.start_timestamp = began.time
    made._start_timestamp_monotonic_ns = began.clock
    made._data.update(began.thread)


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
