"""The shop in FastAPI: a router with a prefix inside a mounted application, under a ``root_path`` of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import sentry_sdk
from fastapi import APIRouter, BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import StreamingResponse

PROTOCOL = "asgi"
INTEGRATION = "fastapi.FastApiIntegration", "starlette.StarletteIntegration"


async def book(number: int) -> str:
    return f"book {number}"


async def shelf(number: int) -> str:
    return f"shelf {number}"


def broken() -> str:
    raise ValueError("broken view")


def guarded() -> str:
    return "never"


async def guard(request: Any, call_next: Any) -> Any:
    if request.url.path == "/guarded":
        raise RuntimeError("broken middleware")
    return await call_next(request)


async def torn() -> Any:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("broken stream")

    return StreamingResponse(chunks())


async def tidy() -> None:
    sentry_sdk.capture_message("tidied")


async def later(tasks: BackgroundTasks) -> str:
    tasks.add_task(tidy)
    return "soon"


async def talk(websocket: WebSocket, room: str) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


def make() -> Any:
    app, annex = FastAPI(), FastAPI()
    app.middleware("http")(guard)
    books = APIRouter(prefix="/books")
    books.add_api_route("/{number}", book)
    app.include_router(books)
    for view in (broken, guarded, torn, later):
        app.add_api_route(f"/{view.__name__}", view, response_model=None)
    app.add_api_websocket_route("/talk/{room}", talk)
    shelves = APIRouter()
    shelves.add_api_route("/{number}", shelf)
    annex.include_router(shelves, prefix="/shelves")
    app.mount("/annex", annex)
    return app


NAMES = {
    "/books/1": ("shop_fastapi.book", "/books/{number}"),
    "/annex/shelves/2": ("shop_fastapi.shelf", "/annex/shelves/{number}"),
    "/broken": ("shop_fastapi.broken", "/broken"),
    "/guarded": ("shop_fastapi.guarded", "/guarded"),  # the middleware raises before the route is chosen
    "/torn": ("shop_fastapi.torn", "/torn"),
    "/later": ("shop_fastapi.later", "/later"),
    "/talk/3": ("shop_fastapi.talk", "/talk/{room}"),
}
