"""What the servers serve for ``backends``: the shop, bare and behind one of the outputs, which counts what it loses.

At the end it writes ``SOAK_COUNTS``: how many reports of requests there were (``tried``), and how many the SDK says
that it has dropped (``lost``), of which it tells Sentry in its client reports, and OpenTelemetry in its own metrics.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shop import asgi_shop, wsgi_shop

BACKEND, OUTPUT = os.environ["SHOP_DSN"], os.environ["SOAK_OUTPUT"]
#: What each SDK may hold; as many as sentry-sdk's queue by default, and OpenTelemetry's sends so many at a time.
QUEUE, BATCH = 100, 20
PATIENCE = 1.0  # seconds for one export

counts: Counter[str] = Counter()
lock = threading.Lock()
#: Called before the counts are written.
completing: list[Callable[[], None]] = []


def count(what: str, number: int = 1) -> None:
    with lock:
        counts[what] += number


def write_counts() -> None:
    """Write down what there is by now."""
    for complete in completing:
        complete()
    Path(os.environ["SOAK_COUNTS"]).write_text(json.dumps(counts), encoding="utf-8")


atexit.register(write_counts)  # before the SDKs' own, and so called after them


def with_sentry() -> tuple[Any, Any]:
    """The two middlewares that report to Sentry."""
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.transport import HttpTransport

    from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
    from sentry_web.testing.sdk import translated

    class Counting(HttpTransport):
        def capture_envelope(self, envelope: Any) -> None:
            count("tried", sum(item.type == "transaction" for item in envelope.items))
            super().capture_envelope(envelope)

        def record_lost_event(self, reason: str, data_category: Any = None, item: Any = None, **more: Any) -> None:
            if (data_category or (item and item.data_category)) == "transaction":
                count("lost")
            super().record_lost_event(reason, data_category, item, **more)

    sentry_sdk.init(
        dsn=BACKEND,
        transport=Counting,
        traces_sample_rate=1.0,
        release="shop@1",
        default_integrations=False,  # nothing may patch the bare shop
        auto_enabling_integrations=False,
        integrations=[AtexitIntegration(callback=lambda pending, timeout: None)],
        shutdown_timeout=5,
        transport_queue_size=QUEUE,
        **translated({"send_default_pii": False}),
    )
    return SentryWsgiMiddleware, SentryAsgiMiddleware


def with_opentelemetry() -> tuple[Any, Any]:
    """The two that report to an OTLP receiver."""
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

    from sentry_web import instrument_asgi, instrument_wsgi

    reader = InMemoryMetricReader()

    class Exporter(OTLPSpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            result = super().export(spans)
            if result is not SpanExportResult.SUCCESS:
                count("lost", len(spans))
            return result

    class Tried(SpanProcessor):
        def on_end(self, span: Any) -> None:
            count("tried")

    def count_dropped() -> None:
        """Add what the SDK says of a full queue: ``OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED``."""
        data: Any = reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        for metric in [metric for scope in scopes for metric in scope.metrics]:
            if metric.name == "otel.sdk.processor.span.processed":
                count("lost", sum(point.value for point in metric.data.data_points if "error.type" in point.attributes))

    completing.append(count_dropped)
    provider = TracerProvider()
    provider.add_span_processor(Tried())
    exporter = Exporter(f"{BACKEND}/v1/traces", timeout=PATIENCE)
    own = MeterProvider([reader], shutdown_on_exit=False)
    sizes = {"max_queue_size": QUEUE, "max_export_batch_size": BATCH}
    provider.add_span_processor(BatchSpanProcessor(exporter, meter_provider=own, **sizes))
    trace.set_tracer_provider(provider)
    measures = OTLPMetricExporter(f"{BACKEND}/v1/metrics", timeout=PATIENCE)
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(measures)]))
    return instrument_wsgi, instrument_asgi


wrap_wsgi, wrap_asgi = with_sentry() if OUTPUT == "sentry" else with_opentelemetry()
bare_wsgi, bare_asgi = wsgi_shop(), asgi_shop()
wrapped_wsgi, wrapped_asgi = wrap_wsgi(bare_wsgi), wrap_asgi(bare_asgi)


def wsgi_application(environ: Any, start_response: Any) -> Any:
    """Hand the request to one of the two."""
    return (bare_wsgi if "HTTP_X_BARE" in environ else wrapped_wsgi)(environ, start_response)


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    """The same; uvicorn leaves without ``atexit`` when the lifespan has ended."""

    async def send_last(message: Any) -> None:
        if message["type"].startswith("lifespan.shutdown"):
            write_counts()
        await send(message)

    if scope["type"] == "lifespan":
        await wrapped_asgi(scope, receive, send_last)
        return
    bare = any(name == b"x-bare" for name, _ in scope["headers"])
    await (bare_asgi if bare else wrapped_asgi)(scope, receive, send)
