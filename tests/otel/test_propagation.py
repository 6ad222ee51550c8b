"""``_otel.propagation``: traces come in by the global propagators and go out by the global response propagator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import get_current
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sentry_web._options import build_options
from sentry_web._otel.propagation import RequestGetter, incoming_context, incoming_trace
from sentry_web._request import Trace
from sentry_web._request.scope import ScopeRequest
from sentry_web.testing import DRIVERS, RequestSpec, Script, SendChunk, StartResponse
from sentry_web.testing.drivers import make_scope

ANSWER = Script((StartResponse(), SendChunk(b"hello")))
TRACE, SPAN = "a" * 32, "1234567890abcdef"
CALLED = RequestSpec(headers=(("traceparent", f"00-{TRACE}-{SPAN}-01"), ("tracestate", "a=1")))
#: An identity is not zero (W3C Trace Context, 3.2.2.3).
HEX = st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}")


def request_of(sent: RequestSpec) -> ScopeRequest:
    return ScopeRequest(make_scope(sent))


@given(trace_id=HEX, span_id=st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}"), sampled=st.booleans())
def test_what_a_caller_says_is_continued(trace_id: str, span_id: str, sampled: bool) -> None:
    header = f"00-{trace_id}-{span_id}-{int(sampled):02x}"
    found = incoming_trace(request_of(RequestSpec(headers=(("TraceParent", header),))), build_options())
    assert found is not None
    assert (found.trace_id, found.span_id, found.sampled) == (trace_id, span_id, sampled)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60))
def test_a_malformed_header_begins_a_new_trace(header: str) -> None:
    if header.count("-") < 3:
        assert incoming_trace(request_of(RequestSpec(headers=(("traceparent", header),))), build_options()) is None


@given(HEX, st.sampled_from([True, False, None]))
def test_a_settled_trace_wins_over_the_headers(trace_id: str, sampled: bool | None) -> None:
    request = request_of(CALLED)
    request.trace = Trace(trace_id, SPAN, sampled)
    context = incoming_context(request, build_options())[0]
    place = trace.get_current_span(context).get_span_context()
    assert f"{place.trace_id:032x}" == trace_id
    assert place.is_remote
    if trace_id != TRACE:
        assert bool(place.trace_flags) is (sampled is not False)


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_the_span_is_the_callers_child(driver: Any, telemetry: Any) -> None:
    driver.run(ANSWER, CALLED, telemetry.wrap())
    (span,) = telemetry.requests
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == SPAN
    assert span.context.trace_state == {"a": "1"}


NO = {"no": False, "says no": lambda request: False, "fails": lambda request: 1 // 0}


@pytest.mark.parametrize("wanted", NO.values(), ids=NO)
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_trace_that_is_not_continued_is_linked(driver: Any, telemetry: Any, wanted: Any) -> None:
    driver.run(ANSWER, CALLED, telemetry.wrap(continue_traces=wanted))
    (span,) = telemetry.requests
    assert span.parent is None
    assert f"{span.context.trace_id:032x}" != TRACE
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE]


class Own(TextMapPropagator):
    """A propagator of the user's: it reads one header, and looks at all names."""

    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Any:
        if not isinstance(getter, RequestGetter):  # Logfire's, which asks for itself in threads
            return context
        assert "x-trace" in getter.keys(carrier)
        (value,) = getter.get(carrier, "X-Trace")
        assert getter.get(carrier, "x-missing") is None
        place = trace.SpanContext(int(value, 16), 7, is_remote=True, trace_flags=trace.TraceFlags(1))
        return trace.set_span_in_context(trace.NonRecordingSpan(place), context)

    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None: ...

    @property
    def fields(self) -> set[str]:
        return {"x-trace"}


@pytest.fixture
def own_propagator() -> Iterator[None]:
    former = propagate.get_global_textmap()
    propagate.set_global_textmap(Own())
    yield
    propagate.set_global_textmap(former)


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
@pytest.mark.usefixtures("own_propagator")
def test_the_globally_configured_propagator_is_asked(driver: Any, telemetry: Any) -> None:
    driver.run(ANSWER, RequestSpec(headers=(("X-Trace", TRACE),)), telemetry.wrap())
    assert f"{telemetry.requests[0].context.trace_id:032x}" == TRACE


class Asked(TraceContextTextMapPropagator):
    """OpenTelemetry's, changed by somebody: what it reads is not known."""

    times = 0

    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Any:
        type(self).times += 1
        return super().extract(carrier, context, getter)


@pytest.mark.parametrize(
    ("propagator", "times"),
    [
        (Asked(), 1),
        (CompositePropagator([TraceContextTextMapPropagator(), Asked()]), 1),
        (CompositePropagator([]), 0),
        (CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]), 0),
    ],
)
def test_a_propagator_is_spared_only_where_it_is_known_to_have_nothing_to_say(
    propagator: Any, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(propagate, "get_global_textmap", lambda: propagator)
    Asked.times = 0
    request = ScopeRequest({"type": "http"})
    for _ in range(2):
        here = get_current()
        assert incoming_context(request, build_options(), plain=True) == (here, (), SpanKind.SERVER)
    assert Asked.times == 2 * times


@pytest.fixture
def response_propagator() -> Iterator[None]:
    propagators = pytest.importorskip(
        "opentelemetry.instrumentation.propagators", reason="opentelemetry-instrumentation is not installed"
    )
    propagators.set_global_response_propagator(propagators.TraceResponsePropagator())
    yield
    propagators.set_global_response_propagator(None)


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
@pytest.mark.usefixtures("response_propagator")
def test_the_global_response_propagator_tells_the_caller(driver: Any, telemetry: Any) -> None:
    transcript = driver.run(ANSWER, wrap=telemetry.wrap())
    (span,) = telemetry.requests
    told = str(transcript.headers).lower()
    assert f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-0" in told
    assert "access-control-expose-headers" in told


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_without_one_the_response_is_as_it_was(driver: Any, telemetry: Any) -> None:
    assert driver.run(ANSWER, wrap=telemetry.wrap()).headers == driver.run(ANSWER).headers


def test_the_getter_reads_names_in_any_case() -> None:
    getter, request = RequestGetter(), request_of(RequestSpec(headers=(("X-One", "1"), ("x-one", "2"))))
    assert getter.get(request, "X-ONE") == ["1, 2"]
    assert getter.keys(request) == ["host", "x-one"]
