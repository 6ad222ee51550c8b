"""Memory of what is open: bytes that each open streaming response and each open websocket holds.

Ten thousand of them are opened in one event loop, or one list of WSGI iterables, and stopped in their midst.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from typing import Any

from . import applications as apps
from .peers import BARE, OURS, SDK, configured, peers

COLUMNS = ("errors only", "sampled")
KINDS = ("WSGI stream", "ASGI stream", "websocket")


def measure(count: int) -> Iterator[tuple[str, str, dict[str, float]]]:
    """What is open, configuration, and bytes that each peer adds to the bare application for one."""
    for kind in KINDS:
        protocol = "wsgi" if kind == "WSGI stream" else "asgi"
        for column in COLUMNS:
            with configured(column):
                wraps = {name: wrap for name, wrap in peers(protocol, column).items() if name in (BARE, OURS, SDK)}
                held = {name: _held(kind, wrap, count) for name, wrap in wraps.items()}
            yield kind, column, {name: held[name] - held[BARE] for name in (OURS, SDK)}


def _held(kind: str, wrap: Any, count: int) -> float:
    if kind == "WSGI stream":
        app = wrap(apps.wsgi_lines)
        _open_wsgi(app, 10)
        return _open_wsgi(app, count) / count
    app = wrap(_waiting)
    asyncio.run(_open_asgi(app, kind, 10))
    return asyncio.run(_open_asgi(app, kind, count)) / count


def _open_wsgi(app: Any, count: int) -> int:
    gc.collect()
    environs = [apps.environ() for _ in range(count)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    bodies = [app(environ, lambda status, headers, exc_info=None: bytes) for environ in environs]
    streams = [iter(body) for body in bodies]
    for stream in streams:
        next(stream)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    for body in bodies:
        body.close()
    return held


async def _waiting(scope: Any, receive: Any, send: Any) -> None:
    """Answer, then wait for the client to leave."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello", "more_body": True})
    await scope["state"]["gone"].wait()


async def _open_asgi(app: Any, kind: str, count: int) -> int:
    gone = asyncio.Event()
    name = "websocket" if kind == "websocket" else "http"
    scopes = [apps.scope(name, state={"gone": gone}) for _ in range(count)]
    first = {"type": "websocket.connect"} if name == "websocket" else {"type": "http.request", "body": b""}

    async def receive() -> Any:
        return first

    async def send(message: Any) -> None:
        return None

    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tasks = [asyncio.ensure_future(app(scope, receive, send)) for scope in scopes]
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    gone.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    return held
