"""What the servers serve for ``test_kept_connections``: one application behind our middleware and behind another one.

``/ours/…`` and ``/theirs/…`` are the two; ``KEPT_OUTPUT`` says what both report to. ``/…/upload`` says whose it is,
waits until the server has paused the transport, and reads a large body then, so that asyncio registers the reader again
inside the request. ``/…/next`` says nothing. ``/report``, behind no middleware, answers all that was reported.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import sentry_sdk
from opentelemetry import baggage
from opentelemetry import context as context_api
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.integrations import asgi as sentry_asgi
from sentry_sdk.transport import Transport

from sentry_web import SentryAsgiMiddleware, instrument_asgi

OUTPUT = os.environ["KEPT_OUTPUT"]
PAUSE = 0.3  # seconds in which a server has read more than it buffers
NAME = "gabriela"

reported: list[Any] = []


class Memory(Transport):
    """Keeps what would be sent."""

    def capture_envelope(self, envelope: Any) -> None:
        """Keep each event, and each span of a batch."""
        for item in envelope.items:
            payload = json.loads(item.get_bytes())
            reported.extend(payload.get("items", [payload]))


exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("kept")
if OUTPUT != "OpenTelemetry":
    sentry_sdk.init(
        dsn="http://public@localhost/1",
        transport=Memory,
        traces_sample_rate=1.0,
        default_integrations=False,
        auto_enabling_integrations=False,
        **({"trace_lifecycle": "stream"} if OUTPUT == "Sentry, stream" else {}),
    )


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer both kinds of requests."""
    if scope["path"].endswith("/upload"):
        sentry_sdk.set_user({"username": NAME})
        sentry_sdk.set_tag("owner", NAME)
        sentry_sdk.set_context("basket", {"owner": NAME})
        sentry_sdk.add_breadcrumb(message=NAME)
        if OUTPUT == "OpenTelemetry":  # its context is nobody's business where only Sentry's output is there
            context_api.attach(baggage.set_baggage("owner", NAME))
        await asyncio.sleep(PAUSE)
    while (await receive()).get("more_body"):
        pass
    if scope["path"].endswith("/next"):
        sentry_sdk.capture_message(f"message of {scope['path']}")
    with tracer.start_as_current_span(f"span of {scope['path']}"):
        body = json.dumps(dict(baggage.get_all())).encode()
    await answer(send, body)


async def answer(send: Any, body: bytes) -> None:
    """Send a whole response."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if OUTPUT == "OpenTelemetry":
    ours: Any = instrument_asgi(app, tracer_provider=provider)
    theirs: Any = OpenTelemetryMiddleware(app, tracer_provider=provider, exclude_spans=["receive", "send"])
else:
    ours, theirs = SentryAsgiMiddleware(app), sentry_asgi.SentryAsgiMiddleware(app)


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    """Hand the request to one of the two; the lifespan to nobody."""
    if scope["type"] != "http":
        raise RuntimeError("only HTTP")
    who = scope["path"].split("/")[1]
    if who in ("ours", "theirs"):
        await (ours if who == "ours" else theirs)(scope, receive, send)
        return
    if who == "report":
        await asyncio.to_thread(sentry_sdk.flush)
        spans = [json.loads(span.to_json()) for span in exporter.get_finished_spans()]
        await answer(send, json.dumps(reported + (spans if OUTPUT == "OpenTelemetry" else [])).encode())
        return
    await answer(send, b"{}")
