"""The shop in Flask: its mounted part is a blueprint, its middleware a ``before_request`` function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask

PROTOCOL = "wsgi"
INTEGRATION = "flask.FlaskIntegration"


def book(number: int) -> str:
    return f"book {number}"


def shelf(number: int) -> str:
    return f"shelf {number}"


def broken() -> str:
    raise ValueError("broken view")


def guarded() -> str:
    return "never"


def guard() -> None:
    if flask.request.path == "/guarded":
        raise RuntimeError("broken middleware")


def torn() -> Any:
    def chunks() -> Iterator[str]:
        yield "first"
        raise LookupError("broken stream")

    return flask.Response(chunks())


def make() -> Any:
    app = flask.Flask("shop")
    app.before_request(guard)
    app.add_url_rule("/books/<int:number>", view_func=book)
    app.add_url_rule("/broken", view_func=broken)
    app.add_url_rule("/guarded", view_func=guarded)
    app.add_url_rule("/torn", view_func=torn)
    blueprint = flask.Blueprint("annex", "shop.annex", url_prefix="/annex")
    blueprint.add_url_rule("/shelves/<int:number>", view_func=shelf)
    app.register_blueprint(blueprint)
    return app


NAMES = {
    "/books/1": ("shop_flask.book", "/books/<int:number>"),
    "/annex/shelves/2": ("shop_flask.shelf", "/annex/shelves/<int:number>"),
    "/broken": ("shop_flask.broken", "/broken"),
    "/guarded": ("shop_flask.guarded", "/guarded"),
    "/torn": ("shop_flask.torn", "/torn"),
}
