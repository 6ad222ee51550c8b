"""The first steps of a request's way, the same for both protocols: is it ours to record, and has it been taken already?

The mark is one key in the server's own dict, not a ContextVar: it must not leak into child tasks. The dict is never
copied, since frameworks report their route by writing to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from . import _frameworks
from ._config import Config
from ._context import current
from ._exchange import Exchange
from ._guard import call
from ._recorder import Recorder
from ._request import Request

#: The key in scope and environ under which the exchange of a request is found. A key of the environ without a dot must
#: hold a string (PEP 3333, "environ Variables"; ``wsgiref.validate`` insists).
MARKERS = {"asgi": "sentry_web", "wsgi": "sentry_web.exchange"}


def _report_swallowed(error: BaseException, framework: str) -> None:
    exchange = current()
    if exchange is not None:
        call(exchange.swallowed, error, framework)


def _note_route(live: Any, tell: _frameworks.Teller) -> None:
    exchange = current()
    if exchange is not None:
        call(exchange.naming.tell, live, tell)


#: What frameworks tell goes to the request whose code is running.
_LISTENER = _frameworks.Listener(_note_route, _report_swallowed)


class Entry:
    """Decides, for one middleware, which requests are recorded, and opens their exchanges."""

    __slots__ = ("_behind", "_config", "_protocol", "_read", "_recorders")

    def __init__(
        self,
        app: Any,
        config: Config,
        recorders: Sequence[Recorder],
        protocol: str,
        read: Callable[[Any], Request],
    ) -> None:
        self._behind = call(_frameworks.listen_behind, app, _LISTENER)
        self._config = config
        self._recorders = tuple(recorders)
        self._protocol = protocol
        self._read = read

    def open(self, live: Any) -> Exchange | None:
        """The exchange for this scope or environ; ``None`` where the request goes straight to the application."""
        marked = live.get(MARKERS[self._protocol])
        taken = marked if isinstance(marked, Exchange) and marked.open else None
        recorders = self._waiting(taken)
        if not recorders:
            return None
        request = self._read(live)
        if self._config.excluded_urls and self._config.excludes(request.url):
            return None
        if taken is None and self._join_bridge(request, live):
            return None
        exchange = Exchange(request, self._config, self._behind, live)
        live[MARKERS[self._protocol]] = exchange
        call(_frameworks.watch, _LISTENER)
        exchange.start(recorders, live)
        return exchange

    def _waiting(self, taken: Exchange | None) -> list[Recorder]:
        """The outputs that have something to do and do not record this request yet."""
        return [
            recorder
            for recorder in self._recorders
            if recorder.active(self._protocol) and (taken is None or not taken.records_with(recorder))
        ]

    def _join_bridge(self, request: Request, live: Any) -> bool:
        """Recognise a request that a bridge carried over from the other protocol, in a dict without the mark.

        Only the same request counts: a call to another URL from a child task is a request of its own.
        """
        around = current()
        if around is None or not around.open or around.request.protocol == request.protocol:
            return False
        if not request.same_as(around.request):
            return False
        live[MARKERS[self._protocol]] = around
        around.naming.also_in(live)
        return True
