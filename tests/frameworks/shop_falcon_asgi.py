"""The shop in Falcon under ASGI: Starlette's router mounts a second application, whose routes have the prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import falcon.asgi
import sentry_sdk
from starlette.routing import Mount, Router

PROTOCOL = "asgi"
INTEGRATION = "falcon.FalconIntegration"


class Books:
    async def on_get(self, req: Any, resp: Any, number: int) -> None:
        resp.text = f"book {number}"


class Shelves:
    async def on_get_one(self, req: Any, resp: Any, number: int) -> None:
        resp.text = f"shelf {number}"


class Broken:
    async def on_get(self, req: Any, resp: Any) -> None:
        raise ValueError("broken view")


class Guarded:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.text = "never"


class Guard:
    async def process_request(self, req: Any, resp: Any) -> None:
        if req.path == "/guarded":
            raise RuntimeError("broken middleware")


class Torn:
    async def on_get(self, req: Any, resp: Any) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"first"
            raise LookupError("broken stream")

        resp.stream = chunks()


async def tidy() -> None:
    sentry_sdk.capture_message("tidied")


class Later:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.text = "soon"
        resp.schedule(tidy)


class Talk:
    async def on_websocket(self, req: Any, ws: Any, room: str) -> None:
        await ws.accept()
        await ws.send_text(await ws.receive_text())
        await ws.close()


def make() -> Any:
    app, annex = falcon.asgi.App(middleware=[Guard()]), falcon.asgi.App()
    app.add_route("/books/{number:int}", Books())
    for resource in (Broken(), Guarded(), Torn(), Later()):
        app.add_route(f"/{type(resource).__name__.lower()}", resource)
    app.add_route("/talk/{room}", Talk())
    annex.add_route("/annex/shelves/{number:int}", Shelves(), suffix="one")
    return Router([Mount("/annex", annex), Mount("/", app)])


NAMES = {
    "/books/1": ("shop_falcon_asgi.Books.on_get", "/books/{number:int}"),
    "/annex/shelves/2": ("shop_falcon_asgi.Shelves.on_get_one", "/annex/shelves/{number:int}"),
    "/broken": ("shop_falcon_asgi.Broken.on_get", "/broken"),
    "/guarded": ("shop_falcon_asgi.Guarded.on_get", "/guarded"),
    "/torn": ("shop_falcon_asgi.Torn.on_get", "/torn"),
    "/later": ("shop_falcon_asgi.Later.on_get", "/later"),
    "/talk/3": ("shop_falcon_asgi.Talk.on_websocket", "/talk/{room}"),
}
FRAMES = {"/broken": "on_get", "/guarded": "process_request"}
