"""A Litestar application, named by its routes (``transaction_style="url"``).

``sentry-web run examples.litestar_app:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

import sentry_sdk
from litestar import Litestar, get

from sentry_web import SentryAsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)


@get("/hello/{name:str}", media_type="text/plain")
async def hello(name: str) -> str:
    return f"hello {name}\n"


@get("/fails")
async def fails() -> None:
    raise RuntimeError("as asked")


application = SentryAsgiMiddleware(Litestar([hello, fails]), transaction_style="url")
