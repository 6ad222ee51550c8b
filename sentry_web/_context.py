"""Which request's application code is running here, and the contexts entered for it.

Nothing is held across a ``yield``, and no token: former values are set again by value.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ._recorder import Recording

#: The exchange of the request; inherited by the tasks and threads that the application starts in it.
CURRENT: ContextVar[Any] = ContextVar("sentry_web_exchange", default=None)


class Entered:
    """The contexts entered for one stretch of application code, and what was current before."""

    __slots__ = ("outer", "contexts")

    def __init__(self, outer: Any) -> None:
        self.outer = outer
        self.contexts: list[Any] = []

    def add(self, recording: Recording) -> None:
        """Enter the context of one output."""
        context = recording.running()
        context.__enter__()
        self.contexts.append(context)


def current() -> Any:
    """The exchange whose application code is running here, in this task or thread or one that started it."""
    return CURRENT.get()
