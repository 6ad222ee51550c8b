"""The ASGI adapter (ASGI 2 and 3): scope, receive and send turned into calls of the Exchange; nothing else.

No header is parsed here, no vendor named, nothing decided. Each call into the package goes through ``_guard.call``;
what the server passes is passed on as it is, and what the application raises leaves by a bare ``raise``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Sequence
from typing import Any, Callable

from ._config import Config, build_config
from ._entry import Entry
from ._guard import call, pass_on
from ._joined import Watched
from ._recorder import MessageSpan, Recorder
from ._scope import ScopeRequest

# As wide as asgiref's, Starlette's and uvicorn's own types of the same things
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AsgiMiddleware:
    """Records the requests of an ASGI application with any recorders.

    :param app: the application, ASGI 3 or 2.
    :param recorders: the outputs; see ``Recorder``.
    :param config: options that are validated already, in the place of ``options``.
    :param asgi_version: 2 or 3; found out if ``None``. The middleware offers the version it wraps.
    :param options: see the options table of the README.
    :raises ValueError: for an option's value that is not allowed; the message names both.
    :raises TypeError: for a value of the wrong type, or an unknown option.
    """

    __slots__ = ("app", "_entry", "__weakref__")

    def __init__(
        self,
        app: Any,
        *,
        recorders: Sequence[Recorder],
        config: Config | None = None,
        asgi_version: int | None = None,
        **options: Any,
    ) -> None:
        if asgi_version not in (None, 2, 3):
            raise ValueError(f"invalid value for asgi_version: {asgi_version!r} (expected 2, 3 or None)")
        self.app = app
        config = build_config(**options) if config is None else config
        self._entry = Entry(app, config, recorders, "asgi", ScopeRequest)
        if asgi_version == 2 or (asgi_version is None and is_double_callable(app)):
            # The version is a matter of the signature of __call__, which Python looks up on the class
            single: Any = type(self)
            self.__class__ = _double_callable(single)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        """Serve one scope (ASGI 3)."""
        __traceback_hide__ = True  # noqa: F841 - read by sentry-sdk: our frame holds the scope, with all its secrets
        exchange = call(self._entry.open, scope)
        if exchange is None:
            return await self.app(scope, receive, send)
        return await _converse(exchange, self.app, (scope,), receive, send)


class _DoubleCallable:
    """The ASGI 2 form of the middleware: ``app(scope)``, then ``instance(receive, send)``."""

    __slots__ = ()

    app: Any
    _entry: Entry

    def __call__(self, scope: Any) -> Any:
        __traceback_hide__ = True  # noqa: F841
        exchange = call(self._entry.open, scope)
        if exchange is None:
            return self.app(scope)
        entered = call(exchange.enter)
        try:
            try:
                instance = self.app(scope)
            finally:
                call(exchange.leave, entered)
        except BaseException:
            call(pass_on, exchange.failed)
            call(exchange.close)
            raise
        return functools.partial(_converse, exchange, instance, ())


@functools.cache
def _double_callable(single: Any) -> Any:
    """The class with the same name and layout whose instances are called as ASGI 2 does."""
    return type(single.__name__, (_DoubleCallable, single), {"__slots__": (), "__module__": single.__module__})


async def _converse(exchange: Watched, app: Any, scope: tuple[Any, ...], receive: Receive, send: Send) -> Any:
    """Run the application to its end, whichever it is, and see what it receives and sends."""
    __traceback_hide__ = True  # noqa: F841
    kind = exchange.request.kind
    sending = call(_SENDS[kind], exchange, send) if kind in _SENDS else None
    send = sending or send
    listening = call(_Receive, exchange, receive, sending)
    receive = listening or receive
    entered = call(exchange.enter)
    try:
        try:
            return await app(*scope, receive, send)
        finally:
            call(exchange.leave, entered)
    except BaseException:
        # Servers try the lifespan scope on every application; one that refuses it before it has listened says no more
        # than that it has none (ASGI, "Lifespan Protocol")
        if kind != "lifespan" or listening is None or listening.used:
            call(pass_on, exchange.failed)
        raise
    finally:
        call(exchange.close)


class _Receive:
    """The server's ``receive``; what the application is told, the exchange is told too. Never called by ourselves."""

    __slots__ = ("used", "_exchange", "_receive", "_sending")

    def __init__(self, exchange: Watched, receive: Receive, sending: _Send | None) -> None:
        self.used = False
        self._exchange = exchange
        self._receive = receive
        self._sending = sending

    async def __call__(self) -> Message:
        __traceback_hide__ = True  # noqa: F841
        self.used = True
        exchange = self._exchange
        spans = call(exchange.message_begins, "receive") if exchange.traces_messages else None
        message: Any = None
        try:
            message = await self._receive()
        finally:
            if spans:
                call(_end_spans, spans, message)
        call(self._note, message)
        return message

    def _note(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.request":
            self._exchange.body_read(message.get("body", b""))
        elif kind == "http.disconnect":
            if self._sending is not None and self._sending.is_ending():
                self._exchange.body_ending()
            self._exchange.client_gone()  # without an effect after the end of the response, when every server says so
        elif kind == "websocket.receive":
            self._exchange.message_received(_message_size(message))
        elif kind == "websocket.disconnect":
            # RFC 6455, 7.1.5: 1005 stands for a close frame without a code
            self._exchange.websocket_closed(message.get("code") or 1005, "client")


class _Send:
    """The server's ``send``; what was sent is told to the exchange once the server has taken it."""

    __slots__ = ("_exchange", "_send", "_passing")

    def __init__(self, exchange: Watched, send: Send) -> None:
        self._exchange = exchange
        self._send: Any = send
        self._passing: Message = None

    async def __call__(self, message: Message) -> Any:
        __traceback_hide__ = True  # noqa: F841
        exchange = self._exchange
        if exchange.traces_messages or exchange.adds_headers:
            return await self._pass_with_more(message)
        self._passing = message
        try:
            result: Any = await self._send(message)
        except OSError:
            # ASGI, "Disconnected Client": servers raise a subclass of OSError out of send
            call(pass_on, exchange.client_gone)
            raise
        call(self._note, message)
        return result

    async def _pass_with_more(self, message: Message) -> Any:
        """The same, with a span for the message or headers for the response."""
        __traceback_hide__ = True  # noqa: F841
        exchange = self._exchange
        spans = call(exchange.message_begins, "send")
        self._passing = message
        try:
            result: Any = await self._send(call(self._amended, message) or message)
        except OSError:
            call(pass_on, exchange.client_gone)
            raise
        finally:
            if spans:
                call(_end_spans, spans, message)
        call(self._note, message)
        return result

    def is_ending(self) -> bool:
        """Whether the last part of the response is being handed over, or was."""
        message = self._passing
        return message is not None and message.get("type") == "http.response.body" and not message.get("more_body")

    def _amended(self, message: Message) -> Message | None:
        """The message with the headers that the user asked for; ``None``: as it is."""
        extra = self._exchange.extra_headers if message.get("type") == "http.response.start" else ()
        if not extra:
            return None
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in extra]
        return {**message, "headers": [*message.get("headers", ()), *pairs]}

    def _note(self, message: Message) -> None:
        raise NotImplementedError


class _HttpSend(_Send):
    """Watches an HTTP response go."""

    __slots__ = ()

    def _note(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.response.body":
            self._exchange.body_sent(len(message.get("body", b"")))
            if not message.get("more_body"):
                self._exchange.body_ended()
        elif kind == "http.response.start":
            self._exchange.response_started(message.get("status"), message.get("headers", ()))
        elif kind == "http.response.pathsend":
            self._exchange.body_handed_over()


class _WebSocketSend(_Send):
    """Watches a websocket: its handshake or denial, its messages, its end."""

    __slots__ = ()

    def _note(self, message: Message) -> None:
        kind = message.get("type")
        exchange = self._exchange
        if kind == "websocket.send":
            exchange.message_sent(_message_size(message))
        elif kind == "websocket.accept":
            exchange.response_started(101, message.get("headers", ()))
        elif kind == "websocket.close":
            exchange.websocket_refused(403)  # ASGI, "Close": before an accept, the server answers 403
            exchange.websocket_closed(message.get("code") or 1000, "server")
        elif kind == "websocket.http.response.start":
            exchange.response_started(message.get("status"), message.get("headers", ()))
        elif kind == "websocket.http.response.body":
            exchange.body_sent(len(message.get("body", b"")))
            if not message.get("more_body"):
                exchange.body_ended()


def _end_spans(spans: list[MessageSpan], message: Message) -> None:
    name = message.get("type") if isinstance(message, dict) else None
    for span in spans:
        span.end(str(name), message)


#: How the messages of each kind of connection are watched.
_SENDS: dict[str, type[_Send]] = {"http": _HttpSend, "websocket": _WebSocketSend}


def _message_size(message: Message) -> int:
    """Bytes of a websocket message's payload; text travels as UTF-8 (RFC 6455, 5.6)."""
    text = message.get("text")
    if text is None:
        return len(message.get("bytes") or b"")
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def is_double_callable(app: Any) -> bool:
    """Whether an application is unmistakably ASGI 2: a class, or something that takes one positional argument.

    A ``functools.partial``, a synchronous function or a lambda that forwards three arguments is ASGI 3. A class whose
    instances can be awaited is ASGI 3 too, as uvicorn has it.
    """
    if inspect.isclass(app):
        return not hasattr(app, "__await__")
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004
        return False
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):  # no signature to be had: a callable of an extension module
        return False
    positional = [item for item in parameters if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    return len(positional) == 1 and not any(item.kind is item.VAR_POSITIONAL for item in parameters)
