"""``_context``: what is current, and contexts entered and left."""

from __future__ import annotations

from typing import Any

from sentry_web._context import CURRENT, current, enter, undo


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
    entered = enter(None, recordings=contexts)
    assert log == ["+a", "+b"]
    undo(entered)
    assert log == ["+a", "+b", "-b", "-a"]


class Broken(Context):
    def running(self) -> Context:
        raise ValueError

    def __exit__(self, *exc_info: object) -> None:
        raise ValueError


def test_a_context_that_fails_keeps_no_other_from_being_entered_and_left() -> None:
    log: list[str] = []
    contexts: Any = [Context(log, "a"), Broken(log, "b"), Context(log, "c")]
    outer, variables, former, inside = enter(None, recordings=contexts)
    undo((outer, variables, former, [*inside, contexts[1]]))
    assert log == ["+a", "+c", "-c", "-a"]


def test_current_is_what_was_set() -> None:
    marker: Any = object()
    before = CURRENT.get()
    CURRENT.set(marker)
    assert current() is marker
    CURRENT.set(before)
