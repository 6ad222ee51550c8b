"""``_core.context``: what is current, and contexts entered and left."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, cast

import pytest

from sentry_web._core.context import CURRENT, ContextStack, current
from sentry_web.recorder import BaseRecording


class Request(ContextStack):
    """A request with nothing but its contexts."""


class Context(BaseRecording):
    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    def running(self) -> Context:
        return self

    def __enter__(self) -> None:
        self.log.append(f"+{self.name}")

    def __exit__(self, *exc_info: object) -> None:
        self.log.append(f"-{self.name}")


def test_contexts_are_entered_in_order() -> None:
    log: list[str] = []
    contexts: Any = [Context(log, "a"), Context(log, "b")]
    request = Request()
    for context in contexts:
        request.add_context_of(context)
    entered = request.enter()
    assert log == ["+a", "+b"]
    assert current() is request
    request.leave(entered)
    assert current() is None
    assert log == ["+a", "+b", "-b", "-a"]


class Broken(Context):
    def running(self) -> Context:
        raise ValueError

    def __exit__(self, *exc_info: object) -> None:
        raise ValueError


def test_a_context_that_fails_keeps_no_other_from_being_entered_and_left() -> None:
    log: list[str] = []
    contexts: Any = [Context(log, "a"), Broken(log, "b"), Context(log, "c")]
    request = Request()
    for context in contexts:
        request.add_context_of(context)
    outer, variables, former, inside = request.enter()
    request.leave((outer, variables, former, [*inside, contexts[1]]))
    assert log == ["+a", "+c", "-c", "-a"]


class Interrupted(Context):
    """A context that a signal's exception comes into, once."""

    def __init__(self, log: list[str], name: str, method: str) -> None:
        super().__init__(log, name)
        self.method: str | None = method

    def step(self, method: str) -> None:
        if self.method == method:
            self.method = None
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        self.step("enter")
        super().__enter__()

    def __exit__(self, *exc_info: object) -> None:
        self.step("exit")
        super().__exit__(*exc_info)


def test_a_signals_exception_while_contexts_are_entered_leaves_them() -> None:
    log: list[str] = []
    request, variables = Request(), Variables("x", 1)
    for context in (variables, Context(log, "a"), Interrupted(log, "b", "enter")):
        request.add_context_of(cast("Any", context))
    with pytest.raises(KeyboardInterrupt):
        request.enter()
    assert log == ["+a", "-a"]
    assert current() is None
    assert variables.context_values is not None
    assert variables.context_values[0][0].get() is None


def test_a_signals_exception_while_contexts_are_left_lets_the_others_be_left_once() -> None:
    log: list[str] = []
    request = Request()
    for context in (Context(log, "a"), Interrupted(log, "b", "exit"), Context(log, "c")):
        request.add_context_of(cast("Any", context))
    entered = request.enter()
    with pytest.raises(KeyboardInterrupt):
        request.leave(entered)
    request.leave(entered)
    request.leave(entered)
    assert log == ["+a", "+b", "+c", "-c", "-b", "-a"]
    assert current() is None


def test_current_is_what_was_set() -> None:
    marker: Any = object()
    before = CURRENT.get()
    CURRENT.set(marker)
    assert current() is marker
    CURRENT.set(before)


class Variables(BaseRecording):
    """An output whose context is a number of variables, all with its name for a value."""

    def __init__(self, name: str, variables: int) -> None:
        self.context_values = (
            tuple(ContextVar[Any](f"{name}{number}") for number in range(variables)),
            (name,) * variables,
        )


@pytest.mark.parametrize("sizes", [(0,), (1,), (2,), (4,), (4, 1), (2, 2)])
def test_variables_hold_the_outputs_values_inside_and_the_former_ones_outside(sizes: tuple[int, ...]) -> None:
    request = Request()
    outputs: list[Any] = [Variables("ab"[number], size) for number, size in enumerate(sizes)]
    for output in outputs:
        request.add_context_of(output)
    variables = [variable for output in outputs for variable in output.context_values[0]]
    for variable in variables:
        variable.set("outside")
    entered = request.enter()
    assert [variable.get() for variable in variables] == [value for each in outputs for value in each.context_values[1]]
    request.leave(entered)
    assert [variable.get() for variable in variables] == ["outside"] * len(variables)
    assert current() is None
