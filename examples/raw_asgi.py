"""An ASGI application without a framework. Serve it: ``sentry-web run examples.raw_asgi:application``."""

from __future__ import annotations

from typing import Any

from sentry_web import SentryAsgiMiddleware


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/fails":
        raise RuntimeError("as asked")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello\n"})


application = SentryAsgiMiddleware(hello)
