"""What a stranger chooses makes a bounded number of metric series, span names and transaction names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware, instrument_asgi, instrument_wsgi
from sentry_web._naming.paths import NAMES as NAMES_OF_PATHS
from sentry_web.testing import ASGI3, WSGI, RequestSpec, Script, SendChunk, StartResponse, Wrap, recording

from .report import Row, row, size

PART = "cardinality"
#: Methods of the conventions and one for all others, times the versions of HTTP, times the schemes.
SERIES = 11 * 5 * 2
NAMES = 11
#: ``max_path_names`` paths, as many shapes, and one for the rest; for each known method.
TRANSACTIONS = 2001
SCRIPT = Script((StartResponse(404, (("Content-Type", "text/plain"),)), SendChunk(b"x")))


def stranger(number: int) -> RequestSpec:
    """All that a stranger chooses, anew for each request."""
    word = "".join(chr(97 + number // 26**place % 26) for place in range(4))
    headers = (("Host", f"{word}.example:{1 + number % 60000}"), (f"X-{word}", word), ("User-Agent", word))
    return RequestSpec(f"M{word.upper()}", f"/{word}/{number}", headers=headers, http_version=f"{number % 90}.{number}")


def opentelemetry(driver: Any) -> list[Row]:
    count = size(500, 20_000, 100_000)
    reader, exporter = InMemoryMetricReader(), InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    given: Any = {"tracer_provider": provider, "meter_provider": MeterProvider([reader])}
    wrap = Wrap(wsgi=lambda app: instrument_wsgi(app, **given), asgi=lambda app: instrument_asgi(app, **given))
    names: set[str] = set()
    with row(PART, f"metric series, {driver!r}") as series:
        for number in range(count):
            driver.run(SCRIPT, stranger(number), wrap)
            names.update(span.name for span in exporter.get_finished_spans())
            exporter.clear()
        data: Any = reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        found = {metric.name: len(metric.data.data_points) for scope in scopes for metric in scope.metrics}
        series.tried = series.survived = count
        name, most = max(found.items(), key=lambda item: item[1])
        series.worst = f"{most} series of {name}"
        series.failures += [f"{each}: {held} series" for each, held in found.items() if held > SERIES]
    with row(PART, f"span names, {driver!r}") as spans:
        spans.tried = spans.survived = count
        spans.worst = f"{len(names)} names"
        if len(names) > NAMES:
            spans.failures.append(f"{len(names)} names, such as {sorted(names)[:5]}")
    return [series, spans]


def transactions(driver: Any) -> Row:
    count = size(2500, 10_000, 50_000)
    wrap = Wrap(wsgi=SentryWsgiMiddleware, asgi=SentryAsgiMiddleware)
    names: set[str] = set()
    NAMES_OF_PATHS.clear()
    with row(PART, f"transaction names, {driver!r}") as one:
        for _ in range(max(1, count // 500)):
            with recording(traces_sample_rate=1.0) as events:
                for number in range(one.tried, one.tried + 500):
                    driver.run(SCRIPT, replace(stranger(number), method="GET"), wrap)
                names.update(root.name for root in events.roots)
                one.tried += 500
        one.survived = one.tried
        one.worst = f"{len(names)} names"
        if len(names) > TRANSACTIONS:
            one.failures.append(f"{len(names)} names")
    return one


def run() -> list[Row]:
    """Each protocol."""
    rows: list[Row] = []
    for driver in (WSGI, ASGI3):
        rows += [*opentelemetry(driver), transactions(driver)]
    return rows
