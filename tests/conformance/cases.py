"""The cases of the fault tests: a handful of requests that take every path of the core, over every driver and mode.

Which function runs in which case is watched by ``test_faults``, not listed.
"""

from __future__ import annotations

import copy
import functools
import importlib.util
import io
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import pytest
import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS

from sentry_web import AsgiMiddleware, BaseRecorder, BaseRecording, WsgiMiddleware
from sentry_web.testing import (
    ASGI3,
    WSGI,
    Accept,
    Breadcrumb,
    Cancel,
    CaptureMessage,
    ChildSpan,
    Close,
    CloseSocket,
    Deny,
    Driver,
    LifespanScript,
    Peer,
    Raise,
    ReadBody,
    Receive,
    RequestSpec,
    RestartWithExcInfo,
    Returns,
    Script,
    Send,
    SendChunk,
    SetTag,
    SpawnTask,
    SpawnThread,
    StartResponse,
    Transcript,
    Wrap,
    WsScript,
)
from sentry_web.testing.steps import Act

from .breaking import Breaker, Function
from .properties import ALL_DRIVERS, ASGI_DRIVERS, EVERYTHING, MODES, ONCE, TRACED, TWICE, WAITING, altered, sdk


class CustomError(RuntimeError):
    """An exception that takes weak references."""


class OpenSpan(Act):
    """A span begun and ended by hand, as background work does."""

    def act(self, recorder: Any) -> None:
        with ChildSpan("late").open():
            pass


class LogRecord(Act):
    """A record of Sentry's own logger, where the SDK has one."""

    def act(self, recorder: Any) -> None:
        if importlib.util.find_spec("sentry_sdk.logger") is not None:
            importlib.import_module("sentry_sdk.logger").info("about secret-token")


class Rich(Act):
    """What a transaction seldom has: extra data, a user, and a processor that takes its spans away."""

    def act(self, recorder: Any) -> None:
        scope = sentry_sdk.get_isolation_scope()
        scope.set_extra("bag", {"list": [1, 2]})
        scope.set_user({"id": "17"})
        scope.add_event_processor(lambda event, hint: {**event, "spans": []} if "spans" in event else event)


ANSWER = (StartResponse(), SendChunk(b"one"), SendChunk(b"two"))
ACTS = (
    SetTag("t", "v"),
    Breadcrumb("b"),
    CaptureMessage("m"),
    ChildSpan("fetch secret-token", (CaptureMessage("inner"),)),
)
MULTIPART = (
    b'--X\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2-hunter2\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\ndata\r\n--X--\r\n'
)
ASKS = RequestSpec(
    method="POST",
    path="/café/%20",
    query="token=secret-token&q=1",
    root_path="/api",
    client=("10.0.0.1", 4711),
    headers=(
        ("Cookie", "sid=0123456789; theme=dark"),
        ("Authorization", "Basic dXNlcjpwYXNzd29yZA=="),
        ("Referer", "https://user:pass@shop.example/?token=another-secret"),
        ("X-Forwarded-For", "198.51.100.7, 10.0.0.2"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", 'for="[2001:db8::1]:443";proto=https;host=shop.example'),
        ("User-Agent", "agent/1.0"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ),
)
FORM = RequestSpec(
    **{**vars(ASKS), "headers": (("Content-Type", "application/x-www-form-urlencoded"),), "body": (b"a=b",)}
)
JSON = RequestSpec(
    **{
        **vars(ASKS),
        "headers": (*ASKS.headers, ("Content-Type", "application/json")),
        "body": (b'{"password": ["', b'secret \\\\ \\"x"]}'),
    }
)
SCANNED = RequestSpec(path="/never/seen/7")
#: Secrets in unusual places.
HIDDEN = RequestSpec(
    method="POST",
    path="/shop;jsessionid=0123456789abcdef",
    query="next=https%3A%2F%2Fshop.example%2F%3Ftoken%3Danother-secret",
    headers=(
        ("Content-Type", "application/json"),
        ("Sec-WebSocket-Protocol", "bearer, Zm9vYmFyYmF6cXV4MTIzNDU2"),
    ),
    body=(b'[{"name": "password", "value": "hunter2-hunter2"}, {"name": 1, "pin": 4711471147}]',),
)
UPLOAD = RequestSpec(
    **{**vars(ASKS), "headers": (("Content-Type", "multipart/form-data; boundary=X"),), "body": (MULTIPART,)}
)

SCRIPTS: dict[str, tuple[Script, RequestSpec]] = {
    "generator": (Script((*ACTS, *ANSWER)), ASKS),
    "raises first": (Script((ReadBody(), *ACTS, Raise(cause=KeyError))), JSON),
    "raises amid": (Script((ReadBody(3), StartResponse(), SendChunk(), Raise(ValueError, context=KeyError))), UPLOAD),
    "form": (Script((ReadBody(), CaptureMessage("m"), *ANSWER)), FORM),
    "hidden secrets": (Script((ReadBody(), *ACTS, *ANSWER)), HIDDEN),
    "list": (Script(ANSWER, Returns.LIST), ASKS),
    "500": (Script((StartResponse(500), SendChunk()), Returns.TUPLE), ASKS),
    "sized": (Script((*ACTS, *ANSWER), Returns.SIZED, after=ACTS), ASKS),
    "lazy": (Script((StartResponse(reason=None), *ACTS, SendChunk()), Returns.LAZY_GENERATOR), ASKS),
    "iterator": (Script(ANSWER, Returns.ITERATOR, after=(*ACTS, Raise(AttributeError))), ASKS),
    "file": (Script(ANSWER, Returns.FILE_WRAPPER), ASKS),
    "write": (Script(ANSWER, Returns.WRITE), ASKS),
    "write to a client gone": (Script(ANSWER, Returns.WRITE, peer=Peer(gone_after=1)), ASKS),
    "exc_info": (Script((StartResponse(), RestartWithExcInfo(), SendChunk())), ASKS),
    "exc_info too late": (Script((StartResponse(), SendChunk(), RestartWithExcInfo())), ASKS),
    "client gone": (Script((*ANSWER, *ACTS), peer=Peer(gone_after=1)), ASKS),
    "client listens no more": (Script((*ANSWER, ReadBody(100)), peer=Peer(gone_after=0)), ASKS),
    "closed before": (Script(ANSWER, Returns.ITERATOR, peer=Peer(close=Close.BEFORE)), ASKS),
    "closed amid": (Script(ANSWER, peer=Peer(close=Close.DURING)), ASKS),
    "abandoned": (Script(ANSWER, peer=Peer(close=Close.NEVER)), ASKS),
    "thread-hopping": (Script((*ANSWER, *ACTS), Returns.ITERATOR, peer=Peer(thread_hopping=True)), ASKS),
    "cancelled": (Script((StartResponse(), Cancel(), SendChunk())), ASKS),
    "task": (Script((SpawnTask(ACTS[:3]), *ANSWER)), ASKS),
    "thread": (Script((SpawnThread(ACTS[:3]), *ANSWER)), ASKS),
    "exits": (Script((Raise(SystemExit, (1,)),)), ASKS),
    "nothing": (Script((), Returns.NOTHING), ASKS),
    "reported twice": (
        Script((StartResponse(), RestartWithExcInfo(error=Raise(CustomError)), SendChunk(), Raise(CustomError))),
        ASKS,
    ),
    "late span": (Script((SpawnThread((OpenSpan(),)), *ANSWER)), ASKS),
    "HEAD": (Script((*ACTS, StartResponse(204, ()))), RequestSpec(method="HEAD")),
}
WEBSOCKETS: dict[str, WsScript] = {
    "talks": WsScript(
        (Accept(), Receive(), Send("ü"), Send(b"x"), *ACTS[:3], Receive(), CloseSocket(1011)), ("hi", b"x")
    ),
    "refuses": WsScript((CloseSocket(),)),
    "denies": WsScript((Deny(),)),
    "raises": WsScript((Accept(), Raise())),
    "client gone": WsScript((Accept(), Send(), Send(), Receive()), gone_after=1),
}
LOGS = Script((ReadBody(), LogRecord(), SetTag("t", "v"), *ANSWER))
LIFESPANS: dict[str, LifespanScript] = {
    "runs": LifespanScript(startup=ACTS[:3], state=(("pool", 1),), shutdown=ACTS[:1]),
    "unsupported": LifespanScript(before=(Raise(),)),
    "fails": LifespanScript(startup=(Raise(),)),
}


TRUSTING = Wrap.ours(trusted_proxies=["10.0.0.0/8"])
NAMED = Wrap.ours(
    on_request=lambda recording, request: recording.set_name(repr(request)),
    transaction_style="url",
    route_resolver=lambda request: "/{named}",
)


UNLIMITED = {"max_request_body_size": "always"}


def _hiding_wsgi(app: Any) -> Any:
    """Take the headers that our option adds out of the response again: all else must be as without us."""

    def outer(environ: Any, start_response: Any) -> Any:
        def start(status: Any, headers: Any, *rest: Any) -> Any:
            return start_response(status, [pair for pair in headers if pair[0].lower() not in ADDED], *rest)

        return app(environ, start)

    return outer


def _hiding_asgi(app: Any) -> Any:
    """The same for ASGI 3 and, called with a scope alone, for ASGI 2."""

    def outer(scope: Any, *rest: Any) -> Any:
        if not rest:
            instance = app(scope)
            return lambda receive, send: instance(receive, hiding(send))
        return app(scope, rest[0], hiding(rest[1]))

    def hiding(send: Any) -> Any:
        async def sends(message: Any) -> None:
            if "headers" in message:
                kept = [pair for pair in message["headers"] if pair[0].decode("latin-1").lower() not in ADDED]
                message = {**message, "headers": kept}
            await send(message)

        return sends

    return outer


ADDED = ("traceresponse", "server-timing")
TELLING_ONLY = Wrap(_hiding_wsgi, _hiding_asgi)
TELLING = TELLING_ONLY.around(Wrap.ours(trace_response_headers=ADDED))


def read_in_every_way(environ: Any, start_response: Any) -> list[bytes]:
    """A WSGI application that reads its input by each method of PEP 3333's input stream."""
    stream = environ["wsgi.input"]
    first, buffer = stream.read(1), bytearray(4)
    parts = [first, stream.read1(2), stream.readline(3), next(stream), *iter(iter(stream))]
    stream.seek(0)
    parts += [*stream.readlines(), str(stream.readinto(buffer)).encode(), bytes(buffer)]
    if hasattr(stream, "getvalue"):
        copies = [copy.copy(stream), copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))]
        with stream as entered:
            parts += [entered.getvalue(), *[each.read() for each in copies]]
            stream.own = [repr(isinstance(stream, io.BytesIO)), str("own" in dir(stream))]
            parts += [text.encode() for text in stream.own]
            del stream.own
            assert repr(stream)
    if hasattr(stream, "peek"):
        parts.append(stream.peek(1)[:1])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"".join(parts)]


class Lines(io.BufferedReader):
    """A stream whose iterator is another object."""

    def __iter__(self) -> Any:
        return iter(self.readline, b"")


STREAMS: dict[str, Callable[[bytes], Any]] = {
    "": io.BytesIO,
    ", peeks": lambda content: io.BufferedReader(io.BytesIO(content)),  # type: ignore[arg-type]
    ", lines": lambda content: Lines(io.BytesIO(content)),  # type: ignore[arg-type]
}


def run_reading(stream: Callable[[bytes], Any], **arguments: Any) -> Transcript:
    """Such an application behind a server whose stream offers more than the PEP asks."""
    content = b"first line\nsecond\nthird"
    with altered(lambda environ: environ.update({"wsgi.input": stream(content), "CONTENT_LENGTH": "23"})):
        return WSGI.run_app(read_in_every_way, JSON, **arguments)


def flask_app() -> Any:
    """A Flask application whose views raise, which Flask answers by itself."""
    flask = pytest.importorskip("flask")
    app = flask.Flask("faults", root_path=".")

    @app.route("/<path:path>", methods=["POST"])
    def view(path: str) -> str:
        raise RuntimeError(path)

    return app


async def routed(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that leaves in the scope what Starlette leaves there."""
    scope["endpoint"] = partial(routed)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


PLAIN: tuple[tuple[tuple[Any, ...], RequestSpec], ...] = (
    (ANSWER, ASKS),
    ((ReadBody(), Raise()), JSON),
    ((StartResponse(500), SendChunk(), Raise()), ASKS),
)


class Case(NamedTuple):
    """One way of a request through the house."""

    driver: Driver
    name: str
    mode: str
    run: Callable[..., Transcript]  # takes the wrap
    wrap: Wrap = EVERYTHING
    options: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, never changed; of the SDK, beside the mode's

    def __repr__(self) -> str:
        return f"{self.driver} {self.name} ({self.mode})"

    def outermost(self, change: Callable[[Any], Any]) -> Wrap:
        """A wrap that is applied once, when all that this driver wraps is wrapped."""
        return Wrap(asgi=change) if getattr(self.driver, "outside", False) else Wrap(change, change)

    def outcome(self, breaker: Breaker | None = None, broken: Iterable[Function] = (), **options: Any) -> Transcript:
        """The transcript with ours, and with functions broken while the request runs."""
        breaker = breaker or Breaker()
        building = Wrap(breaker.disarm, breaker.disarm)
        with sdk(self.mode, **{**self.options, **options}), breaker.breaking(*broken):
            return self.run(wrap=self.outermost(breaker.arm).around(self.wrap).around(building))

    def expected(self, **options: Any) -> Transcript:
        """The transcript without ours."""
        with sdk(self.mode, **{**self.options, **options}):
            return self.run()


def _cases() -> Iterator[Case]:
    for mode in MODES.keys() - WAITING.keys():
        for driver in ALL_DRIVERS:
            for name, (script, request) in SCRIPTS.items():
                if script.expressible_in(driver.protocol):
                    yield Case(driver, name, mode, partial(driver.run, script, request))
        for driver in ASGI_DRIVERS:
            for name, script in WEBSOCKETS.items():
                yield Case(driver, f"websocket {name}", mode, partial(driver.run_websocket, script, ASKS))
            for name, script in LIFESPANS.items():
                yield Case(driver, f"lifespan {name}", mode, partial(driver.run_lifespan, script))


def _waiting_cases() -> Iterator[Case]:
    """Scopes that are touched late, or never: no options, and no trace to continue, by which they are made at once."""
    for mode in WAITING:
        for driver in ALL_DRIVERS:
            for name in ("generator", "raises first", "raises amid", "list", "abandoned", "HEAD", "task", "thread"):
                script, request = SCRIPTS[name]
                headers = tuple(pair for pair in request.headers if pair[0] != "traceparent")
                untraced = RequestSpec(**{**vars(request), "headers": headers})
                if script.expressible_in(driver.protocol):
                    yield Case(driver, f"{name}, waiting", mode, partial(driver.run, script, untraced), ONCE)


def run_kept(driver: Any, wrap: Any = None) -> Transcript:
    """Two requests of a kept connection, the second in the first one's context: what server and client get of both."""
    pairs = [(Script((ReadBody(), *ACTS, *ANSWER)), JSON), (Script((*ACTS, *ANSWER)), ASKS)]
    first, second = driver.run_connection(pairs, wrap)
    # The second is served with the scopes from before the first one, which the server finds afterwards, too
    return replace(second, body=first.body + second.body, calls=first.calls + second.calls, scope_restored=True)


def _special_cases() -> Iterator[Case]:
    """What the options of the SDK, other options of ours, and frameworks make run."""
    script = Script((ReadBody(), *ACTS, *ANSWER, Raise()))
    for driver in ALL_DRIVERS:
        run, logs = partial(driver.run, script, JSON), partial(driver.run, LOGS, JSON)
        for mode in TRACED:
            yield Case(driver, "PII", mode, run, EVERYTHING, options={"send_default_pii": True})
            yield Case(driver, "trusting", mode, run, ONCE, options={"send_default_pii": True})
            if "data_collection" in DEFAULT_OPTIONS:
                yield Case(driver, "collecting", mode, run, TRUSTING, options={"data_collection": {"user_info": True}})
            if "trace_ignore_status_codes" in DEFAULT_OPTIONS:
                yield Case(driver, "ignored", mode, run, EVERYTHING, options={"trace_ignore_status_codes": {200}})
            yield Case(driver, "twice", mode, run, TWICE)
            yield Case(driver, "proxied", mode, partial(driver.run, script, PROXIED), TRUSTING)
            yield Case(driver, "forwarded", mode, partial(driver.run, script, FORWARDED), TRUSTING)
            yield Case(driver, "stacks", mode, run, EVERYTHING, options={"attach_stacktrace": True})
            yield Case(driver, "third party's", mode, run, THIRD_PARTYS.around(ONCE))
            apart = THIRD_PARTYS.around(Wrap(_between, _between).around(ONCE))
            yield Case(driver, "third party's, apart", mode, run, apart)
            yield Case(driver, "third party's, answers", mode, partial(driver.run, Script(ANSWER), ASKS), THIRD_PARTYS)
            yield Case(driver, "named", mode, run, NAMED)
            yield Case(driver, "crowded", mode, partial(driver.run, script, SCANNED), Wrap.ours(max_path_names=1))
            yield Case(driver, "telling", mode, run, TELLING)
            yield Case(driver, "logging", mode, logs, EVERYTHING, options={"enable_logs": True})
            rich = partial(driver.run, Script((Rich(), ChildSpan("fetch"), *ANSWER)), ASKS)
            yield Case(driver, "rich", mode, rich, options={"max_value_length": 10_000, "send_default_pii": True})
            yield Case(driver, "excluded", mode, run, Wrap.ours(excluded_urls="caf"))
            yield Case(driver, "kept connection", mode, partial(run_kept, driver))
    for mode in TRACED:
        for kind, stream in STREAMS.items():
            reading = partial(run_reading, stream)
            yield Case(WSGI, f"reads in every way{kind}", mode, reading, EVERYTHING, options=UNLIMITED)
        yield Case(WSGI, "Flask", mode, partial(WSGI.run_app, flask_app(), ASKS))
        yield Case(WSGI, "Flask, third party's", mode, partial(WSGI.run_app, flask_app(), ASKS), THIRD_PARTYS)
        yield Case(ASGI3, "routed", mode, partial(ASGI3.run_app, routed, ASKS))


class Bare(BaseRecorder):
    """An output of a third party, which overrides nothing."""

    key = "bare"

    def start(self, *arguments: Any) -> BaseRecording:
        return BaseRecording()


BARE: dict[str, Any] = {
    "trace_response_headers": ADDED,
    "record_send_receive": True,
    "failed_request_status_codes": {200},
    "on_request": lambda recording, request: (recording.set_attribute("a", 1), recording.set_name("b")),
}
THIRD_PARTYS = Wrap(
    wsgi=lambda app: WsgiMiddleware(app, recorders=[Bare()], **BARE),
    asgi=lambda app: AsgiMiddleware(app, recorders=[Bare()], **BARE),
)
PROXIED = RequestSpec(
    client=("10.0.0.1", 4711), headers=(("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.example"))
)
FORWARDED = RequestSpec(client=("10.0.0.1", 4711), headers=(("Forwarded", "for=198.51.100.7;proto=https"),))


class Excludes:
    """As OpenTelemetry's ``ExcludeList``."""

    def url_disabled(self, url: str) -> bool:
        return False


def _between(app: Any) -> Any:
    """A layer of somebody else, which hides from a middleware of ours the one that it wraps."""

    @functools.wraps(app, updated=())
    def layer(*arguments: Any) -> Any:
        return app(*arguments)

    return layer


def _otel_cases() -> Iterator[Case]:
    """The OpenTelemetry output: alone, and on either side of Sentry's."""
    try:
        from .telemetry import Telemetry
    except ImportError:  # without the SDK; the tests of the output itself say so
        return

    def hook(span: Any, *_: Any) -> None:
        span.set_attribute("seen", True)

    telemetry = Telemetry()
    telemetry.exporter.export = lambda spans: None  # type: ignore[assignment, method-assign]  # nobody looks
    hooks = dict.fromkeys(("server_request_hook", "response_hook", "client_request_hook", "client_response_hook"), hook)
    plain, between = telemetry.wrap(), Wrap(_between, _between)
    everything = telemetry.wrap(
        **hooks,
        capture_headers=True,
        record_send_receive=True,
        trace_response_headers=(),
        continue_traces=lambda request: False,
        default_span_details=lambda scope_or_environ: ("asked", {}),
        failed_request_status_codes={200},
        on_request=lambda recording, request: (recording.set_attribute("a", 1), recording.set_name("b")),
        excluded_urls=Excludes(),
        http_capture_headers_server_request=["x-.*"],
    )
    telling = TELLING_ONLY.around(telemetry.wrap(trace_response_headers=ADDED))
    fails = Script((ReadBody(), *ACTS, *ANSWER, Raise()))
    for driver in ALL_DRIVERS:
        for mode in ("sampled", "no client"):
            for name, wrap in (
                ("OpenTelemetry", plain),
                ("OpenTelemetry, everything", everything),
                ("OpenTelemetry, telling", telling),
                ("OpenTelemetry, excluded", telemetry.wrap(excluded_urls="caf")),
                ("OpenTelemetry outside", plain.around(NAMED)),
                ("OpenTelemetry, Sentry excluded", Wrap.ours(excluded_urls="caf").around(plain)),
                ("OpenTelemetry inside", ONCE.around(between.around(everything))),
            ):
                yield Case(driver, name, mode, partial(driver.run, fails, JSON), wrap)
                yield Case(driver, name + ", kept connection", mode, partial(run_kept, driver), wrap)
                yield Case(driver, name + ", answers", mode, partial(driver.run, Script(ANSWER), PROXIED), wrap)
    for driver in ASGI_DRIVERS:
        for name in ("talks", "raises"):
            run = partial(driver.run_websocket, WEBSOCKETS[name], ASKS)
            yield Case(driver, f"OpenTelemetry, websocket {name}", "no client", run, everything)
        for name, script in LIFESPANS.items():
            run = partial(driver.run_lifespan, script)
            yield Case(driver, f"OpenTelemetry, lifespan {name}", "no client", run, plain)


CASES = [*_cases(), *_waiting_cases(), *_special_cases(), *_otel_cases()]
