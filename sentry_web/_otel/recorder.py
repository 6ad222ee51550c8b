"""The OpenTelemetry recorder, which starts a recording for each request."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace

from .._naming.naming import Names
from .._request import Outcome, Request, Trace
from ..recorder import BaseRecorder, Captured
from .lifespan import LifespanRecording
from .metrics import Metrics
from .propagation import incoming_trace, is_suppressed
from .recording import OpenTelemetryRecording
from .settings import OtelSettings, build_settings
from .silence import SilentRecording


class OpenTelemetryRecorder(BaseRecorder):
    """The OpenTelemetry output of one middleware.

    Args:
        settings: Options that have already been checked, instead of ``options``.
        options: Those that ``instrument_asgi`` explains.

    Raises:
        ValueError: If the value of an option is not allowed; the message names both.
        TypeError: If a value has the wrong type, or an option is unknown.
    """

    __slots__ = ("key", "_settings", "_metrics")

    key: str
    #: OpenTelemetry's samplers decide by the trace's parent; a trace from another output would bypass their decision.
    leads = True
    #: Every server span records its own exceptions.
    shares_errors = False

    def __init__(self, settings: OtelSettings | None = None, **options: Any) -> None:
        self._settings = build_settings(None, **options) if settings is None else settings
        self._metrics = Metrics(self._settings.meter)
        destination = self._settings.destination
        is_global = destination is None or destination is trace.get_tracer_provider()
        #: Middlewares that report to different tracer providers are different outputs.
        self.key = "opentelemetry" if is_global else f"opentelemetry {id(destination):x}"

    def active(self, protocol: str) -> bool:
        """Return whether instrumentation is not suppressed in the current context."""
        return not is_suppressed()

    def incoming(self, request: Request) -> Trace | None:
        """Return the trace that this request would continue (see ``recorder.Recorder``)."""
        return incoming_trace(request, self._settings.config)

    def surroundings(self) -> Callable[[], Any]:
        """Return a function that attaches the present context elsewhere."""
        return functools.partial(context_api.attach, context_api.get_current())

    def silence(self, request: Request, naming: Names, outcome: Outcome) -> SilentRecording | None:
        """Return the context of an excluded request (see ``recorder.Recorder``)."""
        return SilentRecording(request) if request.kind in ("http", "websocket") else None

    def start(
        self, request: Request, naming: Names, captured: Captured, outcome: Outcome, scope_or_environ: Any
    ) -> OpenTelemetryRecording | LifespanRecording | None:
        """Start a recording (see ``recorder.Recorder``)."""
        if request.kind == "lifespan":
            return LifespanRecording(self._settings)
        if request.kind not in ("http", "websocket"):
            return None
        if request.protocol == "asgi" and not _takes_the_place_of_native(scope_or_environ):
            return None
        recording = OpenTelemetryRecording(self._settings, self._metrics, request, naming, outcome)
        recording.begin(scope_or_environ)
        return recording


#: Telemetry that a framework has by itself: its module, and the key by which it knows that a request is recorded.
_NATIVE = {
    "fastapi.telemetry": ("fastapi.telemetry", None),  # FastAPI 0.165: looks whether there is the key
    "starlette.middleware.opentelemetry": ("starlette.opentelemetry", True),  # Starlette 1.10: looks at the value
}


def _takes_the_place_of_native(scope: Any) -> bool:
    """Mark the request for a framework's own telemetry inside; return whether none outside records it already."""
    for module, (key, value) in _NATIVE.items():
        if module in sys.modules:
            if scope.get(key):
                return False
            scope[key] = value
    return True
