"""Which request's application code is running here, and the contexts entered for it.

Nothing is held across a ``yield``, and no token: former values are set again by value.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from operator import methodcaller
from typing import Any

from ._guard import call
from ._recorder import Recording

#: The exchange of the request; inherited by the tasks and threads that the application starts in it.
CURRENT: ContextVar[Any] = ContextVar("sentry_web_exchange", default=None)


_value_of = methodcaller("get", None)
_set: Any = ContextVar.set


class Entered:
    """The contexts entered for one stretch of application code, and what was current before.

    :param exchange: what is current in it.
    :param parties: the outputs to enter. Variables are set here and not by a context manager of each recording because
        this happens for every chunk of a streamed response: 0.7 µs in the place of 2.4.
    """

    __slots__ = ("outer", "contexts", "_former")  # _former: variables and their former values, of each output

    def __init__(self, exchange: Any, parties: Sequence[Any] = ()) -> None:
        self.outer = CURRENT.get()
        self.contexts: Any = None
        self._former: list[tuple[Any, Any]] = []
        for party in parties:
            if party.ambient is None:
                call(self.add, party.recording)
            else:
                variables, values = party.ambient
                self._former.append((variables, list(map(_value_of, variables))))
                for _ in map(_set, variables, values):
                    pass
        CURRENT.set(exchange)

    def add(self, recording: Recording) -> None:
        """Enter the context of one output."""
        context = recording.running()
        context.__enter__()
        self.contexts = [*(self.contexts or ()), context]

    def undo(self) -> None:
        """Set the former values again, in the reverse order."""
        if self.contexts:
            for context in reversed(self.contexts):
                call(context.__exit__, None, None, None)
        for variables, values in self._former:
            for _ in map(_set, variables, values):
                pass
        CURRENT.set(self.outer)


def current() -> Any:
    """The exchange whose application code is running here, in this task or thread or one that started it."""
    return CURRENT.get()
