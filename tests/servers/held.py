"""What the servers serve for ``test_shutdown``: the shop behind OpenTelemetry's output, whose SDK waits for a flush.

What is exported is written to ``HELD_FILE``, a line each.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from shop import asgi_shop

from sentry_web import instrument_asgi

LATER = 3_600_000  # milliseconds

file: Any = Path(os.environ["HELD_FILE"]).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115 - for the process
provider = TracerProvider()
spans = ConsoleSpanExporter(out=file, formatter=lambda span: f"span {span.name}\n")
provider.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=LATER))
trace.set_tracer_provider(provider)
measures = ConsoleMetricExporter(out=file, formatter=lambda data: "metrics\n")
metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(measures, export_interval_millis=LATER)]))

bare = asgi_shop()
wrapped = instrument_asgi(bare)


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    """Hand the request to one of the two."""
    is_bare = scope["type"] == "http" and any(name == b"x-bare" for name, _ in scope["headers"])
    await (bare if is_bare else wrapped)(scope, receive, send)
