"""The shop in BlackSheep: no mount, since its releases differ in what a mount does to the path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from blacksheep import Application, Content, Request, Response, Router, StreamedContent, WebSocket

PROTOCOL = "asgi"
LIFESPAN = True  # older releases answer nothing before it
INTEGRATION = None  # sentry-sdk has none


def plain(text: str) -> Any:
    return Response(200, content=Content(b"text/plain", text.encode()))


async def book(number: int) -> Response:
    return plain(f"book {number}")


async def shelf(number: int) -> Response:
    return plain(f"shelf {number}")


async def broken() -> Response:
    raise ValueError("broken view")


async def guarded() -> Response:
    return plain("never")


async def guard(request: Request, handler: Any) -> Any:
    if request.url.path == b"/guarded":
        raise RuntimeError("broken middleware")
    return await handler(request)


async def torn() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("broken stream")

    return Response(200, content=StreamedContent(b"text/plain", chunks))


async def talk(websocket: WebSocket, room: str) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


def make() -> Any:
    app = Application(router=Router())
    app.middlewares.append(guard)
    app.router.add_get("/books/:number", book)
    for view in (broken, guarded, torn):
        app.router.add_get(f"/{view.__name__}", view)
    app.router.add_ws("/talk/:room", talk)
    app.router.add_get("/annex/shelves/:number", shelf)
    return app


NAMES = {
    "/books/1": ("/books/:number", "/books/:number"),
    "/annex/shelves/2": ("/annex/shelves/:number", "/annex/shelves/:number"),
    "/broken": ("/broken", "/broken"),
    "/guarded": ("/guarded", "/guarded"),
    "/torn": ("/torn", "/torn"),
    "/talk/3": ("/talk/:room", "/talk/:room"),
}
