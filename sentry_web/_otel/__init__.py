"""The OpenTelemetry output: the only package that imports ``opentelemetry``, and of that the API alone.

``recorder`` starts a ``recording`` for each request, which starts and ends the request's span; ``attributes`` contains
the span's initial attributes, ``metrics`` the instruments, ``propagation`` reads and writes trace contexts, ``errors``
records exceptions, ``settings`` checks the options and reads the environment. This package reads no protocol dict and
filters nothing itself: ``_privacy`` decides what may be sent, and ``_conventions`` under which names.
"""

from __future__ import annotations

from .recorder import OpenTelemetryRecorder
from .settings import build_settings

__all__ = ["OpenTelemetryRecorder", "build_settings"]
