"""``resolvers``: the routes of Starlette, FastAPI, Flask, werkzeug and Django before the framework has chosen one."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from werkzeug.routing import Map, Rule

from sentry_web import SentryAsgiMiddleware
from sentry_web._request import Request
from sentry_web.resolvers import starlette_resolver, werkzeug_resolver
from sentry_web.testing import ASGI3
from sentry_web.testing import RequestSpec as AskedFor
from sentry_web.testing.transport import recording


def get(path: str, method: str = "GET", kind: str = "http") -> Request:
    return Request(protocol="asgi", kind=kind, method=method, path=path, server=("shop.example", 80))


async def view(request: Any) -> Any:
    return PlainTextResponse("x")


INNER = [Route("/shelves/{number:int}", view), Mount("/files", StaticFiles(directory=".", check_dir=False))]
STARLETTE = Starlette(
    routes=[
        Route("/books/{number:int}", view, methods=["POST"]),
        Route("/books/{number:int}/", view),
        WebSocketRoute("/talk/{room}", view),
        Mount("/{wing}/annex", routes=INNER),
        Mount("/bare", app=view),
        Host("other.example", Router([Route("/never", view)])),
    ]
)


@pytest.mark.parametrize(
    ("request_", "route"),
    [
        (get("/books/1", "POST"), "/books/{number:int}"),
        (get("/books/1"), "/books/{number:int}"),  # a 405 has a route too
        (get("/books/1/"), "/books/{number:int}/"),
        (get("/books/x"), None),
        (get("/talk/3", kind="websocket"), "/talk/{room}"),
        (get("/east/annex/shelves/2"), "/{wing}/annex/shelves/{number:int}"),
        (get("/east/annex/files/logo.png"), "/{wing}/annex/files"),
        (get("/east/annex/no"), None),
        (get("/bare/x"), "/bare"),
        (get("/never"), None),
    ],
)
def test_starlettes_routes(request_: Request, route: str | None) -> None:
    assert starlette_resolver(STARLETTE)(request_) == route


def test_the_prefix_of_the_deployment_is_no_part_of_a_route() -> None:
    resolve = starlette_resolver(STARLETTE, root_path="/shop/")
    assert resolve(get("/shop/bare/x")) == "/bare"
    assert resolve(get("/shops/bare/x")) is None
    assert werkzeug_resolver(Map([Rule("/")]), root_path="/shop")(get("/shop/")) == "/"


def test_a_mount_of_itself_comes_to_an_end() -> None:
    router = Router()
    router.routes.append(Mount("/a", app=router))
    assert starlette_resolver(router)(get("/a" * 30)) is None


def test_the_route_is_known_to_the_sampler() -> None:
    seen: list[Any] = []

    def sample(context: Any) -> float:
        seen.append((context["transaction_context"]["name"], context["transaction_context"]["source"]))
        return 1.0

    with recording(traces_sampler=sample):
        app: Any = SentryAsgiMiddleware(STARLETTE, route_resolver=starlette_resolver(STARLETTE))
        ASGI3.run_app(app, AskedFor(path="/books/1"))
    assert seen == [("/books/{number:int}", "route")]


class Context:
    """What FastAPI keeps of a route of an included router."""

    def __init__(self, path: str, plain: Any = None, methods: Any = ("GET",)) -> None:
        self.path, self.starlette_route, self.methods = path, plain, methods
        self.endpoint = view
        self.path_regex = Route(path, view).path_regex


class Included:
    """FastAPI's included router."""

    def effective_route_contexts(self) -> list[Context]:
        plain = Route("/plain", view)
        return [Context("/books/{number}"), Context("/any", methods=None), Context("/unused", plain)]


def test_routers_that_fastapi_includes() -> None:
    class Outer:
        routes = [Included()]  # noqa: RUF012 - stands for an instance's

    resolve = starlette_resolver(Outer())
    assert resolve(get("/books/1")) == "/books/{number}"
    assert resolve(get("/books/1", "POST")) == "/books/{number}"
    assert resolve(get("/any", "POST")) == "/any"
    assert resolve(get("/plain")) == "/plain"
    assert resolve(get("/no")) is None


def test_fastapis_own_routes() -> None:
    fastapi = pytest.importorskip("fastapi")
    app, annex = fastapi.FastAPI(), fastapi.FastAPI()
    books = fastapi.APIRouter(prefix="/books")
    books.add_api_route("/{number}", lambda number: number)
    app.include_router(books, prefix="/v1")
    annex.include_router(books)
    app.mount("/annex", annex)
    resolve = starlette_resolver(app)
    assert resolve(get("/v1/books/1")) == "/v1/books/{number}"
    assert resolve(get("/annex/books/1")) == "/annex/books/{number}"
    assert resolve(get("/books/1")) is None


def test_flasks_and_werkzeugs_rules() -> None:
    app = flask.Flask("shop")
    app.add_url_rule("/books/<int:number>", "book", lambda number: "")
    rules = Map([Rule("/talk/<room>", websocket=True), Rule("/slash/")])
    assert werkzeug_resolver(app)(get("/books/1")) == "/books/<int:number>"
    assert werkzeug_resolver(app)(get("/books/1", "PUT")) is None
    assert werkzeug_resolver(app)(get("/no")) is None
    resolve = werkzeug_resolver(rules)
    assert resolve(get("/talk/3", kind="websocket")) == "/talk/<room>"
    assert resolve(get("/slash")) is None  # werkzeug redirects
    assert resolve(Request(protocol="wsgi", method="GET", path="/slash/")) == "/slash/"


DJANGO = """
import sys
from django.conf import settings
from django.urls import include, path, re_path
settings.configure(ROOT_URLCONF=sys.modules[__name__], ALLOWED_HOSTS=["*"])
import django
django.setup()
urlpatterns = [path("annex/", include([re_path("^shelves/(?P<number>[0-9]+)$", lambda request, number: None)]))]
from sentry_web._request import Request
from sentry_web.resolvers import django_resolver
resolve = django_resolver()
assert resolve(Request(protocol="wsgi", path="/annex/shelves/2")) == "/annex/shelves/{number}"
assert resolve(Request(protocol="wsgi", path="/annex/shelves/x")) is None
assert django_resolver(root_path="/shop")(Request(protocol="wsgi", path="/shop/annex/shelves/2")) is not None
"""


def test_djangos_urls() -> None:
    """In a process of its own: Django is configured once a process."""
    pytest.importorskip("django")
    subprocess.run([sys.executable, "-W", "ignore", "-c", DJANGO], check=True, timeout=60)
