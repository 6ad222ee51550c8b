"""A root span that is made when something needs it, and until then is but a decision.

A request whose trace begins here, and whose sampling is a matter of the rate alone, is decided on when it arrives. Its
scopes wait (see ``scopes``), and with them the root span: it comes into being at their first touch, or never, where
nothing touches them before the request's end (see ``untouched``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .._request import Name, Request
from . import innards, inner_segments, inner_spans, private
from .settings import Settings
from .spans import RequestTransaction, RootSpan, TransactionSpan
from .streamed import StreamedRoot, segment_attributes


class Late:
    """What was decided of a root span, and what is known of it already; a decision against it cannot be taken back.

    :param origin: ``span_origin``.
    :param rate: the sampling rate.
    """

    __slots__ = (
        "_request",
        "_settings",
        "_sample_rand",
        "_baggage",
        "origin",
        "sampled",
        "left_out",
        "may_wait",
        "sample_rate",
        "began",
        "trace_id",
        "span_id",
        "name",
        "source",
        "ended",
    )

    def __init__(self, request: Request, origin: str, rate: float, settings: Settings, client: Any) -> None:
        self._request = request
        self._settings = settings
        self.origin = origin
        #: ``trace_id`` and others have the names that a transaction has for them, since the SDK writes from either.
        self.trace_id = ""
        self.sample_rate = innards.damped(rate, client)
        self._sample_rand = self._drawn()
        self.sampled = self._sample_rand < self.sample_rate
        #: Whether it is not sampled, which is counted already: it is of use to those who ask for the trace only.
        self.left_out = not self.sampled and self._counted(client)
        #: Whether it can be made later as it would be made now.
        self.may_wait = self.left_out
        self._baggage = None
        #: When it ended, if it was sent without having been made.
        self.ended: datetime | None = None
        if self.sampled and self._may_come_late(client):
            self.may_wait = True
            self.began = inner_spans.Beginning()

    @property
    def sample_rand(self) -> float:
        """The number by which it was decided."""
        return self._sample_rand

    @property
    def op(self) -> str:
        """``http.server`` or ``websocket.server``."""
        return self._request.kind + ".server"

    def end(self, name: Name, ended: datetime) -> None:
        """It will be sent without having been made; what is made from now on has ended."""
        self.name, self.source = name.value, name.source
        self.trace_id, self.span_id = self.trace_id or innards.new_id(), innards.new_span_id()
        self.ended = ended

    def make(self, isolation: Any, current: Any, name: Name, client: Any) -> RootSpan | None:
        """Make it, in the trace that is on the isolation scope, and put it on the current one.

        ``None``: nothing is to be made, or the SDK has to do it.
        """
        raise NotImplementedError

    def _drawn(self) -> float:
        """The number by which the trace is sampled."""
        raise NotImplementedError

    def _counted(self, client: Any) -> bool:
        """Count one that is not sampled as lost; whether that was done."""
        raise NotImplementedError

    def _may_come_late(self, client: Any) -> bool:
        raise NotImplementedError


class LateTransaction(Late):
    """The root span in transaction mode."""

    __slots__ = ()

    def _drawn(self) -> float:
        return innards.any_rand()

    def _counted(self, client: Any) -> bool:
        return private.count_left_out(client)

    def _may_come_late(self, client: Any) -> bool:
        return inner_spans.may_come_late()

    def make(self, isolation: Any, current: Any, name: Name, client: Any) -> TransactionSpan:
        """See :class:`Late`; one that is left out is made too, for those who ask for the trace."""
        if self.ended is not None:
            name = Name(self.name, self.source)
            private.set_trace_id(isolation, self.trace_id)
        made: Any = private.transaction_in(
            isolation, {}, op=self.op, name=name.value, source=name.source, origin=self.origin
        )
        private.decide(made, self.sampled, self._sample_rand, self.sample_rate)
        if self.sampled and self.may_wait:
            inner_spans.begun_before(made, self.began)
        if self.ended is not None:
            inner_spans.ended_before(made, self.span_id, self.ended)
        elif self.sampled:
            made.init_span_recorder(maxlen=1000)
        if self.sampled:
            made.__class__ = RequestTransaction
        current.span = made
        return TransactionSpan(made, client)


class LateSegment(Late):
    """The root span in stream mode. One that is not sampled, or cannot wait, is the SDK's to start."""

    __slots__ = ()

    def _drawn(self) -> float:
        self.trace_id = innards.new_id()
        return inner_segments.rand_of_new(self.trace_id, self.sample_rate)

    def _counted(self, client: Any) -> bool:
        return False

    def _may_come_late(self, client: Any) -> bool:
        return inner_segments.may_come_late(client)

    def make(self, isolation: Any, current: Any, name: Name, client: Any) -> StreamedRoot | None:
        """See :class:`Late`."""
        private.set_trace_id(isolation, self.trace_id)
        if not self.may_wait or self.ended is not None:
            return None
        made = self.segment(name, client)
        inner_segments.start(made, current)
        private.set_server_segment(current, made)
        return StreamedRoot(made, current, self._settings.ignored_statuses)

    def segment(self, name: Name, client: Any) -> Any:
        """The segment, on no scope."""
        attributes = segment_attributes(self._request, self.op, self.origin, name)
        made = inner_segments.segment(client, name.value, attributes, self.began)
        inner_segments.decide(made, self.trace_id, self._sample_rand, self.sample_rate)
        return made
