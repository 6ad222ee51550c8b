"""The shop in Litestar: its mounted part is a router, its middleware plain ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import sentry_sdk
from litestar import Litestar, Router, get, websocket
from litestar.background_tasks import BackgroundTask
from litestar.connection import WebSocket  # noqa: TC002 - Litestar reads the annotation
from litestar.response import Response, Stream

PROTOCOL = "asgi"
INTEGRATION = "litestar.LitestarIntegration"


@get("/books/{number:int}", sync_to_thread=False)
def book(number: int) -> str:
    return f"book {number}"


@get("/shelves/{number:int}", sync_to_thread=False)
def shelf(number: int) -> str:
    return f"shelf {number}"


@get("/broken", sync_to_thread=False)
def broken() -> str:
    raise ValueError("broken view")


@get("/guarded", sync_to_thread=False)
def guarded() -> str:
    return "never"


def guard(app: Any) -> Any:
    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/guarded":
            raise RuntimeError("broken middleware")
        await app(scope, receive, send)

    return middleware


@get("/torn")
async def torn() -> Stream:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("broken stream")

    return Stream(chunks())


async def tidy() -> None:
    sentry_sdk.capture_message("tidied")


@get("/later")
async def later() -> Response[str]:
    return Response("soon", background=BackgroundTask(tidy))


@websocket("/talk/{room:str}")
async def talk(socket: WebSocket[Any, Any, Any], room: str) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


def make() -> Any:
    annex = Router("/annex", route_handlers=[shelf])
    return Litestar(
        [book, broken, guarded, torn, later, talk, annex], middleware=[guard], logging_config=None, openapi_config=None
    )


NAMES = {
    "/books/1": ("shop_litestar.book", "/books/{number}"),
    "/annex/shelves/2": ("shop_litestar.shelf", "/annex/shelves/{number}"),
    "/broken": ("shop_litestar.broken", "/broken"),
    "/guarded": ("shop_litestar.guarded", "/guarded"),
    "/torn": ("shop_litestar.torn", "/torn"),
    "/later": ("shop_litestar.later", "/later"),
    "/talk/3": ("shop_litestar.talk", "/talk/{room}"),
}
FRAMES = {"/guarded": "middleware"}
