"""The shop in Starlette: its mounted part has a parameter in the prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import sentry_sdk
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

PROTOCOL = "asgi"
INTEGRATION = "starlette.StarletteIntegration"


async def book(request: Any) -> Any:
    return PlainTextResponse(f"book {request.path_params['number']}")


class Shelf(HTTPEndpoint):
    async def get(self, request: Any) -> Any:
        return PlainTextResponse(f"shelf {request.path_params}")


def broken(request: Any) -> Any:
    raise ValueError("broken view")


async def guarded(request: Any) -> Any:
    return PlainTextResponse("never")


class Guard:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == "/guarded":
            raise RuntimeError("broken middleware")
        await self.app(scope, receive, send)


async def torn(request: Any) -> Any:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("broken stream")

    return StreamingResponse(chunks())


async def tidy() -> None:
    sentry_sdk.capture_message("tidied")


async def later(request: Any) -> Any:
    return PlainTextResponse("soon", background=BackgroundTask(tidy))


async def talk(websocket: Any) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


def make() -> Any:
    return Starlette(
        routes=[
            Route("/books/{number:int}", book),
            Route("/broken", broken),
            Route("/guarded", guarded),
            Route("/torn", torn),
            Route("/later", later),
            WebSocketRoute("/talk/{room}", talk),
            Mount("/{wing}", routes=[Route("/shelves/{number:int}", Shelf)]),
        ],
        middleware=[Middleware(Guard)],
    )


NAMES = {
    "/books/1": ("shop_starlette.book", "/books/{number:int}"),
    "/annex/shelves/2": ("shop_starlette.Shelf", "/{wing}/shelves/{number:int}"),
    "/broken": ("shop_starlette.broken", "/broken"),
    "/guarded": ("shop_starlette.guarded", "/guarded"),  # the middleware raises before the route is chosen
    "/torn": ("shop_starlette.torn", "/torn"),
    "/later": ("shop_starlette.later", "/later"),
    "/talk/3": ("shop_starlette.talk", "/talk/{room}"),
}
FRAMES = {"/guarded": "__call__"}
