"""A Litestar application, named by its routes (``transaction_style="url"``)."""

from __future__ import annotations

from litestar import Litestar, get

from sentry_web import SentryAsgiMiddleware


@get("/hello/{name:str}", media_type="text/plain")
async def hello(name: str) -> str:
    return f"hello {name}\n"


@get("/fails")
async def fails() -> None:
    raise RuntimeError("as asked")


application = SentryAsgiMiddleware(Litestar([hello, fails]), transaction_style="url")
