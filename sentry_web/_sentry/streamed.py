"""The root span of a request in stream mode (``trace_lifecycle="stream"``), where each span is sent by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sentry_sdk

from .._request import Name, Outcome, Request
from .._request.http import outgoing_trace
from . import inner_segments, private
from .spans import ChildSpan, StartParameters


def segment_attributes(request: Request, op: str, origin: str, name: Name) -> dict[str, Any]:
    """What a segment begins with."""
    return {
        "sentry.op": op,
        "sentry.origin": origin,
        "sentry.segment.name.source": name.source,
        "http.request.method": request.method,
        "protocol": request.protocol,
    }


class StreamedRoot:
    """The root of a request's spans, which is called a segment.

    :param scope: the one that it is active on.
    :param ignored_statuses: those with which it is not sent.
    """

    __slots__ = ("_span", "_scope", "_ignored")

    def __init__(self, span: Any, scope: Any, ignored_statuses: Any) -> None:
        self._span = span
        self._scope = scope
        self._ignored = ignored_statuses

    @classmethod
    def of(cls, parameters: StartParameters, ignored_statuses: Any) -> StreamedRoot:
        """Start one on the current scope."""
        from sentry_sdk import traces  # a release without it has no such mode

        scope = sentry_sdk.get_current_scope()
        name = parameters.name.value
        attributes = segment_attributes(parameters.request, parameters.op, parameters.origin, parameters.name)
        span: Any = inner_segments.segment_by_rate(parameters.client, scope, name, attributes)
        if span is None:
            scope.set_custom_sampling_context(parameters.sampling)
            try:
                span = traces.start_span(name=name, attributes=attributes, parent_span=None)
            finally:
                private.forget_sampling_context(scope)
        private.set_server_segment(scope, span)
        return cls(span, scope, ignored_statuses)

    def move_to(self, scope: Any) -> None:
        """The scope that it is active on has become another object."""
        self._scope = scope
        inner_segments.move(self._span, scope)

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
        if _ATTRIBUTES.issuperset(map(type, attributes.values())):
            self._span.get_attributes().update(attributes)  # what ``set_attribute`` comes to, after three questions
            return
        for key, value in attributes.items():
            self._span.set_attribute(key, value)

    def trace_headers(self) -> dict[str, str]:
        return outgoing_trace(self._span.trace_id, self._span.span_id, bool(self._span.sampled))

    def message_span(self, op: str) -> ChildSpan:
        from sentry_sdk import traces

        attributes: dict[str, Any] = {"sentry.op": op}
        return ChildSpan(traces.start_span(name=op, attributes=attributes, parent_span=self._span, active=False))

    def finish(self, outcome: Outcome) -> None:
        span = self._span
        if outcome.status is not None and outcome.status in self._ignored:
            private.discard_streamed(span, self._scope)
            return
        self.conclude(outcome)
        start = getattr(span, "start_timestamp", None)
        span.end(start + timedelta(seconds=outcome.duration or 0.0) if start is not None else None)

    def conclude(self, outcome: Outcome) -> None:
        """Tell how the request ended."""
        span = self._span
        if outcome.status is not None:
            span.set_attribute("http.response.status_code", outcome.status)
        # 4xx is the client's fault and leaves a server's span as it is (HTTP semantic conventions, "Status")
        failed = outcome.failed or (outcome.status or 0) >= 500
        span.status = "error" if failed else "ok"
        if outcome.cancelled and not failed:
            span.set_attribute("sentry.status", "cancelled")


#: Types of values that streamed spans carry as they are; our numbers are finite.
_ATTRIBUTES = frozenset((str, int, bool, float))
