"""A client that leaves each framework while it sends its body, and while it holds a websocket.

``python -m tests.frameworks.leaving NAME`` prints what is reported, one JSON object; a process for each framework,
since Django can be configured once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers.asgi import make_scope
from sentry_web.testing.drivers.wsgi import make_environ
from sentry_web.testing.transport import recording


def flask() -> Any:
    import flask

    app = flask.Flask("leaving")

    @app.post("/upload")
    def upload() -> bytes:
        return flask.request.get_data()

    return app


def _django(is_asgi: bool) -> Any:
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path
    from django.views.decorators.csrf import csrf_exempt

    patterns = [path("upload", csrf_exempt(lambda request: HttpResponse(request.body)))]
    settings.configure(ROOT_URLCONF=tuple(patterns), SECRET_KEY="not one", ALLOWED_HOSTS=["*"])
    django.setup()
    return get_asgi_application() if is_asgi else get_wsgi_application()


def django_wsgi() -> Any:
    return _django(is_asgi=False)


def django_asgi() -> Any:
    return _django(is_asgi=True)


def pyramid() -> Any:
    from pyramid.config import Configurator
    from pyramid.response import Response

    with Configurator() as config:
        config.add_route("upload", "/upload")
        config.add_view(lambda request: Response(request.body), route_name="upload")
        return config.make_wsgi_app()


def bottle() -> Any:
    import bottle

    app = bottle.Bottle()

    @app.post("/upload")
    def upload() -> Any:
        return bottle.request.body.read()

    return app


def falcon_wsgi() -> Any:
    import falcon

    class Upload:
        def on_post(self, req: Any, resp: Any) -> None:
            resp.data = req.bounded_stream.read()

    app = falcon.App()
    app.add_route("/upload", Upload())
    return app


def falcon_asgi() -> Any:
    import falcon.asgi

    class Upload:
        async def on_post(self, req: Any, resp: Any) -> None:
            resp.data = await req.stream.read()

        async def on_websocket(self, req: Any, ws: Any) -> None:
            await ws.accept()
            while True:
                await ws.receive_text()

    app = falcon.asgi.App()
    app.add_route("/upload", Upload())
    return app


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route, WebSocketRoute

    async def upload(request: Any) -> Any:
        return Response(await request.body())

    async def talk(websocket: Any) -> None:
        await websocket.accept()
        while True:
            await websocket.receive_text()

    return Starlette(routes=[Route("/upload", upload, methods=["POST"]), WebSocketRoute("/upload", talk)])


def fastapi() -> Any:
    from fastapi import FastAPI, Request, WebSocket

    async def upload(request: Any) -> Any:
        return str(await request.body())

    async def talk(websocket: Any) -> None:
        await websocket.accept()
        while True:
            await websocket.receive_text()

    upload.__annotations__, talk.__annotations__ = {"request": Request}, {"websocket": WebSocket}
    app = FastAPI()
    app.add_api_route("/upload", upload, methods=["POST"])
    app.add_api_websocket_route("/upload", talk)
    return app


def litestar() -> Any:
    from litestar import Litestar, Request, WebSocket, post, websocket

    async def upload(request: Any) -> str:
        return str(await request.body())

    async def talk(socket: Any) -> None:
        await socket.accept()
        while True:
            await socket.receive_text()

    upload.__annotations__ = {"request": Request, "return": str}
    talk.__annotations__ = {"socket": WebSocket, "return": None}
    return Litestar([post("/upload")(upload), websocket("/upload/socket")(talk)])


def quart() -> Any:
    import quart

    app = quart.Quart("leaving")

    @app.post("/upload")
    async def upload() -> Any:
        return await quart.request.get_data()

    @app.websocket("/upload")
    async def talk() -> None:
        while True:
            await quart.websocket.receive()

    return app


WSGI = {each.__name__: each for each in (flask, django_wsgi, pyramid, bottle, falcon_wsgi)}
ASGI = {each.__name__: each for each in (starlette, fastapi, litestar, quart, falcon_asgi, django_asgi)}
SOCKETS = dict.fromkeys(("starlette", "fastapi", "quart", "falcon_asgi"), "/upload") | {"litestar": "/upload/socket"}
BODY = RequestSpec("POST", "/upload", headers=(("Content-Length", "1000"), ("Content-Type", "text/plain")))


class Lost:
    """The input of a client that has gone, as gunicorn and uWSGI have it."""

    def read(self, *size: int) -> bytes:
        raise OSError("error during read on wsgi.input")

    readline = readlines = read

    def __iter__(self) -> Any:
        return self

    __next__ = read


def serve_wsgi(app: Any) -> None:
    response = SentryWsgiMiddleware(app)({**make_environ(BODY), "wsgi.input": Lost()}, lambda *args: None)
    try:
        list(response)
    finally:
        getattr(response, "close", list)()


async def serve_asgi(app: Any, scope: Any, messages: list[Any]) -> None:
    async def receive() -> Any:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: Any) -> None:
        if len(messages) == 1 and messages[0]["type"] == "http.disconnect":
            raise OSError("client gone")

    await asyncio.wait_for(SentryAsgiMiddleware(app)(scope, receive, send), 10)


def report(name: str, kind: str) -> dict[str, Any]:
    """Serve one client that leaves, and return what is reported of it."""
    app, raised = (WSGI.get(name) or ASGI[name])(), ""
    with recording(traces_sample_rate=1.0, default_integrations=True, max_breadcrumbs=0) as events:
        try:
            if name in WSGI:
                serve_wsgi(app)
            elif kind == "body":
                part = {"type": "http.request", "body": b"x", "more_body": True}
                asyncio.run(serve_asgi(app, make_scope(BODY), [part, {"type": "http.disconnect"}]))
            else:
                scope = make_scope(RequestSpec(path=SOCKETS[name]), kind="websocket")
                text = {"type": "websocket.receive", "text": "hello"}
                end = {"type": "websocket.disconnect", "code": 1001}
                asyncio.run(serve_asgi(app, scope, [{"type": "websocket.connect"}, text, end]))
        except BaseException as error:
            raised = type(error).__name__
        return {
            "raised": raised,
            "errors": [repr(each) for each in (*events.errors, *events.messages)],
            "outcome": [each.outcome for each in events.roots],
            "code": [each.data.get("http.response.status_code") for each in events.roots],
        }


if __name__ == "__main__":
    print(json.dumps(report(*sys.argv[1:])))
