"""Signals whose handlers raise amid our code: no more requests leave scopes behind than in sentry-sdk.

The timer's signal comes at any moment of a request (see ``interrupted``), where the tests of the suite choose the
instructions (``conformance/test_signals.py``).
"""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS

from .report import Row, row, size

PART = "signals"
SCRIPT = Path(__file__).with_name("interrupted.py")
#: Of the interrupted requests, where sentry-sdk's own share is less.
MOST = 0.001
MODES: dict[str, tuple[str, ...]] = {"transactions": ()} if HAS_TRANSACTIONS else {"streamed spans": ()}
if HAS_TRANSACTIONS and HAS_STREAMED_SPANS:
    MODES["streamed spans"] = ("trace_lifecycle=stream",)


def left_behind(whose: str, protocol: str, raises: str, count: int, options: tuple[str, ...]) -> int:
    """Return how many of this many interrupted requests leave scopes behind."""
    command = [sys.executable, str(SCRIPT), whose, protocol, raises, str(count), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60 + count / 20)
    return int(done.stdout)


def attacked(protocol: str, mode: str, raises: str) -> Row:
    """Interrupt requests of ours, and of sentry-sdk's."""
    count, options = size(200, 3000, 20_000), MODES[mode]
    what = {"interrupt": "BaseException", "alarm": "Exception"}[raises]
    with row(PART, f"a signal's {what}, {protocol}, {mode}") as one:
        ours = left_behind("ours", protocol, raises, count, options)
        theirs = left_behind("theirs", protocol, raises, count, options)
        one.tried, one.survived = count, count if ours <= max(theirs, MOST * count) else count - ours
        one.worst = f"{ours} have left scopes; {theirs} with sentry-sdk's middleware"
    return one


def run() -> list[Row]:
    """Each of them."""
    return [attacked(*case) for case in product(("wsgi", "asgi"), MODES, ("interrupt", "alarm"))]
