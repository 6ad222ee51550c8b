"""What the servers serve for ``faults``: an application that reports secrets, bare and behind a package that fails.

A request with ``X-Bare`` goes to the bare application. ``/control?name=…&error=…`` mends what is broken, sends what is
waiting, answers what the server has seen since (the exceptions that left the application, and how often the broken
function was called), and breaks the function ``name``. Nothing of the secrets is in this source, which the SDK sends
with a frame: they come with the request.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs

import sentry_sdk
from conformance.breaking import Breaker, InternalError, forget_results, functions
from sentry_sdk.integrations import logging as logging_of_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import ChildSpan
from sentry_web.testing.sdk import translated

ERRORS: dict[str, type[Exception]] = {
    "InternalError": InternalError,
    "MemoryError": MemoryError,
    "RecursionError": RecursionError,
}
CHUNKS = 5
PART = b"x" * 65536
PARTS = 40  # of the response whose client leaves; bounded, for a server that does not notice

logging.getLogger("sentry_web").addHandler(logging.NullHandler())
logging.getLogger("sentry_web").propagate = False  # tens of thousands of tracebacks otherwise

for name in ("uvicorn.access", "hypercorn.access", "gunicorn.error"):  # written after the request: see docs/privacy.md
    getattr(logging_of_sdk, "ignore_logger_for_sentry_logs", logging_of_sdk.ignore_logger)(name)

sentry_sdk.init(
    **translated(
        {
            "dsn": os.environ["SOAK_DSN"],
            "traces_sample_rate": 1.0,
            "release": "soak@1",
            "default_integrations": False,
            "auto_enabling_integrations": False,
            "integrations": [LoggingIntegration(event_level=logging.ERROR)],
            "enable_logs": True,
            "shutdown_timeout": 2,
            "trace_lifecycle": os.environ.get("SOAK_LIFECYCLE", "static"),
        }
    )
)


class TornError(Exception):
    """Raised by the application."""


def say(bare: bool, *heard: str) -> None:
    """Report what the client has sent, in several ways; not when bare, where nobody would redact it."""
    if bare:
        return
    for text in heard:
        sentry_sdk.add_breadcrumb(message=f"crumb {text}")
        sentry_sdk.get_current_scope().set_extra("heard", text)
        with ChildSpan(f"span {text}").open():
            sentry_sdk.capture_message(f"message {text}")
    logging.getLogger("soak").error("logged %s", heard)


def fail(heard: tuple[str, ...]) -> None:
    """Raise an exception with a cause, with what was heard among the variables."""
    try:
        {}[len(heard)]
    except KeyError as error:
        raise TornError(f"torn {len(heard)}") from error


class Control:
    """What is broken, and what the server has seen."""

    def __init__(self) -> None:
        self.functions = functions()
        self.stack = ExitStack()
        self.breaker = Breaker()
        self.seen: list[Any] = []

    def turn(self, query: str) -> bytes:
        """Mend what is broken, answer what was seen, break another one."""
        self.stack.close()
        sentry_sdk.get_client().flush(timeout=10)
        answer = {"fired": self.breaker.fired, "seen": self.seen, "functions": list(self.functions)}
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        self.seen = []
        if "list" not in asked:
            del answer["functions"]
        forget_results()
        self.breaker = Breaker(frozenset({0}) if "once" in asked else None, ERRORS[asked.get("error", "InternalError")])
        if "name" in asked:
            self.stack.enter_context(self.breaker.breaking(self.functions[asked["name"]]))
            self.breaker.armed = True
        return json.dumps(answer).encode()

    def note(self, path: str, error: BaseException) -> None:
        """Note an exception that has left the application, or the middleware, with its chain."""
        if path != "/endless":  # when the server notices is a race
            self.seen.append([path, chain(error)])


def chain(error: BaseException | None) -> Any:
    """An exception with its causes and contexts."""
    if error is None:
        return None
    told = [type(error).__name__, str(error), error.__suppress_context__]
    return [*told, chain(error.__cause__), chain(error.__context__)]


CONTROL = Control()


def parts_of(path: str, bare: bool, heard: tuple[str, ...]) -> Iterator[bytes]:
    """The body of a response, by its path."""
    if path == "/endless":
        for _ in range(PARTS):
            yield PART
            time.sleep(0.001)
    elif path in ("/stream", "/breaks"):
        for number in range(CHUNKS):
            if path == "/breaks" and number == 2:
                say(bare, *heard)
                fail(heard)
            yield b"part %d\n" % number
    else:
        yield b"%d heard" % len(heard)


def bare_wsgi(environ: Any, start_response: Any) -> Any:
    """Serve by WSGI."""
    path, body = environ["PATH_INFO"], environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    bare = "HTTP_X_BARE" in environ
    names = ("HTTP_X_AUTH_TOKEN", "HTTP_COOKIE", "QUERY_STRING")
    heard = (*(environ.get(name, "") for name in names), body.decode())
    say(bare, *heard)
    if path == "/fails":
        fail(heard)
    length = [] if path in ("/stream", "/breaks", "/endless") else [("Content-Length", "7")]
    start_response("200 OK", [("Content-Type", "text/plain"), *length])
    return parts_of(path, bare, heard)


async def bare_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Serve by ASGI."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    path, headers, body, more = scope["path"], dict(scope["headers"]), b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    bare = b"x-bare" in headers
    named = (headers.get(name, b"").decode() for name in (b"x-auth-token", b"cookie"))
    heard = (*named, scope["query_string"].decode(), body.decode())
    say(bare, *heard)
    if path == "/fails":
        fail(heard)
    length = [] if path in ("/stream", "/breaks", "/endless") else [(b"content-length", b"7")]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), *length]})
    async for part in _later(parts_of(path, bare, heard)):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _later(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


wrapped_wsgi, wrapped_asgi = SentryWsgiMiddleware(bare_wsgi), SentryAsgiMiddleware(bare_asgi)


class Watched:
    """A response that notes what is raised while it is iterated."""

    def __init__(self, path: str, response: Any) -> None:
        self._path = path
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response
        except BaseException as error:
            CONTROL.note(self._path, error)
            raise

    def close(self) -> None:
        """Close the response, as the server would."""
        close = getattr(self._response, "close", None)
        if close is not None:
            close()


def wsgi_application(environ: Any, start_response: Any) -> Any:
    """Hand the request to one of the two, or take it for an order."""
    path = environ["PATH_INFO"]
    if path == "/control":
        answer = CONTROL.turn(environ.get("QUERY_STRING", ""))
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]
    try:
        response = (bare_wsgi if "HTTP_X_BARE" in environ else wrapped_wsgi)(environ, start_response)
    except BaseException as error:
        CONTROL.note(path, error)
        raise
    return Watched(path, response)


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    """Hand the scope to one of the two, or take it for an order."""
    path = scope.get("path", "")
    if path == "/control":
        answer = CONTROL.turn(scope["query_string"].decode())
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
        return
    bare = scope["type"] == "lifespan" or any(name == b"x-bare" for name, _ in scope["headers"])
    try:
        await (bare_asgi if bare else wrapped_asgi)(scope, receive, send)
    except BaseException as error:
        CONTROL.note(path, error)
        raise
