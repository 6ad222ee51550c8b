"""The Sentry output: the only room that imports ``sentry_sdk``. It reads no protocol dict and filters nothing itself.

``recorder`` starts and ends recordings, ``spans`` speaks to the SDK's two tracing modes, ``events`` fills in events,
``settings`` reads the client's options, ``private`` holds every private name that is used, each with its reason.
"""

from __future__ import annotations

from .recorder import SentryRecorder

__all__ = ["SentryRecorder"]
