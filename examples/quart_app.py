"""A Quart application, named by its routes (``transaction_style="url"``).

``sentry-web run examples.quart_app:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

import quart
import sentry_sdk

from sentry_web import SentryAsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)

app = quart.Quart(__name__)


@app.get("/hello/<name>")
async def hello(name: str) -> str:
    return f"hello {name}\n"


@app.get("/fails")
async def fails() -> str:
    raise RuntimeError("as asked")


application = SentryAsgiMiddleware(app, transaction_style="url")
