"""One middleware core for WSGI and ASGI: errors, requests and traces to Sentry, spans and metrics to OpenTelemetry.

Names only; the rooms hold the logic. OpenTelemetry is an extra, and loaded when one of its names is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._instrument import instrument_asgi, instrument_wsgi
from ._middlewares import SentryAsgiMiddleware, SentryMiddleware, SentryWsgiMiddleware
from ._recorder import BaseRecording, Recorder, Recording
from ._request import Outcome, Request
from ._sentry import SentryRecorder
from .asgi import AsgiMiddleware
from .wsgi import WsgiMiddleware

if TYPE_CHECKING:
    from ._otel import OpenTelemetryRecorder as OpenTelemetryRecorder

__all__ = [
    "AsgiMiddleware",
    "BaseRecording",
    "Outcome",
    "Recorder",
    "Recording",
    "Request",
    "SentryAsgiMiddleware",
    "SentryMiddleware",
    "SentryRecorder",
    "SentryWsgiMiddleware",
    "WsgiMiddleware",
    "instrument_asgi",
    "instrument_wsgi",
]


def __getattr__(name: str) -> Any:
    """``__version__``, from the installed distribution, and ``OpenTelemetryRecorder``, when asked for (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("sentry-web")
    if name == "OpenTelemetryRecorder":
        from ._otel import OpenTelemetryRecorder

        return OpenTelemetryRecorder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
