"""The shop in Bottle: its mounted part is an application merged under a prefix, its middleware a hook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bottle

PROTOCOL = "wsgi"
INTEGRATION = "bottle.BottleIntegration"
#: Bottle hands what it answers by itself to ``start_response``: it was handled (PEP 3333, "Error Handling").
HANDLED = ("/broken", "/guarded")


def book(number: int) -> str:
    return f"book {number}"


def shelf(number: int) -> str:
    return f"shelf {number}"


def broken() -> str:
    raise ValueError("broken view")


def guarded() -> str:
    return "never"


def guard() -> None:
    if bottle.request.path == "/guarded":
        raise RuntimeError("broken middleware")


def torn() -> Iterator[bytes]:
    yield b"first"
    raise LookupError("broken stream")


def make() -> Any:
    app, annex = bottle.Bottle(), bottle.Bottle()
    app.add_hook("before_request", guard)
    app.route("/books/<number:int>", callback=book)
    app.route("/broken", callback=broken)
    app.route("/guarded", callback=guarded)
    app.route("/torn", callback=torn)
    annex.route("/shelves/<number:int>", callback=shelf)
    app.mount("/annex/", annex)
    return app


NAMES = {
    "/books/1": ("shop_bottle.book", "/books/<number:int>"),
    "/annex/shelves/2": ("shop_bottle.shelf", "/annex/shelves/<number:int>"),
    "/broken": ("shop_bottle.broken", "/broken"),
    "/guarded": (None, None),  # before the route is chosen
    "/torn": ("shop_bottle.torn", "/torn"),
}
FRAMES = {"/torn": "torn"}
