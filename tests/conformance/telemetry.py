"""OpenTelemetry's SDK around our output, in memory: what was exported, and middlewares that export there.

Importable only where the SDK is installed. Nothing global is set, so that tests do not see each other's.
"""

from __future__ import annotations

import importlib.util
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from sentry_web import instrument_asgi, instrument_wsgi
from sentry_web.testing import Wrap
from sentry_web.testing.steps import Act

#: Options of messages, which WSGI does not have.
OF_ASGI = ("client_request_hook", "client_response_hook", "exclude_spans")

#: Who makes the spans and metrics that are judged.
SCOPE = "sentry_web"


def _load_judge() -> Any:
    """The module beside this one, by its path, as this one is loaded from elsewhere, too."""
    spec = importlib.util.spec_from_file_location("sentry_web_tests_semconv", Path(__file__).with_name("semconv.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


semconv = _load_judge()


class Judge(SpanProcessor):
    """Judges what is reported by OpenTelemetry's conventions; nothing while it is not ``active``."""

    def __init__(self) -> None:
        self.active = True

    def on_end(self, span: ReadableSpan) -> None:
        if self.active and span.instrumentation_scope is not None and span.instrumentation_scope.name == SCOPE:
            self.note(f"span {span.name}", semconv.span_violations(span))

    def metrics(self, data: Any) -> None:
        for resource in data.resource_metrics if data is not None and self.active else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics if scope.scope.name == SCOPE else ():
                    self.note("metrics", semconv.metric_violations(metric))

    @staticmethod
    def note(where: str, violations: Iterable[str]) -> None:
        VIOLATIONS.extend(f"{where}: {each}" for each in violations)


#: What was found since :func:`judged` was last called.
VIOLATIONS: list[str] = []
_ALIVE: weakref.WeakSet[Any] = weakref.WeakSet()


def judged() -> list[str]:
    """What is wrong with all that was reported since the last call, each once."""
    for telemetry in list(_ALIVE):
        telemetry.judge.metrics(telemetry.reader.get_metrics_data())
    _ALIVE.clear()
    found = list(dict.fromkeys(VIOLATIONS))
    VIOLATIONS.clear()
    return found


class Telemetry:
    """A tracer provider and a meter provider of their own.

    Args:
        sampler: Decides which spans are recorded; all, if not given.
    """

    def __init__(self, sampler: Any = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.judge = Judge()
        self.tracer_provider.add_span_processor(self.judge)
        _ALIVE.add(self)
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
        self.judge.metrics(data)
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
