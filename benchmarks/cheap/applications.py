"""What is measured: the smallest applications of both protocols, and the requests that they are asked.

An application does next to nothing, so that what a middleware adds is nearly all that is seen. No server, no client
and no event loop stands between: a request is a call.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

CHUNK = b"x" * 64
LINES = 1000

#: What a browser or a service sends, without a secret in it.
HEADERS = (
    ("host", "shop.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br"),
    ("connection", "keep-alive"),
    ("cache-control", "no-cache"),
    ("x-request-id", "7b2c1f9a"),
)
MANY_HEADERS = (*HEADERS, *((f"x-number-{number}", f"value {number}") for number in range(52)))

Request = Callable[[Any], Any]


def scope(kind: str = "http", headers: Any = HEADERS, **more: Any) -> dict[str, Any]:
    """A new ASGI scope, as uvicorn makes it."""
    made: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50_000),
        "scheme": "http" if kind == "http" else "ws",
        "root_path": "",
        "path": "/books/42",
        "raw_path": b"/books/42",
        "query_string": b"page=2",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "state": {},
    }
    if kind == "http":
        made["method"] = "GET"
    return {**made, **more}


def environ(headers: Any = HEADERS, **more: Any) -> dict[str, Any]:
    """A new WSGI environ, as gunicorn makes it."""
    made: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.errors": io.StringIO(),
        "wsgi.input": io.BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.url_scheme": "http",
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "page=2",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "benchmark",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/books/42",
    }
    made.update({"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers})
    return {**made, **more}


# --- WSGI ------------------------------------------------------------------------------------------------------------


def wsgi_page(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def wsgi_lines(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (CHUNK for _ in range(LINES))


def wsgi_upload(environ: Any, start_response: Any) -> Any:
    read = environ["wsgi.input"].read
    while read(65_536):
        pass
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def wsgi_failing(environ: Any, start_response: Any) -> Any:
    raise RuntimeError("out of stock")


def _ignore(status: str, headers: Any, exc_info: Any = None) -> Any:
    return bytes


def ask_wsgi(app: Any, environ: dict[str, Any]) -> None:
    """One request, as a server makes it."""
    body = app(environ, _ignore)
    try:
        for _ in body:
            pass
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


# --- ASGI ------------------------------------------------------------------------------------------------------------

_START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


async def asgi_page(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def asgi_lines(scope: Any, receive: Any, send: Any) -> None:
    await send(_START)
    for _ in range(LINES):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body"})


async def asgi_upload(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await asgi_page(scope, receive, send)


async def asgi_failing(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("out of stock")


async def asgi_echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def _send(message: Any) -> None:
    return None


async def _receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def ask_asgi(app: Any, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]] = _receive) -> None:
    """One request, as a server makes it."""
    await app(scope, receive, _send)


class Incoming:
    """A ``receive`` that hands out these messages, then a disconnect."""

    def __init__(self, messages: Any, end: Any = None) -> None:
        self._messages = iter(messages)
        self._end = end or {"type": "http.disconnect"}

    async def __call__(self) -> Any:
        """The next message."""
        return next(self._messages, self._end)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run in a new event loop; what is awaited here never waits for anything."""
    return asyncio.run(coroutine)
