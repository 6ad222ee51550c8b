"""Compilation of application scripts into real applications: WSGI, ASGI 3 or ASGI 2.

Every frame of a compiled application is in this package, in ``steps`` or in ``connections``; the traceback depth is
counted by these files. This package knows nothing about servers, which are in ``drivers``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sentry_web.testing.apps.asgi import AsgiRun
from sentry_web.testing.apps.wsgi import WsgiRun
from sentry_web.testing.script import Script
from sentry_web.testing.transcript import TranscriptWriter

WsgiApp = Callable[[Any, Any], Any]
AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
Asgi2App = Callable[[Any], Callable[[Any, Any], Awaitable[None]]]


def compile_wsgi(script: Script, recorder: TranscriptWriter | None = None) -> WsgiApp:
    """Return a WSGI application (PEP 3333) that executes the script at every call.

    Args:
        script: The script.
        recorder: Records what the application sees.
    """
    recorder = recorder or TranscriptWriter()

    def app(environ: Any, start_response: Any) -> Any:
        recorder.entered(environ)
        recorder.returned = WsgiRun(script, recorder, environ, start_response).respond()
        return recorder.returned

    return app


def compile_asgi(script: Script, recorder: TranscriptWriter | None = None) -> AsgiApp:
    """Return an ASGI 3 application that executes the script at every call.

    The application raises ``ValueError`` for any scope but ``http``, like applications without lifespan support.

    Args:
        script: The script.
        recorder: Records what the application sees.
    """
    recorder = recorder or TranscriptWriter()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        recorder.entered(scope)
        if scope["type"] != "http":
            raise ValueError(f"unsupported scope type {scope['type']!r}")
        await AsgiRun(script, recorder, receive, send).respond()

    return app


def compile_asgi2(script: Script, recorder: TranscriptWriter | None = None) -> Asgi2App:
    """Return an ASGI 2 (double callable) application that executes the script at every call.

    Args:
        script: The script.
        recorder: Records what the application sees.
    """
    return double_callable(compile_asgi(script, recorder))


def double_callable(single: AsgiApp) -> Asgi2App:
    """Return an ASGI 3 application as an ASGI 2 application."""

    def app(scope: Any) -> Callable[[Any, Any], Awaitable[None]]:
        async def instance(receive: Any, send: Any) -> None:
            await single(scope, receive, send)

        return instance

    return app
