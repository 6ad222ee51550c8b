"""The OpenTelemetry recording of an ASGI lifespan: records nothing, and has what the SDK holds sent before the end."""

from __future__ import annotations

import threading
import time
from typing import Any

from opentelemetry import metrics, trace

from .._core.guard import call
from ..recorder import BaseRecording
from .settings import OtelSettings

#: Seconds that a flush may take. The timeout of the SDK's batch processor has no effect (opentelemetry-python, issue
#: 4568): with a receiver that hangs, it would wait as long as the exporter tries.
FLUSH_TIMEOUT = 2.0


class LifespanRecording(BaseRecording):
    """The recording of a lifespan, for the flush at its end.

    Args:
        settings: The options of the middleware.
    """

    __slots__ = ("_settings",)

    def __init__(self, settings: OtelSettings) -> None:
        self._settings = settings

    def flush(self) -> None:
        """Have both providers send what they hold, and wait for that no longer than ``FLUSH_TIMEOUT``."""
        traces = self._settings.destination or trace.get_tracer_provider()
        meters = self._settings.meters or metrics.get_meter_provider()
        deadline = time.monotonic() + FLUSH_TIMEOUT
        for thread in [thread for provider in (traces, meters) for thread in _flushing(provider)]:
            thread.join(max(0.0, deadline - time.monotonic()))


def _flushing(provider: Any) -> list[threading.Thread]:
    """Return the started thread that flushes a provider; none for the API's own, or a tracer, which hold nothing."""
    flush = getattr(provider, "force_flush", None)
    if not callable(flush):
        return []
    # A daemon: the interpreter does not wait for one that hangs
    thread = threading.Thread(target=call, args=(flush, int(FLUSH_TIMEOUT * 1000)), daemon=True)
    thread.start()
    return [thread]
