"""A FastAPI application, named by its routes (``transaction_style="url"``)."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from sentry_web import SentryAsgiMiddleware

app = FastAPI()


@app.get("/hello/{name}", response_class=PlainTextResponse)
def hello(name: str) -> str:
    return f"hello {name}\n"


@app.get("/fails")
async def fails() -> None:
    raise RuntimeError("as asked")


application = SentryAsgiMiddleware(app, transaction_style="url")
