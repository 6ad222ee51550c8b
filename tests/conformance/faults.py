"""The faults that ``put_back.py`` puts back: each reproduces a row of the table of incumbents' faults in this package.

A row of ``FAULTS`` is the number of the defect, or the words that the names of its tests have in common, a sentence,
and the changes that make the fault. A change is anchored
on a qualified name (see ``anchors.py``), and states the fault by behaviour, at the boundary where it shows: the call of
a middleware, a transition of the exchange, a reader of ``Request``, the verdict on an exception, a name, a recording.
Most changes replace a function by one of this module, which gets the original. Local names in a pattern do not survive
a renaming, so a body is edited only where no replacement can express the fault.

Copies of the package import this module while they are imported, so it imports nothing of the package.
"""

from __future__ import annotations

import copy
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from operator import itemgetter
from time import perf_counter
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_to_bytes

import sentry_sdk


class Replace(NamedTuple):
    """Replace what a name stands for: ``make`` takes the original and returns the faulty one."""

    name: str
    make: Callable[[Any], Any]


class Edit(NamedTuple):
    """Replace an expression, or consecutive statements, in the body of the function of this name."""

    name: str
    old: str
    new: str


class Fault(NamedTuple):
    """What is put back: the defect's number or its tests' words, what goes wrong, and how."""

    defect: int | str
    what: str
    changes: tuple[Replace | Edit, ...]


# --- any function ----------------------------------------------------------------------------------------------------


def becomes(value: Any) -> Callable[[Any], Any]:
    """Replace a constant."""
    return lambda original: value


def answers(value: Any) -> Callable[[Any], Any]:
    """Return the same, whatever the function is called with."""
    return lambda original: lambda *args, **kwargs: value


does_nothing = answers(None)


def before(step: Callable[..., Any]) -> Callable[[Any], Any]:
    """Call ``step`` with the method's arguments, then the method."""

    def make(original: Any) -> Any:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            step(*args, **kwargs)
            return original(self, *args, **kwargs)

        return method

    return make


def given(**forced: Any) -> Callable[[Any], Any]:
    """Call the function as though the user had given these options."""
    return lambda original: lambda *args, **options: original(*args, **{**options, **forced})


def keeps_its_first_answer(original: Any) -> Any:
    """Return what it has returned first, for ever."""
    answers: list[Any] = []

    def function() -> Any:
        if not answers:
            answers.append(original())
        return answers[0]

    return function


def makes_another(original: Any) -> Any:
    """Make what was to be kept."""
    return lambda self, app, place, make, *args: make(*args)


# --- the calls of the middlewares ------------------------------------------------------------------------------------

#: Where scope and environ hold the exchange.
MARKERS = ("sentry_web", "sentry_web.exchange")


def answering(change: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Let a WSGI middleware return ``change(response, environ)``."""

    def make(original: Any) -> Any:
        def call(self: Any, environ: Any, start_response: Any) -> Any:
            return change(original(self, environ, start_response), environ)

        return call

    return make


class Unsized:
    """A response around another one, which does no more than every response does."""

    def __init__(self, response: Any) -> None:
        self.response = response

    def __iter__(self) -> Iterator[Any]:
        return iter(self.response)

    def close(self) -> None:
        """Close the response, where it can be closed."""
        if hasattr(self.response, "close"):
            self.response.close()


class Forgiving(Unsized):
    """A response that takes an AttributeError in ``close()`` for the lack of that method."""

    def close(self) -> None:
        """Close the response, perhaps."""
        with suppress(AttributeError):
            self.response.close()


def is_list(response: Any) -> bool:
    return type(response) in (list, tuple)


def is_file(response: Any, environ: Any) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(response, wrapper)


def without_length(response: Any, environ: Any) -> Any:
    return Unsized(response) if hasattr(type(response), "__len__") and not is_list(response) else response


def wrapped_list(response: Any, environ: Any) -> Any:
    return Unsized(response) if is_list(response) else response


def wrapped_file(response: Any, environ: Any) -> Any:
    return Unsized(response) if is_file(response, environ) else response


def closed_with_suppression(response: Any, environ: Any) -> Any:
    return Forgiving(response) if hasattr(response, "close") and not is_file(response, environ) else response


def generated(response: Any, environ: Any) -> Any:
    return response if is_list(response) or is_file(response, environ) else (part for part in response)


def with_closed_exchange(response: Any, environ: Any) -> Any:
    exchange = environ.get("sentry_web.exchange")
    if exchange is not None:
        exchange.close()
    return response


def without_marker(response: Any, environ: Any) -> Any:
    environ.pop("sentry_web.exchange", None)
    return response


def reads_input(environ: Any, start_response: Any) -> None:
    environ["wsgi.input"].read()


def drains_receive(original: Any) -> Any:
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] == "http":
            await receive()
        return await original(self, scope, receive, send)

    return call


def decodes_headers(scope: Any, *rest: Any) -> None:
    for pair in scope.get("headers", ()):
        for text in pair:
            text.decode("latin-1")


def decodes_headers_idly(scope: Any, *rest: Any) -> None:
    if not sentry_sdk.get_client().is_active():
        decodes_headers(scope)


def wsgi_raises_from_none(original: Any) -> Any:
    def call(self: Any, environ: Any, start_response: Any) -> Any:
        try:
            return original(self, environ, start_response)
        except BaseException as error:
            raise error from None

    return call


def asgi_raises_from_none(original: Any) -> Any:
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        try:
            return await original(self, scope, receive, send)
        except BaseException as error:
            raise error from None

    return call


def wsgi_frame_holds_error(original: Any) -> Any:
    def call(self: Any, environ: Any, start_response: Any) -> Any:
        try:
            return original(self, environ, start_response)
        except BaseException:
            error = sys.exc_info()[1]  # noqa: F841 - unlike ``as error``, it is still there when the frame is left
            raise

    return call


def asgi_frame_holds_error(original: Any) -> Any:
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        try:
            return await original(self, scope, receive, send)
        except BaseException:
            error = sys.exc_info()[1]  # noqa: F841
            raise

    return call


def reports_refusal(original: Any) -> Any:
    """Report what an application raises that does not even listen to a lifespan."""

    async def call(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        listened = False

        async def listen() -> Any:
            nonlocal listened
            listened = True
            return await receive()

        try:
            return await original(self, scope, listen, send)
        except Exception:
            if scope["type"] == "lifespan" and not listened:
                sentry_sdk.capture_exception()
            raise

    return call


#: Whether a middleware is at work here, as sentry-sdk's middlewares know it.
APPLIED: ContextVar[bool] = ContextVar("applied", default=False)


def wsgi_applied_once(original: Any) -> Any:
    def call(self: Any, environ: Any, start_response: Any) -> Any:
        if APPLIED.get():
            return self.app(environ, start_response)
        token = APPLIED.set(True)
        try:
            return original(self, environ, start_response)
        finally:
            APPLIED.reset(token)

    return call


def asgi_applied_once(original: Any) -> Any:
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        if APPLIED.get():
            return await self.app(scope, receive, send)
        token = APPLIED.set(True)
        try:
            return await original(self, scope, receive, send)
        finally:
            APPLIED.reset(token)

    return call


def forgets_marker(original: Any) -> Any:
    """Open an exchange as always, but leave no marker in the scope or environ."""

    def open_exchange(self: Any, scope_or_environ: Any) -> Any:
        exchange = original(self, scope_or_environ)
        for key in MARKERS:
            scope_or_environ.pop(key, None)
        return exchange

    return open_exchange


def is_no_coroutine_function(original: Any) -> Any:
    def is_double_callable(app: Any) -> bool:
        return not inspect.iscoroutinefunction(app) and not inspect.iscoroutinefunction(type(app).__call__)

    return is_double_callable


# --- the transitions of the exchange ---------------------------------------------------------------------------------


def forgets_file(original: Any) -> Any:
    """Leave the exchange where nothing has an effect any more, without a report."""

    def body_handed_over(self: Any) -> None:
        self.state = type(self.state).CLOSED

    return body_handed_over


def forgives_streams(original: Any) -> Any:
    def failed(self: Any, error: BaseException) -> None:
        streaming = self.outcome.first_byte is not None
        original(self, error)
        if streaming:
            self.outcome.failed = False

    return failed


def misses_exits(protocol: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def failed(self: Any, error: BaseException) -> None:
            if self.request.protocol != protocol or isinstance(error, Exception):
                original(self, error)

        return failed

    return make


def ends_session_early(original: Any) -> Any:
    def response_started(self: Any, *args: Any) -> None:
        original(self, *args)
        sentry_sdk.get_isolation_scope().end_session()

    return response_started


def misses_denials(original: Any) -> Any:
    def response_started(self: Any, status: Any, *args: Any) -> None:
        # 101: accepted, 403: closed before it was accepted; neither is a denial response
        if self.request.kind != "websocket" or status in (101, 403):
            original(self, status, *args)

    return response_started


def misses_end_of_body(original: Any) -> Any:
    def body_ended(self: Any) -> None:
        original(self)
        if self.open:
            self.outcome.ended = None

    return body_ended


def only_closes(original: Any) -> Any:
    def closed_by_server(self: Any, ended: float | None = None) -> None:
        self.close(ended)

    return closed_by_server


def drops_successfully(original: Any) -> Any:
    def abandoned(self: Any) -> None:
        self.close(self.outcome.last_byte)

    return abandoned


def handles_nothing(original: Any) -> Any:
    def handled(self: Any, error: BaseException) -> None:
        self.failed(error)

    return handled


def forgives_1011(original: Any) -> Any:
    def websocket_closed(self: Any, code: int, closed_by: str) -> None:
        failed = self.outcome.failed
        original(self, code, closed_by)
        self.outcome.failed = failed

    return websocket_closed


def forgets_close_code(original: Any) -> Any:
    def websocket_closed(self: Any, code: int, closed_by: str) -> None:
        original(self, code, closed_by)
        self.outcome.close_code = None

    return websocket_closed


# --- the verdict on an exception -------------------------------------------------------------------------------------


def takes_for_an_error(kind: str) -> Callable[[Any], Any]:
    """Judge exceptions whose class has this name to be errors."""

    def make(original: Any) -> Any:
        def judge(error: BaseException, *args: Any, **kwargs: Any) -> Any:
            verdict = original(error, *args, **kwargs)
            return type(verdict).ERROR if type(error).__name__ == kind else verdict

        return judge

    return make


def misses_disconnects(original: Any) -> Any:
    """Judge without a look at what the server raised out of ``send`` and ``read``."""

    def judge(error: BaseException, lost: Any = (), *args: Any, **kwargs: Any) -> Any:
        return original(error, (), *args, **kwargs)

    return judge


def takes_contexts_for_causes(original: Any) -> Any:
    """Take whatever is raised in the handler of a disconnect for the disconnect."""

    def judge(error: BaseException, *args: Any) -> Any:
        return original(error, *args) or (error.__context__ is not None and original(error.__context__, *args))

    return judge


def passes_everything(original: Any) -> Any:
    """Drop no event."""
    return lambda self, event, hint: event


# --- what users of the SDK's middlewares rely on ---------------------------------------------------------------------


def obeys_the_flag(original: Any) -> Any:
    """Take the sampled flag of a ``traceparent`` for Sentry's decision."""
    return lambda value, decided=False: original(value, decided=True)


def settles_once(original: Any) -> Any:
    """Make the settings of a client once."""

    def get(self: Any, client: Any) -> Any:
        cached = self._cached
        return cached[2] if cached is not None and cached[0]() is client else original(self, client)

    return get


# --- the readers of a request ----------------------------------------------------------------------------------------


def reads_late(original: Any) -> Any:
    """Read each attribute of the request from the scope or environ as it is when somebody asks."""

    class Late:
        def __init__(self, scope_or_environ: Any) -> None:
            self.scope_or_environ = scope_or_environ

        def __getattr__(self, name: str) -> Any:
            return getattr(original(self.scope_or_environ), name)

    return Late


def keeps_case(original: Any) -> Any:
    """Leave the names of ASGI headers as the server wrote them."""

    class AsWritten(original):
        def __init__(self, scope: Any) -> None:
            super().__init__(scope)
            names = [name.decode("latin-1") for name, _ in scope.get("headers", ())]
            self.written = {name.lower(): name for name in names}

        @property
        def headers(self) -> Any:
            return [(self.written.get(name, name), value) for name, value in super().headers]

        def header(self, name: str) -> Any:
            return dict(self.headers).get(name)

    return AsWritten


def looks_up_as_written(original: Any) -> Any:
    return lambda self, name: dict(self.headers).get(name)


def unquotes_scope(original: Any) -> Any:
    def init(self: Any, scope: Any) -> None:
        original(self, {**scope, "query_string": unquote_to_bytes(scope.get("query_string", b""))})

    return init


def unquotes_environ(original: Any) -> Any:
    def init(self: Any, environ: Any) -> None:
        original(self, {**environ, "QUERY_STRING": unquote(environ.get("QUERY_STRING", ""))})

    return init


def has_server(original: Any) -> Any:
    """Take the server's name and port as they are, also those of a unix socket."""

    class Socket(original):
        def __init__(self, scope: Any) -> None:
            super().__init__(scope)
            self.socket = tuple(scope.get("server") or ()) or None

        #: What the reader finds is ignored.
        server = property(lambda self: self.socket, lambda self, found: None)

    return Socket


def has_host(original: Any) -> Any:
    """Make a host of it, too."""

    class Host(has_server(original)):
        @property
        def host(self) -> Any:
            return super().host or ("{}:{}".format(*self.socket) if self.socket else None)

    return Host


def needs_reason(original: Any) -> Any:
    def parse_status(status: Any) -> Any:
        if isinstance(status, str):
            status.index(" ")
        return original(status)

    return parse_status


# --- names and routes ------------------------------------------------------------------------------------------------


class Renaming:
    """What an output asks for the name of its request, with some of the answers replaced."""

    def __init__(self, naming: Any, **members: Any) -> None:
        self.naming = naming
        vars(self).update(members)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.naming, name)


def names_without_route(rename: Callable[[Any], str]) -> Callable[[Any], Any]:
    """Let an output find ``rename(request)`` for the name of a request whose route is not known."""

    def make(original: Any) -> Any:
        def start(self: Any, request: Any, naming: Any, *args: Any) -> Any:
            def find() -> Any:
                name = naming.find()
                return type(name)(rename(request), "url") if name.source == "url" else name

            return original(self, request, Renaming(naming, find=find), *args)

        return start

    return make


def routes_by_path(original: Any) -> Any:
    def start(self: Any, request: Any, naming: Any, *args: Any) -> Any:
        return original(self, request, Renaming(naming, find_route=lambda: request.path), *args)

    return start


def leaves_out_mount(original: Any) -> Any:
    """Find only the route's own template."""

    def look(scope: Any, *args: Any) -> Any:
        found = original(scope, *args)
        if found is not None and found.route is not None:
            found.route = getattr(scope.get("route"), "path", found.route)
        return found

    return look


# --- what is recorded ------------------------------------------------------------------------------------------------


def is_streaming() -> bool:
    return bool(sentry_sdk.get_client().options.get("trace_lifecycle") == "stream")


def ends_now(outcome: Any) -> None:
    outcome.ended = perf_counter()


def forgets_500(outcome: Any) -> None:
    """Take the status away that no response had."""
    if outcome.failed and not outcome.headers and not outcome.body_size:
        outcome.status = None


def blames_server(outcome: Any) -> None:
    if is_streaming() and 400 <= (outcome.status or 0) < 500:
        outcome.failed = True


def ignores_no_status(original: Any) -> Any:
    def start(start: Any, scope: Any) -> Any:
        segment = original(start, scope)
        segment._ignored_statuses = ()
        return segment

    return start


class NeverLeft:
    """A context that is entered, and not left."""

    def __init__(self, context: Any) -> None:
        self.context = context

    def __enter__(self) -> Any:
        return self.context.__enter__()

    def __exit__(self, *exc_info: object) -> None:
        pass


def never_leaves(original: Any) -> Any:
    return lambda self: NeverLeft(original(self))


def believes_content_length(request: Any, outcome: Any, *args: Any) -> None:
    headers: Iterable[Any] = outcome.headers
    for name, value in headers:
        if name.lower() in ("content-length", b"content-length"):
            outcome.body_size = int(value)


def stays_active(original: Any) -> Any:
    """Count the request as begun once more when it ends."""

    def finish(self: Any, request: Any, outcome: Any, known: Any, *args: Any) -> None:
        try:
            original(self, request, outcome, known, *args)
        finally:
            self.begin(request, known)

    return finish


# --- what leaves -----------------------------------------------------------------------------------------------------


def as_it_came(original: Any) -> Any:
    return lambda data, *args: data


def hunts_what_is_omitted(original: Any) -> Any:
    """Take for a secret what an allowlist leaves out."""
    return lambda self, key: original(self, key) or (self.mode == "allowlist" and not self._names(key))


def prefers_forwarded(original: Any) -> Any:
    def addresses(header: Any) -> Any:
        return original({"forwarded": header("forwarded")}.get) or original(header)

    return addresses


def believes_ipaddress(original: Any) -> Any:
    return lambda address: address.is_private


def with_whole_url(original: Any) -> Any:
    def span_attributes(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        return {**original(self, request, *args, **kwargs), "url.full": request.url}

    return span_attributes


def without_original_method(original: Any) -> Any:
    return lambda *args: {key: value for key, value in original(*args).items() if not key.endswith("_original")}


def below_no_root(original: Any) -> Any:
    return lambda self, route: route or self._resolved


def itself(original: Any) -> Any:
    """Return the first argument."""
    return lambda value, *args: value


def read_only(original: Any) -> Any:
    return lambda *args: MappingProxyType(original(*args))


# --- the table -------------------------------------------------------------------------------------------------------


def raises(kind: type[Exception]) -> Callable[[Any], Any]:
    """Raise, whatever the function is called with."""

    def make(original: Any) -> Any:
        def function(*args: Any, **kwargs: Any) -> Any:
            raise kind

        return function

    return make


def is_another(original: Any) -> Any:
    return lambda self: type(self)(self.request, self._config, None, {})


def object_reduced(original: Any) -> Any:
    return object.__reduce_ex__


def copies_the_stream(original: Any) -> Any:
    return lambda self, memo: copy.deepcopy(self._stream, memo)


def iterates_again(original: Any) -> Any:
    def restart(self: Any) -> Any:
        if self._body is not None:
            self._iterator = iter(self._response)
        return self

    return restart


def compares_each(original: Any) -> Any:
    """A new secret is compared with each that is known."""

    def add(self: Any, value: str, key: str = "") -> None:
        for known in list(self._values):
            if known == value:
                return
        original(self, value, key)

    return add


def gives_remarks(original: Any) -> Any:
    """Texts that are replaced have Sentry's remark from the beginning."""

    def request_data(*args: Any) -> Any:
        from sentry_web._sentry.events import annotated

        return annotated(original(*args))

    return request_data


def counts_again(original: Any) -> Any:
    """Pass on every part, also one that was read before."""
    return lambda self, at, part: self._feed(bytes(part)) and None


def unguarded(original: Any) -> Any:
    return lambda function, *args: function(*args)


def annotates_at_once(original: Any) -> Any:
    """Hand the SDK's remarks to the processors of the user."""
    module = sys.modules[original.__module__]

    def data(*args: Any) -> Any:
        return {key: module.annotated(value) for key, value in original(*args).items()}

    return data


def answers_status_0(original: Any) -> Any:
    """Call the response hook at the end, where there was no response."""

    def finish(self: Any, outcome: Any) -> None:
        if not outcome.headers and self._settings.response_hook is not None:
            self._settings.response_hook(self._span, self._scope_or_environ, "0", [])
        original(self, outcome)

    return finish


def older(original: Any) -> Any:
    return original.replace("1.44", "1.21")


def fault(defect: int | str, what: str, *changes: Replace | Edit) -> Fault:
    return Fault(defect, what, changes)


ASGI, WSGI = "SentryAsgiMiddleware.__call__", "SentryWsgiMiddleware.__call__"
#: Options that an application gives to our middlewares.
OPTIONS = ("SentryAsgiMiddleware.__init__", "SentryWsgiMiddleware.__init__")
OTEL_OPTIONS = ("instrument_asgi", "instrument_wsgi")

FAULTS: tuple[Fault, ...] = (
    # What application and server see
    fault(1, "a scope without headers raises", Replace(ASGI, before(itemgetter("headers")))),
    fault(1, "an environ without QUERY_STRING raises", Replace(WSGI, before(itemgetter("QUERY_STRING")))),
    fault(
        1,
        "an environ without QUERY_STRING is not reported",
        Replace("EnvironRequest.__init__", before(itemgetter("QUERY_STRING"))),
    ),
    fault(
        1,
        "a scope without client is not reported",
        Replace("ScopeRequest.__init__", before(lambda scope: scope["client"][0])),
    ),
    fault(2, "receive() is drained before the application runs", Replace(ASGI, drains_receive)),
    fault(2, "wsgi.input is read before the application runs", Replace(WSGI, before(reads_input))),
    fault(7, "WSGI: raise … from None", Replace(WSGI, wsgi_raises_from_none)),
    fault(7, "ASGI: raise … from None", Replace(ASGI, asgi_raises_from_none)),
    fault(23, "a sized response loses its length", Replace(WSGI, answering(without_length))),
    fault(23, "lists are wrapped, too", Replace(WSGI, answering(wrapped_list))),
    fault(24, "close() swallows an AttributeError", Replace(WSGI, answering(closed_with_suppression))),
    fault(25, "the file wrapper is wrapped", Replace(WSGI, answering(wrapped_file))),
    fault(25, "the transaction of a file never ends", Replace("Exchange.body_handed_over", forgets_file)),
    fault(
        38,
        "the response is a generator, whose close() runs nothing before iteration",
        Replace(WSGI, answering(generated)),
    ),
    fault(
        49,
        "what is no coroutine function is taken for ASGI 2",
        Replace("is_double_callable", is_no_coroutine_function),
    ),
    fault(51, "a status line without a reason is not understood", Replace("parse_status", needs_reason)),
    # How it ended
    fault(8, "the transaction ends when the application returns", Replace(WSGI, answering(with_closed_exchange))),
    fault(8, "an abandoned stream never ends", Replace("Exchange.abandoned", does_nothing)),
    fault(9, "an error in mid-stream leaves the transaction ok", Replace("Exchange.failed", forgives_streams)),
    fault(9, "the session ends before the body", Replace("Exchange.response_started", ends_session_early)),
    fault(10, "the transaction ends when it is reported", Replace("SentryRecording.finish", before(ends_now))),
    fault(10, "the end of the body is not noted", Replace("Exchange.body_ended", misses_end_of_body)),
    fault(26, "an OSError out of send is an error", Replace("classify", misses_disconnects)),
    fault(26, "cancellation is an error", Replace("classify", takes_for_an_error("CancelledError"))),
    fault(
        26, "a framework's ClientDisconnect is an error", Replace("classify", takes_for_an_error("ClientDisconnect"))
    ),
    fault(26, "close() amid the stream is a success", Replace("Exchange.closed_by_server", only_closes)),
    fault(26, "a dropped stream is a success", Replace("Exchange.abandoned", drops_successfully)),
    fault(27, "ASGI: SystemExit passes unseen", Replace("Exchange.failed", misses_exits("asgi"))),
    fault(27, "WSGI: SystemExit passes unseen", Replace("Exchange.failed", misses_exits("wsgi"))),
    fault(27, "SystemExit(0) is an error", Replace("is_quiet_exit", answers(False))),
    fault(28, "GeneratorExit is an error", Replace("classify", takes_for_an_error("GeneratorExit"))),
    fault(28, "GreenletExit is an error", Replace("classify", takes_for_an_error("GreenletExit"))),
    fault(29, "start_response(…, exc_info) is not captured", Replace("Exchange.handled", does_nothing)),
    fault(29, "start_response(…, exc_info) counts as unhandled", Replace("Exchange.handled", handles_nothing)),
    fault(30, "a handled 5xx is invisible", Replace("SentryRecording.capture_failure", does_nothing)),
    fault(
        31,
        "an exception before the response leaves no status",
        Replace("SentryRecording.finish", before(forgets_500)),
    ),
    fault(32, "a 404 makes the streamed span an error", Replace("SentryRecording.finish", before(blames_server))),
    fault(
        32,
        "trace_ignore_status_codes is ignored in stream mode",
        Replace("start_segment", ignores_no_status),
    ),
    fault(33, "the refusal of a lifespan is reported", Replace(ASGI, reports_refusal)),
    fault(35, "close code 1011 is a success", Replace("Exchange.websocket_closed", forgives_1011)),
    fault(35, "the status of a denial is not recorded", Replace("Exchange.response_started", misses_denials)),
    fault(35, "the close code is not recorded", Replace("Exchange.websocket_closed", forgets_close_code)),
    # Which request it was
    fault(12, "the name's sources are kept after the end", Replace("Naming.freeze", does_nothing)),
    fault(
        12,
        "the sampler's scope stays in the trace",
        Edit("Segment.start", "scope.set_custom_sampling_context({})", "pass"),
    ),
    fault(
        13,
        "the live scope is read late",
        Replace("ScopeRequest", reads_late),
        Replace("EnvironRequest", reads_late),
    ),
    fault(
        14,
        "WSGI's name is a constant",
        Replace(
            "SentryRecorder.start",
            names_without_route(lambda request: "generic WSGI request" if request.protocol == "wsgi" else request.path),
        ),
    ),
    fault(14, "the rule that Flask leaves is not looked at", Replace("pallets:look", does_nothing)),
    fault(
        15,
        "ASGI's name is the URL",
        Replace("SentryRecorder.start", names_without_route(lambda request: request.url)),
    ),
    fault(15, "the route that Starlette leaves is not looked at", Replace("starlette:look", does_nothing)),
    fault(18, "the prefix of a mount is left out", Replace("starlette:look", leaves_out_mount)),
    fault(
        19,
        "HEAD and OPTIONS do not continue the trace",
        *[
            Replace(name, given(continue_traces=lambda request: request.method not in ("HEAD", "OPTIONS")))
            for name in OPTIONS
        ],
    ),
    fault(
        20,
        "the marker is in a ContextVar",
        Replace(ASGI, asgi_applied_once),
        Replace(WSGI, wsgi_applied_once),
    ),
    fault(21, "the marker is not kept", Replace("Entry.open", forgets_marker)),
    fault(21, "the marker is gone before iteration", Replace(WSGI, answering(without_marker))),
    fault(22, "a bridge is not recognised", Replace("Request.same_as", answers(False))),
    # OpenTelemetry
    fault(16, "the span is named by its path", Replace("OpenTelemetryRecorder.start", routes_by_path)),
    fault(
        36,
        "messages have spans unasked",
        Replace("SentryAsgiMiddleware.__init__", given(record_send_receive=True)),
        Replace("instrument_asgi", given(record_send_receive=True)),
    ),
    fault(37, "the context is not put back", Replace("OpenTelemetryRecording.running", never_leaves)),
    fault(52, "the size is what is claimed", Replace("Metrics.finish", before(believes_content_length))),
    fault(
        54,
        "a hook may fail the request's recording",
        Edit("OpenTelemetryRecording.begin", "call(hook, span, scope_or_environ)", "hook(span, scope_or_environ)"),
    ),
    fault(
        55,
        "headers are captured everywhere",
        *[Replace(name, given(capture_headers=True)) for name in OTEL_OPTIONS],
    ),
    fault(56, "an ended request stays active", Replace("Metrics.finish", stays_active)),
    fault("has_no_whole_url", "server spans have url.full", Replace("Policy.span_attributes", with_whole_url)),
    fault("path_keeps_its_encoding", "the path is decoded", Replace("encoded_as_sent", answers(None))),
    fault(
        "keys_of_opentelemetrys_conventions",
        "they are as any others",
        Replace("REDACTED_KEYS", lambda original: frozenset()),
    ),
    fault("no_response_hook", "it is called with status 0", Replace("OpenTelemetryRecording.finish", answers_status_0)),
    fault("schema_url", "it is of older conventions", Replace("SCHEMA_URL", older)),
    fault("original_method", "no original method", Replace("first_attributes", without_original_method)),
    fault("versions_of_http_only", "clients make up series", Replace("known_version", itself)),
    fault("port_of_the_peer", "ASGI: the port is left out", Replace("_peer_port", answers(None))),
    fault(
        "repeated_request_headers",
        "repeated headers are joined",
        Edit("first_attributes", "request.separate_headers", "request.headers"),
    ),
    fault("synthetic_traffic", "bots are people", Replace("synthetic_type", answers(None))),
    fault("with_the_applications_root", "a route without the root", Replace("Naming._below_root", below_no_root)),
    fault(
        "names_of_our_own",
        "a name in the conventions' namespace",
        Edit("outcome_attributes", '"sentry_web.client_gone"', '"http.client.gone"'),
    ),
    fault("every_string_can_be_encoded", "lone surrogates leave", Replace("_without_surrogates", itself)),
    fault("gets_a_plain_dict", "a sampler gets another mapping", Replace("first_attributes", read_only)),
    fault(
        "end_with_the_last_byte",
        "the span lasts as long as the background work",
        Edit("ActiveRecording.ends_now", "self.recording.ends_with_response", "False"),
    ),
    fault(
        "background_work_has_its_request_as_parent",
        "a streamed span has the caller's",
        Replace("Segment._hand_over", does_nothing),
    ),
    fault(
        "of_background_work_is_a_span",
        "a late exception is lost",
        Replace("OpenTelemetryRecording._capture_late", does_nothing),
    ),
    fault(
        "answered_first_and_raised_then",
        "the cause of a 500 comes too late",
        Edit("ActiveRecording.ends_now", "not says_so or bool(self.captured)", "True"),
    ),
    fault("response_hook_can_change", "the hook comes too late", Replace("Exchange.response_starting", does_nothing)),
    fault(
        "message_hook_can_change",
        "the hook is called when the message has gone",
        Edit("OpenTelemetryRecording.message_span", "message is not None", "False"),
    ),
    fault(
        "never_gets_the_request_span",
        "a message hook gets the request's span",
        Edit(
            "OpenTelemetryRecording.message_span",
            "settings.tracer.start_span(name, trace.set_span_in_context(self._span, self.context))",
            "self._span",
        ),
    ),
    fault(
        "handshake_has_the_propagators_headers",
        "only responses to requests have the headers",
        Replace("_WITH_HEADERS", lambda original: frozenset(("http.response.start",))),
    ),
    fault(
        "attributes_of_a_callable",
        "metric_attributes is not called",
        Edit("OpenTelemetryRecording._labels", "self._settings.metric_attributes is not None", "False"),
    ),
    fault("attributes_of_the_labeler", "the labeler is not read", Replace("labels_of_context", answers({}))),
    fault(
        "wrong_variable_is_named",
        "the error names an option that was not given",
        Edit(
            "settings:_headers",
            "patterns(_HEADERS[option], _listed(_HEADERS[option]))",
            "patterns(option, _listed(_HEADERS[option]))",
        ),
    ),
    fault("be_given_by_position", "positions count for nothing", Edit("_named", "dict(zip(names, positional))", "{}")),
    # What it was
    fault(41, "headers are decoded again and again", Replace("ScopeRequest.__init__", before(decodes_headers))),
    fault(41, "headers are decoded without a client", Replace(ASGI, before(decodes_headers_idly))),
    fault(42, "WSGI: a frame of ours has the exception for a local", Replace(WSGI, wsgi_frame_holds_error)),
    fault(42, "ASGI: a frame of ours has the exception for a local", Replace(ASGI, asgi_frame_holds_error)),
    fault(46, "names are taken as they come", Replace("ScopeRequest", keeps_case)),
    fault(46, "names are looked up as they are written", Replace("EnvironRequest.header", looks_up_as_written)),
    fault(47, "ASGI: the query is unquoted as a whole", Replace("ScopeRequest.__init__", unquotes_scope)),
    fault(47, "WSGI: the query is unquoted as a whole", Replace("EnvironRequest.__init__", unquotes_environ)),
    fault(48, "the path of a unix socket is a host", Replace("ScopeRequest", has_host)),
    fault(48, "a socket without a port has one", Replace("ScopeRequest", has_server)),
    # Whose it was
    fault(
        "kept_connection",
        "a context that has leaked counts",
        Edit("Entry._open_here", "around.over", "around.over and False"),
    ),
    fault("kept_connection", "only the nearest request is left", Edit("before_leak", "around.over", "False")),
    fault("kept_connection", "an ended response is not an end", Edit("Exchange.over", "_COMPLETE", "_CLOSED")),
    fault("kept_connection", "the server keeps the leaked scopes", Replace("Entry._restore", does_nothing)),
    fault(
        "kept_connection",
        "an inner middleware looks at the leaked context",
        Edit("Entry._open", "exchange.leaked", "0"),
    ),
    fault("excluded_urls", "what they open is recorded", Replace("Exchange.silence", answers(False))),
    fault("excluded_urls", "the trace goes on sampled", Replace("start_unsampled_span", does_nothing)),
    fault("nested_in", "a local span is overlooked", Replace("_is_around", answers(False))),
    fault("nested_in", "whatever is local counts", Edit("_is_around", "local.is_recording()", "True")),
    fault(
        "nested_middlewares",
        "all are one output",
        Edit("OpenTelemetryRecorder.__init__", "destination is None", "True"),
    ),
    fault("each_exception_is_reported_once", "one is known by its address", Replace("_identifies", answers(True))),
    fault("each_exception_is_reported_once", "none is known", Replace("_identifies", answers(False))),
    fault("each_exception_is_reported_once", "all are remembered", Edit("Captured.add", "MOST_CAPTURED", "10**9")),
    fault("copied_dicts", "the marker cannot be copied", Replace("Exchange.__deepcopy__", raises(AttributeError))),
    fault("copied_dicts", "a copied marker is another exchange", Replace("Exchange.__copy__", is_another)),
    fault("copied_dicts", "the marker is pickled", Replace("Exchange.__reduce_ex__", object_reduced)),
    fault("copied_dicts", "a copied stream is not watched", Replace("_Tee.__deepcopy__", copies_the_stream)),
    fault(
        "head_transfers",
        "a body in answer to HEAD counts",
        Edit("Exchange.body_sent", "self._is_bodiless()", "False"),
    ),
    fault(
        "paths_without_a_slash",
        "the slash is missing",
        Edit("EnvironRequest._read_path", "path.startswith('/')", "True"),
    ),
    fault("iter_of_a_response", "iter() of an iterator asks again", Replace("_Parts.__iter__", iterates_again)),
    fault("whatever_a_file_can_do", "it is hidden", Replace("_Tee.__getattr__", raises(AttributeError))),
    fault("whatever_a_file_can_do", "what is read twice counts twice", Replace("_Recorded.take", counts_again)),
    fault(
        "whatever_a_file_can_do",
        "with hands out the server's stream",
        Edit("_enter", "self if entered is self._stream else entered", "entered"),
    ),
    fault(
        "near_the_recursion_limit",
        "WSGI: a failed report of ours leaves, and the application starts its response again",
        Edit("_StartResponse.__call__", "self._exchange.outcome.faulty = True", "raise"),
    ),
    fault(
        "near_the_recursion_limit",
        "ASGI: a failed report of ours leaves, and the application sends a message again",
        Edit("_Connection.send", "self._exchange.outcome.faulty = True", "raise"),
    ),
    fault(
        "near_the_recursion_limit",
        "a body that was not noted counts as searched",
        Edit("_Connection.receive", "self._exchange.outcome.faulty = True", "pass"),
    ),
    fault("reader_that_raises", "it costs the request", Replace("attempt", unguarded)),
    fault("channels_routers", "they are not found", Replace("channels:attach", does_nothing)),
    fault("processors_find_plain_text", "remarks stand in its place", Replace("request_data", annotates_at_once)),
    # Who has gone, and who says so
    fault(
        "client_that_leaves_amid_its_body",
        "an OSError out of read is an error",
        Replace("classify", misses_disconnects),
    ),
    fault(
        "client_that_leaves_amid", "a wrapped one is an error", Edit("_classify_one", "error.__cause__ is None", "True")
    ),
    fault(
        "client_that_leaves_a_websocket",
        "it is an error",
        Replace("classify", takes_for_an_error("WebSocketDisconnect")),
    ),
    fault("failure_in_the_handler", "it is none", Replace("_is_disconnect", takes_contexts_for_causes)),
    fault(
        "goes_on_writing",
        "only the last one counts",
        Edit("Exchange.client_gone", "(*self._disconnects, error)", "(error,)"),
    ),
    fault(
        "error_page_that_nobody_receives",
        "it is the status",
        Edit("Exchange.response_started", "self.outcome.client_gone", "False"),
    ),
    fault("servers_own_signal", "it is an error", Replace("takes_over_socket", answers(False))),
    fault("same_exception_is_an_error", "it is a signal anywhere", Replace("takes_over_socket", answers(True))),
    fault("before_the_lifespan_ends", "what is waiting stays where it is", Replace("Exchange.flush", does_nothing)),
    fault("no_streamed_segment_keeps_the_request", "it does", Replace("set_scope_of", does_nothing)),
    fault("providers_are_flushed", "they are not", Replace("LifespanRecording.flush", does_nothing)),
    fault(
        "providers_are_flushed_at_once",
        "one after the other",
        Edit("_flushing", "thread.start()", "thread.start()\nthread.join()"),
    ),
    fault(
        "body_that_was_not_seen",
        "texts are sent as they are",
        Replace("RedactingProcessor.misses_body", answers(False)),
    ),
    fault(
        "address_with_the_query_is_filtered",
        "an integration's is kept",
        Edit("RedactingProcessor._redact_event", "isinstance(url, str) and not _PLAIN_URL(url)", "False"),
    ),
    fault("nothing_long_is_remembered", "long addresses are", Replace("forwarding:_SHORT", becomes(10**9))),
    fault(
        "servers_record_of_an_exception",
        "what a server logs of a request that was not recorded is sent as it is",
        Replace("ClosedRecording.aftermath", becomes(None)),
    ),
    fault(
        "servers_record_of_an_exception",
        "a capture that fails leaves it as it is",
        Edit(
            "Exchange.failed",
            """
try:
    if not is_quiet_exit(error) and self._is_error(error):
        self.outcome.failed = True
        self._capture(error, handled=False)
finally:
    self.refused()
""",
            """
if not is_quiet_exit(error) and self._is_error(error):
    self.outcome.failed = True
    self._capture(error, handled=False)
self.refused()
""",
        ),
    ),
    fault("refused_lifespan", "its record is an event", Replace("Exchange.refused", does_nothing)),
    fault(
        "lifespan_that_an_integration_sees", "it is an event", Replace("LifespanProcessor.__call__", passes_everything)
    ),
    fault("server_logs", "each record is an event", Replace("_is_repeated", answers(False))),
    fault(
        "pending_when_the_interpreter_ends",
        "they are reported",
        Edit("_finish_recordings", "sys.is_finalizing()", "False"),
    ),
    fault("signals_exception", "the guard takes it for a failure", Replace("_is_of_signal_handler", answers(False))),
    fault(
        "signals_exception",
        "what is entered by then stays",
        Edit("ContextStack.enter", "CURRENT.set(self)\nself.leave((outer, variables, former, managers))", "pass"),
    ),
    fault(
        "signals_exception",
        "managers that are entered by then stay",
        Edit("enter_all", "leave_all(entered)", "pass"),
    ),
    fault(
        "signals_exception",
        "nothing is left once more",
        Edit("WsgiMiddleware.__call__", "call(exchange.leave, entered)\ncall(pass_on, exchange.failed)", "pass"),
    ),
    fault(
        "signals_exception",
        "a report is left once",
        Edit("call_each", "exchange.leave(entered)\nraise", "raise"),
    ),
    fault(
        "signals_exception", "a start is left once", Edit("SentryRecording._start_trace", "running.__exit__()", "pass")
    ),
    fault("middleware_around_ours", "its words are not redacted", Replace("aftermath_of_chain", answers([]))),
    # What users of the SDK's middlewares rely on
    fault("w3c_flag", "it overrides the user's rate", Replace("sentry_trace_from_traceparent", obeys_the_flag)),
    fault("changed_options", "they are read once a client", Replace("SettingsCache.get", settles_once)),
    fault("stream_attributes", "a segment lacks its request", Replace("segment_attributes", answers({}))),
    fault("stream_attributes", "child spans lack the scope's", Replace("RedactingProcessor.complete", answers(True))),
    fault(
        "mounted_name",
        "an integration's route counts as it is",
        Edit("RequestProcessor.chosen", "source == 'route'", "False"),
    ),
    fault("copied_scope", "routers are not asked", Replace("_chosen", answers(None))),
    fault("a_placeholder_of_an_integration", "it is a name", Replace("is_placeholder", answers(False))),
    fault("without_tracing_no_event", "a request has no span", Replace("start_unsent_segment", does_nothing)),
    # One line in the place of a middleware
    fault("one_line_is_enough", "no entry point is patched", Replace("_patch", does_nothing)),
    fault("one_line_is_enough", "the SDK's middlewares stay", Replace("_take_over_wsgi", does_nothing)),
    fault("one_line_is_enough", "those for ASGI stay", Replace("_take_over_asgi", does_nothing)),
    fault("second_init_without_it", "the client is not asked", Replace("_current_integration", keeps_its_first_answer)),
    fault("made_once_an_application", "it is made once a request", Replace("Middlewares.get", makes_another)),
    fault("inside_without_it_says_once", "nothing is said", Edit("SentryRecorder.active", "_warn_once()", "None")),
    # What leaves
    fault(
        "mislabelled_bodies",
        "JSON is what is called so",
        Edit("_parse", "is_json or (first and first[0] in _JSON_BEGINS)", "is_json"),
    ),
    fault("mislabelled_bodies", "nothing is decompressed", Replace("_decompress", as_it_came)),
    fault(
        "oversized_bodies", "what is not searched counts as searched", Replace("Policy.is_searchable", answers(True))
    ),
    fault("unusual_headers_keep_their_secrets", "subprotocols are no tokens", Replace("secret_protocols", answers([]))),
    fault("unusual_headers_keep_their_secrets", "headers have no kinds", Replace("_kind_of", answers("other"))),
    fault("unusual_headers_keep_their_addresses", "headers have no kinds", Replace("_kind_of", answers("other"))),
    fault("values_within_values", "JSON in a text is text", Replace("nested_json", answers(None))),
    fault("values_within_values", "a URL in a value has no query", Replace("nested_queries", answers([]))),
    fault(
        "long_secrets_with_breaks", "escapes are not undone", Replace("canonical", lambda original: lambda text: text)
    ),
    fault(
        "long_secrets_with_breaks", "breaks are no escapes", Replace("forms_of", lambda original: lambda value: {value})
    ),
    fault(
        "a_search_that_fails",
        "what was not searched is sent",
        Edit("RedactingProcessor.__call__", "event if call(blank, event) else None", "event"),
    ),
    fault("processors_get_plain_strings", "they get remarks", Replace("request_data", gives_remarks)),
    fault(
        "percent_encoded_secrets",
        "what is encoded is the value as it came",
        Edit("derived_from", "'%' in value or '+' in value", "False"),
    ),
    fault(
        "uploaded_files_are_cut_off", "they are not known in base64", Replace("_base64_and_hex", answers(frozenset()))
    ),
    fault(
        "control_characters",
        "one is read in two ways",
        Edit("_as_latin_1", "_NAMED", "_NAMED[:31] + b'\\x1f' + _NAMED[32:]"),
    ),
    fault(
        "ends_within_an_escape",
        "the beginning is taken for a whole",
        Replace("redactor:_UNFINISHED", becomes(re.compile("(?!)"))),
    ),
    fault("joined_with_a_comma", "it is a part of the value", Replace("Secrets._add_joined_cookies", does_nothing)),
    fault("oversized_bodies", "values within values have no bound", Replace("Budget.spend", does_nothing)),
    fault(
        "oversized_bodies",
        "objects have no bound",
        Edit("parse_json", "text.count('[') + 2 * text.count('{') > MOST_CONTAINERS", "False"),
    ),
    # What a client makes it cost
    fault(
        "linear_work",
        "all secrets are searched for",
        Replace("_MOST_SECRETS", becomes(10**9)),
        Replace("secrets:_MOST_CHARACTERS", becomes(10**9)),
        Replace("secrets:_MOST_COLLECTED", becomes(10**9)),
    ),
    fault(
        "linear_work",
        "secrets are compared one by one",
        Replace("Secrets._add", compares_each),
        Replace("secrets:_MOST_COLLECTED", becomes(10**9)),
    ),
    fault(
        "match_a_part_in_two_ways",
        "a repeat within a repeat",
        Replace("_PATH_PARAMETER", becomes(re.compile(r"(;([^;/=]+)+=)([^;/]+)"))),
    ),
    fault("lone_surrogates", "they are sent", Replace("_has_surrogates", answers(False))),
    fault("cookies_of_words", "every word is a secret", Replace("looks_random", answers(True))),
    fault("gateway_bodies", "bodies are not known in base64", Replace("Secrets._add_base64", does_nothing)),
    fault(
        "bodies_without_a_length",
        "a request without a length has no body",
        Edit("watch_input", "str(environ.get('SERVER_PROTOCOL', 'HTTP/1')).startswith('HTTP/1')", "True"),
    ),
    fault(
        "harmless_names",
        "short terms match anywhere",
        Edit(
            "Keys._holds_term",
            "self._words.isdisjoint(form.split())",
            "(not any(word in form for word in self._words))",
        ),
    ),
    fault(
        "what_data_collection_omits", "what is omitted is hunted", Replace("Rule.is_sensitive", hunts_what_is_omitted)
    ),
    fault(
        "across_the_border",
        "the border of two texts is searched for, too",
        Edit("_between_borders", "_BORDER not in ''.join(values)", "True"),
    ),
    fault("across_the_border", "it ends with a digit", Replace("redactor:_SEPARATOR", becomes("\x1e12345b"))),
    fault("takes_nothing_away", "names of attributes are secrets", Edit("Redactor.__init__", "names", "frozenset()")),
    fault("takes_nothing_away", "what the SDK says of the process is one", Replace("OF_PROCESS", becomes(frozenset()))),
    fault(
        "left_in_one_place",
        "a text with a secret is remembered as one without",
        Edit("Redactor._may_hold", "known is self._all", "True"),
    ),
    fault("strangers_forwarded", "Forwarded goes first", Replace("forwarded_addresses", prefers_forwarded)),
    fault("documentation_networks", "ipaddress says who is private", Replace("_is_private", believes_ipaddress)),
)
