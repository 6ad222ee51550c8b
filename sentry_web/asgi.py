"""The ASGI adapter (ASGI 2 and 3): scope, receive and send turned into calls of the exchange; nothing else.

No header is parsed here, no vendor named, nothing decided. Each call into the package is guarded (``_core.guard``);
what the server passes is passed on as it is, and what the application raises leaves by a bare ``raise``.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from ._core.entry import Entry
from ._core.guard import call, pass_on, report
from ._core.nested import AnyExchange
from ._core.wrapper import Wrapper
from ._options import Options, build_options, documents_options
from ._request.http import header_bytes, header_pairs
from ._request.scope import ScopeRequest, is_double_callable, message_size
from .recorder import Recorder, end_message

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import GeneralOptionTypes

# As wide as asgiref's, Starlette's and uvicorn's own types of the same things
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@documents_options
class AsgiMiddleware(Wrapper):
    """Record the requests of an ASGI application (2 or 3) with any recorders.

    It is an application of the version that it wraps. Pass it to the server in the place of ``app``.

    Args:
        app: The application, ASGI 3 or 2.
        recorders: The outputs, such as ``SentryRecorder()``; see :class:`Recorder`.
        config: Options that are checked already, in the place of ``options``.
        asgi_version: 2 or 3; found out if ``None``.
        options: ``http_methods_to_capture``, ``mechanism_type``, ``span_origin``, and the options below.

    Raises:
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """

    __slots__ = ()

    def __init__(
        self,
        app: Any,
        *,
        recorders: Sequence[Recorder],
        config: Options | None = None,
        asgi_version: int | None = None,
        **options: Unpack[GeneralOptionTypes],
    ) -> None:
        if asgi_version not in (None, 2, 3):
            raise ValueError(f"invalid value for asgi_version: {asgi_version!r} (expected 2, 3 or None)")
        self.app = app
        config = build_options(**options) if config is None else config
        self._entry = Entry(app, config, recorders, "asgi", ScopeRequest)
        if asgi_version == 2 or (asgi_version is None and is_double_callable(app)):
            # The version is a matter of the signature of __call__, which Python looks up on the class
            single: Any = type(self)
            self.become(_double_callable(single))

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        """Serve one scope (ASGI 3)."""
        __traceback_hide__ = True
        try:
            exchange = self._entry.open(scope)
        except Exception:  # noqa: BLE001 - as call() does
            exchange = report(self._entry.open)
        if exchange is None:
            return await self.app(scope, receive, send)
        return await _converse(exchange, self.app, (scope,), receive, send)


class _DoubleCallable:
    """The ASGI 2 form of the middleware: ``app(scope)``, then ``instance(receive, send)``."""

    __slots__ = ()

    app: Any
    _entry: Entry

    def __call__(self, scope: Any) -> Any:
        __traceback_hide__ = True
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
            call(exchange.leave, entered)
            if exchange.request.kind == "lifespan":
                call(exchange.refused)  # see _converse
            else:
                call(pass_on, exchange.failed)
            call(exchange.close)
            raise
        return functools.partial(_converse, exchange, instance, ())


@functools.cache
def _double_callable(single: Any) -> Any:
    """Return a class with the same name and layout whose instances are called as ASGI 2 does."""
    return type(single.__name__, (_DoubleCallable, single), {"__slots__": (), "__module__": single.__module__})


async def _converse(exchange: AnyExchange, app: Any, scope: tuple[Any, ...], receive: Receive, send: Send) -> Any:
    """Run the application to its end, and note what it receives and sends."""
    __traceback_hide__ = True
    kind = exchange.request.kind
    connection = entered = None
    try:
        try:
            try:
                connection = _CONNECTIONS.get(kind, _Connection)(exchange, receive, send)
                receive = connection.receive
                if kind in _CONNECTIONS:
                    send = connection.send
                entered = exchange.enter()
            except Exception:  # noqa: BLE001 - as call() does
                report(exchange.enter)
            return await app(*scope, receive, send)
        finally:
            try:
                exchange.leave(entered)
            except Exception:  # noqa: BLE001 - as call() does
                report(exchange.leave)
                call(exchange.leave, entered)
    except BaseException:
        call(exchange.leave, entered)  # again: a signal handler may have interrupted it
        # Servers try the lifespan scope on every application; one that refuses it before it has listened says no more
        # than that it has none (ASGI, "Lifespan Protocol")
        if kind == "lifespan" and connection is not None and not connection.listened:
            call(exchange.refused)
        else:
            call(pass_on, exchange.failed)
            if kind == "lifespan":
                call(exchange.flush)
        raise
    finally:
        call(exchange.close)


class _Connection:
    """The server's ``receive`` and ``send`` as the application gets them; the exchange sees what has passed.

    The application is handed bound methods, as by most servers.
    """

    __slots__ = ("listened", "_exchange", "_receive", "_send", "_message_in_transit", "_only_counted")

    def __init__(self, exchange: AnyExchange, receive: Receive, send: Send) -> None:
        #: Whether the application has called ``receive``.
        self.listened = False
        self._exchange = exchange
        self._receive: Any = receive
        self._send: Any = send
        self._message_in_transit: Message = None
        #: The body, once only its size is wanted.
        self._only_counted: Any = None

    async def receive(self) -> Message:
        """Receive a message for the application, and note it. Never called by ourselves."""
        __traceback_hide__ = True
        self.listened = True
        if self._exchange.traces_messages:
            return await self._receive_traced()
        try:
            message = await self._receive()
        except OSError:
            call(pass_on, self._exchange.client_gone)
            raise
        try:
            self._note_received(message)
        except Exception:  # noqa: BLE001 - as call() does
            try:
                report(self._note_received)
            except RecursionError:  # the application has left no frame; this takes none (see call())
                self._exchange.outcome.faulty = True
        return message

    async def _receive_traced(self) -> Message:
        """Receive a message with a span around it."""
        __traceback_hide__ = True
        spans = call(self._exchange.message_begins, "receive")
        message: Any = None
        try:
            message = await self._receive()
        except OSError:
            call(pass_on, self._exchange.client_gone)
            raise
        finally:
            call(end_message, spans or (), message)
        call(self._note_received, message)
        return message

    async def send(self, message: Message) -> Any:
        """Send the application's message, and note it once the server has taken it."""
        __traceback_hide__ = True
        exchange = self._exchange
        if exchange.traces_messages or exchange.adds_headers:
            return await self._send_with_more(message)
        self._message_in_transit = message
        try:
            result = await self._send(message)
        except OSError:
            call(pass_on, exchange.client_gone)  # ASGI, "Disconnected Client": servers raise a subclass out of send
            raise
        try:
            if message.get("type") != "http.response.body":
                self._note_sent(message)
            else:  # the usual part of a body: one call less
                exchange.body_sent(len(message.get("body", b"")))
                if not message.get("more_body"):
                    exchange.body_ended()
        except Exception:  # noqa: BLE001 - as call() does
            try:
                report(self._note_sent)
            except RecursionError:  # the application has left no frame; this takes none (see call())
                self._exchange.outcome.faulty = True
        return result

    async def _send_with_more(self, message: Message) -> Any:
        """Send a message with a span around it, or with headers added to the response."""
        __traceback_hide__ = True
        exchange = self._exchange
        spans = call(exchange.message_begins, "send", message)
        self._message_in_transit = message
        try:
            result: Any = await self._send(call(self._with_headers, message) or message)
        except OSError:
            call(pass_on, exchange.client_gone)
            raise
        finally:
            call(end_message, spans or (), message)
        call(self._note_sent, message)
        return result

    def _with_headers(self, message: Message) -> Message | None:
        """Return the message with its headers changed, or others added; ``None``: it stays as it is."""
        exchange, kind = self._exchange, message.get("type")
        if not exchange.adds_headers or kind not in _WITH_HEADERS:
            return None
        given = message.get("headers") or ()
        headers = header_pairs(given)
        before = list(headers)
        exchange.response_starting(101 if kind == "websocket.accept" else message.get("status"), headers)
        extra = exchange.extra_headers
        if headers == before:
            if not extra:
                return None
            return {**message, "headers": [*given, *header_bytes(extra)]}
        return {**message, "headers": header_bytes([*headers, *extra])}

    def _note_received(self, message: Message) -> None:
        """Do nothing: see ``_CONNECTIONS``."""

    def _note_sent(self, message: Message) -> None:
        """Do nothing: see ``_CONNECTIONS``."""


class _HttpConnection(_Connection):
    """One HTTP request and its response."""

    __slots__ = ()

    def _note_received(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.request":
            part = message.get("body", b"")
            if self._only_counted is None:
                self._only_counted = self._exchange.body_read(part)
            else:
                self._only_counted.size += len(part)
        elif kind == "http.disconnect":
            if self._is_ending():
                self._exchange.body_ending()
            self._exchange.client_gone()  # without an effect after the end of the response, when every server says so

    def _is_ending(self) -> bool:
        """Return whether the last part of the response is being handed over, or was."""
        message = self._message_in_transit
        return message is not None and message.get("type") == "http.response.body" and not message.get("more_body")

    def _note_sent(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.response.body":
            exchange = self._exchange
            exchange.body_sent(len(message.get("body", b"")))
            if not message.get("more_body"):
                exchange.body_ended()
        elif kind == "http.response.start":
            self._exchange.response_started(message.get("status"), message.get("headers", ()))
        elif kind == "http.response.pathsend":
            self._exchange.body_handed_over()


class _WebSocketConnection(_Connection):
    """A websocket: its handshake or denial, its messages, its end."""

    __slots__ = ()

    def _note_received(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "websocket.receive":
            self._exchange.message_received(message_size(message))
        elif kind == "websocket.disconnect":
            # RFC 6455, 7.1.5: 1005 stands for a close frame without a code
            self._exchange.websocket_closed(message.get("code") or 1005, "client")

    def _note_sent(self, message: Message) -> None:
        kind = message.get("type")
        exchange = self._exchange
        if kind == "websocket.send":
            exchange.message_sent(message_size(message))
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


class _LifespanConnection(_Connection):
    """The start and the end of the application, as the server announces them."""

    __slots__ = ()

    async def send(self, message: Message) -> Any:
        """Send the application's message; before the last one, have the outputs send what is waiting.

        The server ends once it has that message, and some of them without Python's ``atexit``.
        """
        __traceback_hide__ = True
        call(self._note_sending, message)
        return await self._send(message)

    def _note_sending(self, message: Message) -> None:
        if message.get("type") in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            self._exchange.flush()


#: The messages with the headers of a response: to a request, to a handshake, and a denial of it.
_WITH_HEADERS = frozenset(("http.response.start", "websocket.accept", "websocket.http.response.start"))

#: The connections of which is watched what the application sends.
_CONNECTIONS: dict[str, type[_Connection]] = {
    "http": _HttpConnection,
    "websocket": _WebSocketConnection,
    "lifespan": _LifespanConnection,
}
