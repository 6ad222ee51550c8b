"""``asgi``: the adapter for ASGI 2 and 3. That the server sees no difference is ``tests/conformance``'s to prove."""

# ruff: noqa: PLW0108 - a lambda that forwards is what is under test
from __future__ import annotations

import asyncio
import functools
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk

from sentry_web import SentryAsgiMiddleware, SentryMiddleware
from sentry_web._core.entry import MARKERS
from sentry_web.asgi import is_double_callable
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    Accept,
    CaptureMessage,
    CloseSocket,
    Deny,
    Events,
    LifespanScript,
    Peer,
    Raise,
    Receive,
    RequestSpec,
    Script,
    Send,
    SendChunk,
    SetTag,
    StartResponse,
    Wrap,
    WsScript,
    recording,
)
from sentry_web.testing.drivers import make_scope
from sentry_web.testing.sdk import STATIC, STREAM

OK = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.fixture
def events() -> Iterator[Events]:
    with recording(traces_sample_rate=1.0) as recorded:
        yield recorded


@pytest.fixture(params=[ASGI3, ASGI2], ids=repr)
def driver(request: pytest.FixtureRequest) -> Any:
    return request.param


def serve(app: Any, scope: dict[str, Any] | None = None, receive: Any = None, send: Any = None) -> list[Any]:
    """Call an ASGI 3 application once; what it sent."""
    sent: list[Any] = []

    async def take(message: Any) -> None:
        sent.append(message)

    async def nothing() -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(app(make_scope(RequestSpec()) if scope is None else scope, receive or nothing, send or take))
    return sent


# --- which ASGI ------------------------------------------------------------------------------------------------------


async def three(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"three"})


def two(scope: Any) -> Any:
    return functools.partial(three, scope)


class Instance:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await three(scope, receive, send)


class Forwarding:
    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return three(scope, receive, send)


class Double:
    def __call__(self, scope: Any) -> Any:
        return two(scope)


class Class:
    def __init__(self, scope: Any) -> None: ...

    async def __call__(self, receive: Any, send: Any) -> None: ...


class Awaitable:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def __await__(self) -> Any: ...


def bare(scope: Any) -> Any: ...


bare.__signature__ = "none"  # type: ignore[attr-defined]  # inspect.signature raises TypeError


@pytest.mark.parametrize("app", [two, Double(), Class, lambda scope: two(scope), functools.partial(two)])
def test_unmistakably_asgi_2(app: Any) -> None:
    assert is_double_callable(app)


@pytest.mark.parametrize(
    "app",
    [
        three,
        Instance(),
        Instance().__call__,
        Forwarding(),
        Awaitable,
        functools.partial(three),
        functools.partial(lambda extra, scope, receive, send: three(scope, receive, send), 1),
        lambda scope, receive, send: three(scope, receive, send),
        lambda *args: three(*args),
        lambda first, *rest: three(first, *rest),
        lambda **kwargs: None,
        dict.fromkeys,
        getattr,  # a builtin may have no signature
        print,
        bare,
        5,
    ],
)
def test_asgi_3_unless_unmistakably_asgi_2(app: Any) -> None:
    assert not is_double_callable(app)


@pytest.mark.parametrize("middleware", [SentryAsgiMiddleware, SentryMiddleware])
def test_the_middleware_offers_the_version_it_wraps(middleware: Any) -> None:
    for app, coroutine in ((three, True), (two, False)):
        wrapped = middleware(app)
        assert isinstance(wrapped, middleware)
        assert type(wrapped).__name__ == middleware.__name__
        assert type(wrapped).__module__ == middleware.__module__
        assert asyncio.iscoroutinefunction(wrapped.__call__) is coroutine
        assert is_double_callable(wrapped) is not coroutine


def test_the_version_told_counts() -> None:
    assert is_double_callable(SentryAsgiMiddleware(lambda *args: two(*args), asgi_version=2))
    assert not is_double_callable(SentryAsgiMiddleware(lambda scope, *, x=None: None, asgi_version=3))
    with pytest.raises(ValueError, match="asgi_version: 1 "):
        SentryAsgiMiddleware(three, asgi_version=1)


# --- passing through -------------------------------------------------------------------------------------------------


def test_without_a_client_the_application_gets_the_very_same_objects() -> None:
    seen: list[Any] = []

    async def app(*args: Any) -> str:
        seen.extend(args)
        return "returned"

    def double(scope: Any) -> Any:
        seen.append(scope)
        return "instance"

    scope, receive, send = make_scope(RequestSpec()), object(), object()
    assert not sentry_sdk.get_client().is_active()
    assert asyncio.run(SentryAsgiMiddleware(app)(scope, receive, send)) == "returned"  # type: ignore[arg-type]
    double_middleware: Any = SentryAsgiMiddleware(double)
    assert double_middleware(scope) == "instance"
    assert [seen[0] is scope, seen[1] is receive, seen[2] is send, seen[3] is scope] == [True] * 4
    assert MARKERS["asgi"] not in scope


def test_scope_messages_and_results_are_handed_through_as_they_are(events: Events) -> None:
    seen: list[Any] = []
    message = {"type": "http.request", "body": b"abc", "more_body": True}

    async def app(scope: Any, receive: Any, send: Any) -> str:
        seen.extend([scope, await receive(), await send(OK)])
        return "returned"

    async def receive() -> Any:
        return message

    async def send(message: Any) -> str:
        return "taken"

    scope = make_scope(RequestSpec())
    assert asyncio.run(SentryAsgiMiddleware(app)(scope, receive, send)) == "returned"
    assert seen[0] is scope
    assert seen[1] is message
    assert seen[2] == "taken"
    assert len(events.roots) == 1


def test_receive_is_called_by_the_application_alone(events: Events) -> None:
    """Draining it hangs the application (#7285)."""
    calls: list[None] = []

    async def receive() -> Any:
        calls.append(None)
        return {"type": "http.disconnect"}

    serve(SentryAsgiMiddleware(three), make_scope(RequestSpec(method="POST", body=(b"abc",))), receive)
    assert calls == []


@pytest.mark.parametrize("scope", [{}, {"type": "http"}, {"type": None}, None, 5])
def test_whatever_the_scope_the_application_runs(events: Events, scope: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    asyncio.run(SentryAsgiMiddleware(app)(scope, None, None))  # type: ignore[arg-type]
    assert seen == [scope]


def test_a_scope_of_an_unknown_type_has_its_errors_reported(events: Events) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "channel.reply"})
        raise ValueError("in a channel")

    with pytest.raises(ValueError, match="in a channel"):
        serve(SentryAsgiMiddleware(app), {"type": "channel"})
    assert [event.exception for event in events] == [("ValueError", "in a channel")]


# --- http ------------------------------------------------------------------------------------------------------------


def test_a_response_is_watched_and_passed_on(driver: Any, events: Events) -> None:
    script = Script(steps=(StartResponse(201), SendChunk(b"abc"), SendChunk(b"de")))
    transcript = driver.run(script, RequestSpec(path="/a"), Wrap.ours())
    assert (transcript.status, transcript.body, transcript.violations) == (201, b"abcde", ())
    (root,) = events.roots
    assert root.outcome == "ok"
    assert root.data["http.response.status_code"] == 201
    assert root.data["http.response.body.size"] == 5
    assert root.data["sentry_web.time_to_first_byte"] > 0


def test_an_error_is_reported_once_and_passes(driver: Any, events: Events) -> None:
    transcript = driver.run(Script(steps=(Raise(ValueError, ("boom",)),)), RequestSpec(), Wrap.ours())
    assert transcript.exceptions[0].own
    assert [error.exception for error in events.errors] == [("ValueError", "boom")]
    assert events.errors[0].mechanism["type"] == "asgi"
    assert events.errors[0].mechanism["handled"] is False
    assert events.roots[0].outcome == "error"


def test_an_asgi_2_application_that_cannot_be_made_is_reported(events: Events) -> None:
    def double(scope: Any) -> Any:
        raise ValueError("not made")

    app: Any = SentryAsgiMiddleware(double)
    with pytest.raises(ValueError, match="not made"):
        app(make_scope(RequestSpec()))
    assert [error.exception for error in events.errors] == [("ValueError", "not made")]
    assert len(events.roots) == 1


def test_a_client_that_went_away_is_no_error(driver: Any, events: Events) -> None:
    script = Script(steps=(StartResponse(), SendChunk(b"a"), SendChunk(b"b")), peer=Peer(gone_after=1))
    driver.run(script, RequestSpec(), Wrap.ours())
    (root,) = events.roots
    assert events.errors == []
    assert root.outcome == "cancelled"
    assert root.data["sentry_web.client_gone"] is True


def test_a_file_sent_by_its_path_ends_the_response(events: Events) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(OK)
        await send({"type": "http.response.pathsend", "path": "/a"})
        await send({"type": "http.response.trailers"})
        await send({"type": "http.response.debug"})

    assert len(serve(SentryAsgiMiddleware(app))) == 4
    assert events.roots[0].outcome == "ok"


@pytest.mark.parametrize("message", [None, 5, {}, {"type": "http.response.body", "body": None}])
def test_what_the_application_sends_wrongly_is_the_servers_to_refuse(events: Events, message: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    assert serve(SentryAsgiMiddleware(app))[0] is message
    assert len(events.roots) == 1


def test_a_disconnect_told_while_the_server_takes_the_last_part_is_no_news(events: Events) -> None:
    """As hypercorn does: whoever waits for the disconnect hears of it before the last send returns."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        listening.append(receive)
        await send({"type": "http.response.body", "body": b""})

    listening: list[Any] = []

    async def send(message: Any) -> None:
        for receive in listening:
            assert (await receive())["type"] == "http.disconnect"

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(SentryAsgiMiddleware(app)(make_scope(RequestSpec()), receive, send))
    assert events.roots[0].outcome == "ok"


def test_a_client_gone_is_told_by_receive_too(events: Events) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    serve(SentryAsgiMiddleware(app))
    assert events.roots[0].outcome == "cancelled"


@pytest.mark.parametrize("message", [None, 5, {}, {"type": "http.request"}, {"type": "http.request", "body": None}])
def test_what_the_server_hands_over_wrongly_is_the_applications_to_refuse(events: Events, message: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await receive())

    async def receive() -> Any:
        return message

    serve(SentryAsgiMiddleware(app), receive=receive)
    assert seen[0] is message
    assert len(events.roots) == 1


# --- lifespan --------------------------------------------------------------------------------------------------------


def test_a_lifespan_refused_before_receive_is_no_error(driver: Any, events: Events) -> None:
    transcript = driver.run_lifespan(LifespanScript(before=(Raise(ValueError, ("unsupported",)),)), Wrap.ours())
    assert transcript.exceptions[0].own
    assert events.all == []


def test_an_error_in_the_lifespan_is_reported_and_nothing_else(driver: Any, events: Events) -> None:
    driver.run_lifespan(LifespanScript(startup=(Raise(ValueError, ("no database",)),)), Wrap.ours())
    (error,) = events.all
    assert error.exception == ("ValueError", "no database")
    assert error.get("request") is None


def test_what_is_set_in_the_lifespan_stays_there(driver: Any, events: Events) -> None:
    script = LifespanScript(startup=(SetTag("phase", "startup"), CaptureMessage("starting")), state=(("db", 1),))
    transcript = driver.run_lifespan(script, Wrap.ours())
    assert [call.details for call in transcript.calls if call.name == "state"] == [({"db": 1},)]
    driver.run(Script(steps=(CaptureMessage("serving"), StartResponse())), RequestSpec(), Wrap.ours())
    first, second = events.messages
    assert first.tags["phase"] == "startup"
    assert "phase" not in second.tags
    assert len(events.roots) == 1


# --- websocket -------------------------------------------------------------------------------------------------------


def websocket(driver: Any, events: Events, *steps: Any, **script: Any) -> dict[str, Any]:
    """Run it; what is known of its root span, and how that ended."""
    driver.run_websocket(WsScript(steps=steps, **script), RequestSpec(path="/chat"), Wrap.ours())
    (root,) = events.roots
    assert root.op == "websocket.server"
    return {"outcome": root.outcome, **root.data}


def test_a_websockets_messages_and_bytes_are_counted(driver: Any, events: Events) -> None:
    steps = Accept(), Receive(), Receive(), Send("gr\xfc\xdfe"), Send(b"12"), Send(""), Receive()
    data = websocket(driver, events, *steps, messages=("abc", b"\x00\x01"), leaves_with=1001)
    assert data["http.response.status_code"] == 101
    assert (data["websocket.messages.received"], data["websocket.bytes.received"]) == (2, 5)
    assert (data["websocket.messages.sent"], data["websocket.bytes.sent"]) == (3, 9)
    assert (data["websocket.close_code"], data["websocket.closed_by"]) == (1001, "client")
    assert "http.response.body.size" not in data
    assert data["outcome"] == "ok"


def test_a_close_by_the_server(driver: Any, events: Events) -> None:
    data = websocket(driver, events, Accept(), CloseSocket(4000))
    assert (data["websocket.close_code"], data["websocket.closed_by"], data["outcome"]) == (4000, "server", "ok")


def test_a_close_with_1011_is_an_error(driver: Any, events: Events) -> None:
    data = websocket(driver, events, Accept(), CloseSocket(1011))
    assert (data["websocket.close_code"], data["outcome"]) == (1011, "error")


def test_a_close_before_accept_is_a_403(driver: Any, events: Events) -> None:
    data = websocket(driver, events, CloseSocket())
    assert (data["http.response.status_code"], data["outcome"]) == (403, "ok")


def test_a_denial_has_a_status(driver: Any, events: Events) -> None:
    data = websocket(driver, events, Deny(401))
    assert (data["http.response.status_code"], data["outcome"]) == (401, "ok")


@pytest.mark.parametrize(
    ("refusal", "status"), [(CloseSocket(), "permission_denied"), (Deny(401), "unauthenticated")], ids=repr
)
def test_a_refused_handshake_is_a_status_of_its_transaction(driver: Any, refusal: Any, status: str) -> None:
    with recording(traces_sample_rate=1.0, **STATIC) as events:
        driver.run_websocket(WsScript(steps=(refusal,)), RequestSpec(path="/chat"), Wrap.ours())
    assert [transaction.status for transaction in events.transactions] == [status]


def test_an_error_on_a_websocket_is_reported(driver: Any, events: Events) -> None:
    data = websocket(driver, events, Accept(), Raise(ValueError, ("in chat",)))
    assert data["outcome"] == "error"
    assert data["http.response.status_code"] == 101
    (error,) = events.errors
    assert error["request"]["url"] == "ws://shop.example/chat"
    assert "websocket.close_code" not in data


def test_an_error_before_accept_is_a_500(driver: Any, events: Events) -> None:
    assert websocket(driver, events, Raise())["http.response.status_code"] == 500


def test_a_client_gone_from_a_websocket_is_no_error(driver: Any, events: Events) -> None:
    data = websocket(driver, events, Accept(), Send("a"), Send("b"), gone_after=1)
    assert data["outcome"] == "cancelled"
    assert events.errors == []


def test_odd_websocket_messages_do_no_harm(events: Events) -> None:
    """A disconnect without a code, a message without a payload, a lone surrogate, a denial in parts, a kind unknown."""
    kind = "websocket.http.response"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()
        await send({"type": "websocket.send", "text": "\ud800"})
        await send({"type": f"{kind}.start", "status": 401})
        await send({"type": f"{kind}.body", "body": b"a", "more_body": True})
        await send({"type": f"{kind}.body"})
        await send({"type": "websocket.unknown"})

    incoming = [{"type": "websocket.receive"}, {"type": "websocket.disconnect"}]

    async def receive() -> Any:
        return incoming.pop(0)

    serve(SentryAsgiMiddleware(app), make_scope(RequestSpec(), kind="websocket"), receive)
    data = events.roots[0].data
    assert (data["websocket.messages.received"], data["websocket.bytes.received"]) == (1, 0)
    assert data["websocket.close_code"] == 1005  # RFC 6455, 7.1.5: a close frame without a code
    assert data["websocket.messages.sent"] == 0  # the connection had ended


# --- one request is one request --------------------------------------------------------------------------------------


def test_twice_wrapped_is_once_reported(driver: Any, events: Events) -> None:
    ours = Wrap.ours()
    driver.run(Script(steps=(StartResponse(), Raise())), RequestSpec(), ours.around(ours))
    assert (len(events.errors), len(events.roots)) == (1, 1)


@pytest.mark.parametrize("in_task", [False, True], ids=["awaited", "in a task"])
def test_a_request_inside_a_request_has_its_own_data_and_trace(events: Events, in_task: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/outer":
            call = wrapped(make_scope(RequestSpec(path="/inner")), receive, send)
            await (asyncio.ensure_future(call) if in_task else call)
        sentry_sdk.capture_message("at " + scope["path"])

    wrapped = SentryAsgiMiddleware(app)
    serve(wrapped, make_scope(RequestSpec(path="/outer")))
    for path in ("/outer", "/inner"):
        (message,) = [message for message in events.messages if message.message == "at " + path]
        (root,) = [root for root in events.roots if root.name == path]
        assert message["request"]["url"].endswith(path)
        assert message.trace["trace_id"] == root.trace["trace_id"]
    outer, inner = events.roots
    assert outer.trace["trace_id"] != inner.trace["trace_id"]


def test_one_error_through_nested_requests_is_reported_once(events: Events) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/inner":
            raise ValueError("once")
        await wrapped(make_scope(RequestSpec(path="/inner")), receive, send)

    wrapped = SentryAsgiMiddleware(app)
    with pytest.raises(ValueError, match="once"):
        serve(wrapped, make_scope(RequestSpec(path="/outer")))
    assert len(events.errors) == 1
    assert [root.outcome for root in events.roots] == ["error"] * 2


# --- nothing is kept -------------------------------------------------------------------------------------------------


class Weak(dict):  # type: ignore[type-arg]
    """A scope that can be weakly referenced."""


def watched(references: list[weakref.ref[Any]]) -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(OK)
        raise ValueError("boom")

    references.append(weakref.ref(app))
    return app


@pytest.mark.parametrize("options", [STATIC, STREAM], ids=["transactions", "stream"])
def test_everything_of_a_failed_request_dies_by_reference_count(options: dict[str, Any]) -> None:
    references: list[weakref.ref[Any]] = []

    def one_request() -> None:
        scope = Weak(make_scope(RequestSpec(headers=(("X-A", "b"),))))
        references.append(weakref.ref(scope))
        wrapped = SentryAsgiMiddleware(watched(references))
        coroutine = wrapped(scope, None, take)  # type: ignore[arg-type]
        try:
            while True:
                coroutine.send(None)
        except ValueError:
            pass

    async def take(message: Any) -> None: ...

    with recording(traces_sample_rate=1.0, **options) as events:
        gc.collect()
        gc.disable()
        try:
            one_request()
            assert [reference() for reference in references] == [None, None]
        finally:
            gc.enable()
        assert len(events.errors) == 1
