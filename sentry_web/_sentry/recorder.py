"""Starts and ends the recording of a request in Sentry: scopes, trace, root span, session, errors."""

from __future__ import annotations

from typing import Any

import sentry_sdk
from sentry_sdk import Scope

from .._core.guard import call
from .._naming.naming import Names
from .._options import Options
from .._request import Name, Outcome, Request, Trace
from ..recorder import MOST_MESSAGE_SPANS, BaseRecorder, BaseRecording, Captured, MessageSpan
from . import private, untouched
from .events import RequestProcessor, capture_error
from .root_attributes import root_attributes
from .scopes import Opening, client_on, continues
from .settings import SettingsCache
from .spans import (
    RootSpan,
    StartParameters,
    TransactionSpan,
    failure_message,
)
from .streamed import StreamedRoot
from .trace import incoming_trace, trace_of_headers
from .waiting import WaitingIsolation, is_waiting, touch

#: The key under which sentry-sdk's middlewares hand scope and environ to a sampler.
_SAMPLING_KEYS = {"asgi": "asgi_scope", "wsgi": "wsgi_environ"}


class SentryRecorder(BaseRecorder):
    """The Sentry output of one middleware."""

    __slots__ = ("_config", "_settings")

    key = "sentry"

    def __init__(self, config: Options | None = None) -> None:
        self._config = Options() if config is None else config
        self._settings = SettingsCache(self._config.forwarding)

    def active(self, protocol: str) -> bool:
        """Whether a client would send anything, and no middleware of the SDK reports this request already."""
        # Where the client of the whole process is active, there is one, whichever it is (0.1 µs)
        any_client = Scope.get_global_scope().client.is_active() or Scope.get_client().is_active()
        return any_client and not private.taken_by_sdk(protocol)

    def incoming(self, request: Request) -> Trace | None:
        """The trace that the request's headers name, where it is to be continued (see ``recorder.Recorder``)."""
        headers = incoming_trace(request)
        return trace_of_headers(headers) if headers and continues(self._config, request) else None

    def start(
        self, request: Request, naming: Names, captured: Captured, outcome: Outcome, scope_or_environ: Any
    ) -> SentryRecording:
        """Begin to record (see ``recorder.Recorder``)."""
        around = Scope.get_isolation_scope(), Scope.get_current_scope()
        client = client_on(around)
        settings = self._settings.get(client)
        opening = Opening(request, naming, self._config, settings, client, captured, outcome, around)
        if request.kind not in ("http", "websocket"):
            return SentryRecording(opening, opening.bare())
        recording = SentryRecording(opening, opening.scopes())
        if opening.processor is not None:  # its scopes are made
            recording.begin(scope_or_environ)
        return recording


class SentryRecording(BaseRecording):
    """One request, as Sentry gets to know it. Holds the request's two scopes until it is finished."""

    __slots__ = ("_opening", "_isolation", "_current", "_left_out", "_messages")

    def __init__(self, opening: Opening, scopes: tuple[Scope, Scope]) -> None:
        self._opening = opening
        self._isolation, self._current = scopes
        self._left_out = False
        self._messages = 0

    def begin(self, scope_or_environ: Any) -> None:
        """Begin the root span, where there is to be one that is not decided on yet."""
        opening = self._opening
        if opening.late is None and opening.traced():
            call(self._start_span, opening, scope_or_environ)

    @property
    def idle(self) -> bool:
        """Whether ``finish`` has nothing to do: no root span, and no session, of ours or of the application."""
        opening = self._opening
        if type(self._isolation) is WaitingIsolation:
            return opening.session_began is None and (opening.late is None or opening.late.left_out)
        return (opening.root is None or self._left_out) and not private.has_session(self._isolation)

    @property
    def context_values(self) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The scopes and the claims (see ``recorder.Recording``)."""
        return private.ambient(self._isolation, self._current)

    def running(self) -> Running:
        """The request's scopes, for the time that application code runs (see ``recorder.Recording``)."""
        return Running(self._isolation, self._current)

    def _start_span(self, opening: Opening, scope_or_environ: Any) -> None:
        request, name = opening.request, opening.naming.initial()
        sampling = {_SAMPLING_KEYS[request.protocol]: scope_or_environ, "request": request}
        parameters = StartParameters(
            request,
            name,
            opening.config.span_origin,
            client=opening.client,
            trace_headers=opening.trace_headers,
            sampling=sampling,
        )
        if opening.settings.streaming:
            with self.running():
                opening.root = StreamedRoot.of(parameters, opening.settings.ignored_statuses)
        else:
            span = TransactionSpan.of(parameters, self._isolation)
            private.share_propagation_context(self._isolation, self._current)  # an older release has made a new one
            self._left_out = span.start(parameters, self.running(), self._current)
            opening.root = span
        processor, _ = opening.last_processors()
        processor.begin_with(name)

    def _root(self) -> RootSpan | None:
        """The root span, made now if it waits for something that needs it; not where it is left out."""
        late = self._opening.late
        if late is not None and not late.left_out:
            touch(self._isolation)
            touch(self._current)  # the one that a segment is active on, and by which it goes the shorter way
        return self._opening.root

    def capture_error(self, error: BaseException, handled: bool) -> None:
        """Send an error event (see ``recorder.Recording``)."""
        capture_error(error, self._opening.client.options, self._opening.config.mechanism_type, handled)

    def body_limit(self) -> int:
        """``max_request_body_size``, in bytes."""
        return self._opening.settings.body_limit

    def leaves_to(self, framework: str) -> bool:
        """Whether the SDK's own integration for this framework is switched on."""
        return self._opening.client.get_integration(framework) is not None

    def capture_failure(self, outcome: Outcome) -> None:
        """Send an event for a response that is a failure by its status alone."""
        message = failure_message(self._opening.request, outcome, self._opening.naming.find())
        sentry_sdk.capture_event({"level": "error", "message": message})

    def trace(self) -> Trace | None:
        """The trace on the request's scope, or of its root span (see ``recorder.Recording``)."""
        with self.running():
            header = sentry_sdk.get_current_scope().get_traceparent()
        return trace_of_headers({"sentry-trace": header}) if header else None

    def trace_headers(self) -> dict[str, str]:
        """The root span's identity as response headers (see ``recorder.Recording``)."""
        root = self._root()
        return root.trace_headers() if root is not None else {}

    def message_span(self, op: str) -> MessageSpan | None:
        """A child span for one ASGI message (see ``recorder.Recording``)."""
        root = self._root()
        if root is None or self._messages >= MOST_MESSAGE_SPANS:
            return None
        self._messages += 1
        return root.message_span(op)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute of the root span, where there is one."""
        root = self._root()
        if root is not None:
            root.set_attribute(key, value)

    def set_name(self, name: str) -> None:
        """Name the transaction."""
        self._opening.naming.choose(name)

    def finish(self, outcome: Outcome) -> None:
        """Send the root span and the session (see ``recorder.Recording``)."""
        if is_waiting(self._isolation) and call(self._finish_untouched, outcome):
            return
        try:
            root, processor = self._root(), self._opening.processor
            if root is not None and processor is not None and not self._left_out:
                self._finish_span(root, processor, outcome)
        finally:
            self._isolation.end_session()

    def _finish_untouched(self, outcome: Outcome) -> bool:
        """Report what was never made; whether that was done."""
        opening, name = self._opening, self._opening.naming.find()
        if opening.late is None or opening.late.left_out:
            ended = opening.end(name)
        else:
            ended = untouched.send(opening, outcome, name)
        if ended:
            call(untouched.count_session, opening)
        return ended

    def _finish_span(self, span: RootSpan, processor: RequestProcessor, outcome: Outcome) -> None:
        name = self._opening.naming.find()
        if processor.is_chosen(span.name, span.source):
            span.set_name(Name(span.name, processor.source_of_chosen(span.source)))
        else:
            span.set_name(processor.chosen_on(self._isolation) or name)
        span.set_attributes(root_attributes(self._opening, outcome, name))
        span.finish(outcome)


class Running:
    """The request's scopes as the ambient ones; on leaving, the former ones are set again, by value."""

    __slots__ = ("_isolation", "_current", "_former_isolation", "_former_current", "_former_claims")

    def __init__(self, isolation: Scope, current: Scope) -> None:
        self._isolation = isolation
        self._current = current

    def __enter__(self) -> None:
        self._former_isolation = Scope.get_isolation_scope()
        self._former_current = Scope.get_current_scope()
        self._former_claims = [(variable, variable.get(False)) for variable in private.applied_variables()]
        # What can fail comes before what must be undone
        Scope.set_isolation_scope(self._isolation)
        Scope.set_current_scope(self._current)
        for variable, _ in self._former_claims:
            variable.set(private.CLAIM)

    def __exit__(self, *exc_info: object) -> None:
        for variable, former in self._former_claims:
            variable.set(former)
        Scope.set_current_scope(self._former_current)
        Scope.set_isolation_scope(self._former_isolation)
