"""Which exceptions are errors of the application, and which only say that it was stopped (design 4, "Errors").

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
    """What an exception that leaves the application says."""

    ERROR = "error"
    CANCELLED = "cancelled"
    CLIENT_GONE = "client gone"


def classify(error: BaseException, lost: BaseException | None = None) -> ErrorKind:
    """Judge an exception; a group by all its members (PEP 654): one error among them makes it an error.

    Args:
        error: What left the application.
        lost: What the server raised at the application to say that the client went away.
    """
    verdicts = {_judge_one(member, lost) for member in _leaves(error)}
    if ErrorKind.ERROR in verdicts:
        return ErrorKind.ERROR
    return ErrorKind.CLIENT_GONE if ErrorKind.CLIENT_GONE in verdicts else ErrorKind.CANCELLED


def _judge_one(error: BaseException, lost: BaseException | None) -> ErrorKind:
    if error is lost or any(kind.__name__ in _DISCONNECTS for kind in type(error).__mro__):
        return ErrorKind.CLIENT_GONE
    if any(f"{kind.__module__}.{kind.__qualname__}" in _CANCELLATIONS for kind in type(error).__mro__):
        return ErrorKind.CANCELLED
    return ErrorKind.ERROR


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group, at any depth; of any other exception, itself."""
    stack = [error]
    while stack:
        current = stack.pop()
        members = getattr(current, "exceptions", None)
        if isinstance(members, tuple) and members and all(isinstance(member, BaseException) for member in members):
            stack.extend(members)
        else:
            yield current


def is_quiet_exit(error: BaseException) -> bool:
    """``SystemExit`` without a complaint: the process was asked to end, and nothing failed."""
    return isinstance(error, SystemExit) and error.code in (0, None)
