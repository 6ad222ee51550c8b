"""Scopes that are made only when something touches them: empty until then, and scopes like any other from then on.

What they become is the affair of ``scopes.Opening``, which each of them keeps as long as it is empty.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import Any

from sentry_sdk import Scope

from .._core.guard import call
from . import slots
from .redaction import RedactingScope
from .streamed import StreamedRoot


class _Waiting:
    """A scope that is made at the first touch, and is one like any other from then on.

    Its client is there from the beginning, since the SDK asks for that all the time.
    """

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name != "client":
            _become_full(self)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _become_full(self)
        object.__setattr__(self, name, value)


class WaitingIsolation(_Waiting, Scope):
    """The isolation scope."""

    __slots__ = ()


class _WaitingCurrent(_Waiting, RedactingScope):
    """The current scope."""

    __slots__ = ()


#: ``pair(around, opening)``: an isolation and a current scope that wait for their first touch, when they will be made
#: from those around, by the methods ``take`` and ``bare`` of ``opening``.
pair = functools.partial(slots.empty_pair, WaitingIsolation, _WaitingCurrent)

#: What each becomes, and which of the two scopes that are made it is.
_CURRENT = 1
_FULL: dict[type, tuple[type, int]] = {WaitingIsolation: (Scope, 0), _WaitingCurrent: (RedactingScope, _CURRENT)}


def is_waiting(scope: Scope) -> bool:
    """Whether nothing has touched the scope."""
    return type(scope) is WaitingIsolation


def touch(scope: Scope) -> None:
    """Have a scope made, if it still waits."""
    if type(scope) in _FULL:
        _become_full(scope)


#: Two threads may touch a scope at once, and the slower one must not put back what the faster one changes.
becoming = threading.RLock()


def _renew_lock() -> None:
    """A process forked while another thread held the lock would wait for ever."""
    global becoming  # noqa: PLW0603 - there is one for the process
    becoming = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)


def _become_full(scope: Any) -> None:
    """Turn a waiting scope into a full one; it raises nothing, since the application's own call led here."""
    with becoming:
        if type(scope) in _FULL:  # no other thread was faster
            full, which = _FULL[type(scope)]
            opening = slots.kept_in(scope)
            isolation = slots.companion_of(scope) if which == _CURRENT else None
            taken = call(opening.take)
            made = taken or call(opening.bare) or (Scope(), Scope())
            slots.fill(scope, made[which], full)
            if isolation is not None and taken is not None:
                call(_fill_isolation, isolation, made[0])
            if which == _CURRENT and isinstance(opening.root, StreamedRoot):
                call(opening.root.move_to, scope)


def _fill_isolation(scope: Any, made: Scope) -> None:
    """Fill the isolation scope with the current one: as long as it waits, the SDK's questions for its client cost more.

    It asks four times for each span (0.6 µs).
    """
    if type(scope) is WaitingIsolation:
        slots.fill(scope, made, Scope)
