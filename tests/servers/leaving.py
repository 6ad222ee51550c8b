"""What the servers serve for ``test_disconnects``: an upload and a download that their client leaves.

The frameworks are those that have an exception of their own for it (Starlette), or answer it themselves (Flask). What
the servers log of it would be an event, too: the SDK's logging integration is on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any

import flask
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PAUSE = 0.01  # seconds between two parts
PART = b"x" * 65536
PARTS = 300  # bounded, for a server that never notices

sentry_sdk.init(
    dsn=os.environ["LEAVING_DSN"],
    traces_sample_rate=1.0,
    default_integrations=False,
    auto_enabling_integrations=False,
    integrations=[LoggingIntegration(event_level=logging.ERROR)],
    **({"trace_lifecycle": "stream"} if os.environ.get("LEAVING_MODE") == "stream" else {}),
)

shop = flask.Flask("shop")


@shop.get("/")
def home() -> str:
    """Answer whoever waits for the server to come up."""
    return "here"


@shop.post("/upload")
def upload() -> str:
    """Read the whole body."""
    return str(len(flask.request.stream.read()))


@shop.get("/download")
def download() -> Any:
    """Send much."""

    def parts() -> Iterator[bytes]:
        for _ in range(PARTS):
            time.sleep(PAUSE)
            yield PART

    return flask.Response(parts())


async def home_async(request: Any) -> Any:
    return PlainTextResponse("here")


async def upload_async(request: Any) -> Any:
    return PlainTextResponse(str(len(await request.body())))


async def download_async(request: Any) -> Any:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(PARTS):
            await asyncio.sleep(PAUSE)
            yield PART

    return StreamingResponse(parts())


routes = [Route("/", home_async), Route("/upload", upload_async, methods=["POST"]), Route("/download", download_async)]

wsgi_application = SentryWsgiMiddleware(shop)
asgi_application = SentryAsgiMiddleware(Starlette(routes=routes))
