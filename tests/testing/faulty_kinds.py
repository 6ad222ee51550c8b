"""Middlewares with one fault each, around or within ours, which has none: what the check must name in one line.

``KINDS`` has a row for each, with the property and the aspect by which it is found.
"""

from __future__ import annotations

import uuid
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import sentry_sdk
from opentelemetry import context as context_api
from opentelemetry import propagate, trace
from sentry_sdk.utils import AnnotatedValue

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Kind(NamedTuple):
    """A fault: the middlewares that have it, and how it is found."""

    prop: str
    aspect: str
    says: str
    wsgi: Callable[[Any], Any] | None = None
    asgi: Callable[[Any], Any] | None = None


# --- what the application and the server see -------------------------------------------------------------------------


class _Restarting:
    """A response that asks for the parts again with each ``iter()``."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def __iter__(self) -> Any:
        self._parts = iter(self._response)
        return self

    def __next__(self) -> bytes:
        part: bytes = next(self._parts)
        return part

    def close(self) -> None:
        if hasattr(self._response, "close"):
            self._response.close()


def restarting_wsgi(app: Any) -> Any:
    return lambda environ, start_response: _Restarting(app(environ, start_response))


class _PlainInput:
    """No more of a stream than PEP 3333 demands."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, *size: int) -> Any:
        return self._stream.read(*size)

    def readline(self, *size: int) -> Any:
        return self._stream.readline(*size)

    def readlines(self, *hint: int) -> Any:
        return self._stream.readlines(*hint)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)


class _InputReadOnce(_PlainInput):
    """A stream whose ``seek`` has no effect on what it reads."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def seek(self, *position: int) -> int:
        self._stream._recorder.server("input.seek", *position)
        return position[0]


def with_input(kind: Any) -> Callable[[Any], Any]:
    def middleware(app: Any) -> Any:
        def wsgi(environ: Any, start_response: Any) -> Any:
            environ["wsgi.input"] = kind(environ["wsgi.input"])
            return app(environ, start_response)

        return wsgi

    return middleware


# --- what an application does with the scope or environ --------------------------------------------------------------


def putting(thing: Any) -> tuple[Any, Any]:
    """Put something into the server's dict."""

    def wsgi(app: Any) -> Any:
        inner = SentryWsgiMiddleware(app)

        def call(environ: Any, start_response: Any) -> Any:
            environ["faulty"] = thing
            return inner(environ, start_response)

        return call

    def asgi(app: Any) -> Any:
        inner = SentryAsgiMiddleware(app)

        async def call(scope: Any, receive: Any, send: Any) -> None:
            scope["faulty"] = thing
            await inner(scope, receive, send)

        return call

    return wsgi, asgi


class _Uncopyable:
    def __deepcopy__(self, memo: Any) -> Any:
        raise AttributeError("it cannot be copied")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise AttributeError("it cannot be pickled")


class _Unprintable:
    def __str__(self) -> str:
        raise AttributeError("it cannot be printed")


class _Sealed(dict[str, Any]):
    """A dict that knows what is asked for by its key only."""

    def __iter__(self) -> Any:
        raise AttributeError("it cannot be listed")

    keys = __iter__


def sealed_wsgi(app: Any) -> Any:
    return SentryWsgiMiddleware(lambda environ, start_response: app(_Sealed(environ), start_response))


def sealed_asgi(app: Any) -> Any:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await app(_Sealed(scope), receive, send)

    return SentryAsgiMiddleware(inner)


_MARKS = ("sentry_web", "sentry_web.exchange")
_known: list[Any] = []


def _is_known(given: Any) -> bool:
    """Whether this very dict was seen by the middleware; the last one is kept, so that no other one is at its place."""
    known = any(given is each for each in _known)
    _known[:] = [given]
    for mark in _MARKS:
        given.pop(mark, None)
    return known


def marking_wsgi(app: Any) -> Any:
    inner = SentryWsgiMiddleware(app)
    return lambda environ, start_response: (app if _is_known(environ) else inner)(environ, start_response)


def marking_asgi(app: Any) -> Any:
    inner = SentryAsgiMiddleware(app)

    async def call(scope: Any, receive: Any, send: Any) -> None:
        await (app if _is_known(scope) else inner)(scope, receive, send)

    return call


def reading_wsgi(app: Any) -> Any:
    inner = SentryWsgiMiddleware(app)

    def call(environ: Any, start_response: Any) -> Any:
        response = inner(environ, start_response)
        if "bottle.route" in environ:
            sentry_sdk.set_tag("rule", environ["bottle.route"].rule)
        return response

    return call


def reading_asgi(app: Any) -> Any:
    inner = SentryAsgiMiddleware(app)

    async def call(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)
        if "route" in scope:
            sentry_sdk.set_tag("rule", scope["route"].path)

    return call


# --- what is reported ------------------------------------------------------------------------------------------------


def within(step: Callable[[], None]) -> tuple[Any, Any]:
    """Do something before the application, inside of our middleware."""

    def wsgi(app: Any) -> Any:
        def call(environ: Any, start_response: Any) -> Any:
            step()
            return app(environ, start_response)

        return SentryWsgiMiddleware(call)

    def asgi(app: Any) -> Any:
        async def call(scope: Any, receive: Any, send: Any) -> None:
            step()
            await app(scope, receive, send)

        return SentryAsgiMiddleware(call)

    return wsgi, asgi


def drop_known_addresses() -> None:
    """Drop the events of exceptions at the addresses of those that were reported.

    Whether memory is used again is chance, so addresses of a mebibyte are taken for one.
    """
    seen: set[int] = set()

    def drop(event: Any, hint: Any) -> Any:
        address = id(hint["exc_info"][1]) >> 20 if "exc_info" in hint else None
        if address in seen:
            return None
        seen.update([address] if address else [])
        return event

    sentry_sdk.get_isolation_scope().add_event_processor(drop)


def annotate() -> None:
    """Remove the query as sentry-sdk does, before other processors see it."""

    def change(event: Any, hint: Any) -> Any:
        event.setdefault("request", {})["query_string"] = AnnotatedValue.removed_because_over_size_limit()
        return event

    sentry_sdk.get_isolation_scope().add_event_processor(change)


def takes_for_errors(*names: str) -> tuple[Any, Any]:
    """Capture the exceptions that our middleware knows to be no errors, and whose class or cause has this name."""

    def capture(error: BaseException) -> None:
        if {type(error).__name__, type(error.__cause__).__name__} & {*names}:
            sentry_sdk.Scope().capture_event({"exception": {"values": [{"type": type(error).__name__, "value": "x"}]}})

    def wsgi(app: Any) -> Any:
        inner = SentryWsgiMiddleware(app)

        def call(environ: Any, start_response: Any) -> Any:
            try:
                response = inner(environ, start_response)
            except BaseException as error:
                capture(error)
                raise
            return response

        return call

    def asgi(app: Any) -> Any:
        inner = SentryAsgiMiddleware(app)

        async def call(scope: Any, receive: Any, send: Any) -> None:
            try:
                await inner(scope, receive, send)
            except BaseException as error:
                capture(error)
                raise

        return call

    return wsgi, asgi


# --- what belongs to an ended request --------------------------------------------------------------------------------


def _with_scope_of_its_own(given: Any) -> Any:
    """A fork of the scopes that are there, whoever has left them."""
    scope = sentry_sdk.isolation_scope()
    isolation = scope.__enter__()
    path = given.get("path") or given.get("PATH_INFO")

    def add(event: Any, hint: Any) -> Any:
        event["request"] = {"url": path}
        return event

    isolation.add_event_processor(add)
    return scope


_marked: ContextVar[bool] = ContextVar("marked", default=False)
_trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)


def forking_wsgi(app: Any) -> Any:
    def call(environ: Any, start_response: Any) -> Any:
        scope = _with_scope_of_its_own(environ)
        try:
            return app(environ, start_response)
        except Exception as error:
            sentry_sdk.capture_exception(error)
            raise
        finally:
            scope.__exit__(None, None, None)

    return call


def forking_asgi(app: Any) -> Any:
    async def call(scope: Any, receive: Any, send: Any) -> None:
        forked = _with_scope_of_its_own(scope)
        try:
            await app(scope, receive, send)
        except Exception as error:
            sentry_sdk.capture_exception(error)
            raise
        finally:
            forked.__exit__(None, None, None)

    return call


def once_by_variable_wsgi(app: Any) -> Any:
    inner = SentryWsgiMiddleware(app)

    def call(environ: Any, start_response: Any) -> Any:
        if _marked.get():
            return app(environ, start_response)
        token = _marked.set(True)
        try:
            return inner(environ, start_response)
        finally:
            _marked.reset(token)

    return call


def once_by_variable_asgi(app: Any) -> Any:
    inner = SentryAsgiMiddleware(app)

    async def call(scope: Any, receive: Any, send: Any) -> None:
        if _marked.get():
            await app(scope, receive, send)
            return
        token = _marked.set(True)
        try:
            await inner(scope, receive, send)
        finally:
            _marked.reset(token)

    return call


def _traced(given: dict[str, str]) -> dict[str, str]:
    """The headers by which the trace of the context is continued."""
    _trace_id.set(_trace_id.get() or uuid.uuid4().hex)
    return {**given, "sentry-trace": f"{_trace_id.get()}-{'1' * 16}-1"}


def continuing_wsgi(app: Any) -> Any:
    inner = SentryWsgiMiddleware(app)

    def call(environ: Any, start_response: Any) -> Any:
        before = _trace_id.get()
        environ["HTTP_SENTRY_TRACE"] = _traced({})["sentry-trace"]
        try:
            return inner(environ, start_response)
        finally:
            _trace_id.set(before)

    return call


def continuing_asgi(app: Any) -> Any:
    inner = SentryAsgiMiddleware(app)

    async def call(scope: Any, receive: Any, send: Any) -> None:
        before = _trace_id.get()
        scope["headers"] = [*scope["headers"], (b"sentry-trace", _traced({})["sentry-trace"].encode())]
        try:
            await inner(scope, receive, send)
        finally:
            _trace_id.set(before)

    return call


def _parent(headers: dict[str, str]) -> Any:
    return propagate.extract(headers, context_api.get_current())


def _span_around(headers: dict[str, str]) -> Any:
    """Attach OpenTelemetry's context with a span below whatever is current, unless the headers have a parent."""
    span = trace.get_tracer("faulty").start_span("request", _parent(headers))
    return context_api.attach(trace.set_span_in_context(span))


def spanning_wsgi(app: Any) -> Any:
    def call(environ: Any, start_response: Any) -> Any:
        token = _span_around({"traceparent": environ.get("HTTP_TRACEPARENT", "")})
        try:
            return app(environ, start_response)
        finally:
            context_api.detach(token)

    return call


def spanning_asgi(app: Any) -> Any:
    async def call(scope: Any, receive: Any, send: Any) -> None:
        token = _span_around({name.decode(): value.decode() for name, value in scope["headers"]})
        try:
            await app(scope, receive, send)
        finally:
            context_api.detach(token)

    return call


KINDS = {
    "iter() starts the response again": Kind(
        "transparent", "iter() again", "iter() of the response's iterator starts it again", restarting_wsgi
    ),
    "wsgi.input lacks methods": Kind(
        "transparent",
        "wsgi.input",
        "wsgi.input lacks what the server's stream has: `with`, seek() or readinto()",
        with_input(_PlainInput),
    ),
    "wsgi.input is read once": Kind(
        "transparent",
        "wsgi.input again",
        "the application reads other bytes of the request's body",
        with_input(_InputReadOnce),
    ),
    "the dict cannot be copied": Kind(
        "once",
        "environ or scope that is copied",
        "an environ or scope that is copied breaks the application",
        sealed_wsgi,
        sealed_asgi,
    ),
    "the dict cannot be rewritten": Kind(
        "once",
        "environ or scope that is rewritten",
        "an environ or scope that is rewritten breaks the application",
        sealed_wsgi,
        sealed_asgi,
    ),
    "the mark cannot be copied": Kind(
        "once",
        "environ or scope that is deep-copied",
        "an environ or scope that is deep-copied breaks the application",
        *putting(_Uncopyable()),
    ),
    "the mark cannot be pickled": Kind(
        "once",
        "environ or scope that is pickled",
        "an environ or scope that is pickled breaks the application",
        None,
        putting(_Uncopyable())[1],
    ),
    "the mark cannot be printed": Kind(
        "once",
        "environ or scope that is printed as JSON",
        "an environ or scope that is printed as JSON breaks the application",
        *putting(_Unprintable()),
    ),
    "a copy is another request": Kind(
        "once",
        "transactions, wrapped twice around a copy",
        "one request is not one transaction",
        marking_wsgi,
        marking_asgi,
    ),
    "a framework's object is read without precaution": Kind(
        "once",
        "odd objects",
        "an object that a framework left and that raises when it is read breaks the application",
        reading_wsgi,
        reading_asgi,
    ),
    "exceptions are known by their addresses": Kind(
        "once",
        "captured before",
        "an exception is lost since others of its kind were captured before",
        *within(drop_known_addresses),
    ),
    "processors get no text": Kind(
        "private",
        "text in events",
        "the application's own event processor finds objects where texts belong, and fails at them",
        *within(annotate),
    ),
    "a client gone in its upload is an error": Kind(
        "outcome",
        "a client gone amid its upload reported",
        "a client gone amid its upload is reported as an error",
        *takes_for_errors("OSError", "ClientDisconnect"),
    ),
    "a wrapped disconnect is an error": Kind(
        "outcome",
        "a wrapped disconnect reported",
        "a wrapped disconnect is reported as an error",
        *takes_for_errors("RuntimeError"),
    ),
    "a client gone from its websocket is an error": Kind(
        "outcome",
        "a client gone from its websocket reported",
        "a client gone from its websocket is reported as an error",
        None,
        takes_for_errors("WebSocketDisconnect")[1],
    ),
    "a server's own signal is an error": Kind(
        "outcome",
        "a server's own signal reported",
        "a server's own signal is reported as an error",
        takes_for_errors("StopIteration", "ConnectionError")[0],
    ),
    "scopes of an ended request": Kind(
        "isolation",
        "inherited tags",
        "a request has the tags of an ended one, whose context leaked",
        forking_wsgi,
        forking_asgi,
    ),
    "the mark of an ended request": Kind(
        "isolation",
        "inherited mark",
        "a request has the mark of an ended one, whose context leaked: it is lost",
        once_by_variable_wsgi,
        once_by_variable_asgi,
    ),
    "the trace of an ended request": Kind(
        "isolation",
        "inherited trace",
        "a request has the trace of an ended one, whose context leaked",
        continuing_wsgi,
        continuing_asgi,
    ),
    "OpenTelemetry's span of an ended request": Kind(
        "isolation",
        "inherited span",
        "a request has for its parent the span of an ended one, whose context leaked",
        spanning_wsgi,
        spanning_asgi,
    ),
}
