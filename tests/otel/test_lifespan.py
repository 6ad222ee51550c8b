"""``_otel.lifespan``: what the providers hold goes before the lifespan ends.

Of every output: ``tests/conformance/test_shutdown``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from sentry_web import instrument_asgi
from sentry_web._otel import lifespan
from sentry_web.testing import ASGI2, ASGI3, LifespanScript, Raise, Wrap

LATER = 3_600_000  # milliseconds: nothing is exported by itself
ENDS = [
    LifespanScript(),
    LifespanScript(shutdown_failed="no"),
    LifespanScript(shutdown=(Raise(KeyError),)),
]


class Spans(SpanExporter):
    """Notes the names of the spans, and what has been exported when a message goes to the server."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def export(self, spans: Any) -> SpanExportResult:
        self.seen += [span.name for span in spans]
        return SpanExportResult.SUCCESS


class Metrics(MetricExporter):
    """Notes that metrics are exported."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def export(self, *_: Any, **__: Any) -> MetricExportResult:
        self.seen.append("metrics")
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None: ...


class Hanging:
    """A provider whose flush ends no sooner than it is told to, as with a receiver that never answers."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.asked: list[int] = []

    def force_flush(self, timeout_millis: int) -> None:
        self.asked.append(timeout_millis)
        self.over.wait(30)

    def get_tracer(self, *args: Any) -> Any:
        return trace.NoOpTracerProvider().get_tracer("none")

    def get_meter(self, *args: Any) -> Any:
        return metrics.NoOpMeterProvider().get_meter("none")


def providers(seen: list[str]) -> dict[str, Any]:
    """Both providers, which export nothing until they are flushed."""
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(Spans(seen), schedule_delay_millis=LATER))
    reader = PeriodicExportingMetricReader(Metrics(seen), export_interval_millis=LATER)
    return {"tracer_provider": tracers, "meter_provider": MeterProvider([reader], shutdown_on_exit=False)}


def application(end: str) -> Any:
    """An application whose lifespan ends so."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        for answer in ("startup.complete", end):
            await receive()
            if answer == "raised":
                raise KeyError(answer)
            await send({"type": f"lifespan.{answer}"})

    return app


def served(given: dict[str, Any], seen: list[str], end: str = "shutdown.complete") -> list[str]:
    """One request within a lifespan: what the server got and what was exported, in order."""

    async def main() -> None:
        wrapped = instrument_asgi(application(end), **given)
        messages = iter(("lifespan.startup", "lifespan.shutdown"))
        http = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}

        async def receive() -> Any:
            return {"type": next(messages)}

        async def ignore(message: Any) -> None: ...

        async def send(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
                await wrapped({**http, "asgi": {"version": "3.0"}}, receive, ignore)
            seen.append(message["type"])

        await wrapped({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    try:
        asyncio.run(main())
    except KeyError:
        seen.append("lifespan.raised")
    return seen


@pytest.mark.parametrize("end", ["shutdown.complete", "shutdown.failed", "raised"])
def test_the_providers_are_flushed_before_the_lifespan_ends(end: str) -> None:
    seen: list[str] = []
    begun, *flushed, ended = served(providers(seen), seen, end)
    assert begun == "lifespan.startup.complete"
    assert sorted(flushed) == ["GET", "metrics"]
    assert ended == f"lifespan.{end}"


def test_the_providers_are_flushed_which_are_global(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    given = providers(seen)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: given["tracer_provider"])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: given["meter_provider"])
    assert sorted(served({}, seen)[1:-1]) == ["GET", "metrics"]


def test_a_tracer_and_a_meter_that_were_given_are_left_to_their_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    given = providers(seen)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: given["tracer_provider"])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: given["meter_provider"])
    owners = {
        "tracer": TracerProvider(shutdown_on_exit=False).get_tracer("owner"),
        "meter": MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("owner"),
    }
    assert served(owners, seen) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("driver", [ASGI2, ASGI3], ids=repr)
def test_without_an_sdk_there_is_nothing_to_flush(driver: Any) -> None:
    wrap = Wrap(wsgi=lambda app: app, asgi=instrument_asgi)
    assert [driver.run_lifespan(script, wrap) for script in ENDS] == [driver.run_lifespan(script) for script in ENDS]


def test_the_providers_are_flushed_at_once_and_no_longer_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifespan, "FLUSH_TIMEOUT", 0.3)
    tracers, meters = Hanging(), Hanging()
    begun = time.monotonic()
    served({"tracer_provider": tracers, "meter_provider": meters}, [])
    taken = time.monotonic() - begun
    tracers.over.set()
    meters.over.set()
    assert tracers.asked == meters.asked == [300]
    assert 0.25 < taken < 5


@pytest.mark.parametrize("driver", [ASGI2, ASGI3], ids=repr)
def test_a_provider_whose_flush_fails_does_not_show(driver: Any) -> None:
    class Failing(Hanging):
        def force_flush(self, timeout_millis: int) -> None:
            raise RuntimeError("no receiver")

    failing: Any = Failing()
    wrap = Wrap(
        wsgi=lambda app: app,
        asgi=lambda app: instrument_asgi(app, tracer_provider=failing, meter_provider=failing),
    )
    assert [driver.run_lifespan(script, wrap) for script in ENDS] == [driver.run_lifespan(script) for script in ENDS]
