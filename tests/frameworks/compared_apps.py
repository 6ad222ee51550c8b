"""One small application in each framework, whose reports with and without ``WebIntegration`` are compared.

Each has a page that reads the request's body and reports something, a page that breaks, one whose error a handler
answers, and one that fails by an exception of the framework that stands for a status.
"""

from __future__ import annotations

import logging
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import sentry_sdk

from sentry_web.testing.steps import ChildSpan

UNAVAILABLE = 503


class Compared(NamedTuple):
    """One framework under one protocol.

    Attributes:
        protocol: ``"wsgi"`` or ``"asgi"``.
        integration: sentry-sdk's integrations, as ``module.Class``.
        style: An integration's other ``transaction_style``; ``None`` where it has none.
        make: Makes the application.
    """

    protocol: str
    integration: tuple[str, ...]
    style: str | None
    make: Callable[[], Any]


class Identify:
    """A backend of Starlette's authentication."""

    async def authenticate(self, connection: Any) -> Any:
        from starlette.authentication import AuthCredentials

        return AuthCredentials(), Reader()


class OutOfStockError(Exception):
    """What the applications' own error handlers answer."""


class Reader:
    """The user of each request, in the terms of several frameworks."""

    is_authenticated = is_active = True
    is_anonymous = False
    pk = id = _auth_id = "42"
    email = "ada@shop.example"
    username = display_name = identity = "ada"

    def get_id(self) -> str:
        return self.id

    def get_username(self) -> str:
        return self.username


def act() -> str:
    """Report what an application reports in the course of a request."""
    sentry_sdk.set_tag("seen", "yes")
    sentry_sdk.set_context("cart", {"items": 3})
    sentry_sdk.add_breadcrumb(message="looked at a book", category="shop", data={"number": 7})
    logging.getLogger("shop").info("a book was looked at")
    with ChildSpan("look for the book", op="task").open():
        sentry_sdk.capture_message("looked")
    return "looked"


def know_users() -> None:
    """Stand in for the packages that sentry-sdk asks for the user of a Flask or Quart application."""
    for package in ("flask_login", "quart_auth"):
        sys.modules[package] = types.SimpleNamespace(current_user=Reader())  # type: ignore[assignment]


def flask() -> Any:
    import flask

    app = flask.Flask("compared")

    def book(number: int = 0) -> str:
        assert flask.request.form or flask.request.get_data() is not None
        return act()

    def fail() -> Any:
        flask.abort(UNAVAILABLE)

    app.add_url_rule("/book", view_func=book, methods=["GET", "POST"])
    app.add_url_rule("/book/<int:number>", view_func=book, methods=["GET", "POST"])
    app.add_url_rule("/broken", "broken", _broken)
    app.add_url_rule("/handled", "handled", _out_of_stock)
    app.add_url_rule("/unavailable", "unavailable", fail)
    app.register_error_handler(OutOfStockError, lambda error: ("sorry", 500))
    return app


def quart() -> Any:
    import quart

    app = quart.Quart("compared")

    async def book(number: int = 0) -> str:
        assert await quart.request.form is not None
        assert await quart.request.get_data() is not None
        return act()

    async def broken() -> Any:
        return _broken()

    async def handled() -> Any:
        return _out_of_stock()

    async def fail() -> Any:
        quart.abort(UNAVAILABLE)

    async def sorry(error: Exception) -> Any:
        return "sorry", 500

    app.add_url_rule("/book", "book", book, methods=["GET", "POST"])
    app.add_url_rule("/book/<int:number>", "book", book, methods=["GET", "POST"])
    app.add_url_rule("/broken", "broken", broken)
    app.add_url_rule("/handled", "handled", handled)
    app.add_url_rule("/unavailable", "unavailable", fail)
    app.register_error_handler(OutOfStockError, sorry)
    return app


#: The threads in which views have broken.
BROKEN_IN: list[int] = []


def _broken(*args: Any, **kwargs: Any) -> Any:
    BROKEN_IN.append(threading.get_ident())
    raise ZeroDivisionError("broken view")


def _out_of_stock(*args: Any, **kwargs: Any) -> Any:
    raise OutOfStockError("sold")


def _configure_django() -> None:
    import django
    from django.conf import settings
    from django.http import HttpResponse, HttpResponseServerError
    from django.urls import path

    def book(request: Any, number: int = 0) -> Any:
        assert request.POST is not None
        assert request.body is not None
        return HttpResponse(act())

    def fail(request: Any) -> Any:
        return HttpResponse("later", status=UNAVAILABLE)

    class Identify:
        sync_capable = async_capable = True

        def __init__(self, get_response: Any) -> None:
            self.get_response = get_response

        def __call__(self, request: Any) -> Any:
            request.user = Reader()
            return self.get_response(request)

        async def __acall__(self, request: Any) -> Any:
            request.user = Reader()
            return await self.get_response(request)

        @staticmethod
        def process_exception(request: Any, error: Exception) -> Any:
            return HttpResponseServerError("sorry") if isinstance(error, OutOfStockError) else None

    module = types.ModuleType("compared_urls")
    module.Identify = Identify  # type: ignore[attr-defined]
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("book", book),
        path("book/<int:number>", book),
        path("broken", _broken),
        path("handled", _out_of_stock),
        path("unavailable", fail),
    ]
    sys.modules["compared_urls"] = module
    settings.configure(
        ROOT_URLCONF="compared_urls",
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        DATABASES={},
        MIDDLEWARE=["compared_urls.Identify"],
    )
    django.setup()


def django_wsgi() -> Any:
    _configure_django()
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def django_asgi() -> Any:
    _configure_django()
    from django.core.asgi import get_asgi_application

    return get_asgi_application()


def falcon() -> Any:
    import falcon

    class Book:
        def on_get(self, request: Any, response: Any, number: int = 0) -> None:
            response.text = act()

        def on_post(self, request: Any, response: Any, number: int = 0) -> None:
            if request.content_type == "application/json":
                assert request.media is not None
            else:
                request.bounded_stream.read()
            response.text = act()

    def sorry(request: Any, response: Any, error: Exception, params: Any) -> None:
        response.status = 500

    app = falcon.App()
    app.add_route("/book", Book())
    app.add_route("/book/{number:int}", Book())
    app.add_route("/broken", types.SimpleNamespace(on_get=_broken))
    app.add_route("/handled", types.SimpleNamespace(on_get=_out_of_stock))
    app.add_route("/unavailable", types.SimpleNamespace(on_get=_falcon_unavailable))
    app.add_error_handler(OutOfStockError, sorry)
    return app


def _falcon_unavailable(request: Any, response: Any) -> None:
    import falcon

    raise falcon.HTTPServiceUnavailable


def bottle() -> Any:
    import bottle

    def book(number: int = 0) -> str:
        assert bottle.request.forms is not None
        assert bottle.request.body.read() is not None
        return act()

    def fail() -> Any:
        raise bottle.HTTPResponse(status=UNAVAILABLE)

    app = bottle.Bottle()
    app.route("/book", ["GET", "POST"], book)
    app.route("/book/<number:int>", ["GET", "POST"], book)
    app.route("/broken", "GET", _broken)
    app.route("/handled", "GET", _out_of_stock)
    app.route("/unavailable", "GET", fail)
    app.error(500)(lambda error: "sorry")
    return app


def pyramid() -> Any:
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPServiceUnavailable
    from pyramid.response import Response

    class Policy:
        authenticated_userid = identity = staticmethod(lambda request: "42")
        permits = staticmethod(lambda request, context, permission: True)

    def book(request: Any) -> Any:
        assert request.POST is not None
        assert request.body is not None
        return Response(act())

    def fail(request: Any) -> Any:
        raise HTTPServiceUnavailable

    with Configurator() as config:
        config.set_security_policy(Policy())
        for name, pattern, view in (
            ("book", "/book", book),
            ("numbered", "/book/{number}", book),
            ("broken", "/broken", _broken),
            ("handled", "/handled", _out_of_stock),
            ("unavailable", "/unavailable", fail),
        ):
            config.add_route(name, pattern)
            config.add_view(view, route_name=name)
        config.add_exception_view(lambda error, request: Response("sorry", status=500), context=OutOfStockError)
        return config.make_wsgi_app()


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.authentication import AuthenticationMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def book(request: Any) -> Any:
        assert await request.body() is not None
        return PlainTextResponse(act())

    async def broken(request: Any) -> Any:
        return _broken()

    async def handled(request: Any) -> Any:
        return _out_of_stock()

    async def fail(request: Any) -> Any:
        raise HTTPException(UNAVAILABLE)

    async def sorry(request: Any, error: Exception) -> Any:
        return PlainTextResponse("sorry", 500)

    return Starlette(
        routes=[
            Route("/book", book, methods=["GET", "POST"]),
            Route("/book/{number:int}", book, methods=["GET", "POST"]),
            Route("/broken", broken),
            Route("/handled", handled),
            Route("/unavailable", fail),
        ],
        middleware=[Middleware(AuthenticationMiddleware, backend=Identify())],  # type: ignore[arg-type]
        exception_handlers={OutOfStockError: sorry},
    )


def fastapi() -> Any:
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.responses import PlainTextResponse
    from starlette.middleware.authentication import AuthenticationMiddleware

    async def book(request: Request, number: int = 0) -> str:
        assert await request.body() is not None
        return act()

    def broken() -> Any:
        return _broken()

    async def handled() -> Any:
        return _out_of_stock()

    async def fail() -> Any:
        raise HTTPException(UNAVAILABLE)

    async def sorry(request: Any, error: Exception) -> Any:
        return PlainTextResponse("sorry", 500)

    book.__annotations__["request"] = Request  # FastAPI cannot resolve a local name
    app = FastAPI()
    app.add_middleware(AuthenticationMiddleware, backend=Identify())  # type: ignore[arg-type]
    app.add_api_route("/book", book, methods=["GET", "POST"])
    app.add_api_route("/book/{number}", book, methods=["GET", "POST"])
    app.add_api_route("/broken", broken)
    app.add_api_route("/handled", handled)
    app.add_api_route("/unavailable", fail)
    app.add_exception_handler(OutOfStockError, sorry)
    return app


def litestar() -> Any:
    from litestar import Litestar, Request, Response, route
    from litestar.exceptions import HTTPException

    async def book(request: Any) -> Any:
        assert await request.body() is not None
        return act()

    async def broken() -> Any:
        return _broken()

    async def handled() -> Any:
        return _out_of_stock()

    async def fail() -> Any:
        raise HTTPException(status_code=UNAVAILABLE)

    def sorry(request: Any, error: Exception) -> Any:
        return Response("sorry", status_code=500)

    class Identify:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["user"] = {"id": "42", "email": "ada@shop.example"}
            await self.app(scope, receive, send)

    book.__annotations__["request"] = Request
    return Litestar(
        [
            route("/book", http_method=["GET", "POST"], status_code=200, name="book")(book),
            route("/book/{number:int}", http_method=["GET", "POST"], status_code=200, name="numbered")(book),
            route("/broken", http_method=["GET"])(broken),
            route("/handled", http_method=["GET"])(handled),
            route("/unavailable", http_method=["GET"])(fail),
        ],
        middleware=[Identify],
        exception_handlers={OutOfStockError: sorry},
    )


COMPARED = {
    "flask": Compared("wsgi", ("flask.FlaskIntegration",), "url", flask),
    "django_wsgi": Compared("wsgi", ("django.DjangoIntegration",), "function_name", django_wsgi),
    "django_asgi": Compared("asgi", ("django.DjangoIntegration",), "function_name", django_asgi),
    "falcon_wsgi": Compared("wsgi", ("falcon.FalconIntegration",), "path", falcon),
    "bottle": Compared("wsgi", ("bottle.BottleIntegration",), "url", bottle),
    "pyramid": Compared("wsgi", ("pyramid.PyramidIntegration",), "route_pattern", pyramid),
    "starlette": Compared("asgi", ("starlette.StarletteIntegration",), "endpoint", starlette),
    "fastapi": Compared("asgi", ("starlette.StarletteIntegration", "fastapi.FastApiIntegration"), "endpoint", fastapi),
    "litestar": Compared("asgi", ("litestar.LitestarIntegration",), None, litestar),
    "quart": Compared("asgi", ("quart.QuartIntegration",), "url", quart),
}
