"""The application that a server loads: which peer and which configuration is in the environment (see ``serving``)."""

from __future__ import annotations

import os
from typing import Any

from . import applications as apps
from .peers import configured, peers

PEER, COLUMN = os.environ["BENCHMARK_PEER"], os.environ["BENCHMARK_COLUMN"]
_CONFIGURED = configured(COLUMN)
_CONFIGURED.__enter__()  # for as long as the process lives


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await apps.asgi_page(scope, receive, send)
        return
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": message["type"] + ".complete"})
    await send({"type": "lifespan.shutdown.complete"})


#: For uvicorn, and for gunicorn.
asgi = peers("asgi", COLUMN).get(PEER, lambda app: None)(_asgi)
wsgi = peers("wsgi", COLUMN).get(PEER, lambda app: None)(apps.wsgi_page)
