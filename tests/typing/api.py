"""The public API as type checkers see it: checked by mypy and pyright (`nox -s types`), never run.

The ignored lines are the negative half: both checkers report an ignore that is not needed, so that each
proves that the misuse beside it is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask
from starlette.applications import Starlette

from sentry_web import (
    AsgiMiddleware,
    BaseRecorder,
    BaseRecording,
    OpenTelemetryRecorder,
    Outcome,
    Recorder,
    Recording,
    Request,
    SentryAsgiMiddleware,
    SentryMiddleware,
    SentryRecorder,
    SentryWsgiMiddleware,
    WsgiMiddleware,
    instrument_asgi,
    instrument_wsgi,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
    from starlette.types import ASGIApp


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A raw WSGI application (PEP 3333)."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode("latin-1")]


async def asgi_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """A raw ASGI 3 application, typed with asgiref's types."""


class Asgi2App:
    """An ASGI 2 application: a double callable."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope

    async def __call__(self, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        """Answer nothing."""


# Every kind of application goes in.
SentryWsgiMiddleware(wsgi_app)
SentryWsgiMiddleware(Flask(__name__))
SentryAsgiMiddleware(asgi_app)
SentryAsgiMiddleware(Starlette())
SentryAsgiMiddleware(Asgi2App, asgi_version=2)
SentryMiddleware(asgi_app)

# What comes out is an application again, for wsgiref, asgiref and Starlette alike.
as_wsgi: WSGIApplication = SentryWsgiMiddleware(wsgi_app)
as_asgi: ASGI3Application = SentryAsgiMiddleware(asgi_app)
as_starlette: ASGIApp = SentryAsgiMiddleware(Starlette())
twice: ASGIApp = SentryAsgiMiddleware(SentryAsgiMiddleware(asgi_app))

# Frameworks' own ways of adding a middleware.
flask_app = Flask(__name__)
flask_app.wsgi_app = SentryWsgiMiddleware(flask_app.wsgi_app)  # type: ignore[method-assign]
starlette_app = Starlette()
starlette_app.add_middleware(SentryAsgiMiddleware, transaction_style="url")

# sentry-sdk's positional parameters keep their places.
SentryWsgiMiddleware(wsgi_app, True, "auto.http.flask", ("GET", "POST"))
SentryAsgiMiddleware(asgi_app, False, "url", "starlette", "auto.http.starlette", ("GET",), 3)
SentryAsgiMiddleware(asgi_app, "starlette", "auto.http.starlette", ("GET",), 3)

# OPTIONS.
SentryWsgiMiddleware(
    wsgi_app,
    transaction_style="url",
    excluded_urls="/health,/metrics$",
    trusted_proxies=["10.0.0.0/8", "::1/128"],
    proxy_header="cf-connecting-ip",
    sensitive_keys=["shoe_size"],
    harmless_keys={"session_kind"},
    continue_traces=lambda request: request.method == "GET",
    failed_request_status_codes=range(500, 600),
    capture_body="never",
    capture_response_headers=["content-type", "x-.*"],
    route_resolver=lambda request: request.path,
    on_request=lambda recording, request: None,
    on_response=lambda recording, request, response: None,
)
SentryAsgiMiddleware(asgi_app, excluded_urls=["/health"], trusted_proxies=1, record_send_receive=True)
SentryAsgiMiddleware(asgi_app, trusted_proxies="*", failed_request_status_codes={500, 503})
SentryAsgiMiddleware(asgi_app, trusted_proxies=(), continue_traces=False)

# Misuse.
SentryWsgiMiddleware()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
SentryWsgiMiddleware(wsgi_app, option=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
SentryWsgiMiddleware(wsgi_app, transaction_style="name")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
SentryAsgiMiddleware(asgi_app, capture_body="sometimes")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
SentryAsgiMiddleware(asgi_app, trusted_proxies=1.5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
SentryAsgiMiddleware(asgi_app, False, "url", "", "", (), 3, True, "never")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]

# OpenTelemetry, and outputs of one's own.
as_wsgi = instrument_wsgi(SentryWsgiMiddleware(wsgi_app), capture_headers=True, excluded_urls="/health")
as_starlette = instrument_asgi(
    Starlette(), record_send_receive=True, exclude_spans=["send"], http_capture_headers_server_request=["x-.*"]
)
instrument_asgi(asgi_app, server_request_hook=lambda span, scope: span.set_attribute("a", 1), tracer_provider=None)
instrument_wsgi(wsgi_app, response_hook=lambda span, environ, status, headers: None, send_default_pii=True)


class Line(BaseRecording):
    """A recording that overrides what it is interested in."""

    def finish(self, outcome: Outcome) -> None:
        """Nothing."""


class AccessLog(BaseRecorder):
    """An output of a third party."""

    key = "access log"

    def active(self, protocol: str) -> bool:
        """Whether there is anything to do."""
        return True

    def start(
        self, request: Request, naming: object, captured: object, outcome: Outcome, scope_or_environ: Any
    ) -> Recording:
        """Begin to record."""
        return Line()


a_recorder: Recorder = AccessLog()
AsgiMiddleware(asgi_app, recorders=[SentryRecorder(), OpenTelemetryRecorder(), a_recorder], excluded_urls="/health")
WsgiMiddleware(wsgi_app, recorders=[AccessLog()])

instrument_wsgi(wsgi_app, exclude_spans=["send"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
instrument_asgi(asgi_app, exclude_spans=["sent"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
instrument_asgi(asgi_app, capture_headers="all")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
