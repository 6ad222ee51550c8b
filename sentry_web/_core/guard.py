"""The one place where a failure of our own ends.

The application must behave as if it were not instrumented (design 1, "Transparent"), also when a step of ours,
a user's hook or an output raises. Adapters and the recorder fan-out make every call into the package through
:func:`call`. Where that is done for every request or message they write it out, ``try: … except Exception:
report(…)``, which saves 0.07 µs each time; nothing else catches broadly. This module imports nothing of the package
and knows no protocol.
"""

from __future__ import annotations

import logging
import sys
from _thread import start_new_thread
from collections.abc import Callable
from typing import Any, TypeVar

logger = logging.getLogger("sentry_web")

Result = TypeVar("Result")


def call(function: Callable[..., Result], *args: Any) -> Result | None:
    """Call ``function(*args)``; log an ``Exception`` it raises and answer ``None`` instead.

    ``KeyboardInterrupt`` and the like are the interpreter's word to the whole process, not failures of ours:
    they pass.
    """
    try:
        return function(*args)
    except Exception:  # noqa: BLE001 - this is the one place for it
        report(function)
        return None


def pass_on(take: Callable[[BaseException], Any]) -> None:
    """Hand the exception that is being handled to ``take``.

    A frame of a traceback that had the exception for a local would hold itself, as soon as somebody has looked at the
    frame's locals, which sentry-sdk does (before Python 3.13, PEP 667). So the adapters' frames never name it.
    """
    error = sys.exc_info()[1]
    if error is not None:
        take(error)


def report(function: Callable[..., Any]) -> Any:
    """Log the exception being handled as a failure inside ``function``; raise nothing, whatever logging does.

    What it answers is ``None``, for those who write :func:`call` out. The level is WARNING: sentry-sdk's logging
    integration makes an event of its own from an ERROR record.
    """
    try:
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        logger.warning("%s failed; the application is not affected", name, exc_info=True)  # noqa: LOG014
    except Exception:  # noqa: BLE001 - a user's log filter or handler may raise
        return None
    return None


def finish_dropped(dropped: object, finish: Callable[[], Any]) -> None:
    """Finish with an object whose finalizer calls this: at once, or on a thread of its own.

    The garbage collector runs finalizers at any allocation, also amid code that holds a lock which ``finish`` would
    wait for (that of an output's queue), and so for ever. An object that it has found is still referred to, from its
    cycle; one that was merely dropped is not.
    """
    if getrefcount(dropped) > _REFERENCES:
        start_new_thread(call, (finish,))  # without the locks that ``threading`` has
    else:
        finish()


class _Probe:
    """An object that is dropped, to see how many references are left to such a one: those of the calls alone."""

    left = 0

    def __del__(self) -> None:
        _count(self, sys.exc_info)


def _count(dropped: object, finish: Callable[[], Any]) -> None:
    _Probe.left = getrefcount(dropped)


#: Only CPython counts references; where nobody does, nothing is taken for a part of a cycle.
getrefcount: Callable[[object], int] = getattr(sys, "getrefcount", lambda _: 0)
_Probe()
_REFERENCES = _Probe.left
