"""The OpenTelemetry recording of one request: its server span, trace and metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Status, StatusCode

from .._conventions import (
    captured_headers,
    class_name,
    error_type,
    known_method,
    outcome_attributes,
    span_name,
)
from .._core.guard import call
from .._naming.naming import Names
from .._privacy.policy import FORWARDING_HEADERS
from .._request import Outcome, Request, Trace
from .._request.http import Header, header_pairs, outgoing_trace
from ..recorder import MOST_MESSAGE_SPANS, BaseRecording
from .attributes import encodable, encodable_attributes, first_attributes
from .errors import ErrorEvent, record_error
from .labels import context_with_labeler, labels_of_context
from .message_spans import OtelMessageSpan, status_line
from .metrics import Metrics
from .propagation import PROPAGATED, added_headers, as_trace, incoming_context, response_propagator
from .settings import OtelSettings

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from .silence import SilentRecording

#: Bytes of a request body that are kept; they are searched only for secrets, when an exception is recorded.
BODY_LIMIT = 10_000

#: Headers that are read for nearly every request; their absence is detected at once.
_HEADERS_OF_INTEREST = FORWARDING_HEADERS | PROPAGATED


class OpenTelemetryRecording(BaseRecording):
    """The recording of one request.

    Args:
        settings: The options of the middleware.
        metrics: The instruments of the middleware.
        request: The request.
        naming: The names of the request.
        outcome: The outcome of the request, which is complete when the recording is finished.
    """

    __slots__ = (
        "adds_headers",
        "context",
        "finishes_in_context",
        "_settings",
        "_metrics",
        "_request",
        "_naming",
        "_outcome",
        "_span",
        "_name",
        "_method",
        "_known",
        "_counts",
        "_began",
        "_scope_or_environ",
        "_exception",
        "_description",
        "_failure",
        "_messages",
        "_ended",
    )

    ends_with_response = True
    #: The context in which the application runs next.
    context: Context
    # Set by ``begin``, which is always called
    _span: Any
    _name: str
    _method: str
    _began: int
    _counts: bool
    #: Attributes of all metrics: method and scheme.
    _known: dict[str, Any]

    def __init__(
        self, settings: OtelSettings, metrics: Metrics, request: Request, naming: Names, outcome: Outcome
    ) -> None:
        #: False if there is nothing to finish: the span is not recorded, and no metrics are counted.
        self.finishes_in_context = True
        self.adds_headers = settings.response_hook is not None or response_propagator() is not None
        self._settings = settings
        self._metrics = metrics
        self._request = request
        self._naming = naming
        self._outcome = outcome
        self._scope_or_environ: Any = None
        self._exception: str | None = None
        self._description: str | None = None
        self._failure = False
        self._messages = 0
        self._ended = False

    def begin(self, scope_or_environ: Any) -> None:
        """Start the span and call the request hooks; count the request last, so that every counted request is finished.

        Args:
            scope_or_environ: The server's own dict, for the hooks.
        """
        settings, request = self._settings, self._request
        self._method = method = known_method(request.method, settings.known_methods)
        plain = not request.may_have(_HEADERS_OF_INTEREST)
        self._name = span_name(method, self._naming.early_route)
        chosen = call(settings.span_details, scope_or_environ) if settings.span_details is not None else None
        if chosen is not None:
            self._naming.choose(chosen[0])
            self._name = encodable(chosen[0])
        self._counts = counts = not self._metrics.are_silent()
        if counts:
            scheme = request.scheme if plain else settings.policy.scheme(request)
            self._known = {"http.request.method": method, "url.scheme": scheme}
        first = call(first_attributes, settings, request, method, None if chosen is None else chosen[1], plain) or {}
        context, links, kind = incoming_context(request, settings.config, plain)
        self._began = time.time_ns()
        self._span = span = settings.tracer.start_span(self._name, context, kind, first, links, start_time=self._began)
        self.context = trace.set_span_in_context(span, context)
        if counts:
            self.context = call(context_with_labeler, self.context) or self.context
        for hook in settings.request_hooks:
            running = self.running()
            try:
                with running:
                    call(hook, span, scope_or_environ)
            except BaseException:
                running.__exit__()  # again: a signal handler may have interrupted the first time
                raise
        if settings.has_live_hooks:
            self._scope_or_environ = scope_or_environ
        elif not counts:
            self.finishes_in_context = type(span) is not NonRecordingSpan
        if counts:
            self._metrics.begin(request, self._known)

    def running(self) -> Running:
        """Return the request's context, to be entered whenever application code runs (see ``recorder.Recording``)."""
        return Running(self)

    def capture_error(self, error: BaseException, handled: bool) -> None:
        """Record an exception as an event of the span (see ``recorder.Recording``)."""
        if self._ended:
            self._capture_late(error)
            return
        if not handled:
            self._exception = class_name(type(error))
        if not self._span.is_recording():
            return
        event = self._event(error)
        if not handled:
            self._description = event.description
        # Not record_exception(): it adds attributes of its own, under Logfire with input that pydantic has refused
        self._span.add_event("exception", event.attributes)

    def _event(self, error: BaseException) -> ErrorEvent:
        return record_error(error, self._request, self._settings.policy, self._outcome)

    def _capture_late(self, error: BaseException) -> None:
        """Record an exception of background work by a span of its own: that of the request has ended without it."""
        if not self._span.get_span_context().trace_flags.sampled:
            return
        parent = trace.set_span_in_context(self._span, self.context)
        span = self._settings.tracer.start_span(f"{self._name} background", parent)
        if span.is_recording():
            event = self._event(error)
            span.set_attribute("error.type", class_name(type(error)))
            span.add_event("exception", event.attributes)
            span.set_status(Status(StatusCode.ERROR, event.description))
        span.end()

    def capture_failure(self, outcome: Outcome) -> None:
        """Mark the request as failed, because of a status that the user counts as a failure."""
        self._failure = True

    def body_limit(self) -> int:
        """Return how many bytes of the body are kept, to know the secrets in it."""
        return BODY_LIMIT if self._span.is_recording() else 0

    def trace(self) -> Trace | None:
        """Return the span's trace."""
        return as_trace(self._span)

    def trace_headers(self) -> dict[str, str]:
        """Return the response headers that identify the span (see ``recorder.Recording``)."""
        here = as_trace(self._span)
        return {} if here is None else outgoing_trace(here.trace_id, here.span_id, bool(here.sampled))

    def response_starting(self, status: int | None, headers: list[Header]) -> None:
        """Call the response hook, which may change the headers (see ``recorder.Recording``)."""
        hook = self._settings.response_hook
        if hook is not None:
            call(hook, self._span, self._scope_or_environ, status_line(status), headers)

    def response_headers(self) -> list[Header]:
        """Return the headers that the global response propagator adds."""
        return added_headers(self._span)

    def message_span(self, op: str, message: Any = None) -> OtelMessageSpan | None:
        """Start a child span for one ASGI message, with the user's hook (see ``recorder.Recording``)."""
        settings, what = self._settings, op.rpartition(".")[2]
        if what not in settings.message_spans:
            return None
        hook = settings.message_hooks[what]
        span: Any = None
        if self._messages < MOST_MESSAGE_SPANS and self._span.is_recording():
            self._messages += 1
            name = encodable(f"{self._method} {self._request.kind} {what}")
            span = settings.tracer.start_span(name, trace.set_span_in_context(self._span, self.context))
        elif hook is None:
            return None
        else:  # never the request's own span, which is not the hook's to change
            span = NonRecordingSpan(self._span.get_span_context())
        started = OtelMessageSpan(span, hook, self._scope_or_environ)
        if message is not None:
            started.call_hook(message)
        return started

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute of the span."""
        self._span.set_attribute(key, encodable(value))

    def set_name(self, name: str) -> None:
        """Name the span."""
        self._naming.choose(name)

    def finish(self, outcome: Outcome) -> None:
        """End the span and count the request (see ``recorder.Recording``)."""
        if not self.finishes_in_context:
            return
        ending: dict[str, Any] = {}
        self._ended = True
        labels: Mapping[str, Any] = (call(labels_of_context) or {}) if self._counts else {}
        former = context_api.get_current()
        try:
            try:
                context_api.attach(self.context)  # for span processors and exemplars
                ending = self._ending(outcome)
                self._end_span(outcome, ending)
            finally:
                if not self._settings.has_message_hooks:  # messages may still come
                    self._scope_or_environ = None
                if self._counts:
                    labels = call(self._labels, outcome, labels) or {}
                    call(self._metrics.finish, self._request, outcome, self._known, {**labels, **ending})
                context_api.attach(former)
        except BaseException:
            context_api.attach(former)  # again: a signal handler may have interrupted the first time, or come before
            raise

    def _labels(self, outcome: Outcome, innermost: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes that the user adds to the metrics; those of the conventions take precedence.

        Args:
            outcome: The outcome of the request.
            innermost: What the labeler of the application's own context has, for one that is younger than the request.
        """
        labels = dict(labels_of_context() or innermost)
        if self._settings.metric_attributes is not None:
            labels.update(call(self._settings.metric_attributes, self._request, outcome) or {})
        return {key: encodable(value) for key, value in labels.items() if isinstance(value, (str, bool, int, float))}

    def _ending(self, outcome: Outcome) -> dict[str, Any]:
        """Return the final attributes that the span and the metrics share."""
        route, error = self._naming.find_route(), self._error_type(outcome)
        ending: dict[str, Any] = {}
        if outcome.status is not None:
            ending["http.response.status_code"] = outcome.status
        if route is not None:
            ending["http.route"] = encodable(route)
        if error is not None:
            ending["error.type"] = error
        return ending

    def _end_span(self, outcome: Outcome, ending: dict[str, Any]) -> None:
        span = self._span
        try:
            if span.is_recording():
                self._complete_span(outcome, ending)
                found = encodable(span_name(self._method, ending.get("http.route"), self._naming.chosen))
                # A hook or the application may have named the span; only the SDK, not the API, can read the name
                if found != self._name and getattr(span, "name", self._name) == self._name:
                    span.update_name(found)
        finally:
            span.end(self._began + int((outcome.duration or 0.0) * 1e9))

    def _complete_span(self, outcome: Outcome, ending: dict[str, Any]) -> None:
        span, settings, request = self._span, self._settings, self._request
        attributes = {**ending, **outcome_attributes(request, outcome)}
        if request.body is not None:
            attributes["http.request.body.size"] = request.body.size
        if settings.response_headers:
            headers = header_pairs(outcome.headers)
            attributes.update(
                captured_headers("response", settings.policy.report_headers, headers, settings.response_headers)
            )
        span.set_attributes(encodable_attributes(attributes))
        if "error.type" in ending:
            span.set_status(Status(StatusCode.ERROR, self._description))

    def _error_type(self, outcome: Outcome) -> str | None:
        found = error_type(outcome, self._exception)
        return str(outcome.status) if found is None and self._failure else found


class Running:
    """A context manager that makes the request's context current, and restores the previous one by value.

    No token is kept, since it might be reset in another context, that of the next request. A context that the
    application leaves current (with a span that it holds open across a ``yield``) is current again when the
    application continues.
    """

    __slots__ = ("_recording", "_former")

    def __init__(self, recording: OpenTelemetryRecording | SilentRecording) -> None:
        self._recording = recording
        self._former: Context | None = None

    def __enter__(self) -> None:
        try:
            self._former = context_api.get_current()
            context_api.attach(self._recording.context)
        except BaseException:  # a signal handler may raise anywhere
            self.__exit__()
            raise

    def __exit__(self, *exc_info: object) -> None:
        current = context_api.get_current()
        if self._former is not None and current is not self._former:  # else there is nothing to leave
            self._recording.context = current
            context_api.attach(self._former)
