"""A Starlette application, named by its routes (``transaction_style="url"``).

``sentry-web run examples.starlette_app:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sentry_sdk
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sentry_web import SentryAsgiMiddleware

if TYPE_CHECKING:
    from starlette.requests import Request

sentry_sdk.init(traces_sample_rate=1.0)


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {request.path_params['name']}\n")


async def fails(request: Request) -> PlainTextResponse:
    raise RuntimeError("as asked")


app = Starlette(routes=[Route("/hello/{name}", hello), Route("/fails", fails)])
application = SentryAsgiMiddleware(app, transaction_style="url")
