"""Which of OpenTelemetry's HTTP conventions each instrumentation follows: attribute by attribute, seen and not claimed.

``python benchmarks/semconv_table.py`` needs ``sentry_web[otel,testing]``, ``opentelemetry-sdk``,
``opentelemetry-instrumentation-wsgi`` and ``-asgi``. It prints the table of ``semconv_table.md`` and, with ``--write``,
puts it there.

The attributes and their requirement levels are those of the conventions for server spans and metrics, semantic
conventions 1.44 (``tests/otel/semconv.json``). For each, one request goes through each instrumentation around one
application; "yes" is written where the expected value is on the span (on the metric), a dash where the attribute is
missing, and the value itself where another one is there. OpenTelemetry's packages are asked for the stable conventions
(``OTEL_SEMCONV_STABILITY_OPT_IN``) and, as ours, for the headers; ours for addresses (``send_default_pii=True``), which
it does not record by default.
"""

from __future__ import annotations

import argparse
import functools
import logging
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
os.environ[CAPTURE + "SERVER_REQUEST"] = "x-thing-one"
os.environ[CAPTURE + "SERVER_RESPONSE"] = "x-cache-hit"

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as AsgiTheirs
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as WsgiTheirs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from sentry_web import instrument_asgi, instrument_wsgi
from sentry_web.testing import (
    ASGI3,
    WSGI,
    Driver,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
)

HERE = Path(__file__).resolve().parent

ANSWER = Script((ReadBody(), StartResponse(200, (("X-Cache-Hit", "1"),)), SendChunk(b"hello"), SendChunk(b"you")))
ASKED = {
    "path": "/books/7",
    "query": "page=2",
    "host": "shop.example",
    "port": 8080,
    "client": ("203.0.113.9", 4711),
    "headers": (("User-Agent", "agent/1"), ("X-Thing-One", "1")),
}
SCENARIOS: dict[str, tuple[Script, RequestSpec]] = {
    "answers": (ANSWER, RequestSpec(method="POST", body=(b"one", b"two"), **ASKED)),
    "other method": (ANSWER, RequestSpec(method="PURGE", **ASKED)),
    "503": (Script((StartResponse(503),)), RequestSpec(**ASKED)),
    "raises": (Script((Raise(LookupError),)), RequestSpec(**ASKED)),
    "secret": (ANSWER, RequestSpec(**{**ASKED, "query": "page=2&token=very-secret"})),
    "bot": (ANSWER, RequestSpec(**{**ASKED, "headers": (("User-Agent", "Googlebot/2.1"),)})),
    "encoded": (ANSWER, RequestSpec(**{**ASKED, "path": "/books/a%2Fb"})),
    "two sizes": (
        Script((StartResponse(200, (("Content-Length", "4711"),)), SendChunk(b"hello"))),
        RequestSpec(**ASKED),
    ),
}


class Row(NamedTuple):
    """One attribute: where it is looked for, what it should be, and why we do not have it, if we do not."""

    attribute: str
    level: str
    expected: Any
    scenario: str = "answers"
    metric: str = ""  # of this instrument, else of the span
    why_not: str = ""


DURATION, ACTIVE = "http.server.request.duration", "http.server.active_requests"
REQUEST_SIZE, RESPONSE_SIZE = "http.server.request.body.size", "http.server.response.body.size"
ROWS = (
    Row("name", "required", "POST /books/{number}"),
    Row("http.request.method", "required", "POST"),
    Row("url.path", "required", "/books/7"),
    Row("url.scheme", "required", "http"),
    Row("error.type, a 503", "conditionally required", "503", "503"),
    Row("error.type, an exception", "conditionally required", "LookupError", "raises"),
    Row("http.request.method, not known", "required", "_OTHER", "other method"),
    Row("http.request.method_original", "conditionally required", "PURGE", "other method"),
    Row("http.response.status_code", "conditionally required", 200),
    Row("http.response.status_code, an exception", "conditionally required", 500, "raises"),
    Row("http.route", "conditionally required", "/books/{number}"),
    Row("network.protocol.name", "conditionally required", "http"),
    Row("server.port", "conditionally required", 8080),
    Row("url.query", "conditionally required", "page=2"),
    Row("url.query, its secrets", "should be scrubbed", "page=2&token=[Filtered]", "secret"),
    Row("client.address", "recommended", "203.0.113.9"),
    Row("network.peer.address", "recommended", "203.0.113.9"),
    Row("network.peer.port", "recommended", 4711),
    Row("network.protocol.version", "recommended", "1.1"),
    Row("server.address", "recommended", "shop.example"),
    Row("user_agent.original", "recommended", "agent/1"),
    Row("client.port", "opt-in", 4711, why_not="as network.peer.port; behind a proxy nobody tells it"),
    Row("http.request.body.size", "opt-in", 6),
    Row("http.request.header.x-thing-one", "opt-in", ("1",)),
    Row("http.request.size", "opt-in", None, why_not="neither protocol shows the bytes on the wire"),
    Row("http.response.body.size", "opt-in", 8),
    Row("http.response.body.size, not what is claimed", "opt-in", 5, "two sizes"),
    Row("http.response.header.x-cache-hit", "opt-in", ("1",)),
    Row("http.response.size", "opt-in", None, why_not="neither protocol shows the bytes on the wire"),
    Row("network.local.address", "opt-in", None, why_not="the server's name is told as server.address"),
    Row("network.local.port", "opt-in", None, why_not="the server's port is told as server.port"),
    Row("network.transport", "opt-in", None, why_not="neither protocol tells it"),
    Row("user_agent.synthetic.type", "opt-in", "bot", "bot"),
    Row("url.path, percent-encoded", "required", "/books/a%2Fb", "encoded"),
    Row("url.full, no attribute of servers", "", None, why_not="it says what scheme, address, path and query say"),
    Row("status, a 503", "should", "ERROR", "503"),
    Row("status, an exception", "should", "ERROR", "raises"),
    Row("event exception", "recommended", "LookupError", "raises"),
    Row("instrument", "required", True, metric=DURATION),
    Row("http.request.method", "required", "POST", metric=DURATION),
    Row("url.scheme", "required", "http", metric=DURATION),
    Row("error.type, an exception", "conditionally required", "LookupError", "raises", DURATION),
    Row("http.response.status_code", "conditionally required", 200, metric=DURATION),
    Row("http.route", "conditionally required", "/books/{number}", metric=DURATION),
    Row("network.protocol.version", "recommended", "1.1", metric=DURATION),
    Row("server.address", "opt-in", "shop.example", metric=DURATION, why_not="chosen by the client: a bomb of series"),
    Row("instrument", "optional", True, metric=ACTIVE),
    Row("http.request.method", "required", "POST", metric=ACTIVE),
    Row("url.scheme", "required", "http", metric=ACTIVE),
    Row("value after the end", "", 0, metric=ACTIVE),
    Row("value after an exception", "", 0, "raises", ACTIVE),
    Row("sum", "optional", 6, metric=REQUEST_SIZE),
    Row("sum", "optional", 8, metric=RESPONSE_SIZE),
    Row("sum, not what is claimed", "optional", 5, "two sizes", RESPONSE_SIZE),
)


def route_in_scope(app: Any) -> Any:
    """Leave a route where FastAPI does; a coroutine function, or OpenTelemetry's middleware takes it for ASGI 2."""

    @functools.wraps(app)
    async def routed(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = type("Route", (), {"path": "/books/{number}", "path_format": "/books/{number}"})()
        await app(scope, receive, send)

    return routed


def route_in_environ(app: Any) -> Any:
    """Leave a route where werkzeug does."""

    @functools.wraps(app)
    def routed(environ: Any, start_response: Any) -> Any:
        rule = type("Rule", (), {"rule": "/books/{number}", "endpoint": "book"})()
        environ["werkzeug.request"] = type("Request", (), {"url_rule": rule, "endpoint": "book"})()
        return app(environ, start_response)

    return routed


class Seen:
    """What one request through one instrumentation has told."""

    def __init__(self, driver: Driver, wrap_with: Callable[..., Any], scenario: str) -> None:
        exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(exporter))
        meters = MeterProvider([reader], shutdown_on_exit=False)

        def wrap(app: Any) -> Any:
            return wrap_with(app, tracer_provider=tracers, meter_provider=meters)

        script, request = SCENARIOS[scenario]
        driver.run(script, request, Wrap(wsgi=wrap, asgi=wrap).around(Wrap(route_in_environ, route_in_scope)))
        self.span = next(span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER)
        data = reader.get_metrics_data()
        self.metrics = {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def value(self, row: Row) -> Any:
        """What is there under the row's name; ``None``: nothing."""
        key = row.attribute.partition(",")[0]
        if row.metric:
            return self.of_metric(key, self.metrics.get(row.metric) or [])
        special: dict[str, Any] = {
            "name": self.span.name,
            "status": self.span.status.status_code.name,
            "event exception": next((event.attributes["exception.type"] for event in self.span.events), None),
        }
        return special[key] if key in special else self.span.attributes.get(key)

    @staticmethod
    def of_metric(key: str, points: list[Any]) -> Any:
        """The same of a metric, by its points."""
        if key == "instrument" or not points:
            return bool(points) or None
        if key.startswith("value"):
            return sum(abs(point.value) for point in points)
        return points[0].sum if key == "sum" else points[0].attributes.get(key)


def cell(row: Row, value: Any) -> str:
    """What the table says of a value."""
    if value is None:
        return "–"
    return "yes" if value == row.expected or row.expected is None else f"`{value}`"


COLUMNS: dict[str, tuple[Driver, Callable[..., Any]]] = {
    "OpenTelemetry ASGI": (ASGI3, AsgiTheirs),
    "OpenTelemetry WSGI": (WSGI, WsgiTheirs),
    "sentry_web ASGI": (ASGI3, functools.partial(instrument_asgi, send_default_pii=True)),
    "sentry_web WSGI": (WSGI, functools.partial(instrument_wsgi, send_default_pii=True)),
}


def table() -> list[str]:
    """The rows of the table, as Markdown."""
    seen = {
        (name, scenario): Seen(driver, wrap, scenario)
        for name, (driver, wrap) in COLUMNS.items()
        for scenario in SCENARIOS
    }
    lines = [f"| attribute | level | {' | '.join(COLUMNS)} |", "|" + "---|" * (2 + len(COLUMNS))]
    for row in ROWS:
        cells = [cell(row, seen[name, row.scenario].value(row)) for name in COLUMNS]
        if row.why_not:
            cells = [*cells[:2], *["not applicable" if each == "–" else each for each in cells[2:]]]
        where = f"`{row.metric}`: " if row.metric else ""
        note = f" ({row.why_not})" if row.why_not else ""
        lines.append(f"| {where}{row.attribute}{note} | {row.level} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write semconv_table.md, too")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    theirs = version("opentelemetry-instrumentation-asgi")
    heading = [
        "# The HTTP conventions, attribute by attribute",
        "",
        f"OpenTelemetry's packages {theirs}. Made by `python benchmarks/semconv_table.py --write`, which says how.",
        "",
    ]
    text = "\n".join([*heading, *table(), ""])
    print(text)
    if arguments.write:
        (HERE / "semconv_table.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
