"""An error in the realistic application, in process: its stack goes through the framework, as in production.

What the SDK would send is written as bytes on the thread that sends it, and dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from . import applications as apps
from .peers import BARE, OURS, SDK
from .production import HEADERS
from .timing import Many, race, take_turns

#: Who reports, by what ``shop`` knows it as.
_REPORTERS = {BARE: "", OURS: "WebIntegration", SDK: "sentry_sdk"}
PROTOCOLS = {"fastapi": "asgi", "flask": "wsgi"}
_TURN = 0.1  # seconds; an error takes ten milliseconds and more


def measure(rounds: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Application, and the seconds of an error with each reporter."""
    for name in PROTOCOLS:
        yield name, race(__name__, {peer: (name, reporter) for peer, reporter in _REPORTERS.items()}, rounds)


def serve(name: str, reporter: str = "") -> None:
    """One reporter's process."""
    os.environ["BENCHMARK_REPORTER"] = reporter
    os.environ["BENCHMARK_OPTIONS"] = json.dumps({"release": "shop@1.2.3"})
    os.environ["BENCHMARK_DSN"] = "http://key@127.0.0.1:1/1"
    from sentry_sdk.transport import HttpTransport

    written: list[bytes] = []

    def write(transport: Any, envelope: Any) -> None:
        written[:] = (envelope.serialize(),)

    HttpTransport.capture_envelope = write  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BENCHMARK_FOLDER"] = folder
        from . import shop

        app = getattr(shop, name)()
        for handler in logging.getLogger().handlers:
            handler.setLevel(logging.CRITICAL + 1)
        logging.getLogger("shop").addHandler(logging.NullHandler())  # Flask logs what it turns into a 500
        logging.getLogger("shop").propagate = False
        many = (_asgi if PROTOCOLS[name] == "asgi" else _wsgi)(app)
        many(1)
        if any(b"out of stock" in each for each in written) != bool(reporter):
            raise RuntimeError(f"{name}, {reporter or 'nobody'}: {written[:1]}")
        take_turns(many, _TURN)


def _wsgi(app: Any) -> Many:
    environ = {**apps.environ(HEADERS), "PATH_INFO": "/fails", "RAW_URI": "/fails", "REQUEST_URI": "/fails"}

    def many(times: int) -> None:
        for _ in range(times):
            with contextlib.suppress(RuntimeError):
                apps.ask_wsgi(app, dict(environ))

    return many


def _asgi(app: Any) -> Many:
    scope = {**apps.scope("http", HEADERS), "path": "/fails", "raw_path": b"/fails"}
    loop = asyncio.new_event_loop()

    async def ask(times: int) -> None:
        for _ in range(times):
            with contextlib.suppress(RuntimeError):
                await apps.ask_asgi(app, dict(scope), apps.Incoming([], {"type": "http.request", "body": b""}))

    return lambda times: loop.run_until_complete(ask(times))


if __name__ == "__main__":
    serve(*sys.argv[1:])
