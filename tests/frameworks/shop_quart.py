"""The shop in Quart: its mounted part is a blueprint, its middleware a ``before_request`` function."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import quart
import sentry_sdk

PROTOCOL = "asgi"
INTEGRATION = "quart.QuartIntegration"


async def book(number: int) -> str:
    return f"book {number}"


async def shelf(number: int) -> str:
    return f"shelf {number}"


async def broken() -> str:
    raise ValueError("broken view")


async def guarded() -> str:
    return "never"


async def guard() -> None:
    if quart.request.path == "/guarded":
        raise RuntimeError("broken middleware")


async def torn() -> Any:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("broken stream")

    return quart.Response(chunks())


async def tidy() -> None:
    sentry_sdk.capture_message("tidied")


async def later() -> str:
    quart.current_app.add_background_task(tidy)
    return "soon"


async def talk(room: str) -> None:
    await quart.websocket.accept()
    await quart.websocket.send(await quart.websocket.receive())


def make() -> Any:
    app = quart.Quart("shop")
    app.before_request(guard)
    app.add_url_rule("/books/<int:number>", view_func=book)
    for view in (broken, guarded, torn, later):
        app.add_url_rule(f"/{view.__name__}", view_func=view)
    app.add_websocket("/talk/<room>", view_func=talk)
    blueprint = quart.Blueprint("annex", "shop.annex", url_prefix="/annex")
    blueprint.add_url_rule("/shelves/<int:number>", view_func=shelf)
    app.register_blueprint(blueprint)
    return app


NAMES = {
    "/books/1": ("shop_quart.book", "/books/<int:number>"),
    "/annex/shelves/2": ("shop_quart.shelf", "/annex/shelves/<int:number>"),
    "/broken": ("shop_quart.broken", "/broken"),
    "/guarded": ("shop_quart.guarded", "/guarded"),
    "/torn": ("shop_quart.torn", "/torn"),
    "/later": ("shop_quart.later", "/later"),
    "/talk/3": ("shop_quart.talk", "/talk/<room>"),
}
