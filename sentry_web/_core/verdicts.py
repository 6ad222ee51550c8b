"""Classify exceptions: errors of the application, cancellations, and clients that went away.

Classes are compared by name over the whole hierarchy, so that neither asyncio, greenlet nor a framework is imported.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

#: Leaving without an answer is no fault of the application: cancelled, closed early, killed.
_CANCELLATIONS = frozenset(
    ("builtins.GeneratorExit", "asyncio.exceptions.CancelledError", "greenlet.GreenletExit", "trio.Cancelled")
)
#: What frameworks raise when they find the client gone (Starlette and others name it so; uvicorn with a "d").
_DISCONNECTS = frozenset(("ClientDisconnect", "ClientDisconnected"))


class ErrorKind(enum.Enum):
    """What an exception that leaves the application means."""

    ERROR = "error"
    CANCELLED = "cancelled"
    CLIENT_GONE = "client gone"


def classify(error: BaseException, disconnect: BaseException | None = None) -> ErrorKind:
    """Return what an exception means; a group is an error if one of its members is (PEP 654).

    Args:
        error: What left the application.
        disconnect: What the server raised at the application to say that the client went away.
    """
    kinds = {_classify_one(member, disconnect) for member in _leaves(error)}
    if ErrorKind.ERROR in kinds:
        return ErrorKind.ERROR
    return ErrorKind.CLIENT_GONE if ErrorKind.CLIENT_GONE in kinds else ErrorKind.CANCELLED


def _classify_one(error: BaseException, disconnect: BaseException | None) -> ErrorKind:
    if error is disconnect or any(kind.__name__ in _DISCONNECTS for kind in type(error).__mro__):
        return ErrorKind.CLIENT_GONE
    if any(f"{kind.__module__}.{kind.__qualname__}" in _CANCELLATIONS for kind in type(error).__mro__):
        return ErrorKind.CANCELLED
    return ErrorKind.ERROR


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group, at any depth; any other exception itself."""
    stack = [error]
    while stack:
        current = stack.pop()
        members = getattr(current, "exceptions", None)
        if isinstance(members, tuple) and members and all(isinstance(member, BaseException) for member in members):
            stack.extend(members)
        else:
            yield current


def is_quiet_exit(error: BaseException) -> bool:
    """Return whether the process was asked to end and nothing failed: ``SystemExit`` with 0 or ``None``."""
    return isinstance(error, SystemExit) and error.code in (0, None)
