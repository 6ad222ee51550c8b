"""A root span that is made when something needs it, and until then is but a decision.

A request whose trace begins here, and whose sampling is a matter of the rate alone, is decided on when it arrives. Its
scopes wait (see ``scopes``), and with them the transaction: it comes into being at their first touch, or never, where
nothing touches them before the request's end (see ``untouched``).
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

from sentry_sdk.utils import get_current_thread_meta

from .._request import Name
from . import innards, inner_spans, private
from .spans import RequestTransaction


class Late:
    """What was decided of a root span, and what is known of it already.

    Its attributes have the names that a transaction has for them: the SDK writes the trace's header from either.
    """

    __slots__ = (
        "sampled",
        "left_out",
        "may_wait",
        "sample_rate",
        "_sample_rand",
        "_baggage",
        "start_timestamp",
        "_start_timestamp_monotonic_ns",
        "_thread",
        "trace_id",
        "span_id",
        "name",
        "source",
        "_ended",
    )

    def __init__(self, rate: float, client: Any) -> None:
        self._sample_rand, self.sampled = private.drawn(rate, client)
        self.sample_rate = innards.damped(rate, client)
        #: Whether it is left out, which is counted already: it is of use to those who ask for the trace only.
        self.left_out = not self.sampled and private.count_left_out(client)
        #: Whether it can be made later as it would be made now.
        self.may_wait = self.left_out
        self._ended: datetime | None = None
        if self.sampled and inner_spans.may_come_late():
            self.may_wait = True
            self.start_timestamp = datetime.now(timezone.utc)
            self._start_timestamp_monotonic_ns = time.perf_counter_ns()
            self._thread = get_current_thread_meta()

    def end(self, name: Name, ended: datetime) -> None:
        """It has been sent, or will be, without having been made: what is made from now on has ended."""
        self.name, self.source = name.value, name.source
        self.trace_id, self.span_id = innards.new_id(), innards.new_span_id()
        self._baggage = None
        self._ended = ended

    def reopen(self) -> None:
        """It was not sent after all."""
        self._ended = None

    def thread_data(self) -> dict[str, str]:
        """The thread that the request began in, as a span's data."""
        known = zip(("thread.id", "thread.name"), self._thread)
        return {key: str(value) for key, value in known if value is not None}

    def make(self, isolation: Any, current: Any, *, name: Name, op: str, origin: str) -> Any:
        """Make the transaction, in the trace that is on the isolation scope, and put it on the current one."""
        if self._ended is not None:
            name = Name(self.name, self.source)
            private.set_trace_id(isolation, self.trace_id)
        made: Any = private.transaction_in(isolation, {}, op=op, name=name.value, source=name.source, origin=origin)
        private.decide(made, self.sampled, self._sample_rand, self.sample_rate)
        if self.sampled and self.may_wait:
            inner_spans.begun_before(made, self.start_timestamp, self._start_timestamp_monotonic_ns)
            made.set_thread(*self._thread)
        if self._ended is not None:
            inner_spans.ended_before(made, self.span_id, self._ended)
        elif self.sampled:
            made.init_span_recorder(maxlen=1000)
        made.__class__ = RequestTransaction
        current.span = made
        return made
