"""The OpenTelemetry output: the only package that imports ``opentelemetry``, and of that the API alone.

``recorder`` starts a ``recording`` for each request, which starts and ends its span; ``attributes`` are what that
begins with, ``metrics`` counts, ``propagation`` reads and writes trace contexts, ``errors`` reports exceptions,
``settings`` checks the options and reads the environment. It reads no protocol dict and filters nothing itself: what
may be sent is decided by ``_privacy``, how it is called by ``_conventions``.
"""

from __future__ import annotations

from .recorder import OpenTelemetryRecorder
from .settings import build_settings

__all__ = ["OpenTelemetryRecorder", "build_settings"]
