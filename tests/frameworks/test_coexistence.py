"""Our middlewares where sentry-sdk's own Flask and Starlette integrations are switched on.

One request is one transaction and one error event, and what the integration knows better (its name, the parsed body) is
kept; in both of the SDK's tracing modes, outside of the framework and registered inside it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import flask
import httpx
import pytest
import sentry_sdk
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing.sdk import HAS_TRANSACTIONS
from sentry_web.testing.transport import recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sentry_web.testing import Events

PII_OFF_BODY = {"title": "Dune"}
#: sentry-sdk 3's integrations have no styles of names: each names a request by its route.
HAS_STYLES = "transaction_style" in inspect.signature(FlaskIntegration).parameters


class FlaskShop:
    """A Flask application in our middleware."""

    integration = FlaskIntegration
    name = "book" if HAS_STYLES else "/books/<int:number>"
    mechanism = "flask"

    def __init__(self, *, inside: bool) -> None:
        app = flask.Flask("shop")
        app.logger.disabled = True
        app.add_url_rule("/books/<int:number>", "book", self.book, methods=["POST"])
        if inside:
            app.wsgi_app = SentryWsgiMiddleware(app.wsgi_app)  # type: ignore[method-assign]
        self.app: Any = app if inside else SentryWsgiMiddleware(app)

    @staticmethod
    def book(number: int) -> str:
        sentry_sdk.set_tag("shelf", number)
        title: str = flask.request.get_json()["title"]
        if not number:
            raise LookupError("no such book")
        return title

    def post(self, path: str) -> int:
        response = Client(self.app).post(path, json=PII_OFF_BODY)
        assert response.data
        response.close()
        return response.status_code


class StarletteShop:
    """A Starlette application in our middleware."""

    integration = StarletteIntegration
    name = "/books/{number:int}"
    mechanism = "starlette"

    def __init__(self, *, inside: bool) -> None:
        app = Starlette(routes=[Route("/books/{number:int}", self.book, methods=["POST"])])
        if inside:
            app.add_middleware(SentryAsgiMiddleware)
        self.app: Any = app if inside else SentryAsgiMiddleware(app)

    @staticmethod
    async def book(request: Any) -> Any:
        number = request.path_params["number"]
        sentry_sdk.set_tag("shelf", number)
        title = (await request.json())["title"]
        if not number:
            raise LookupError("no such book")
        return PlainTextResponse(title)

    def post(self, path: str) -> int:
        async def send() -> int:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return (await client.post(path, json=PII_OFF_BODY)).status_code

        return asyncio.run(send())


@pytest.fixture(params=["transactions", "stream"])
def start(request: pytest.FixtureRequest) -> Iterator[Callable[..., Events]]:
    """Start the SDK with an integration in one of its tracing modes."""
    if request.param == "transactions" and not HAS_TRANSACTIONS:
        pytest.skip("not with this sentry-sdk: no transactions")
    mode = {"trace_lifecycle": "stream"} if request.param == "stream" else {}
    contexts = []

    def begin(*integrations: Any) -> Events:
        context = recording(traces_sample_rate=1.0, integrations=list(integrations), **mode)
        contexts.append(context)
        return context.__enter__()

    yield begin
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("shop", [FlaskShop, StarletteShop])
@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
def test_one_transaction_and_one_error_with_the_integrations_data(shop: Any, inside: bool, start: Any) -> None:
    events = start(shop.integration())
    site = shop(inside=inside)
    assert site.post("/books/1") == 200
    assert site.post("/books/0") == 500
    # The SDK's flusher may overtake itself: what it has taken and what is taken meanwhile are sent by two threads
    roots = sorted(events.roots, key=lambda root: str(root["start_timestamp"]))
    assert [root.name for root in roots] == [shop.name] * 2
    assert roots[0].status == "ok"
    (error,) = events.errors
    assert error.exception == ("LookupError", "no such book")
    assert error.mechanism["type"] == shop.mechanism
    assert error.name == shop.name
    assert error["request"]["data"] == PII_OFF_BODY
    assert error["request"]["method"] == "POST"
    assert error.tags["shelf"] == 0
    assert error.trace["trace_id"] == roots[1].trace["trace_id"]
    assert roots[0].trace["trace_id"] != roots[1].trace["trace_id"]


@pytest.mark.parametrize("shop", [FlaskShop, StarletteShop])
def test_without_the_integration_the_error_arrives_too(shop: Any, start: Any) -> None:
    events = start()
    site = shop(inside=False)
    assert site.post("/books/1") == 200
    assert site.post("/books/0") == 500
    roots = events.roots
    assert [root.name.rpartition(".")[2] for root in roots] == ["book", "book"]
    (error,) = events.errors
    assert error.exception == ("LookupError", "no such book")
    assert error["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] == "book"
    assert error.tags["shelf"] == 0


def test_flask_behind_another_middleware_is_named_by_its_view(start: Any) -> None:
    events = start()
    site = FlaskShop(inside=False)
    flask_app = site.app.app

    def between(environ: Any, start_response: Any) -> Any:
        return flask_app(environ, start_response)

    site.app = SentryWsgiMiddleware(between)
    assert site.post("/books/1") == 200
    (root,) = events.roots
    assert root.name == f"{__name__}.FlaskShop.book"


BY_ROUTE = {"transaction_style": "url"} if HAS_STYLES else {}


def serve_wsgi(app: Any, path: str) -> None:
    Client(app).get(path).close()


def serve_asgi(app: Any, path: str) -> None:
    async def send() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.get(path)

    asyncio.run(send())


def mounted_flask() -> Any:
    inner = flask.Flask("old")
    inner.add_url_rule("/hello/<name>", view_func=lambda name: sentry_sdk.capture_message("here") or name)
    return SentryWsgiMiddleware(DispatcherMiddleware(flask.Flask("outer"), {"/old": inner}), transaction_style="url")


def mounted_starlette() -> Any:
    async def hello(request: Any) -> Any:
        sentry_sdk.capture_message("here")
        return PlainTextResponse("hello")

    inner = Starlette(routes=[Route("/hello/{name}", hello)])
    return SentryAsgiMiddleware(Starlette(routes=[Mount("/old", inner)]), transaction_style="url")


@pytest.mark.parametrize(
    ("integration", "mounted", "serve", "route"),
    [
        (FlaskIntegration, mounted_flask, serve_wsgi, "/old/hello/<name>"),
        (StarletteIntegration, mounted_starlette, serve_asgi, "/old/hello/{name}"),
    ],
    ids=["Flask", "Starlette"],
)
def test_a_route_that_an_integration_names_has_the_prefix_of_its_mount(
    integration: Any, mounted: Any, serve: Any, route: str, start: Any
) -> None:
    events = start(integration(**BY_ROUTE))
    serve(mounted(), "/old/hello/zoe")
    assert [root.name for root in events.roots] == [route]
    assert [message.name for message in events.messages] == [route]
