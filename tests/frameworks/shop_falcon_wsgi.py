"""The shop in Falcon under WSGI: it has no mounts, so werkzeug's dispatcher mounts a second application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falcon
from werkzeug.middleware.dispatcher import DispatcherMiddleware

PROTOCOL = "wsgi"
INTEGRATION = "falcon.FalconIntegration"


class Books:
    def on_get(self, req: Any, resp: Any, number: int) -> None:
        resp.text = f"book {number}"


class Shelves:
    def on_get_one(self, req: Any, resp: Any, number: int) -> None:
        resp.text = f"shelf {number}"


class Broken:
    def on_get(self, req: Any, resp: Any) -> None:
        raise ValueError("broken view")


class Guarded:
    def on_get(self, req: Any, resp: Any) -> None:
        resp.text = "never"


class Guard:
    def process_request(self, req: Any, resp: Any) -> None:
        if req.path == "/guarded":
            raise RuntimeError("broken middleware")


class Torn:
    def on_get(self, req: Any, resp: Any) -> None:
        def chunks() -> Iterator[bytes]:
            yield b"first"
            raise LookupError("broken stream")

        resp.stream = chunks()


def make() -> Any:
    app, annex = falcon.App(middleware=[Guard()]), falcon.App()
    app.add_route("/books/{number:int}", Books())
    app.add_route("/broken", Broken())
    app.add_route("/guarded", Guarded())
    app.add_route("/torn", Torn())
    annex.add_route("/shelves/{number:int}", Shelves(), suffix="one")
    return DispatcherMiddleware(app, {"/annex": annex})


NAMES = {
    "/books/1": ("shop_falcon_wsgi.Books.on_get", "/books/{number:int}"),
    "/annex/shelves/2": ("shop_falcon_wsgi.Shelves.on_get_one", "/annex/shelves/{number:int}"),
    "/broken": ("shop_falcon_wsgi.Broken.on_get", "/broken"),
    "/guarded": ("shop_falcon_wsgi.Guarded.on_get", "/guarded"),
    "/torn": ("shop_falcon_wsgi.Torn.on_get", "/torn"),
}
FRAMES = {"/broken": "on_get", "/guarded": "process_request"}
