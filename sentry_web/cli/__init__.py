"""The command line: ``sentry-web``."""

from __future__ import annotations

from .commands import main

__all__ = ["main"]
