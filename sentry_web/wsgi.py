"""The WSGI adapter (PEP 3333): environ, ``start_response`` and the response iterable turned into calls of the exchange.

No header is parsed here, no vendor named, nothing decided. Each call into the package is guarded (``_core.guard``);
what the server passes is passed on as it is, and what the application raises leaves by a bare ``raise``.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ._core.entry import Entry
from ._core.guard import call, finish_dropped, pass_on, prepare_to_finish, report
from ._core.nested import AnyExchange
from ._core.wrapper import Wrapper
from ._options import Options, build_options, documents_options
from ._request.environ import EnvironRequest, may_be_wrapped
from ._request.http import parse_status
from ._request.wsgi_input import watch_input
from .recorder import Recorder

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import GeneralOptionTypes


@documents_options
class WsgiMiddleware(Wrapper):
    """Record the requests of a WSGI application with any recorders.

    It is an application. Pass it to the server in the place of ``app``.

    Args:
        app: The application.
        recorders: The outputs, such as ``SentryRecorder()``; see :class:`Recorder`.
        config: Options that are checked already, in the place of ``options``.
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
        **options: Unpack[GeneralOptionTypes],
    ) -> None:
        self.app = app
        config = build_options(**{"mechanism_type": "wsgi", **options}) if config is None else config
        self._entry = Entry(app, config, recorders, "wsgi", EnvironRequest)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Serve one request."""
        __traceback_hide__ = True
        try:
            exchange = self._entry.open(environ)
        except Exception:  # noqa: BLE001 - as call() does
            exchange = report(self._entry.open)
        if exchange is None:
            return self.app(environ, start_response)
        entered = None
        try:
            try:
                try:
                    start_response = _StartResponse(exchange, start_response)
                    entered = exchange.enter()
                    watch_input(environ, exchange.body_read, exchange.client_gone)
                except Exception:  # noqa: BLE001 - as call() does
                    report(exchange.enter)
                response = self.app(environ, start_response)
            finally:
                try:
                    exchange.leave(entered)
                except Exception:  # noqa: BLE001 - as call() does
                    report(exchange.leave)
                    call(exchange.leave, entered)
        except BaseException:
            call(exchange.leave, entered)  # again: a signal handler may have interrupted it
            call(pass_on, exchange.failed)
            call(exchange.close)  # there is no response that a server could close
            raise
        body = call(_observed, exchange, response, environ)
        return response if body is None else body


def _run(exchange: AnyExchange, function: Callable[..., Any], *args: Any) -> Any:
    """Run application code inside the request's context; an exception is an error of the request, and passes."""
    __traceback_hide__ = True
    entered = call(exchange.enter)
    try:
        try:
            return function(*args)
        finally:
            call(exchange.leave, entered)
    except BaseException:
        call(exchange.leave, entered)
        call(pass_on, exchange.failed)
        raise


def _observed(exchange: AnyExchange, response: Any, environ: Any) -> _Body | None:
    """Return what the server gets in the response's place; ``None``: the response itself, all has ended."""
    # A list or tuple runs no application code any more, and wsgiref asks for its ``len()``
    if type(response) in (list, tuple) or not call(may_be_wrapped, response, environ):
        _end_now(exchange, response)
        return None
    call(prepare_to_finish)
    return (_SizedBody if hasattr(type(response), "__len__") else _Body)(exchange, response)


def _end_now(exchange: AnyExchange, response: Any) -> None:
    """End the exchange of a response that is not watched; the parts of a list are counted, a file is not read."""
    try:
        if type(response) in (list, tuple):
            size = 0
            for part in response:  # a comprehension is a call, before Python 3.12
                if isinstance(part, bytes):
                    size += len(part)
            exchange.body_sent(size)
            exchange.body_ended()
        elif response is not None:
            exchange.body_handed_over()
    finally:
        exchange.close()


_END: Any = object()  #: What ``next()`` answers at the end; no iterator of an application yields it.


class _StartResponse:
    """The server's ``start_response``, with the application's own arguments handed on as they are."""

    __slots__ = ("_exchange", "_start_response", "_server_write")

    def __init__(self, exchange: AnyExchange, start_response: Any) -> None:
        self._exchange = exchange
        self._start_response = start_response
        self._server_write: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Start the response."""
        __traceback_hide__ = True
        if self._exchange.adds_headers:
            args, kwargs = call(self._with_headers, args, kwargs) or (args, kwargs)
        write = self._start_response(*args, **kwargs)
        try:
            self._note(args, kwargs)
        except Exception:  # noqa: BLE001 - as call() does
            try:
                report(self._note)
            except RecursionError:  # the application has left no frame; this takes none (see call())
                self._exchange.outcome.faulty = True
        if write is None:
            return None
        self._server_write = write
        return self.write

    def _with_headers(self, args: Any, kwargs: Any) -> Any:
        """Return the arguments with the headers changed, or others added; ``None``: they stay as they are."""
        if len(args) < 2:
            return None
        status, given, *rest = args
        headers = list(given)
        self._exchange.response_starting(parse_status(status), headers)
        headers += [(name.title(), value) for name, value in self._exchange.extra_headers]
        return None if headers == list(given) else ((status, headers, *rest), kwargs)

    def _note(self, args: Any, kwargs: Any) -> None:
        if len(args) == 2 and not kwargs:  # nearly always
            self._exchange.response_started(parse_status(args[0]), args[1])
            return
        given = {**dict(zip(("status", "headers", "exc_info"), args)), **kwargs}
        exc_info = given.get("exc_info")
        if exc_info:
            self._exchange.handled(exc_info[1])
        headers = given.get("headers", given.get("response_headers", ()))  # servers differ in the name of the second
        self._exchange.response_started(parse_status(given.get("status")), headers)

    def write(self, data: Any) -> Any:
        """Write a part of the body the old way (PEP 3333, "The write Callable")."""
        __traceback_hide__ = True
        try:
            result = self._server_write(data)
        except OSError:
            call(pass_on, self._exchange.client_gone)
            raise
        try:
            self._exchange.body_sent(len(data) if isinstance(data, bytes) else 0)
        except Exception:  # noqa: BLE001 - as call() does
            try:
                report(self._exchange.body_sent)
            except RecursionError:  # the application has left no frame; this takes none (see call())
                self._exchange.outcome.faulty = True
        return result


class _Parts:
    """An iterator over the parts of a response, which is asked for each inside the request's context.

    ``iter()`` of it is itself, as of every iterator, and asks the application for nothing again: who looks at the first
    part and then goes on (werkzeug's test client, httpx's transport) gets the rest.

    Args:
        exchange: The exchange.
        response: The application's iterable.
        iterator: The application's iterator.
        body: What keeps the exchange alive.
    """

    __slots__ = ("_exchange", "_response", "_iterator", "_body")

    def __init__(self, exchange: AnyExchange, response: Any, iterator: Any, body: _Body | None = None) -> None:
        self._exchange = exchange
        self._response = response
        self._iterator = iterator
        self._body = body

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        __traceback_hide__ = True
        exchange = self._exchange
        try:  # as in _run, without a call of the guard for every part
            entered = exchange.enter()
        except Exception:  # noqa: BLE001 - as call() does
            entered = report(exchange.enter)
        try:
            try:
                part = next(self._iterator, _END)
            finally:
                try:
                    exchange.leave(entered)
                except Exception:  # noqa: BLE001 - as call() does
                    report(exchange.leave)
                    call(exchange.leave, entered)
        except BaseException:
            call(exchange.leave, entered)
            call(pass_on, exchange.failed)
            call(self._iterated)
            raise
        if part is _END:
            call(self._exhausted)
            raise StopIteration
        try:
            exchange.body_sent(len(part) if isinstance(part, bytes) else 0)
            if exchange.body_is_whole():  # not everybody asks for a part that cannot come, or closes (test clients)
                exchange.body_ended()
        except Exception:  # noqa: BLE001 - as call() does
            report(exchange.body_sent)
        return part

    def _exhausted(self) -> None:
        self._exchange.body_ended()
        self._iterated()

    def _iterated(self) -> None:
        """Iteration is over; the exchange stays open for the application's own ``close``, where that runs any code.

        Not every server closes (asgiref's ``WsgiToAsgi`` never does); a finished generator has nothing to do there
        (PEP 342).
        """
        if isinstance(self._response, types.GeneratorType) or not hasattr(self._response, "close"):
            self._exchange.close()


class _Body(_Parts):
    """The application's response iterable; each piece of application code runs inside the request's context.

    A server may iterate on another thread, interleave responses, close before, amid or after iteration, or drop the
    object without a word: nothing is held across a ``yield``, and what was dropped is ended by ``__del__``.
    """

    __slots__ = ("__weakref__",)

    def __init__(self, exchange: AnyExchange, response: Any) -> None:
        # A server that calls next() at once relies on the application's having made an iterator
        super().__init__(exchange, response, response)

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """End the exchange of a response that was dropped; runs once (PEP 442), and not while the process ends."""
        try:
            if self._exchange.open and not is_finalizing():
                finish_dropped(self, self._exchange.abandoned)
        except Exception:  # noqa: BLE001 - as call() does
            report(self.__del__)

    def __iter__(self) -> Any:
        """Ask the application for an iterator, each time, as without us; the response itself may be the only one."""
        __traceback_hide__ = True
        iterator = _run(self._exchange, iter, self._response)
        if iterator is self._response:
            return self
        return call(_Parts, self._exchange, self._response, iterator, self) or iterator

    def close(self) -> None:
        """Close the application's iterable, then end the exchange (PEP 3333, "Handling the Start of the Response")."""
        __traceback_hide__ = True
        try:
            _run(self._exchange, _close, self._response)
        finally:
            call(self._exchange.closed_by_server)


class _SizedBody(_Body):
    """A response that has a length, by which wsgiref and others decide on Content-Length."""

    __slots__ = ()

    def __len__(self) -> int:
        __traceback_hide__ = True
        # Servers ask on trial and catch what it raises: no error of the request
        entered = call(self._exchange.enter)
        try:
            try:
                return len(self._response)
            finally:
                call(self._exchange.leave, entered)
        except BaseException:
            call(self._exchange.leave, entered)
            raise


def _close(response: Any) -> None:
    """Look ``close`` up, then call it: an AttributeError from inside it is the application's own."""
    __traceback_hide__ = True
    close = getattr(response, "close", _END)
    if close is not _END:
        close()
