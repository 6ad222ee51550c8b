"""Serve very many requests in this process, no two of them alike, and print what is left: see ``load``.

``python tests/soak/strangers.py PROTOCOL MODE COUNT [sdk]``; the mode is ``static``, ``stream`` or ``otel``. With
``sdk`` it is sentry-sdk's own middleware that serves, to compare with.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import logging
import statistics
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import sentry_sdk
from opentelemetry import trace
from sentry_sdk.transport import Transport

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware, instrument_asgi, instrument_wsgi
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_environ, make_scope
from sentry_web.testing.sdk import translated

sys.path.append(str(Path(__file__).parents[1]))

PAGE = 4096  # bytes
SAMPLES = 80
METHODS = ("GET", "POST", "PUT", "PROPFIND", "X-MADE-UP")


class Nowhere(Transport):
    """A transport that takes everything."""

    def capture_envelope(self, envelope: Any) -> None:
        envelope.serialize()


def memory() -> int:
    """The resident set in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def stranger(number: int) -> RequestSpec:
    """A request that resembles no other one: its method, path, query, headers, host and address are its own."""
    headers = (
        (f"X-Made-Up-{number:x}", "1"),
        ("Host", f"h{number}.example"),
        ("X-Forwarded-For", f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}"),
        ("Cookie", f"session=s{number:x}QZWV; c{number}=theme"),
        ("Content-Type", "application/json"),
    )
    body = json.dumps({f"key{number}": 1, "password": f"p{number}x7kQ"}).encode()
    method = METHODS[number % 4] if number % 5 else f"{METHODS[4]}-{number}"
    path = f"/p{number:x}/{'abcdefghij'[number % 10]}"
    return RequestSpec(method, path, query=f"q{number}=1&token=t{number:x}QZ", headers=headers, body=(body,))


def work(number: int) -> None:
    """What applications do within a request: a user, a tag, log lines; one in five fails."""
    if sentry_sdk.is_initialized():  # else the tags of all requests would stay on the process's own scope
        sentry_sdk.set_user({"id": number})
        sentry_sdk.set_tag(f"tag{number}", "1")
    else:
        trace.get_current_span().set_attribute(f"tag{number}", "1")
    logging.getLogger("strangers").info("request %s", number)
    if number % 5 == 0:
        raise ValueError(f"number {number}")


def wsgi_app(environ: Any, start_response: Any) -> Any:
    """Read, work, answer in two parts."""
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    work(int(environ["soak.number"]))
    return iter([b"a", b"b"])


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """The same."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    work(scope["soak.number"])
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})


def start(mode: str) -> None:
    """Switch the output on."""
    logging.getLogger("strangers").setLevel(logging.INFO)
    if mode != "otel":
        options = {"dsn": "http://key@127.0.0.1:9/1", "traces_sample_rate": 0.2, "trace_lifecycle": mode}
        others = {"release": "soak@1", "transport": Nowhere, "auto_enabling_integrations": False}
        sentry_sdk.init(**translated({**options, **others}))
        return
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider

    trace.set_tracer_provider(TracerProvider())
    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))


def wrapped(app: Any, protocol: str, mode: str, whose: str) -> Any:
    """The application behind our middleware, or the SDK's."""
    if whose == "sdk":
        from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as SdkAsgi
        from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as SdkWsgi

        return SdkWsgi(app) if protocol == "wsgi" else SdkAsgi(app)
    if mode == "otel":
        return instrument_wsgi(app) if protocol == "wsgi" else instrument_asgi(app)
    return SentryWsgiMiddleware(app) if protocol == "wsgi" else SentryAsgiMiddleware(app)


def serve_wsgi(app: Any, number: int) -> None:
    """One request, as a server makes it."""
    environ = make_environ(stranger(number))
    environ["soak.number"] = str(number)
    with suppress(ValueError):
        response = app(environ, lambda *_: None)
        for _ in response:
            pass
        response.close()


async def serve_asgi(app: Any, number: int) -> None:
    """The same."""
    request = stranger(number)
    message = {"type": "http.request", "body": request.body[0], "more_body": False}

    async def receive() -> Any:
        return message

    async def send(_: Any) -> None: ...

    with suppress(ValueError):
        await app({**make_scope(request), "soak.number": number}, receive, send)


def main(protocol: str, mode: str, count: int, whose: str = "ours") -> dict[str, Any]:
    """Serve them, and tell of memory, cycles and caches."""
    from conformance.test_bounds import BOUNDS, sizes

    start(mode)
    app = wrapped(wsgi_app if protocol == "wsgi" else asgi_app, protocol, mode, whose)
    loop = asyncio.new_event_loop()
    used: list[int] = []
    every = max(1, count // SAMPLES)
    warm = count // 5
    for number in range(count):
        if number == warm:
            gc.collect()
            gc.disable()
        if protocol == "wsgi":
            contextvars.copy_context().run(serve_wsgi, app, number)
        else:
            loop.run_until_complete(serve_asgi(app, number))
        if number >= warm and number % every == 0:
            used.append(memory())
    unreachable = gc.collect()
    quarter = max(1, len(used) // 4)
    return {
        "first": statistics.median(used[:quarter]),
        "last": statistics.median(used[-quarter:]),
        "cyclic": unreachable / (count - warm),
        "beyond": {name: held for name, held in sizes().items() if held > BOUNDS[name]},
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])))
