"""The first steps of a request's way, the same for both protocols: is it ours to record, and has it been taken already?

The mark is one key in the server's own dict, not a ContextVar: it must not leak into child tasks. The dict is never
copied, since frameworks report their route by writing to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._naming import frameworks
from .._options import Options
from .._request import Request
from ..recorder import Recorder
from .context import CURRENT, current
from .exchange import Exchange
from .guard import call, report
from .nested import AnyExchange, NestedExchange

#: The key in scope and environ under which the exchange of a request is found. A key of the environ without a dot must
#: hold a string (PEP 3333, "environ Variables"; ``wsgiref.validate`` insists).
MARKERS = {"asgi": "sentry_web", "wsgi": "sentry_web.exchange"}


def _report_swallowed(error: BaseException, framework: str) -> None:
    exchange = current()
    if exchange is not None:
        call(exchange.swallowed, error, framework)


def _note_route(scope_or_environ: Any, tell: frameworks.RouteFinder) -> None:
    exchange = current()
    if exchange is not None:
        call(exchange.naming.tell, scope_or_environ, tell)


#: An output, and the options of its middleware.
_Output = tuple[Recorder, Options]

#: What frameworks tell goes to the request whose code is running.
_LISTENER = frameworks.Listener(_note_route, _report_swallowed)


class Entry:
    """Decides, for one middleware, which requests are recorded, and opens their exchanges.

    Where the application is itself a middleware of ours, its outputs are taken over: both record from one exchange.
    """

    __slots__ = ("_behind", "_config", "outputs", "protocol", "_mark", "_read", "_all", "_excludes", "_only")

    def __init__(
        self,
        app: Any,
        config: Options,
        recorders: Sequence[Recorder],
        protocol: str,
        read: Callable[[Any], Request],
    ) -> None:
        self._behind = call(frameworks.attach_to, app, _LISTENER)
        self._config = config
        self.protocol = protocol
        self._mark = MARKERS[protocol]
        self._read = read
        outputs: list[_Output] = [(recorder, config) for recorder in recorders]
        inside = getattr(app, "_entry", None)
        if isinstance(inside, Entry) and inside.protocol == protocol:
            keys = {recorder.key for recorder in recorders}
            outputs += [output for output in inside.outputs if output[0].key not in keys]
        # Besides those that want to be first, the outputs stay in their order
        first = [output for output in outputs if getattr(output[0], "leads", False)]
        self.outputs: tuple[_Output, ...] = (*first, *[output for output in outputs if output not in first])
        #: Recorders and options of all outputs, as nearly every request needs them.
        self._all = ([output[0] for output in self.outputs], [output[1] for output in self.outputs])
        self._excludes = any(output[1].excluded_urls for output in self.outputs)
        #: The one output, where there is no other, and nothing to ask before the application runs.
        self._only: Recorder | None = None
        if len(recorders) == len(self.outputs) == 1 and not self._excludes and not config.asks_early:
            self._only = recorders[0]

    def open(self, scope_or_environ: Any) -> AnyExchange | None:
        """The exchange for this scope or environ; ``None`` where the request goes straight to the application."""
        if self._only is None or self._mark in scope_or_environ or CURRENT.get() is not None:
            return self._open_any(scope_or_environ)
        # What _open_any() comes to for one output and a request inside no other: nearly always (0.6 µs less)
        if not self._only.active(self.protocol):
            return None
        if frameworks.are_unwatched():
            call(frameworks.watch, _LISTENER)
        exchange = Exchange(self._read(scope_or_environ), self._config, self._behind, scope_or_environ)
        scope_or_environ[self._mark] = exchange
        try:
            exchange.start_one(self._only, self._config, scope_or_environ)
        except Exception:  # noqa: BLE001 - as call() does
            report(self._only.start)
        return exchange

    def _open_any(self, scope_or_environ: Any) -> AnyExchange | None:
        marked = scope_or_environ.get(self._mark)
        taken = marked if isinstance(marked, Exchange) and marked.open else None
        outputs = self._waiting(taken)
        if not outputs:
            return None
        request = self._read(scope_or_environ)
        if self._excludes:
            outputs = _wanted(outputs, request)
        around = CURRENT.get()
        if around is not None and outputs and taken is None:
            taken = self._bridged(request, scope_or_environ)
            outputs = outputs if taken is None else [each for each in outputs if not taken.records_with(each[0])]
        if not outputs:
            return None
        recorders, configs = self._all if len(outputs) == len(self.outputs) else zip(*outputs)
        if frameworks.are_unwatched():
            call(frameworks.watch, _LISTENER)
        if taken is not None:
            taken.start(recorders, scope_or_environ, configs)
            return NestedExchange(taken)
        exchange = Exchange(request, self._config, self._behind, scope_or_environ, around)
        scope_or_environ[self._mark] = exchange
        exchange.start(recorders, scope_or_environ, configs)
        return exchange

    def _waiting(self, taken: Exchange | None) -> Sequence[_Output]:
        """The outputs that have something to do and do not record this request yet."""
        waiting = []
        for output in self.outputs:
            if output[0].active(self.protocol) and (taken is None or not taken.records_with(output[0])):
                waiting.append(output)  # noqa: PERF401 - a comprehension is a call, before Python 3.12
        return waiting

    def _bridged(self, request: Request, scope_or_environ: Any) -> Exchange | None:
        """The exchange of a request that a bridge carried over from the other protocol, in a dict without the mark.

        Only the same request counts: a call to another URL from a child task is a request of its own.
        """
        around: Exchange | None = current()
        if around is None or not around.open or around.request.protocol == request.protocol:
            return None
        if not request.same_as(around.request):
            return None
        scope_or_environ[self._mark] = around
        around.naming.also_in(scope_or_environ)
        return around


def _wanted(outputs: Sequence[_Output], request: Request) -> list[_Output]:
    """The outputs whose middleware does not exclude the URL of the request."""
    return [
        (recorder, config)
        for recorder, config in outputs
        if not (config.excluded_urls and config.excludes(request.url))
    ]
