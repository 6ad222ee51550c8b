"""An ASGI application without a framework.

``sentry-web run examples.raw_asgi:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

from typing import Any

import sentry_sdk

from sentry_web import SentryAsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/fails":
        raise RuntimeError("as asked")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello\n"})


application = SentryAsgiMiddleware(hello)
