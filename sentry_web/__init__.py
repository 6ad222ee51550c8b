"""One middleware core for WSGI and ASGI: errors, requests and traces to Sentry.

Names only; the rooms hold the logic.
"""

from __future__ import annotations

from typing import Any

from ._middlewares import SentryAsgiMiddleware, SentryMiddleware, SentryWsgiMiddleware
from ._request import Outcome, Request

__all__ = [
    "Outcome",
    "Request",
    "SentryAsgiMiddleware",
    "SentryMiddleware",
    "SentryWsgiMiddleware",
]


def __getattr__(name: str) -> Any:
    """``__version__``, read from the installed distribution when asked for (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("sentry-web")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
