"""A request that an outer middleware of ours watches already, as an inner one with other outputs sees it.

The outer one tells the exchange what server and application do. Here is left what it cannot see: the inner middleware's
outputs get their context around the application, and an exception that leaves the application counts also where
something between the two answers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._request import Request
from ..recorder import MessageSpan
from .context import Entered
from .exchange import Exchange

if TYPE_CHECKING:
    from typing import TypeAlias


class NestedExchange:
    """An exchange with all of its inputs, of which only those of the application's context and failure have an effect.

    :param exchange: that of the request; it outlives this.
    """

    __slots__ = ("request", "_exchange")

    def __init__(self, exchange: Exchange) -> None:
        self.request: Request = exchange.request
        self._exchange = exchange

    @property
    def extra_headers(self) -> list[tuple[str, str]]:
        """None: the outer middleware adds them."""
        return []

    #: No spans, no headers, nothing to end: see below.
    traces_messages = adds_headers = open = False

    def enter(self) -> Entered:
        """See ``Exchange``."""
        return self._exchange.enter()

    def leave(self, entered: Entered | None) -> None:
        """See ``Exchange``."""
        self._exchange.leave(entered)

    def failed(self, error: BaseException) -> None:
        """See ``Exchange``; the outer middleware may see the same exception again, which has no effect then."""
        self._exchange.failed(error)

    def message_begins(self, what: str) -> list[MessageSpan]:
        """No spans: the outer middleware begins them."""
        return []

    def _seen_outside(self, *_: Any) -> None:
        """Nothing: the outer middleware sees it too."""

    body_read = body_sent = body_ending = body_ended = body_handed_over = _seen_outside
    response_started = handled = _seen_outside
    message_sent = message_received = websocket_closed = websocket_refused = client_gone = _seen_outside
    close = closed_by_server = abandoned = _seen_outside


#: What an adapter tells what it sees.
AnyExchange: TypeAlias = "Exchange | NestedExchange"
