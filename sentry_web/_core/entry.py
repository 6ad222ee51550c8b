"""The entry of every request: whether it is recorded, and by which outputs.

A request that is recorded is marked by one key in the server's own dict rather than by a ContextVar, which would leak
into child tasks. The dict is never copied, since frameworks report their route by writing to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from inspect import iscoroutinefunction
from typing import Any

from .._naming import frameworks
from .._options import Options
from .._request import Request
from ..recorder import Recorder, check_recorders
from .closed import ClosedExchange
from .context import CURRENT, current
from .exchange import Exchange
from .guard import call, report
from .nested import AnyExchange, NestedExchange

#: The key in scope and environ under which the exchange of a request is found. A key of the environ without a dot must
#: hold a string (PEP 3333, "environ Variables"; ``wsgiref.validate`` insists).
MARKERS = {"asgi": "sentry_web", "wsgi": "sentry_web.exchange"}


def is_recorded(scope_or_environ: Any, protocol: str, key: str) -> bool:
    """Return whether the output with this key records the request that a scope or environ belongs to."""
    exchange = scope_or_environ.get(MARKERS[protocol])
    return isinstance(exchange, Exchange) and exchange.open and exchange.records(key)


def _check_application(app: Any, protocol: str) -> None:
    """Refuse what cannot serve a request by this protocol, so that it does not fail at each request instead.

    Raises:
        TypeError: It cannot be called; or it is asynchronous, and WSGI is not.
    """
    if not callable(app):
        expected = f"the {protocol.upper()} application itself"
    elif protocol == "wsgi" and any(map(iscoroutinefunction, (app, getattr(type(app), "__call__", None)))):  # noqa: B004
        expected = "a WSGI application; this one is asynchronous, as ASGI's are"
    else:
        return
    raise TypeError(f"invalid value for app: {app!r} (expected {expected})")


def _report_swallowed(error: BaseException, framework: str) -> None:
    exchange = current()
    if exchange is not None:
        call(exchange.swallowed, error, framework)


def _report_route(scope_or_environ: Any, find_route: frameworks.RouteFinder) -> None:
    exchange = current()
    if exchange is not None:
        call(exchange.naming.report_route, scope_or_environ, find_route)


#: An output, and the options of its middleware.
_Output = tuple[Recorder, Options]

#: What frameworks report goes to the request whose code is running.
_LISTENER = frameworks.Listener(_report_route, _report_swallowed)


def before_leak(exchange: Exchange) -> Context:
    """Return the context from before an exchange that is over, and before those around it that are over as well."""
    context = exchange.before
    around = context.get(CURRENT)
    while around is not None and around.over:
        context = around.before
        around = context.get(CURRENT)
    return context


class Entry:
    """Decides, for one middleware, which requests are recorded, and opens their exchanges.

    Where the application is itself a middleware of ours, its outputs are taken over: both record from one exchange.

    Args:
        app: The application.
        config: The options of the middleware.
        recorders: Its outputs.
        protocol: ``"asgi"`` or ``"wsgi"``.
        read: Makes the request of a scope or environ.

    Raises:
        TypeError: The application cannot be called, or one of the recorders is none.
    """

    __slots__ = ("_announces", "_config", "_excludes", "_marker", "_read", "_wrapped", "outputs", "protocol")

    def __init__(
        self,
        app: Any,
        config: Options,
        recorders: Sequence[Recorder],
        protocol: str,
        read: Callable[[Any], Request],
    ) -> None:
        _check_application(app, protocol)
        own = check_recorders(recorders)
        self._wrapped = call(frameworks.attach_to, app, _LISTENER)
        self._config = config
        self.protocol = protocol
        self._marker = MARKERS[protocol]
        self._read = read
        outputs: list[_Output] = [(recorder, config) for recorder in own]
        inside = getattr(app, "_entry", None)
        if isinstance(inside, Entry) and inside.protocol == protocol:
            keys = {recorder.key for recorder in own}
            outputs += [output for output in inside.outputs if output[0].key not in keys]
        # Those that lead come first; else the outputs stay in their order
        leading = [output for output in outputs if output[0].leads]
        self.outputs: tuple[_Output, ...] = (*leading, *(output for output in outputs if not output[0].leads))
        self._announces = any(config.on_request is not None for _, config in self.outputs)
        self._excludes = any(config.excluded_urls for _, config in self.outputs)

    def open(self, scope_or_environ: Any) -> AnyExchange | None:
        """Open the exchange of a request.

        An exchange that is over and still the current one means that its context has leaked: asyncio's transports
        register their readers in the context that is current, so that an application that reads a large body hands its
        context to the next request of the connection (cpython 140947, uvicorn 2167). What counts then is the context
        from before that exchange; a request of its background work, made in process, is one of its own as well.

        Args:
            scope_or_environ: The server's dict.

        Returns:
            The exchange, or ``None`` where the request goes straight to the application.
        """
        opened: AnyExchange | None
        try:
            opened = self._open_here(scope_or_environ)
        except Exception:  # noqa: BLE001 - as call() does
            report(self._open_here)
            opened = call(self._open_closed, scope_or_environ)
        if self._announces and opened is not None:
            call(opened.announce)
        return opened

    def _open_here(self, scope_or_environ: Any) -> AnyExchange | None:
        around = CURRENT.get()
        if around is None or not around.over:
            return self._open(scope_or_environ, around)
        before = before_leak(around)
        # A copy, since no context can be entered twice at a time
        opened = before.copy().run(self._open_leaked, scope_or_environ)
        if not around.open:  # its background work may be what makes this request
            call(self._restore, before.copy())
        return opened

    def _open_closed(self, scope_or_environ: Any) -> ClosedExchange:
        """Return what stands in for the exchange of a request that could not be looked at."""
        recordings = [call(recorder.closed) for recorder, _ in self.outputs]
        known = [recording for recording in recordings if recording is not None]
        return ClosedExchange(known, scope_or_environ.get("type", "http"))

    def _restore(self, before: Context) -> None:
        """Make what was current in another context current here, for what the server logs of this request."""
        for recorder, _ in self.outputs:
            restore = before.run(call, recorder.surroundings)
            if restore is not None:
                call(restore)
        CURRENT.set(before.get(CURRENT))

    def _open_leaked(self, scope_or_environ: Any) -> AnyExchange | None:
        """Open the exchange of a request in the context from before one that is over."""
        opened = self._open(scope_or_environ, CURRENT.get())
        if isinstance(opened, Exchange):
            opened.leaked = True
        return opened

    def _open(self, scope_or_environ: Any, around: Exchange | None) -> AnyExchange | None:
        marked = scope_or_environ.get(self._marker)
        exchange = marked if isinstance(marked, Exchange) and marked.open else None
        outputs = self._outputs_for(exchange)
        if not outputs:
            return None
        request = self._read(scope_or_environ)
        excluded: list[_Output] = []
        if self._excludes:
            excluded = [output for output in outputs if output[1].excludes(request.url)]
            outputs = [output for output in outputs if output not in excluded]
        if exchange is None and around is not None:
            exchange = self._bridged(request, scope_or_environ)
            if exchange is not None:
                outputs = [output for output in outputs if not exchange.records_with(output[0])]
                excluded = [output for output in excluded if not exchange.records_with(output[0])]
        if outputs and frameworks.are_unwatched():
            call(frameworks.watch, _LISTENER)
        nested = exchange is not None
        if exchange is None:
            exchange = Exchange(request, self._config, self._wrapped, scope_or_environ, around)
        silenced = bool(excluded) and exchange.silence([recorder for recorder, _ in excluded])
        if not outputs and not silenced:
            return None
        scope_or_environ[self._marker] = exchange
        recorders, configs = [output[0] for output in outputs], [output[1] for output in outputs]
        if outputs and exchange.leaked:  # only the outputs that have started are in their own contexts by now
            exchange.before.copy().run(exchange.start, recorders, scope_or_environ, configs)
        elif outputs:
            exchange.start(recorders, scope_or_environ, configs)
        return NestedExchange(exchange) if nested else exchange

    def _outputs_for(self, exchange: Exchange | None) -> list[_Output]:
        """Return the outputs that have something to do, and do not record this exchange yet."""
        return [
            output
            for output in self.outputs
            if output[0].active(self.protocol) and (exchange is None or not exchange.records_with(output[0]))
        ]

    def _bridged(self, request: Request, scope_or_environ: Any) -> Exchange | None:
        """Return the exchange of a request that a bridge carried over from the other protocol, in an unmarked dict.

        Only the same request counts: a call to another URL from a child task is a request of its own.
        """
        around: Exchange | None = current()
        if around is None or not around.open or around.request.protocol == request.protocol:
            return None
        if not request.same_as(around.request):
            return None
        scope_or_environ[self._marker] = around
        around.naming.also_in(scope_or_environ)
        return around
