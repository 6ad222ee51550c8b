"""A middleware that does the least with which sentry-sdk sends the same kinds of reports: what no other can go below.

It forks the scopes, begins a trace and a session, starts and finishes the root span, and captures an exception, with
all of this package's speedups. It reads nothing of the request but what a root span begins with, adds nothing to what
is sent, searches for no secret, and lets the server notice it: none of the four promises is kept. What a limit demands
below it, no middleware can do on this release of the SDK.
"""

from __future__ import annotations

import time
from typing import Any

import sentry_sdk

from sentry_web._options import Options
from sentry_web._request import Name, Outcome
from sentry_web._sentry import _speedups, events
from sentry_web._sentry.redaction import RedactingScope
from sentry_web._sentry.root_span import Start
from sentry_web._sentry.scopes import RequestScopes
from sentry_web._sentry.settings import SettingsCache

_settings = SettingsCache(Options().forwarding)


class _Request:
    """What begins before the application is called, and ends after it."""

    __slots__ = ("_scopes", "_root", "_running")

    def __init__(self, protocol: str, method: str, path: str) -> None:
        client = sentry_sdk.get_client()
        settings = _settings.get(client)
        self._scopes = scopes = RequestScopes()
        scopes.current.__class__ = RedactingScope  # whose child spans the speedups start
        scopes.continue_trace({})
        values = _speedups.context_values(scopes.isolation, scopes.current)
        self._running = _speedups.running(values) or scopes.running()
        self._running.__enter__()
        scopes.isolation.start_session(session_mode="request")
        self._root = None
        if settings.tracing:
            start = Start(Name(path, "url"), "http.server", "manual", method, protocol, {}, client)
            self._root = settings.root_span(start, scopes.current)

    def end(self) -> None:
        if self._root is not None:
            self._root.finish(Outcome(0.0))
        self._scopes.isolation.end_session()
        self._running.__exit__()


def wsgi(app: Any) -> Any:
    """Wrap a WSGI application whose response is a list."""
    _speedups.install()

    def serve(environ: Any, start_response: Any) -> Any:
        request = _Request("wsgi", environ["REQUEST_METHOD"], environ["PATH_INFO"])
        try:
            return app(environ, start_response)
        except Exception as error:
            events.capture_error(error, sentry_sdk.get_client().options, "wsgi", False)
            raise
        finally:
            request.end()

    return serve


def asgi(app: Any) -> Any:
    """Wrap an ASGI 3 application."""
    _speedups.install()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        request = _Request("asgi", scope["method"], scope["path"])
        try:
            await app(scope, receive, send)
        except Exception as error:
            events.capture_error(error, sentry_sdk.get_client().options, "asgi", False)
            raise
        finally:
            request.end()

    return serve


def opentelemetry(protocol: str, app: Any, provider: Any) -> Any:
    """Wrap an application for OpenTelemetry: a span and its duration, with a few of the required attributes."""
    from opentelemetry import context, metrics, trace

    tracer = provider.get_tracer("least")
    duration = metrics.get_meter("least").create_histogram("http.server.request.duration", "s")

    def begin(method: str, path: str, scheme: str) -> tuple[Any, Any, float]:
        attributes = {"http.request.method": method, "url.path": path, "url.scheme": scheme}
        span = tracer.start_span(method, kind=trace.SpanKind.SERVER, attributes=attributes)
        return span, context.attach(trace.set_span_in_context(span)), time.perf_counter()

    def end(span: Any, token: Any, began: float, method: str, scheme: str) -> None:
        context.detach(token)
        span.set_attribute("http.response.status_code", 200)
        span.end()
        duration.record(
            time.perf_counter() - began,
            {"http.request.method": method, "url.scheme": scheme, "http.response.status_code": 200},
        )

    def wsgi_app(environ: Any, start_response: Any) -> Any:
        method, scheme = environ["REQUEST_METHOD"], environ["wsgi.url_scheme"]
        began = begin(method, environ["PATH_INFO"], scheme)
        try:
            return app(environ, start_response)
        finally:
            end(*began, method, scheme)

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        method, scheme = scope["method"], scope["scheme"]
        began = begin(method, scope["path"], scheme)
        try:
            await app(scope, receive, send)
        finally:
            end(*began, method, scheme)

    return wsgi_app if protocol == "wsgi" else asgi_app
