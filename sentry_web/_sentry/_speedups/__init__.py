"""Optional accelerations of the Sentry output, which change nothing in what is sent.

One gate: off as a whole with ``SENTRY_WEB_NO_SPEEDUPS=1``, or where every middleware is made with ``speedups=False``.
Each speedup is a module that can be deleted together with its line in ``MODULES``. Each is compared with the SDK's own
way before it is used (its ``probe``), by what it does and never by a version number: where the results differ, it stays
off, and one log record says so.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

logger = logging.getLogger("sentry_web")

#: One line a speedup.
MODULES = (
    "attributes",  # sets and writes attributes of streamed spans by a table of types
    "child_spans",  # starts spans without a fork of the current scope
    "context",  # sets context variables in the place of entering context managers
    "forks",  # forks the scopes of a request in a few steps
    "log_records",  # remembers of which loggers breadcrumbs and logs are made
    "merged_scopes",  # merges of the scopes what streamed spans, logs and metrics take
    "sampling",  # decides by the sample rate alone whether a transaction is kept
    "serializer",  # writes events of plain values
    "source_lines",  # remembers the lines of source files
)


def leave_to_sdk(scope: Any) -> Any:
    """Stand in for the function of a speedup that is off."""
    return None


_installed: dict[str, bool] = {}
#: What the installed speedups do, by the name of the function below that asks for it.
_seams: dict[str, Callable[..., Any]] = {"fork": leave_to_sdk}


def use(seam: str, function: Callable[..., Any]) -> None:
    """Have a function of a speedup stand behind the one of this name below."""
    _seams[seam] = function


def install() -> None:
    """Switch on each speedup whose probe agrees with the SDK; once a process."""
    if _installed or os.environ.get("SENTRY_WEB_NO_SPEEDUPS"):
        return
    for name in MODULES:
        _installed[name] = False
        module: Any = import_module(f"{__name__}.{name}")
        try:
            agrees = module.probe()
        except Exception:  # noqa: BLE001 - a probe may meet anything in a release that nobody knows yet
            agrees = False
        if agrees:
            module.install()
            _installed[name] = True
        else:
            logger.info("the speedup %r does not fit this release of sentry-sdk and stays off", name)


def context_values(isolation: Any, current: Any) -> Any:
    """Return the context variables that make these scopes the current ones, and their values.

    ``None`` where that speedup is off: the scopes' context manager is to be entered instead.
    """
    function = _seams.get("context_values")
    return None if function is None else function(isolation, current)


def running(values: Any) -> Any:
    """Return a context manager that sets context variables, or ``None`` where there are none to set."""
    function = _seams.get("running")
    return None if values is None or function is None else function(*values)


def start_transaction(transaction: Any, client: Any) -> bool:
    """Sample and start a transaction; return whether that was done, or ``sentry_sdk`` has to do it."""
    function = _seams.get("start_transaction")
    return function is not None and function(transaction, client)


def discard_transaction(client: Any) -> bool:
    """Count an unsampled transaction as lost; return whether that was done, or its ``finish()`` has to do it."""
    function = _seams.get("discard_transaction")
    return function is not None and function(client)


def set_attributes(span: Any, attributes: dict[str, Any]) -> None:
    """Set several attributes of a streamed span."""
    function = _seams.get("set_attributes")
    if function is None or not function(span, attributes):
        span.set_attributes(attributes)


def fork(scope: Any) -> Any:
    """Return a fork of a scope."""
    return _seams["fork"](scope) or scope.fork()
