"""A request that an outer middleware of this package records already, as seen by an inner one with other outputs.

The outer middleware calls the exchange for all that server and application do. The inner one adds what the outer one
cannot see: its outputs get their context around the application, and an exception that leaves the application counts
also where something between the two answers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._request import Outcome, Request
from ..recorder import MessageSpan
from .closed import ClosedExchange
from .context import Entered
from .exchange import Exchange

if TYPE_CHECKING:
    from typing import TypeAlias


class NestedExchange:
    """An exchange of which only the application's context and its failures have an effect.

    Args:
        exchange: The exchange of the request; it outlives this object.
    """

    __slots__ = ("outcome", "request", "_exchange")

    def __init__(self, exchange: Exchange) -> None:
        self.request: Request = exchange.request
        self.outcome: Outcome = exchange.outcome
        self._exchange = exchange

    @property
    def extra_headers(self) -> list[tuple[str, str]]:
        """No headers: the outer middleware adds them."""
        return []

    #: No spans, no headers, nothing to end: see below.
    traces_messages = adds_headers = open = False

    def enter(self) -> Entered:
        """See :class:`Exchange`."""
        return self._exchange.enter()

    def leave(self, entered: Entered | None) -> None:
        """See :class:`Exchange`."""
        self._exchange.leave(entered)

    def failed(self, error: BaseException) -> None:
        """See :class:`Exchange`; the outer middleware may see the same exception again, which has no effect then."""
        self._exchange.failed(error)

    @property
    def aftermath(self) -> tuple[Any, ...]:
        """See :class:`Exchange`."""
        return self._exchange.aftermath

    def refused(self) -> None:
        """See :class:`Exchange`."""
        self._exchange.refused()

    def announce(self) -> None:
        """See :class:`Exchange`."""
        self._exchange.announce()

    def message_begins(self, what: str, message: Any = None) -> list[MessageSpan]:
        """Return no spans: the outer middleware starts them."""
        return []

    def _seen_outside(self, *_: Any) -> None:
        """Do nothing: the outer middleware sees it, too."""

    body_read = body_sent = body_ending = body_ended = body_handed_over = _seen_outside
    response_starting = response_started = handled = body_is_whole = _seen_outside
    message_sent = message_received = websocket_closed = websocket_refused = client_gone = _seen_outside
    close = closed_by_server = abandoned = flush = _seen_outside


#: What an adapter calls.
AnyExchange: TypeAlias = "Exchange | NestedExchange | ClosedExchange"
