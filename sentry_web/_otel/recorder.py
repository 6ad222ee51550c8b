"""The OpenTelemetry output of one middleware: it starts a recording for each request."""

from __future__ import annotations

from typing import Any

from .._naming.naming import Names
from .._request import Outcome, Request, Trace
from ..recorder import BaseRecorder, Captured
from .metrics import Metrics
from .propagation import incoming_trace, is_suppressed, response_propagator
from .recording import AnnouncedRecording, OpenTelemetryRecording
from .settings import OtelSettings, build_settings

#: After so many recorded spans in a row the next one will be, too: then its attributes are made at once, in a dict,
#: which the SDK reads faster than a mapping of ours. At a rate of a half, one in 256 is made in vain.
_SURE = 8


class OpenTelemetryRecorder(BaseRecorder):
    """The OpenTelemetry output of one middleware.

    Args:
        settings: Options that are checked already, in the place of ``options``.
        options: See the README's table, "OpenTelemetry".

    Raises:
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """

    __slots__ = ("_settings", "_metrics", "_recorded_in_a_row")

    key = "opentelemetry"
    #: Its samplers decide by the trace's parent; a span that began in another output's trace would not be decided on.
    leads = True
    #: Every server span records the exceptions that it saw.
    shares_errors = False

    def __init__(self, settings: OtelSettings | None = None, **options: Any) -> None:
        self._settings = build_settings(None, **options) if settings is None else settings
        self._metrics = Metrics(self._settings.meter)
        self._recorded_in_a_row = 0

    def active(self, protocol: str) -> bool:
        """Return whether the code that runs here did not ask for silence."""
        return not is_suppressed()

    def incoming(self, request: Request) -> Trace | None:
        """The trace that this request would continue (see ``recorder.Recorder``)."""
        return incoming_trace(request, self._settings.config)

    def start(
        self, request: Request, naming: Names, captured: Captured, outcome: Outcome, scope_or_environ: Any
    ) -> OpenTelemetryRecording | None:
        """Begin to record (see ``recorder.Recorder``)."""
        if request.kind not in ("http", "websocket"):
            return None
        kind = AnnouncedRecording if response_propagator() is not None else OpenTelemetryRecording
        recording = kind(self._settings, self._metrics, request, naming, outcome)
        recording.begin(scope_or_environ, self._recorded_in_a_row >= _SURE)
        self._recorded_in_a_row = self._recorded_in_a_row + 1 if recording.records else 0
        return recording
