"""Forks the scopes of a request in a few steps.

The SDK copies the some thirty values of a scope one by one. Which of them two scopes share, and which are copied, is
seen at what the SDK makes of a scope that has something of everything.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple

from sentry_sdk import Scope

from . import use


class _Slots(NamedTuple):
    """The slots of scopes by what becomes of them in a fork."""

    #: What a scope and its fork share.
    shared: tuple[str, ...]
    #: Dictionaries, lists and queues, which are copied.
    copied: tuple[str, ...]
    #: What is copied in another way; a scope that has something there is left to the SDK.
    rare: tuple[str, ...]


class _Forks:
    """What was found of the SDK's forks.

    Args:
        slots: The slots of scopes.
    """

    __slots__ = ("slots", "nothing", "read", "read_copied", "read_rare")

    def __init__(self, slots: _Slots) -> None:
        self.slots = slots
        self.read = _reader(slots.shared)
        self.read_copied = _reader(slots.copied)
        self.read_rare = _reader(slots.rare)
        #: What is read where no slot has anything that is rare.
        self.nothing = (None,) * (len(slots.rare) + 1)


def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that reads these attributes, and one of them again, so that it returns a tuple."""
    return attrgetter(*names, names[0]) if names else lambda scope: (None,)


_found: _Forks | None = None
_copy: Callable[[Any], Any] = methodcaller("copy")


def fork(scope: Any) -> Any:
    """Return a fork of a scope (``Scope.fork``), or ``None`` where that is left to the SDK."""
    found = _found
    if found is None or found.read_rare(scope) != found.nothing:
        return None
    shared, copied, _ = found.slots
    forked = object.__new__(type(scope))
    tuple(map(setattr, repeat(forked), shared, found.read(scope)))
    tuple(map(setattr, repeat(forked), copied, map(_copy, found.read_copied(scope))))
    return forked


class _Value:
    """A value of a slot that is empty as a rule."""


def _filled() -> Any:
    """Return a scope with something in each slot."""
    scope: Any = Scope()
    for name in _names():
        value = getattr(scope, name, None)
        if value is None:
            setattr(scope, name, _Value())
        elif isinstance(value, dict):
            value["key"] = _Value()
        elif hasattr(value, "append"):
            value.append(_Value())
    return scope


def _names() -> tuple[str, ...]:
    return tuple(name for name in Scope.__slots__ if not name.startswith("__"))


def _find() -> _Slots:
    """Return what the SDK does with each slot."""
    scope = _filled()
    forked = scope.fork()
    shared: list[str] = []
    copied: list[str] = []
    rare: list[str] = []
    for name in _names():
        if not hasattr(forked, name):
            continue
        before, after = getattr(scope, name), getattr(forked, name)
        if before is after:
            shared.append(name)
        elif type(before) is type(after) and hasattr(before, "copy") and list(before) == list(after):
            copied.append(name)
        else:
            rare.append(name)
    return _Slots(tuple(shared + rare), tuple(copied), tuple(rare))


def probe() -> bool:
    """Return whether each value of a scope, and each value in it, goes to the fork as it does with the SDK."""
    global _found  # noqa: PLW0603 - found once a process
    _found = _Forks(_find())
    scope = _filled()
    is_left = fork(scope) is None
    for name in _found.slots.rare:
        setattr(scope, name, None)
    scopes = scope, fork(scope), scope.fork()
    rows = [[getattr(each, name, None) for each in scopes] for name in _names()]
    return is_left == bool(_found.slots.rare) and all(_is_alike(*row) for row in rows)


def _is_alike(before: Any, ours: Any, theirs: Any) -> bool:
    if theirs is before:
        return ours is before
    inner = [value.items() if isinstance(value, dict) else value for value in (ours, theirs)]
    return ours is not before and type(ours) is type(theirs) and list(inner[0]) == list(inner[1])


def install() -> None:
    """Switch it on."""
    use("fork", fork)
