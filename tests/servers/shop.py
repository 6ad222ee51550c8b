"""One small shop with two fronts, Flask's and Starlette's, that every server of the matrix serves.

A view has the same name, path and answer in both. Nothing in here knows Sentry.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CHUNKS = 10
PAUSE = 0.02  # seconds before each chunk
#: The file beside ``FILE`` for which a held stream waits after its first chunk; bounded, in case nobody makes it.
ENOUGH = "enough"
HELD = 20.0  # seconds
BIG_CHUNK = b"x" * 65536
BIG_CHUNKS = 16
#: What nobody reads to its end; bounded, so that a server that never notices does not go on for ever.
ENDLESS_CHUNKS = 250
FILE = os.environ.get("SHOP_FILE", "")


class OutOfStockError(Exception):
    """Raised by a view."""


def until_enough() -> Iterator[None]:
    """One round for each pause that a held stream has to make."""
    end = time.monotonic() + HELD
    while time.monotonic() < end and not Path(FILE).with_name(ENOUGH).exists():
        yield


def wsgi_shop() -> Any:  # noqa: C901 - one function a view
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
    def order() -> str:
        return f"{flask.request.get_json()['count']} ordered"

    @app.post("/upload")
    def upload() -> str:
        return f"{len(flask.request.stream.read())} bytes"

    @app.get("/fails")
    def fails() -> str:
        raise OutOfStockError("none left")

    @app.get("/pid")
    def pid() -> str:
        time.sleep(PAUSE)  # so that the other workers get their share
        return str(os.getpid())

    @app.get("/file")
    def file() -> Any:
        return flask.send_file(FILE, mimetype="application/octet-stream")

    def chunks(count: int) -> Iterator[bytes]:
        for number in range(CHUNKS):
            time.sleep(PAUSE)
            if number == count:
                raise OutOfStockError("torn")
            yield b"%d\n" % number

    @app.get("/stream")
    def stream() -> Any:
        return flask.Response(chunks(CHUNKS))

    def held_chunks() -> Iterator[bytes]:
        stream = chunks(CHUNKS)
        yield next(stream)
        for _ in until_enough():
            time.sleep(PAUSE)
        yield from stream

    @app.get("/held-stream")
    def held_stream() -> Any:
        return flask.Response(held_chunks())

    @app.get("/breaks")
    def breaks() -> Any:
        return flask.Response(chunks(3))

    @app.get("/big")
    def big() -> Any:
        return flask.Response(BIG_CHUNK for _ in range(BIG_CHUNKS))

    def without_end() -> Iterator[bytes]:
        for _ in range(ENDLESS_CHUNKS):
            time.sleep(PAUSE / 2)
            yield BIG_CHUNK

    @app.get("/endless")
    def endless() -> Any:
        return flask.Response(without_end())

    return app


def asgi_shop() -> Any:  # noqa: C901 - one function a view
    """Build the Starlette front; it answers 500 to an exception and raises it too."""
    from starlette.applications import Starlette
    from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocketDisconnect

    async def home(request: Any) -> Any:
        return PlainTextResponse("welcome")

    async def book(request: Any) -> Any:
        return PlainTextResponse(f"book {request.path_params['number']}")

    async def order(request: Any) -> Any:
        return PlainTextResponse(f"{(await request.json())['count']} ordered")

    async def upload(request: Any) -> Any:
        return PlainTextResponse(f"{len(await request.body())} bytes")

    async def fails(request: Any) -> Any:
        raise OutOfStockError("none left")

    async def pid(request: Any) -> Any:
        time.sleep(PAUSE)  # noqa: ASYNC251 - so that the other workers get their share
        return PlainTextResponse(str(os.getpid()))

    async def file(request: Any) -> Any:
        return FileResponse(FILE, media_type="application/octet-stream")

    async def chunks(count: int) -> AsyncIterator[bytes]:
        for number in range(CHUNKS):
            await asyncio.sleep(PAUSE)
            if number == count:
                raise OutOfStockError("torn")
            yield b"%d\n" % number

    async def stream(request: Any) -> Any:
        return StreamingResponse(chunks(CHUNKS))

    async def held_chunks() -> AsyncIterator[bytes]:
        stream = chunks(CHUNKS)
        yield await stream.__anext__()
        for _ in until_enough():
            await asyncio.sleep(PAUSE)
        async for chunk in stream:
            yield chunk

    async def held_stream(request: Any) -> Any:
        return StreamingResponse(held_chunks())

    async def breaks(request: Any) -> Any:
        return StreamingResponse(chunks(3))

    async def big_chunks(count: int, pause: float) -> AsyncIterator[bytes]:
        for _ in range(count):
            await asyncio.sleep(pause)
            yield BIG_CHUNK

    async def big(request: Any) -> Any:
        return StreamingResponse(big_chunks(BIG_CHUNKS, 0))

    async def endless(request: Any) -> Any:
        return StreamingResponse(big_chunks(ENDLESS_CHUNKS, PAUSE / 2))

    async def talk(websocket: Any) -> None:
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while (said := await websocket.receive_text()) != "bye":
                await websocket.send_text(said.upper())
            await websocket.close(1011, "no more")

    async def denied(websocket: Any) -> None:
        await websocket.close()

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        if os.environ.get("SHOP_LIFESPAN") == "fails":
            raise OutOfStockError("no shelves")
        yield

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", home),
            Route("/books/{number:int}", book),
            Route("/orders", order, methods=["POST"]),
            Route("/upload", upload, methods=["POST"]),
            Route("/fails", fails),
            Route("/pid", pid),
            Route("/file", file),
            Route("/stream", stream),
            Route("/held-stream", held_stream),
            Route("/breaks", breaks),
            Route("/big", big),
            Route("/endless", endless),
            WebSocketRoute("/talk", talk),
            WebSocketRoute("/denied", denied),
        ],
    )
