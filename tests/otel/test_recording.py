"""``_otel.recording``: what is spared where nobody would see it, and what is current while a request is finished."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry import baggage, context, trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.metrics._internal import _ProxyMeter
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from sentry_web._naming.naming import Naming
from sentry_web._otel import OpenTelemetryRecorder
from sentry_web._request import Outcome
from sentry_web._request.scope import ScopeRequest
from sentry_web.recorder import Captured
from sentry_web.testing import DRIVERS, RequestSpec, Script, SendChunk, StartResponse

ANSWER = Script((StartResponse(), SendChunk(b"hello")))
SCOPE = {"type": "http", "method": "GET", "path": "/books"}


def recording_of(telemetry: Any, outcome: Any = None, **options: Any) -> Any:
    given = {"tracer_provider": telemetry.tracer_provider, "meter_provider": NoOpMeterProvider(), **options}
    request = ScopeRequest(SCOPE)
    naming = Naming(request, "endpoint", SCOPE, None)
    return OpenTelemetryRecorder(**given).start(request, naming, Captured(), outcome or Outcome(0.0), SCOPE)


@pytest.mark.parametrize(
    ("sampler", "options", "idle"),
    [
        (ALWAYS_OFF, {}, True),
        (None, {}, False),
        (ALWAYS_OFF, {"response_hook": print}, False),
        (ALWAYS_OFF, {"client_request_hook": print}, False),
    ],
)
def test_nothing_is_finished_where_nobody_would_see_it(
    new_telemetry: Any, sampler: Any, options: dict[str, Any], idle: bool
) -> None:
    assert recording_of(new_telemetry(sampler), **options).finishes_in_context is not idle


def test_what_is_counted_is_finished(new_telemetry: Any) -> None:
    telemetry = new_telemetry(ALWAYS_OFF)
    assert recording_of(telemetry, meter_provider=telemetry.meter_provider).finishes_in_context


def test_a_request_that_began_before_there_was_a_meter_is_not_counted_at_its_end(telemetry: Any) -> None:
    meter = _ProxyMeter("test")
    outcome = Outcome(0.0)
    early = recording_of(telemetry, outcome, meter=meter)
    meter.on_set_meter_provider(telemetry.meter_provider)
    late = recording_of(telemetry, outcome, meter=meter)
    assert telemetry.active() == 1
    early.finish(outcome)
    assert telemetry.active() == 1
    late.finish(outcome)
    assert telemetry.active() == 0
    ((_, (count, _)),) = telemetry.metrics()["http.server.request.duration"]
    assert count == 1
    assert len(telemetry.requests) == 2


class Sees(SpanProcessor):
    """Notes what is current when a span ends."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_end(self, span: Any) -> None:
        current = trace.get_current_span().get_span_context()
        self.seen.append((current.span_id == span.context.span_id, baggage.get_baggage("shelf")))


@pytest.mark.parametrize("options", [{}, {"response_hook": lambda *_: None}], ids=["alone", "with a hook"])
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_processor_finds_the_request_current_at_its_end(driver: Any, telemetry: Any, options: Any) -> None:
    sees = Sees()
    telemetry.tracer_provider.add_span_processor(sees)
    before = context.get_current()
    driver.run(ANSWER, RequestSpec(headers=(("Baggage", "shelf=7"),)), telemetry.wrap(**options))
    assert sees.seen == [(True, "7")]
    assert context.get_current() is before


def test_what_was_current_is_so_again_though_the_span_cannot_end(telemetry: Any, monkeypatch: Any) -> None:
    recording = recording_of(telemetry)
    monkeypatch.setattr(type(recording._span), "end", lambda *_: 1 / 0)
    before = context.get_current()
    with pytest.raises(ZeroDivisionError):
        recording.finish(Outcome(0.0))
    assert context.get_current() is before
