"""Which request's application code is running here, and the contexts entered for it.

Nothing is held across a ``yield``, and no token: former values are set again by value.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from ..recorder import ContextValues, Recording
from .guard import call, report

#: The exchange of the request; inherited by the tasks and threads that the application starts in it.
CURRENT: ContextVar[Any] = ContextVar("sentry_web_exchange", default=None)


NO_CONTEXT_VALUES: ContextValues = ((), ())

#: What was current before: the exchange, variables and their values, context managers to leave.
Entered = tuple[Any, Sequence["ContextVar[Any]"], Sequence[Any], Sequence[Any]]


class ContextStack:
    """A request whose application code runs in the contexts of its outputs: it is what is current in there.

    They are entered for every part of a streamed response; so what an output needs are variables rather than context
    managers where it has such, and what is to be undone is a tuple (1.1 µs in the place of 2.4). One output mostly has
    four variables, two amid a response: set without a loop, and not in a function of their own, they take 0.4 µs less.
    """

    __slots__ = ("_ambient", "_others")

    # Set by who derives from it, with all the rest: a call less
    #: The context variables of the outputs, and their values; ``NO_CONTEXT_VALUES`` to begin with.
    _ambient: ContextValues
    #: Outputs without variables, whose ``running()`` is entered; ``()`` to begin with.
    _others: Sequence[Recording]

    def add_context_of(self, recording: Recording) -> None:
        """Have one output's context entered, too."""
        ambient: ContextValues | None = getattr(recording, "ambient", None)
        if ambient is None:
            self._others = (*self._others, recording)
        elif self._ambient is NO_CONTEXT_VALUES:
            self._ambient = ambient
        else:
            (variables, values), (more, their_values) = self._ambient, ambient
            self._ambient = variables + more, values + their_values

    def enter(self) -> Entered:
        """Make the request the current one and enter each output's context; undone by :meth:`leave`."""
        variables, values = self._ambient
        if len(variables) == 4:
            one, two, three, four = variables
            first, second, third, fourth = values
            former: Sequence[Any] = one.get(None), two.get(None), three.get(None), four.get(None)
            one.set(first)
            two.set(second)
            three.set(third)
            four.set(fourth)
        elif len(variables) == 2:
            one, two = variables
            first, second = values
            former = one.get(None), two.get(None)
            one.set(first)
            two.set(second)
        else:
            former = [variable.get(None) for variable in variables]
            _set_each(variables, values)
        contexts: Sequence[Any] = call(_all_entered, self._others) or () if self._others else ()
        outer = CURRENT.get()
        CURRENT.set(self)
        return outer, variables, former, contexts

    def leave(self, entered: Entered | None) -> None:
        """Undo :meth:`enter`, by setting the former values: a token may be of a different context by now.

        In another context (of the loop's shutdown hooks, of the garbage collector) what holds is none of our business.
        """
        if entered is None or CURRENT.get() is not self:
            return
        outer, variables, former, contexts = entered
        if contexts:
            call(_leave_all, contexts)
        if len(variables) == 4:
            one, two, three, four = variables
            first, second, third, fourth = former
            one.set(first)
            two.set(second)
            three.set(third)
            four.set(fourth)
        elif len(variables) == 2:
            one, two = variables
            first, second = former
            one.set(first)
            two.set(second)
        else:
            _set_each(variables, former)
        CURRENT.set(outer)


def _set_each(variables: Sequence[ContextVar[Any]], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values):
        variable.set(value)


def _all_entered(recordings: Sequence[Recording]) -> list[Any]:
    """The contexts of these outputs, entered; without those that fail."""
    contexts = []
    for recording in recordings:  # written out as in ``_core.guard``, without three calls of ours for each (0.5 µs)
        try:
            context = recording.running()
            context.__enter__()
            contexts.append(context)
        except Exception:  # noqa: BLE001 - as call() does
            report(recording.running)
    return contexts


def _leave_all(contexts: Sequence[Any]) -> None:
    for context in reversed(contexts):
        try:
            context.__exit__(None, None, None)
        except Exception:  # noqa: BLE001 - as call() does
            report(context.__exit__)


def current() -> Any:
    """The exchange whose application code is running here, in this task or thread or one that started it."""
    return CURRENT.get()
