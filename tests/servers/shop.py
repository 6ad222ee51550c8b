"""One small application with two fronts, Flask's and Starlette's, for the server scenarios."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CHUNKS = 10
PAUSE = 0.02  # seconds before each chunk


class OutOfStockError(Exception):
    """Raised by a view."""


def wsgi_shop() -> Any:
    """Build the Flask front; it answers 500 to an exception by itself and raises nothing."""
    import flask

    app = flask.Flask("shop")
    app.logger.disabled = True

    @app.get("/")
    def home() -> str:
        return "welcome"

    @app.get("/books/<int:number>")
    def book(number: int) -> str:
        return f"book {number}"

    @app.post("/orders")
    def order() -> Any:
        return {"count": flask.request.get_json()["count"]}

    @app.get("/fails")
    def fails() -> str:
        raise OutOfStockError("none left")

    def chunks(count: int) -> Iterator[bytes]:
        for number in range(CHUNKS):
            time.sleep(PAUSE)
            if number == count:
                raise OutOfStockError("torn")
            yield b"%d\n" % number

    @app.get("/stream")
    def stream() -> Any:
        return flask.Response(chunks(CHUNKS))

    @app.get("/breaks")
    def breaks() -> Any:
        return flask.Response(chunks(3))

    return app


def asgi_shop() -> Any:  # noqa: C901 - one function a view
    """Build the Starlette front; it answers 500 to an exception and raises it too."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Route, WebSocketRoute

    async def home(request: Any) -> Any:
        return PlainTextResponse("welcome")

    async def book(request: Any) -> Any:
        return PlainTextResponse(f"book {request.path_params['number']}")

    async def order(request: Any) -> Any:
        return JSONResponse({"count": (await request.json())["count"]})

    async def fails(request: Any) -> Any:
        raise OutOfStockError("none left")

    async def chunks(count: int) -> AsyncIterator[bytes]:
        for number in range(CHUNKS):
            await asyncio.sleep(PAUSE)
            if number == count:
                raise OutOfStockError("torn")
            yield b"%d\n" % number

    async def stream(request: Any) -> Any:
        return StreamingResponse(chunks(CHUNKS))

    async def breaks(request: Any) -> Any:
        return StreamingResponse(chunks(3))

    async def echo(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text((await websocket.receive_text()).upper())
        await websocket.close(1011)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/books/{number:int}", book),
            Route("/orders", order, methods=["POST"]),
            Route("/fails", fails),
            Route("/stream", stream),
            Route("/breaks", breaks),
            WebSocketRoute("/echo", echo),
        ]
    )
