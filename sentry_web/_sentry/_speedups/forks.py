"""Forks the scopes of a request in a few steps.

The SDK copies the some thirty values of a scope one by one. Which of them two scopes share, and which are copied, is
seen at what the SDK makes of a scope that has something of everything. From this a function is written that assigns
one slot after the other, as ``dataclasses`` writes ``__init__``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sentry_sdk import Scope

from . import leave_to_sdk, use


class _Slots(NamedTuple):
    """The slots of scopes by what becomes of them in a fork."""

    #: What a scope and its fork share.
    shared: tuple[str, ...]
    #: Dictionaries, lists and queues, which are copied.
    copied: tuple[str, ...]
    #: What is copied in another way; a scope that has something there is left to the SDK.
    rare: tuple[str, ...]


#: Returns a fork of a scope (``Scope.fork``), or ``None`` where that is left to the SDK; the probe writes it.
fork: Callable[[Any], Any] = leave_to_sdk


def _written(slots: _Slots) -> Callable[[Any], Any]:
    """Return a function that forks a scope, slot by slot."""
    lines = [f"if scope.{name} is not None: return None" for name in slots.rare]
    lines.append("forked = new(type(scope))")
    lines += [f"forked.{name} = scope.{name}" for name in slots.shared]
    lines += [f"forked.{name} = scope.{name}.copy()" for name in slots.copied]
    lines.append("return forked")
    names: dict[str, Any] = {"new": object.__new__}
    exec("def fork(scope):\n " + "\n ".join(lines), names)  # noqa: S102 - the names are those of a class's slots
    written: Callable[[Any], Any] = names["fork"]
    return written


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
    global fork  # noqa: PLW0603 - written once a process
    slots = _find()
    fork = _written(slots)
    scope = _filled()
    is_left = fork(scope) is None
    for name in slots.rare:
        setattr(scope, name, None)
    scopes = scope, fork(scope), scope.fork()
    rows = [[getattr(each, name, None) for each in scopes] for name in _names()]
    return is_left == bool(slots.rare) and all(_is_alike(*row) for row in rows)


def _is_alike(before: Any, ours: Any, theirs: Any) -> bool:
    if theirs is before:
        return ours is before
    inner = [value.items() if isinstance(value, dict) else value for value in (ours, theirs)]
    return ours is not before and type(ours) is type(theirs) and list(inner[0]) == list(inner[1])


def install() -> None:
    """Switch it on."""
    use("fork", fork)
