"""Runs one framework's shop in a process of its own, and prints what was reported of each request, as JSON.

sentry-sdk's integrations patch frameworks for the whole process, and so does Django's configuration: no two of these
runs can share one. ``python probe.py shop_flask on`` runs with the SDK's integration, ``off`` without.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import io
import json
import logging
import sys
from typing import Any, NamedTuple

from alone import hide_other_frameworks
from sentry_sdk.integrations.dedupe import DedupeIntegration

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_environ, make_scope
from sentry_web.testing.sdk import HAS_STREAMED_SPANS
from sentry_web.testing.transport import recording

UNKNOWN = "/no/such/page"
#: What is asked of each shop that has it.
PATHS = ("/books/1", "/annex/shelves/2", UNKNOWN, "/broken", "/guarded", "/torn", "/later", "/talk/3")
#: Each way to run: the style of names, and options of the SDK.
PASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "endpoint": ("endpoint", {}),
    "url": ("url", {}),
    "stream": ("url", {"trace_lifecycle": "stream"}),
    "logging": ("endpoint", {"default_integrations": True}),  # frameworks log what they swallow
}
PATIENCE = 10.0  # seconds for one request


class Answer(NamedTuple):
    """What came back; ``raised``: the application left the rest to the server."""

    status: int | None
    body: bytes
    raised: bool


def ask(shop: Any, app: Any, request: RequestSpec) -> Answer:
    """Ask an application of this shop's protocol."""
    if shop.PROTOCOL == "wsgi":
        return ask_wsgi(app, request)
    return asyncio.run(ask_asgi(app, request, lifespan=getattr(shop, "LIFESPAN", False)))


def ask_wsgi(app: Any, request: RequestSpec) -> Answer:
    """Send a GET request."""
    statuses: list[int | None] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(int(status[:3]))
        return lambda data: None

    environ = make_environ(request)
    environ["wsgi.errors"] = io.StringIO()
    response: Any = None
    body = b""
    raised = False
    try:
        response = app(environ, start_response)
        for part in response:
            body += part
    except Exception:
        raised = True
    finally:
        if hasattr(response, "close"):
            response.close()
    return Answer((statuses or [None])[-1], body, raised)


async def start(app: Any) -> None:
    """Start an application by the lifespan protocol, and leave it so."""
    started = asyncio.Event()

    async def receive() -> Any:
        if not started.is_set():
            return {"type": "lifespan.startup"}
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        assert message["type"] == "lifespan.startup.complete"
        started.set()

    serving = asyncio.ensure_future(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    await asyncio.wait_for(started.wait(), PATIENCE)
    serving.cancel()


async def ask_asgi(app: Any, request: RequestSpec, *, lifespan: bool) -> Answer:
    """Send a GET request, or say one thing over a websocket, and stay until the application is done."""
    if lifespan:
        await start(app)
    is_websocket = request.path.startswith("/talk")
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    scope = make_scope(request)
    if is_websocket:
        scope.update(type="websocket", scheme="ws", subprotocols=[])
        del scope["method"]
        incoming.put_nowait({"type": "websocket.connect"})
        incoming.put_nowait({"type": "websocket.receive", "text": "hello"})
    else:
        incoming.put_nowait({"type": "http.request", "body": request.content})
    statuses: list[int | None] = [None]
    parts: list[bytes] = []
    raised = False

    async def send(message: Any) -> None:
        if message["type"] == "websocket.close":
            incoming.put_nowait({"type": "websocket.disconnect", "code": message.get("code", 1000)})
        statuses.append(message.get("status", statuses[-1]))
        parts.append(message.get("body", b"") or (message.get("text") or "").encode())
        if message["type"] == "http.response.body" and not message.get("more_body"):
            incoming.put_nowait({"type": "http.disconnect"})

    try:
        await asyncio.wait_for(app(scope, incoming.get, send), PATIENCE)
    except Exception:
        raised = True
    finally:
        others = asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]
        if others:
            await asyncio.wait(others, timeout=PATIENCE)
    return Answer(statuses[-1], b"".join(parts), raised)


def middleware(shop: Any) -> Any:
    """Ours, for this shop's protocol."""
    return SentryWsgiMiddleware if shop.PROTOCOL == "wsgi" else SentryAsgiMiddleware


def paths_of(shop: Any) -> list[str]:
    """What this shop has, and what none has."""
    return [path for path in PATHS if path == UNKNOWN or path in shop.NAMES]


def described(events: Any) -> dict[str, Any]:
    """What was reported, as far as the tests look."""
    roots = events.roots
    errors = events.errors
    return {
        "roots": [[root.name, source_of(root)] for root in roots],
        "errors": [
            {
                **cause_of(error),
                "handled": error.mechanism.get("handled"),
                "mechanism": error.mechanism.get("type"),
                "name": error.name,
                "in_trace": all(error.trace["trace_id"] == root.trace["trace_id"] for root in roots),
            }
            for error in errors
        ],
        "messages": [[message.message, message.name] for message in events.messages],
    }


def cause_of(error: Any) -> dict[str, str]:
    """Our shops' own exception, which frameworks may have wrapped, or raised amid one of theirs; and who raised it."""
    chain = error["exception"]["values"]
    own = next((one for one in chain if one["value"].startswith("broken ")), chain[-1])
    return {"cause": own["type"], "frame": own["stacktrace"]["frames"][-1]["function"]}


def source_of(root: Any) -> str | None:
    source: str | None = root.attributes.get("sentry.segment.name.source") or (root.get("transaction_info") or {}).get(
        "source"
    )
    return source


def run(shop: Any, style: str, integrations: list[Any], options: dict[str, Any]) -> dict[str, Any]:
    """Ask for everything once."""
    found = {}
    app = None
    for path in paths_of(shop):
        with recording(traces_sample_rate=1.0, integrations=integrations, **options) as events:
            app = shop.make() if app is None else app
            answer = ask(shop, middleware(shop)(app, transaction_style=style), RequestSpec(path=path))
            found[path] = {"status": answer.status, "raised": answer.raised, **described(events)}
    return found


def integrations_of(shop: Any) -> list[Any]:
    """The SDK's integrations for this framework."""
    names = shop.INTEGRATION if isinstance(shop.INTEGRATION, tuple) else (shop.INTEGRATION,)
    integrations: list[Any] = [DedupeIntegration()]  # the SDK's integrations rely on it
    for name in names:
        module, _, kind = name.rpartition(".")
        integrations.append(getattr(importlib.import_module(f"sentry_sdk.integrations.{module}"), kind)())
    return integrations


def main() -> None:
    name, switch = sys.argv[1:3]
    hide_other_frameworks(name.split("_")[1])
    logging.raiseExceptions = False
    logging.lastResort = None
    passes: dict[str, Any] = {}
    with contextlib.redirect_stderr(io.StringIO()) if len(sys.argv) < 4 else contextlib.nullcontext():
        for label, (style, options) in PASSES.items():
            if label == "stream" and not HAS_STREAMED_SPANS:
                continue  # sentry-sdk before 2.35
            with recording():  # the SDK is up before the framework is imported, as in an application
                shop = importlib.import_module(name)
            integrations = integrations_of(shop) if switch == "on" else []
            passes[label] = run(shop, style, integrations, options)
    expected = {"names": shop.NAMES, "handled": getattr(shop, "HANDLED", ()), "frames": getattr(shop, "FRAMES", {})}
    json.dump({"expected": expected, "passes": passes}, sys.stdout)


if __name__ == "__main__":
    main()
