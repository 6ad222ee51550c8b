"""What users of sentry-sdk's own middlewares rely on: sampling, options at run time, attributes, names below mounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as SdkAsgi
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from sentry_web.testing import (
    CaptureMessage,
    ChildSpan,
    Raise,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.drivers.asgi import make_scope
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, STATIC, STREAM
from sentry_web.testing.steps import Act

BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@BOTH_MODES
@pytest.mark.parametrize("rate", [0, 1])
@pytest.mark.parametrize("flag", ["00", "01"])
def test_the_w3c_flag_does_not_override_the_users_own_rate(driver, flag, rate, sdk, run):
    script = Script((StartResponse(), CaptureMessage("here"), SendChunk()))
    request = RequestSpec(headers=(("traceparent", f"00-{TRACE}-{SPAN}-{flag}"),))
    _, events = run(driver, script, request, {**sdk, "traces_sample_rate": rate})
    assert len(events.roots) == rate
    assert events.messages[0].trace["trace_id"] == TRACE


class Touch(Act):
    """Do to a request's data what processors of users do to texts."""

    def __init__(self) -> None:
        self.touched: list[str] = []

    def act(self, recorder: Any) -> None:
        sentry_sdk.get_isolation_scope().add_event_processor(self.touch)

    def touch(self, event: Any, hint: Any) -> Any:
        request = event["request"]
        request["query_string"] = request["query_string"].replace("ulysses", "book")
        self.touched += [value.lower() for value in request["headers"].values()]
        self.touched += [request["url"].lower(), *(value.strip() for value in request.get("env", {}).values())]
        return event


@BOTH_MODES
def test_processors_find_plain_text(driver, sdk, run):
    touch = Touch()
    script = Script((touch, CaptureMessage("here"), StartResponse(), SendChunk(), Raise()))
    headers = (("Authorization", "Bearer s3cr3t-token"), ("Cookie", "session=s3cr3t-cookie"))
    request = RequestSpec(path="/books", query="title=ulysses&token=s3cr3t-query", headers=headers)
    _, events = run(driver, script, request, sdk)
    for event in (*events.messages, *events.errors):
        assert event["request"]["query_string"] == "title=book&token=[Filtered]"
    assert len(events.errors + events.messages) == 2
    assert touch.touched
    assert b"s3cr3t-token" not in events.all_bytes


def made_once(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that puts one and the same middleware around each application."""
    made: list[Any] = []

    def wrap(app: Any) -> Any:
        made[:] = made or [make(app)]
        made[0].app = app
        return made[0]

    return wrap


def test_changed_options_of_the_client_are_obeyed(driver):
    ours = Wrap.ours()
    wrap = Wrap(wsgi=made_once(ours.wsgi), asgi=made_once(ours.asgi))
    with recording(traces_sample_rate=None) as events:
        for rate in (None, 1.0, None):
            sentry_sdk.get_client().options["traces_sample_rate"] = rate
            driver.run(Script((StartResponse(), SendChunk())), wrap=wrap)
        assert len(events.roots) == 1


@pytest.mark.skipif(not HAS_STREAMED_SPANS, reason="not with this sentry-sdk: no streamed spans")
def test_the_stream_attributes_are_those_of_the_sdk(driver, run):
    script = Script((StartResponse(), ChildSpan("child"), SendChunk()))
    request = RequestSpec(path="/books/7", query="page=2&token=s3cr3t-8f3a", headers=(("User-Agent", "curl/8.0"),))
    _, events = run(driver, script, request, STREAM)
    (segment,) = events.segments
    assert segment.attributes["url.full"] == "http://shop.example/books/7?page=2&token=[Filtered]"
    assert segment.attributes["http.request.header.user-agent"] in ("curl/8.0", ["curl/8.0"])
    for span in events.spans:
        assert span.attributes["user_agent.original"] == "curl/8.0"
        assert span.attributes["sentry.is_localhost"] is False


class AskForTraceHeader(Act):
    """Note the header by which the application would continue the trace elsewhere."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def act(self, recorder: Any) -> None:
        self.seen.append(sentry_sdk.get_traceparent() or "")


@pytest.mark.skipif(not HAS_STREAMED_SPANS, reason="not with this sentry-sdk: no streamed spans")
@pytest.mark.parametrize("decided", ["", "-0", "-1"])
def test_without_tracing_no_event_is_named_by_a_span_of_the_application(driver, run, decided):
    header = AskForTraceHeader()
    steps = (ChildSpan("look for the book", (CaptureMessage("here"),)), CaptureMessage("later"), header)
    request = RequestSpec(path="/books/7", headers=(("sentry-trace", f"{TRACE}-{SPAN}{decided}"),))
    sdk = {**STREAM, "traces_sample_rate": None}
    _, events = run(driver, Script((*steps, StartResponse(), SendChunk())), request, sdk)
    assert [message.name for message in events.messages] == ["/books/7"] * 2
    assert {message.trace["trace_id"] for message in events.messages} == {TRACE}
    assert events.spans == []
    (sent,) = header.seen
    assert sent.startswith(TRACE)
    assert sent.count("-") == 1  # whoever is called decides, as with the SDK's middlewares


class FindNoRoute(Act):
    """Name the transaction, and each event, as an integration does that has found no route."""

    def __init__(self, name: str) -> None:
        self.name = name

    def act(self, recorder: Any) -> None:
        sentry_sdk.get_current_scope().set_transaction_name(self.name, source="route")
        sentry_sdk.get_isolation_scope().add_event_processor(self.process)

    def process(self, event: Any, hint: Any) -> Any:
        return {**event, "transaction": self.name, "transaction_info": {"source": "route"}}


@BOTH_MODES
@pytest.mark.parametrize("placeholder", ["bottle request", "generic Starlette request"])
def test_a_placeholder_of_an_integration_is_no_name(driver, run, sdk, placeholder):
    script = Script((FindNoRoute(placeholder), CaptureMessage("here"), StartResponse(), SendChunk()))
    _, events = run(driver, script, RequestSpec(path="/books/7"), sdk)
    assert [each.name for each in (*events.roots, *events.messages)] == ["/books/7"] * 2


class NameAsIntegrationsDo(Act):
    """Name the transaction by its route, without the prefix of the mount."""

    def act(self, recorder: Any) -> None:
        sentry_sdk.get_current_scope().set_transaction_name("/hello/{name}", source="route")


async def hello(request: Any) -> Any:
    NameAsIntegrationsDo().act(None)
    sentry_sdk.capture_message("here")
    return PlainTextResponse("hello")


def get(app: Any, path: str) -> None:
    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None: ...

    asyncio.run(app(make_scope(RequestSpec(path=path)), receive, send))


MOUNTED = Starlette(routes=[Mount("/old", routes=[Route("/hello/{name}", hello)])])


@BOTH_MODES
def test_the_mounted_name_has_its_prefix(sdk):
    with recording(traces_sample_rate=1.0, **sdk) as events:
        get(Wrap.ours().asgi(MOUNTED), "/old/hello/zoe")
    assert [each.name for each in (*events.roots, *events.messages)] == ["/old/hello/{name}"] * 2


class Copies:
    """A middleware that hands on a copy of the scope, as hypercorn's ProxyFixMiddleware does."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(dict(scope), receive, send)


async def page(request: Any) -> Any:
    return PlainTextResponse("page")


def test_the_name_in_a_copied_scope_is_the_routes():
    app = Copies(Starlette(routes=[Mount("/old", routes=[Route("/page/{number}", page)])]))
    with recording(traces_sample_rate=1.0) as events:
        get(Wrap.ours(transaction_style="url").asgi(app), "/old/page/7")
    assert [root.name for root in events.roots] == ["/old/page/{number}"]


@pytest.mark.parametrize("refuses", [True, False])
def test_a_lifespan_that_an_integration_sees_is_reported_by_us_alone(refuses):
    """The Django integration puts the SDK's middleware around the application that refuses."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not refuses:
            await receive()
        raise ValueError("no lifespan")

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def serve() -> None:
        with pytest.raises(ValueError, match="no lifespan"):
            await Wrap.ours().asgi(SdkAsgi(app))({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, None)

    with recording() as events:
        asyncio.run(serve())
    assert [error.mechanism["type"] for error in events.errors] == ([] if refuses else ["asgi"])
