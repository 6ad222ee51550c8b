"""``_core.context``: what is current, and contexts entered and left."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import pytest

from sentry_web._core.context import CURRENT, NO_CONTEXT_VALUES, ContextStack, current


class Request(ContextStack):
    def __init__(self) -> None:
        self._ambient, self._others = NO_CONTEXT_VALUES, ()


class Context:
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
    surrounded = Request()
    for context in contexts:
        surrounded.add_context_of(context)
    entered = surrounded.enter()
    assert log == ["+a", "+b"]
    assert current() is surrounded
    surrounded.leave(entered)
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
    surrounded = Request()
    for context in contexts:
        surrounded.add_context_of(context)
    outer, variables, former, inside = surrounded.enter()
    surrounded.leave((outer, variables, former, [*inside, contexts[1]]))
    assert log == ["+a", "+c", "-c", "-a"]


def test_current_is_what_was_set() -> None:
    marker: Any = object()
    before = CURRENT.get()
    CURRENT.set(marker)
    assert current() is marker
    CURRENT.set(before)


class Ambient:
    """An output whose context is a number of variables, all with its name for a value."""

    def __init__(self, name: str, variables: int) -> None:
        self.ambient = tuple(ContextVar[Any](f"{name}{number}") for number in range(variables)), (name,) * variables


@pytest.mark.parametrize("sizes", [(0,), (1,), (2,), (4,), (4, 1), (2, 2)])
def test_variables_hold_the_outputs_values_inside_and_the_former_ones_outside(sizes: tuple[int, ...]) -> None:
    surrounded = Request()
    outputs: list[Any] = [Ambient("ab"[number], size) for number, size in enumerate(sizes)]
    for output in outputs:
        surrounded.add_context_of(output)
    variables = [variable for output in outputs for variable in output.ambient[0]]
    for variable in variables:
        variable.set("outside")
    entered = surrounded.enter()
    assert [variable.get() for variable in variables] == [value for each in outputs for value in each.ambient[1]]
    surrounded.leave(entered)
    assert [variable.get() for variable in variables] == ["outside"] * len(variables)
    assert current() is None
