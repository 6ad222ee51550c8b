"""The exchange whose application code is running here, and the contexts that are entered for it.

Nothing is held across a ``yield``, and no token is kept: the former values are set again by value.

A signal handler may raise an exception between any two instructions. So :meth:`ContextStack.enter` restores the former
values if it is interrupted, and callers that leave in a ``finally`` call :meth:`ContextStack.leave` a second time if
the first call may have been interrupted. Leaving twice has no further effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from itertools import repeat
from typing import Any

from ..recorder import ContextValues, Recording
from .guard import call, mark_failures

#: The exchange; inherited by the tasks and threads that the application starts while it is the current one.
CURRENT: ContextVar[Any] = ContextVar("sentry_web_exchange", default=None)

NO_CONTEXT_VALUES: ContextValues = ((), ())

#: Called by ``map``, since a loop would run for every part of a response.
_GET, _SET, _NO_DEFAULTS = ContextVar.get, ContextVar.set, repeat(None)

#: What was current before: the exchange, variables and their values; and the context managers to leave.
Entered = tuple[Any, Sequence["ContextVar[Any]"], Sequence[Any], "list[Any] | None"]


class ContextStack:
    """The contexts of one request's recordings, entered together whenever its application code runs.

    They are entered for every part of a streamed response. So context variables are set directly where a recording has
    them, and what is to be undone is a tuple rather than another context manager.
    """

    __slots__ = ("_context_values", "_to_enter")

    def __init__(self) -> None:
        self._context_values = NO_CONTEXT_VALUES
        #: Recordings without context values, whose ``running()`` is entered.
        self._to_enter: tuple[Recording, ...] = ()

    def add_context_of(self, recording: Recording) -> None:
        """Enter the context of this recording, too, from now on."""
        added = recording.context_values
        if added is None:
            self._to_enter = (*self._to_enter, recording)
        else:
            variables, values = self._context_values
            self._context_values = variables + added[0], values + added[1]

    def forget_contexts(self) -> None:
        """Let go of all recordings."""
        self._context_values, self._to_enter = NO_CONTEXT_VALUES, ()

    def enter(self) -> Entered:
        """Make the request the current one and enter each recording's context.

        Returns:
            What :meth:`leave` needs.
        """
        variables, values = self._context_values
        former = tuple(map(_GET, variables, _NO_DEFAULTS))
        outer = CURRENT.get()
        managers = None
        try:
            tuple(map(_SET, variables, values))
            if self._to_enter:
                managers = call(enter_all, self._to_enter)
            CURRENT.set(self)
            return outer, variables, former, managers  # noqa: TRY300 - inside, since it may raise here, too
        except BaseException:  # the caller gets nothing to leave by
            CURRENT.set(self)
            self.leave((outer, variables, former, managers))
            raise

    def leave(self, entered: Entered | None) -> None:
        """Undo :meth:`enter` by setting the former values: a token may belong to a different context by now.

        In a context where this request is not the current one (that of the event loop's shutdown hooks, or of the
        garbage collector) nothing is changed. Nor is it where everything has been left.

        Args:
            entered: What :meth:`enter` returned; ``None``: it failed.
        """
        if entered is None or CURRENT.get() is not self:
            return
        outer, variables, former, managers = entered
        if managers:
            call(leave_all, managers)
        tuple(map(_SET, variables, former))
        CURRENT.set(outer)


def enter_all(recordings: Sequence[Recording]) -> list[Any]:
    """Return the context managers of these recordings, entered; where one fails, what closes its output instead."""
    entered: list[Any] = []
    try:
        for recording in recordings:
            for running in (recording.running, recording.running_closed):
                manager = call(running)
                if manager is not None and call(_has_entered, manager, entered):
                    break
        return entered  # noqa: TRY300 - inside, since it may raise here, too
    except BaseException:
        leave_all(entered)
        raise


def _has_entered(manager: Any, entered: list[Any]) -> bool:
    manager.__enter__()
    entered.append(manager)
    return True


def leave_all(managers: list[Any]) -> None:
    """Exit context managers from the last to the first, and forget each: none is exited twice."""
    while managers:
        call(managers[-1].__exit__, None, None, None)
        managers.pop()


def current() -> Any:
    """Return the exchange whose application code is running here, in this task or thread or one that started it."""
    return CURRENT.get()


mark_failures(CURRENT)
