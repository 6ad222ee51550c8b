"""What the next request of a kept connection inherits: nothing, though the server runs it in the former one's context.

asyncio's transports register their readers in the context that is current; an application that reads a large body makes
them do so inside its request, and the next request of the connection starts in a copy of that (cpython 140947, uvicorn
2167, opentelemetry-python-contrib 3700). ``tests/servers/test_kept_connections.py`` shows it with real servers.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import sentry_sdk

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry import baggage
from opentelemetry import context as context_api
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    WSGI,
    CaptureMessage,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.drivers import make_environ, make_scope
from sentry_web.testing.steps import Act

from .properties import MODES, ONCE
from .telemetry import OwnSpan, Telemetry

DRIVERS = pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)
SDK_MODES = ["sampled", "errors only", *(["stream"] if "stream" in MODES else [])]
UPLOAD = RequestSpec(method="POST", path="/upload", headers=(("X-Owner", "gabriela"),), body=(b"x" * 70_000,))
NEXT = RequestSpec(path="/next")


class Say(Act):
    """Leave the word in all that Sentry's scopes hold, some of it on scopes of the application's own."""

    def act(self, recorder: Any) -> None:
        sentry_sdk.set_user({"username": "gabriela"})
        sentry_sdk.set_tag("owner", "gabriela")
        sentry_sdk.set_context("basket", {"owner": "gabriela"})
        sentry_sdk.add_breadcrumb(message="gabriela")
        sentry_sdk.get_current_scope().set_extra("owner", "gabriela")
        sentry_sdk.Scope.set_isolation_scope(sentry_sdk.get_isolation_scope().fork())
        sentry_sdk.Scope.set_current_scope(sentry_sdk.get_current_scope().fork())


class Attach(Act):
    """Attach baggage to OpenTelemetry's context, and leave it there."""

    def act(self, recorder: Any) -> None:
        context_api.attach(baggage.set_baggage("owner", "gabriela"))


@dataclass(frozen=True, repr=False)
class ReadBaggage(Act):
    seen: Any

    def act(self, recorder: Any) -> None:
        self.seen.append(dict(baggage.get_all()))


def uploading(*steps: Any) -> tuple[Script, RequestSpec]:
    """A request that says whose it is, and reads its large body then."""
    return Script((Say(), *steps, ReadBody(), StartResponse(), SendChunk(b"one"))), UPLOAD


ANSWERS = Script((CaptureMessage("next"), StartResponse(), SendChunk(b"two")))
FAILS = Script((Raise(),))


@DRIVERS
@pytest.mark.parametrize("mode", SDK_MODES)
@pytest.mark.parametrize("script", [ANSWERS, FAILS], ids=["answers", "fails"])
@pytest.mark.parametrize("uploads", [1, 3])
def test_a_kept_connection_hands_nothing_of_sentrys_on(driver: Any, mode: str, script: Script, uploads: int) -> None:
    with recording(**MODES[mode]) as events:
        driver.run_connection([uploading()] * uploads + [(script, NEXT)] * 2, ONCE)
        ours = [each for each in events if "/next" in json.dumps(each.payload)]
        assert len(events.errors + events.messages) == 2
        assert ours
        for each in ours:
            assert "gabriela" not in json.dumps(each.payload), each


@DRIVERS
def test_a_kept_connection_hands_nothing_on_to_what_the_server_logs(driver: Any) -> None:
    """After the application has raised, servers log it in the task of the request, outside of every middleware."""
    with recording(traces_sample_rate=1.0) as events:

        def server(app: Any) -> Any:
            def wsgi(environ: Any, start_response: Any) -> Any:
                try:
                    yield from app(environ, start_response)
                finally:
                    sentry_sdk.capture_message("of the server")

            return wsgi

        def async_server(app: Any) -> Any:
            async def single(scope: Any, receive: Any, send: Any) -> None:
                try:
                    await (app(scope, receive, send) if driver is ASGI3 else app(scope)(receive, send))
                finally:
                    sentry_sdk.capture_message("of the server")

            if driver is ASGI3:
                return single
            return lambda scope: lambda receive, send: single(scope, receive, send)

        wrap = Wrap(wsgi=server, asgi=async_server).around(ONCE)
        driver.run_connection([uploading(), (FAILS, NEXT)], wrap)
        last = events.messages[-1]
        assert "gabriela" not in json.dumps(last.payload)
        assert "/upload" not in json.dumps(last.payload)


@DRIVERS
def test_a_kept_connection_hands_no_request_on_to_an_excluded_url(driver: Any) -> None:
    wrap = ONCE.ours(excluded_urls="/next")
    with recording(traces_sample_rate=1.0) as events:
        driver.run_connection([uploading(), (ANSWERS, NEXT)], wrap)
        (message,) = events.messages
        assert "gabriela" not in json.dumps(message.payload)
        assert "/upload" not in json.dumps(message.payload)


class FirstIsOff(Sampler):
    """Leaves the first trace out."""

    def __init__(self) -> None:
        self.asked = 0

    def should_sample(self, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        return (ALWAYS_OFF if self.asked == 1 else ALWAYS_ON).should_sample(*args, **kwargs)

    def get_description(self) -> str:
        return "first is off"


@DRIVERS
@pytest.mark.parametrize("uploads", [1, 3])
def test_a_kept_connection_hands_nothing_of_opentelemetrys_on(driver: Any, uploads: int) -> None:
    telemetry, seen = Telemetry(), []
    upload, request = uploading(Attach(), OwnSpan(telemetry, "own"))
    last = Script((ReadBaggage(seen), OwnSpan(telemetry, "own"), StartResponse(), SendChunk(b"two")))
    driver.run_connection([(upload, request)] * uploads + [(last, NEXT)] * 2, telemetry.wrap())
    assert len(telemetry.requests) == uploads + 2
    assert [span.parent for span in telemetry.requests] == [None] * (uploads + 2)
    assert len({span.context.trace_id for span in telemetry.requests}) == uploads + 2
    assert seen == [{}, {}]


@DRIVERS
def test_a_kept_connection_does_not_hand_on_that_a_trace_was_left_out(driver: Any) -> None:
    telemetry = Telemetry(ParentBased(FirstIsOff()))
    driver.run_connection([uploading(), (ANSWERS, NEXT)], telemetry.wrap())
    assert [span.attributes["url.path"] for span in telemetry.requests] == ["/next"]


@DRIVERS
def test_a_kept_connection_does_not_hand_on_that_instrumentation_was_suppressed(driver: Any) -> None:
    class Suppress(Act):
        def act(self, recorder: Any) -> None:
            context_api.attach(context_api.set_value("suppress_instrumentation", True))

    telemetry = Telemetry()
    driver.run_connection([uploading(Suppress()), (ANSWERS, NEXT)], telemetry.wrap())
    assert len(telemetry.requests) == 2


def hiding(app: Any) -> Any:
    """A layer of somebody else."""

    def layer(*given: Any) -> Any:
        return app(*given)

    return layer


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_an_inner_middleware_inherits_nothing_on_a_kept_connection(driver: Any) -> None:
    """Somebody else's layer hides it from ours, so that it opens its part of the request later."""
    telemetry, seen = Telemetry(), []
    layer = Wrap(hiding, hiding)
    wrap = ONCE.around(layer).around(telemetry.wrap())
    last = Script((ReadBaggage(seen), StartResponse(), SendChunk(b"two")))
    with recording(traces_sample_rate=1.0):
        driver.run_connection([uploading(Attach()), (last, NEXT)], wrap)
    parents = [span.parent for span in telemetry.requests if span.attributes["url.path"] == "/next"]
    assert [parent.is_remote for parent in parents] == [True]
    assert seen == [{}]


def test_a_kept_connection_hands_on_neither_a_request_nor_the_one_around_it() -> None:
    """A request made in process leaks its context, and the request that made it is over by then, too."""
    leaked: list[contextvars.Context] = []

    def inner(environ: Any, start_response: Any) -> Any:
        leaked.append(contextvars.copy_context())
        start_response("200 OK", [])
        return []

    def outer(environ: Any, start_response: Any) -> Any:
        Say().act(None)
        SentryWsgiMiddleware(inner)(make_environ(NEXT), lambda *given: None)
        start_response("200 OK", [])
        return []

    def last(environ: Any, start_response: Any) -> Any:
        sentry_sdk.capture_message("last")
        start_response("200 OK", [])
        return []

    with recording(traces_sample_rate=1.0) as events:
        SentryWsgiMiddleware(outer)(make_environ(UPLOAD), lambda *given: None)
        leaked[0].run(SentryWsgiMiddleware(last), make_environ(NEXT), lambda *given: None)
        (message,) = events.messages
        assert "gabriela" not in json.dumps(message.payload)


@DRIVERS
def test_what_was_around_a_kept_connection_still_counts(driver: Any) -> None:
    """The tag of whoever has started the server is on all of its requests."""
    with recording(traces_sample_rate=1.0) as events:
        sentry_sdk.get_isolation_scope().set_tag("server", "blue")
        driver.run_connection([uploading(), (ANSWERS, NEXT), (ANSWERS, NEXT)], ONCE)
        assert [event.tags.get("server") for event in events.messages] == ["blue", "blue"]


@DRIVERS
def test_on_request_runs_in_the_requests_own_context_on_a_kept_connection(driver: Any) -> None:
    """What a hook binds to the context, for the application's log records, is there."""
    bound: contextvars.ContextVar[str] = contextvars.ContextVar("bound")
    seen: list[str] = []

    class Look(Act):
        def act(self, recorder: Any) -> None:
            seen.append(bound.get())

    wrap = ONCE.ours(on_request=lambda recording, request: bound.set(request.path))
    with recording():
        looks = Script((Look(), StartResponse(), SendChunk(b"two")))
        driver.run_connection([uploading(), (looks, NEXT)], wrap)
    assert seen == ["/next"]


class Owned:
    """What an application keeps in a context variable."""


OWNED: contextvars.ContextVar[Any] = contextvars.ContextVar("owned")


def test_an_asgi_connection_keeps_no_request_but_the_one_whose_context_it_has() -> None:
    kept: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        owned = Owned()
        OWNED.set(owned)
        kept.append(weakref.ref(owned))
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    context = contextvars.copy_context()

    async def receive() -> Any:
        nonlocal context
        context = contextvars.copy_context()
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(message: Any) -> None:
        return None

    middleware = SentryAsgiMiddleware(app)
    with recording(traces_sample_rate=1.0):
        for _ in range(5):
            context.run(asyncio.run, middleware(make_scope(RequestSpec()), receive, send))
        gc.collect()
        assert [owned() is not None for owned in kept] == [False] * 4 + [True]


def test_a_wsgi_connection_keeps_no_request_but_the_one_whose_context_it_has() -> None:
    kept: list[Any] = []
    context = contextvars.copy_context()

    def app(environ: Any, start_response: Any) -> Any:
        nonlocal context
        owned = Owned()
        OWNED.set(owned)
        kept.append(weakref.ref(owned))
        context = contextvars.copy_context()
        start_response("200 OK", [])
        return []

    middleware = SentryWsgiMiddleware(app)
    with recording(traces_sample_rate=1.0):
        for _ in range(5):
            context.run(middleware, make_environ(RequestSpec()), lambda *given: None)
        gc.collect()
        assert [owned() is not None for owned in kept] == [False] * 4 + [True]


def test_background_work_that_calls_an_application_stays_in_its_own_request() -> None:
    """It is over for the connection, but its own code goes on with its own scopes."""

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        sentry_sdk.capture_message("inner")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def send(message: Any) -> None:
        return None

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sentry_sdk.set_user({"username": "gabriela"})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        with suppress(RuntimeError):
            await SentryAsgiMiddleware(inner)(make_scope(NEXT), receive, send)
        sentry_sdk.capture_message("background")

    with recording(traces_sample_rate=1.0) as events:
        asyncio.run(SentryAsgiMiddleware(app)(make_scope(UPLOAD), send, send))
        inside, background = events.messages
        assert "user" not in inside.payload
        assert background["user"]["username"] == "gabriela"
        assert background["request"]["url"].endswith("/upload")
