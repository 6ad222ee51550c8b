"""A Quart application, named by its routes (``transaction_style="url"``)."""

from __future__ import annotations

import quart

from sentry_web import SentryAsgiMiddleware

app = quart.Quart(__name__)


@app.get("/hello/<name>")
async def hello(name: str) -> str:
    return f"hello {name}\n"


@app.get("/fails")
async def fails() -> str:
    raise RuntimeError("as asked")


application = SentryAsgiMiddleware(app, transaction_style="url")
