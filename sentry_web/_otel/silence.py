"""Keeps what an excluded request opens from being recorded: no spans, no metrics, no trace for those it calls."""

from __future__ import annotations

from random import getrandbits
from typing import TYPE_CHECKING

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from .._request import Request
from ..recorder import BaseRecording
from .propagation import SUPPRESSED, incoming_span
from .recording import Running

if TYPE_CHECKING:
    from opentelemetry.context import Context


class SilentRecording(BaseRecording):
    """The context of an excluded request.

    Instrumentations are suppressed there. Spans that the application itself starts have a parent that is not sampled,
    which samplers obey, but for one that samples always.
    """

    __slots__ = ("context",)

    context: Context

    def __init__(self, request: Request) -> None:
        incoming = incoming_span(request)
        trace_id = incoming.trace_id if incoming.is_valid else getrandbits(128) or 1
        place = SpanContext(trace_id, getrandbits(64) or 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.DEFAULT))
        context = trace.set_span_in_context(NonRecordingSpan(place))
        for key in SUPPRESSED:
            context = context_api.set_value(key, True, context)
        self.context = context

    def running(self) -> Running:
        """Return a context manager that makes the context current."""
        return Running(self)
