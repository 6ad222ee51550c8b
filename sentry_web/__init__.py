"""One middleware core for WSGI and ASGI: errors, requests and traces to Sentry, spans and metrics to OpenTelemetry.

This module only re-exports the public names. A module is loaded when one of its names is first used (PEP 562): the
pytest plugin and the command line need few of them, and OpenTelemetry is an optional dependency.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._middlewares.asgi import SentryAsgiMiddleware, SentryMiddleware
    from ._middlewares.instrument import instrument_asgi, instrument_wsgi
    from ._middlewares.wsgi import SentryWsgiMiddleware
    from ._otel import OpenTelemetryRecorder as OpenTelemetryRecorder
    from ._request import Outcome, Request
    from ._sentry import SentryRecorder
    from .asgi import AsgiMiddleware
    from .integration import WebIntegration
    from .recorder import BaseRecorder, BaseRecording, Recorder, Recording
    from .wsgi import WsgiMiddleware

__all__ = [
    "AsgiMiddleware",
    "BaseRecorder",
    "BaseRecording",
    "Outcome",
    "Recorder",
    "Recording",
    "Request",
    "SentryAsgiMiddleware",
    "SentryMiddleware",
    "SentryRecorder",
    "SentryWsgiMiddleware",
    "WebIntegration",
    "WsgiMiddleware",
    "instrument_asgi",
    "instrument_wsgi",
]


#: Where each name lives.
_HOMES = {
    "AsgiMiddleware": "asgi",
    "BaseRecorder": "recorder",
    "BaseRecording": "recorder",
    "OpenTelemetryRecorder": "_otel",
    "Outcome": "_request",
    "Recorder": "recorder",
    "Recording": "recorder",
    "Request": "_request",
    "SentryAsgiMiddleware": "_middlewares.asgi",
    "SentryMiddleware": "_middlewares.asgi",
    "SentryRecorder": "_sentry",
    "SentryWsgiMiddleware": "_middlewares.wsgi",
    "WebIntegration": "integration",
    "WsgiMiddleware": "wsgi",
    "instrument_asgi": "_middlewares.instrument",
    "instrument_wsgi": "_middlewares.instrument",
}


def __getattr__(name: str) -> Any:
    """Import a public name, or look up ``__version__`` of the installed distribution, when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("sentry-web")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
