"""A FastAPI application, named by its routes (``transaction_style="url"``).

``sentry-web run examples.fastapi_app:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

import sentry_sdk
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from sentry_web import SentryAsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)

app = FastAPI()


@app.get("/hello/{name}", response_class=PlainTextResponse)
def hello(name: str) -> str:
    return f"hello {name}\n"


@app.get("/fails")
async def fails() -> None:
    raise RuntimeError("as asked")


application = SentryAsgiMiddleware(app, transaction_style="url")
