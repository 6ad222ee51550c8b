"""Makes the other frameworks look uninstalled in a test's own process.

sentry-sdk imports every framework for which it has an integration, which takes two seconds of each new process.
"""

from __future__ import annotations

import sys

#: Flask and Starlette are not among them: Quart, FastAPI and the demo are built on these.
SLOW = ("blacksheep", "bottle", "django", "falcon", "fastapi", "litestar", "logfire", "pyramid", "quart")


def hide_other_frameworks(wanted: str) -> None:
    """Let ``import`` fail for every slow framework but this one (``None`` in ``sys.modules``)."""
    for package in SLOW:
        if package != wanted and package not in sys.modules:
            sys.modules[package] = None  # type: ignore[assignment]
