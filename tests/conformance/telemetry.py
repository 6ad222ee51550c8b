"""OpenTelemetry's SDK around our output, in memory: what was exported, and middlewares that export there.

Importable only where the SDK is installed. Nothing global is set, so that tests do not see each other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from sentry_web import instrument_asgi, instrument_wsgi
from sentry_web.testing import Wrap
from sentry_web.testing.steps import Act

#: Options of messages, which WSGI does not have.
OF_ASGI = ("client_request_hook", "client_response_hook", "exclude_spans")


class Telemetry:
    """A tracer provider and a meter provider of their own.

    Args:
        sampler: Decides which spans are recorded; all, if not given.
    """

    def __init__(self, sampler: Any = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.tracer = self.tracer_provider.get_tracer("the application's own")

    def wrap(self, **options: Any) -> Wrap:
        """``instrument_wsgi`` and ``instrument_asgi`` that report here."""
        given = {"tracer_provider": self.tracer_provider, "meter_provider": self.meter_provider, **options}
        plain = {key: value for key, value in given.items() if key not in OF_ASGI}
        return Wrap(wsgi=lambda app: instrument_wsgi(app, **plain), asgi=lambda app: instrument_asgi(app, **given))

    @property
    def spans(self) -> list[ReadableSpan]:
        """Every span that ended."""
        return list(self.exporter.get_finished_spans())

    @property
    def requests(self) -> list[ReadableSpan]:
        """The spans of requests."""
        return [span for span in self.spans if span.kind is SpanKind.SERVER]

    @property
    def all_bytes(self) -> bytes:
        """All that would have left the process."""
        metrics = self.reader.get_metrics_data()
        texts = [span.to_json() for span in self.spans] + ([metrics.to_json()] if metrics is not None else [])
        return "\n".join(texts).encode("utf-8")

    def metrics(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """By name of the instrument: attributes, and the value, or a histogram's count and sum."""
        data = self.reader.get_metrics_data()
        found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        for resource in data.resource_metrics if data is not None else ():
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                for point in metric.data.data_points:
                    value: Any = getattr(point, "value", None)
                    if value is None:
                        value = (point.count, point.sum)
                    found.setdefault(metric.name, []).append((dict(point.attributes or {}), value))
        return found

    def active(self) -> int:
        """Requests and connections that have begun and not ended."""
        counted = self.metrics()
        gauges = ("http.server.active_requests", "websocket.server.active_connections")
        return sum(abs(value) for name in gauges for _, value in counted.get(name, ()))


@dataclass(frozen=True, repr=False)
class OwnSpan(Act):
    """A span of the application's own."""

    telemetry: Telemetry
    name: str

    def act(self, recorder: Any) -> None:
        with self.telemetry.tracer.start_as_current_span(self.name):
            pass


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes without those that come from the clock."""
    return {key: value for key, value in (span.attributes or {}).items() if key != "sentry_web.time_to_first_byte"}


def nothing_current() -> bool:
    """Whether no span is current here."""
    return trace.get_current_span() is trace.INVALID_SPAN
