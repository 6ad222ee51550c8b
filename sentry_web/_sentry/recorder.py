"""Follows one request in Sentry: its scopes, its trace and root span, its errors, its session."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, cast

import sentry_sdk

from .._conventions import captured_headers, outcome_attributes
from .._core.guard import call
from .._naming.naming import Names
from .._options import Options
from .._request import Name, Outcome, Request, Trace
from .._request.http import header_pairs
from ..recorder import MOST_MESSAGE_SPANS, BaseRecorder, BaseRecording, Captured, MessageSpan
from . import _speedups, aftermath, compat, tracing
from .aftermath import LifespanProcessor
from .attributes import body_attribute, segment_attributes
from .closed import ClosedRecording
from .events import RequestProcessor, capture_error, failure_message
from .redaction import RedactingProcessor
from .root_span import RootSpan, Start
from .scopes import RequestScopes, surrounding_scopes, trace_to_continue
from .settings import ClientSettings, SettingsCache, sensitive_keys

#: The keys under which sentry-sdk's middlewares hand scope and environ to a sampler.
_SAMPLING_KEYS = {"asgi": "asgi_scope", "wsgi": "wsgi_environ"}


logger = logging.getLogger("sentry_web")


@functools.cache
def _warn_once() -> None:
    """Say that sentry-sdk has the request already; once a process, since it would be said of each request."""
    logger.warning(
        "A middleware of sentry-sdk, put there by one of its integrations, reports this request already, and this "
        "package does nothing about it: what it reports is not filtered. Either add one line, "
        "sentry_sdk.init(integrations=[sentry_web.WebIntegration()]), and leave the middleware out; or wrap the whole "
        "application, application = SentryWsgiMiddleware(app) or SentryAsgiMiddleware(app), and serve that."
    )


class SentryRecorder(BaseRecorder):
    """The Sentry output of one middleware.

    Args:
        config: The middleware's options.
    """

    __slots__ = ("_config", "_settings")

    key = "sentry"

    def __init__(self, config: Options | None = None) -> None:
        self._config = Options() if config is None else config
        keys = sensitive_keys(self._config.sensitive_keys, self._config.harmless_keys)
        self._settings = SettingsCache(self._config.forwarding, keys)
        aftermath.prepare()
        if self._config.speedups:
            _speedups.install()

    def active(self, protocol: str) -> bool:
        """Return whether a client would send anything, and no middleware of the SDK reports this request already."""
        if not sentry_sdk.get_client().is_active():
            return False
        instrumented = compat.is_instrumented_by_sdk(protocol)
        if instrumented:
            _warn_once()
        return not instrumented

    def incoming(self, request: Request) -> Trace | None:
        """Return the trace that the request's headers name, where it is to be continued."""
        headers = tracing.incoming_trace(request)
        return tracing.trace_of_headers(headers) if headers and _may_continue(self._config, request) else None

    def surroundings(self) -> Callable[[], Any]:
        """Return a function that makes the present scopes the current ones elsewhere."""
        return surrounding_scopes()

    def silence(self, request: Request, naming: Names, outcome: Outcome) -> SilentRecording:
        """Fork the scopes, and leave the trace of an excluded request out (see ``recorder.Recorder``)."""
        client = sentry_sdk.get_client()
        recording = SilentRecording(request, naming, self._config, self._settings.get(client), client)
        if request.kind in ("http", "websocket"):
            recording.open_silent(outcome)
        return recording

    def start(
        self, request: Request, naming: Names, captured: Captured, outcome: Outcome, scope_or_environ: Any
    ) -> SentryRecording:
        """Start to record a request: fork the scopes, continue its trace, start its session and its root span."""
        client = sentry_sdk.get_client()
        settings = self._settings.get(client)
        recording = SentryRecording(request, naming, self._config, settings, client)
        if request.kind in ("http", "websocket"):
            recording.open(captured, outcome, scope_or_environ)
        else:
            recording.open_lifespan()
        return recording

    def closed(self) -> ClosedRecording:
        """Return a recording that blanks what the application reports."""
        return ClosedRecording()


class SentryRecording(BaseRecording):
    """One request in Sentry. Everything but a lifespan has been opened."""

    __slots__ = (
        "_request",
        "_naming",
        "_config",
        "_settings",
        "_client",
        "_scopes",
        "_processor",
        "_aftermath",
        "_linked",
        "_root",
        "_has_session",
        "_messages",
        "context_values",
        "finishes_in_context",
        "ends_with_response",
    )

    def __init__(self, request: Request, naming: Names, config: Options, settings: ClientSettings, client: Any) -> None:
        self._request = request
        self._naming = naming
        self._config = config
        self._settings = settings
        self._client = client
        self._scopes = RequestScopes()
        self._processor: RequestProcessor | None = None
        self._aftermath: RedactingProcessor | LifespanProcessor | None = None
        self._linked: str | None = None
        self._root: RootSpan | None = None
        self._has_session = False
        self._messages = 0
        #: The scopes as context variables, where that is known to work; else ``running()`` is entered.
        self.context_values = _speedups.context_values(self._scopes.isolation, self._scopes.current)
        #: Whether there is a root span or a session to finish.
        self.finishes_in_context = False
        #: After the body of WSGI there is only ``close()``, which test clients never call.
        self.ends_with_response = request.protocol == "wsgi"

    def open(self, captured: Captured, outcome: Outcome, scope_or_environ: Any) -> None:
        """Prepare the scopes, then start the session and the root span."""
        self._add_processors(captured, outcome)
        call(self._continue_trace)
        call(self._start_session)
        call(self._start_trace, scope_or_environ)

    def _continue_trace(self) -> None:
        config, request = self._config, self._request
        trace, self._linked = trace_to_continue(request, lambda: call(_may_continue, config, request) or False)
        self._scopes.continue_trace(trace)

    def _start_session(self) -> None:
        if self._settings.sessions and compat.tracks_sessions(self._scopes.isolation):
            self._scopes.isolation.start_session(session_mode="request")
            self._has_session = self.finishes_in_context = True

    def _start_trace(self, scope_or_environ: Any) -> None:
        if self._is_traced():
            running = self.running()
            try:
                with running:
                    call(self._start_root, scope_or_environ)
            except BaseException:
                running.__exit__()  # again: a signal handler may have interrupted the first time
                raise
        elif self._settings.streaming and not self._settings.tracing and self._processor is not None:
            name = self._processor.initial_name = self._naming.initial()
            compat.start_unsent_segment(self._scopes.current, name.value, name.source)

    def _add_processors(self, captured: Captured, outcome: Outcome) -> None:
        config, request, policy = self._config, self._request, self._settings.policy
        scopes = self._scopes
        names_before = compat.transaction_name(scopes.isolation), compat.transaction_name(scopes.current)
        self._processor = RequestProcessor(request, policy, self._naming, captured, config.capture_body, names_before)
        self._processor.prefers_style = config.prefers_style
        redaction = RedactingProcessor(request, policy, outcome, self._processor.name_event)
        redaction.renames = config.prefers_style
        self._aftermath = redaction
        scopes.add_processors(self._processor, redaction)
        scopes.isolation.clear_breadcrumbs()
        scopes.isolation.set_tag("protocol", request.protocol)

    def open_lifespan(self) -> None:
        """Prepare the scopes of a lifespan, which has neither request data nor a span."""
        self._aftermath = LifespanProcessor()
        self._scopes.isolation.add_event_processor(cast("Any", self._aftermath))

    @property
    def aftermath(self) -> Any:
        """What redacts, and recognises, later reports of an exception that has left the request."""
        aftermath.watch()
        return self._aftermath

    def running(self) -> Any:
        """Return a context manager that makes the request's scopes the current ones."""
        return _speedups.running(self.context_values) or self._scopes.running()

    def running_closed(self) -> Any:
        """Return a context manager that makes scopes current with which everything is blanked."""
        return ClosedRecording().running()

    def _is_traced(self) -> bool:
        method, kind = self._request.method, self._request.kind
        return self._settings.tracing and (kind == "websocket" or method in self._config.methods)

    def _start_root(self, scope_or_environ: Any) -> None:
        request, name = self._request, self._naming.initial()
        start = Start(
            name=name,
            op=f"{request.kind}.server",
            origin=_origin(self._config, request),
            method=request.method,
            protocol=request.protocol,
            sampling_context={_SAMPLING_KEYS[request.protocol]: scope_or_environ, "request": request},
            client=self._client,
        )
        self._root = self._settings.root_span(start, self._scopes.current)
        self.finishes_in_context = True
        if self._processor is not None:
            self._processor.initial_name = name

    def capture_error(self, error: BaseException, handled: bool) -> None:
        """Send an error event."""
        capture_error(error, self._client.options, self._config.mechanism_type, handled)

    def capture_failure(self, outcome: Outcome) -> None:
        """Send an event for a response that is a failure by its status alone."""
        message = failure_message(self._request, outcome, self._naming.find())
        sentry_sdk.capture_event({"level": "error", "message": message})

    def body_limit(self) -> int:
        """Return ``max_request_body_size`` in bytes."""
        return self._settings.body_limit

    def leaves_to(self, framework: str) -> bool:
        """Return whether the SDK's own integration for this framework is switched on."""
        return self._client.get_integration(framework) is not None

    def trace(self) -> Trace | None:
        """Return the trace on the request's scope."""
        running = self.running()
        try:
            with running:
                header = sentry_sdk.get_traceparent()
        except BaseException:
            running.__exit__()
            raise
        return tracing.trace_of_headers({"sentry-trace": header}) if header else None

    def trace_headers(self) -> dict[str, str]:
        """Return the root span's identity as response headers."""
        return self._root.trace_headers() if self._root is not None else {}

    def message_span(self, op: str, message: Any = None) -> MessageSpan | None:
        """Start a child span for one ASGI message."""
        if self._root is None or self._messages >= MOST_MESSAGE_SPANS:
            return None
        self._messages += 1
        return self._root.message_span(op)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute of the root span, where there is one."""
        if self._root is not None:
            self._root.set_attribute(key, value)

    def set_name(self, name: str) -> None:
        """Name the transaction."""
        self._naming.choose(name)

    def finish(self, outcome: Outcome) -> None:
        """Send the root span and the session."""
        try:
            if self._root is not None and self._processor is not None:
                self._finish_root(self._root, self._processor, outcome)
        finally:
            if self._has_session:
                self._scopes.isolation.end_session()

    def flush(self) -> None:
        """Send what is waiting, within the SDK's ``shutdown_timeout``."""
        compat.flush(sentry_sdk.get_client())

    def _finish_root(self, root: RootSpan, processor: RequestProcessor, outcome: Outcome) -> None:
        if not root.recording:
            root.finish(outcome)
            return
        name = self._naming.find()
        if processor.is_chosen(root.name, root.source):
            root.set_name(processor.chosen(root.name, root.source))
        elif (chosen := processor.chosen_on(self._scopes.isolation)) is not None:
            root.set_name(chosen)
        else:
            root.set_name(name)
            processor.initial_name = name  # it is on the scope now, and nobody has chosen it
        root.set_attributes(self._attributes(processor, outcome, name))
        if self._linked is not None:
            root.link(self._linked)
        root.finish(outcome)

    def _attributes(self, processor: RequestProcessor, outcome: Outcome, name: Name) -> dict[str, Any]:
        """Return the attributes of the root span, by OpenTelemetry's names where it has one."""
        policy = self._settings.policy
        attributes: dict[str, Any] = policy.span_attributes(self._request, address=processor.address)
        attributes.update(outcome_attributes(self._request, outcome, name))
        if self._settings.streaming:
            attributes.update(segment_attributes(self._request, policy, processor.address))
            if self._config.capture_body == "always":
                attributes.update(body_attribute(self._request, policy))
        wanted = self._config.capture_response_headers
        if wanted:
            headers = header_pairs(outcome.headers)
            attributes.update(captured_headers("response", policy.report_headers, headers, wanted))
        return attributes


def _origin(config: Options, request: Request) -> str:
    """Return ``span_origin``, or where it is not given, what Sentry shows as made by this package."""
    given = config.span_origin
    return f"auto.http.sentry_web.{request.protocol}" if given == Options.span_origin else given


class SilentRecording(SentryRecording):
    """An excluded request: nothing is recorded of it, nor what it opens; what it reports by itself is completed."""

    __slots__ = ()

    @property
    def aftermath(self) -> Any:
        """``None``: what servers log of its exceptions is nobody's report yet."""
        return None

    def open_silent(self, outcome: Outcome) -> None:
        """Prepare the scopes, without a session and a root span."""
        self._add_processors(Captured(), outcome)
        self._scopes.leave_out(tracing.incoming_trace(self._request))
        if self._settings.tracing and self._processor is not None:
            name = self._processor.initial_name = self._naming.initial()
            compat.start_unsampled_span(self._scopes.current, name.value, name.source, self._settings.streaming)

    def capture_error(self, error: BaseException, handled: bool) -> None:
        """Send nothing."""

    def trace(self) -> Trace | None:
        """Return ``None``: another output, which does not exclude the request, decides by itself."""
        return None


def _may_continue(config: Options, request: Request) -> bool:
    """Return whether ``continue_traces`` lets the request's headers name its trace."""
    wanted = config.continue_traces
    return bool(wanted(request)) if callable(wanted) else wanted
