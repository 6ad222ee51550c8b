"""The root span in the SDK's stream mode (``trace_lifecycle="stream"``): a segment, whose spans are sent one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sentry_sdk import Scope, traces

from .._request import Name, Outcome
from .._request.http import outgoing_trace
from . import _speedups, compat
from .closed import ClosedScope
from .root_span import Start
from .tracing import trace_of_headers

#: The scope of segments that are over; a segment that is ended a second time is blanked.
_OVER = ClosedScope()


class Segment:
    """The root of a request's streamed spans.

    Args:
        span: The span, which is active on ``scope``.
        scope: The request's current scope.
        ignored_statuses: Status codes for which the segment is discarded.
    """

    __slots__ = ("_span", "_scope", "_ignored_statuses")

    def __init__(self, span: Any, scope: Scope, ignored_statuses: Any) -> None:
        self._span = span
        self._scope = scope
        self._ignored_statuses = ignored_statuses

    @classmethod
    def start(cls, start: Start, scope: Scope, ignored_statuses: Any) -> Segment:
        """Start a segment on the request's current scope, in that scope's trace."""
        attributes: dict[str, Any] = {
            "sentry.op": start.op,
            "sentry.origin": start.origin,
            "sentry.segment.name.source": start.name.source,
            "http.request.method": start.method,
            "protocol": start.protocol,
        }
        scope.set_custom_sampling_context(start.sampling_context)
        try:
            span = traces.start_span(name=start.name.value, attributes=attributes, parent_span=None)
        finally:
            # Child tasks keep the trace alive after the request; it must not keep the server's scope or environ alive
            scope.set_custom_sampling_context({})
        compat.set_server_segment(scope, span)
        return cls(span, scope, ignored_statuses)

    @property
    def recording(self) -> bool:
        return bool(self._span.sampled)

    @property
    def name(self) -> str:
        return str(self._span.name)

    @property
    def source(self) -> str | None:
        return str(self._span.get_attributes().get("sentry.segment.name.source"))

    def set_name(self, name: Name) -> None:
        self._scope.set_transaction_name(name.value, source=name.source)
        self._span.name = name.value
        self._span.set_attribute("sentry.segment.name.source", name.source)

    def set_attribute(self, key: str, value: Any) -> None:
        self._span.set_attribute(key, value)

    def set_attributes(self, attributes: dict[str, Any]) -> None:
        _speedups.set_attributes(self._span, attributes)

    def link(self, trace: str) -> None:
        self._span.set_attribute("sentry.previous_trace", trace)
        named = trace_of_headers({"sentry-trace": trace})
        if named is not None:
            compat.link_span(self._span, named)

    def trace_headers(self) -> dict[str, str]:
        return outgoing_trace(self._span.trace_id, self._span.span_id, bool(self._span.sampled))

    def message_span(self, op: str) -> MessageStreamedSpan:
        attributes: dict[str, Any] = {"sentry.op": op}
        return MessageStreamedSpan(
            traces.start_span(name=op, attributes=attributes, parent_span=self._span, active=False)
        )

    def finish(self, outcome: Outcome) -> None:
        span = self._span
        if outcome.status is not None and outcome.status in self._ignored_statuses:
            compat.discard_streamed_span(span, self._scope)
            self._hand_over(False)
            return
        if outcome.status is not None:
            span.set_attribute("http.response.status_code", outcome.status)
        # A 4xx is the client's fault and does not make a server's span an error (HTTP semantic conventions, "Status")
        failed = outcome.failed or (outcome.status or 0) >= 500
        span.status = "error" if failed else "ok"
        if outcome.cancelled and not failed:
            span.set_attribute("sentry.status", "cancelled")
        start = span.start_timestamp
        span.end(None if start is None else start + timedelta(seconds=outcome.duration or 0.0))
        self._hand_over(span.sampled)

    def _hand_over(self, sampled: bool | None) -> None:
        """Make the segment the parent of what begins after its end, such as background work, with its decision.

        And let go of the request.
        """
        trace: Any = self._scope.get_active_propagation_context()
        trace.parent_span_id = self._span.span_id
        trace.parent_sampled = sampled
        compat.set_scope_of(self._span, _OVER)


class MessageStreamedSpan:
    """A child span for one ASGI message."""

    __slots__ = ("_span",)

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, name: str, message: Any = None) -> None:
        """Set the span's name and end it."""
        self._span.name = name
        self._span.end()


def start_segment(start: Start, scope: Scope) -> Segment:
    """Start the root span of a request in stream mode."""
    ignored = start.client.options.get("trace_ignore_status_codes") or ()
    return Segment.start(start, scope, ignored)
