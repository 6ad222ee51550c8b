"""Envelopes that are written when somebody reads them, which is the transport's own thread, mostly.

A report to which nothing can be added any more needs not be written while a client waits, or while an event loop
stands. It goes to the transport as what it is made of, and becomes an envelope like any other at the first look at it.
Which reports are so is decided elsewhere (see ``untouched``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sentry_sdk import Scope
from sentry_sdk.envelope import Envelope

from .._core.guard import call

#: What an envelope consists of; both are there once one is asked for.
_PARTS = frozenset(("headers", "items"))


class UnwrittenEnvelope(Envelope):
    """An envelope whose headers and items are made at the first look.

    :param write: makes the envelope; called twice where two threads look first at once. ``None``, and what it raises,
        make an empty one, which the SDK's transports do not send.
    :param holds: what is lost where it cannot be made, in Sentry's categories.
    :param client: the one that the SDK finds while it is written, on whatever thread; it may be closed by then.
    :param current: the current scope outside of the request.
    """

    def __init__(self, write: Callable[[], Envelope | None], holds: Sequence[Any], client: Any, current: Scope) -> None:
        # Not the parent's, which would set what is not to be there yet
        self._unwritten: Any = write, client, current, partial(_count_lost, client.transport, holds)

    def __getattr__(self, name: str) -> Any:
        if name not in _PARTS:
            raise AttributeError(name)
        unwritten = self.__dict__.get("_unwritten")
        if unwritten is not None:
            written = call(_write, *unwritten) or Envelope()
            self.__dict__.update(headers=written.headers, items=written.items)
            self.__dict__.pop("_unwritten", None)
            this: Any = self
            this.__class__ = Envelope
        return self.__dict__[name]

    def __reduce__(self) -> Any:
        """A copy, or what another process gets, is written."""
        return Envelope, (self.headers, self.items)


def _write(
    write: Callable[[], Envelope | None], client: Any, current: Scope, count_lost: Callable[[], None]
) -> Envelope | None:
    """Write an envelope; the SDK asks the ambient scope for the client on the way, and so do integrations."""
    try:
        if Scope.get_client() is client:  # nearly always
            return write()
        former = Scope.get_current_scope()
        Scope.set_current_scope(_with_client(current, client))
        try:
            return write()
        finally:
            Scope.set_current_scope(former)
    except Exception:
        count_lost()
        raise


def _with_client(current: Scope, client: Any) -> Scope:
    scope = current.__copy__()
    scope.client = client
    return scope


def _count_lost(transport: Any, holds: Sequence[Any]) -> None:
    for category in holds:
        transport.record_lost_event("internal_sdk_error", data_category=category)
