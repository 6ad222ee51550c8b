"""Sentry and OpenTelemetry from one exchange: in either order, directly or with something between, in one trace."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentry_web import AsgiMiddleware, OpenTelemetryRecorder, SentryRecorder, WsgiMiddleware
from sentry_web._options import DEFAULT_METHODS
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    BRIDGE_INSIDE,
    BRIDGE_OUTSIDE,
    DRIVERS,
    CaptureMessage,
    Raise,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)

SCRIPT = Script((StartResponse(), CaptureMessage("here"), SendChunk(b"hello"), Raise()))
A, B, C = "a" * 32, "b" * 32, "c" * 32
SPAN = "1234567890abcdef"


def between(app: Any) -> Any:
    """A middleware of somebody else, which hides what it wraps."""

    @functools.wraps(app, updated=())
    def layer(*arguments: Any) -> Any:
        return app(*arguments)

    return layer


NOTHING, SOMETHING = Wrap(), Wrap(wsgi=between, asgi=between)


def general(telemetry: Any) -> Wrap:
    def recorders() -> list[Any]:
        options = {"tracer_provider": telemetry.tracer_provider, "meter_provider": telemetry.meter_provider}
        return [SentryRecorder(), OpenTelemetryRecorder(**options)]

    return Wrap(
        wsgi=lambda app: WsgiMiddleware(app, recorders=recorders()),
        asgi=lambda app: AsgiMiddleware(app, recorders=recorders()),
    )


def wraps(telemetry: Any) -> dict[str, Wrap]:
    """Every way to have both."""
    otel, sentry = telemetry.wrap(), Wrap.ours()
    return {
        "OpenTelemetry outside": otel.around(sentry),
        "Sentry outside": sentry.around(otel),
        "OpenTelemetry outside, something between": otel.around(SOMETHING.around(sentry)),
        "Sentry outside, something between": sentry.around(SOMETHING.around(otel)),
        "one middleware": general(telemetry),
    }


WAYS = [
    "OpenTelemetry outside",
    "Sentry outside",
    "OpenTelemetry outside, something between",
    "Sentry outside, something between",
    "one middleware",
]
INCOMING: dict[str, tuple[tuple[str, str], ...]] = {
    "nothing": (),
    "W3C": (("traceparent", f"00-{A}-{SPAN}-01"),),
    "W3C, not sampled": (("traceparent", f"00-{A}-{SPAN}-00"),),
    "Sentry's": (("sentry-trace", f"{B}-{SPAN}-1"), ("baggage", f"sentry-trace_id={B}")),
    "Sentry's, open": (("sentry-trace", f"{B}-{SPAN}"),),
    "both, the same": (("traceparent", f"00-{A}-{SPAN}-01"), ("sentry-trace", f"{A}-{SPAN}-1")),
    "both, different": (("traceparent", f"00-{A}-{SPAN}-01"), ("sentry-trace", f"{C}-{SPAN}-1")),
    "malformed": (("traceparent", "00-xyz"), ("sentry-trace", "zzz-1")),
}
SDK: dict[str, dict[str, Any]] = {
    "transactions": {"traces_sample_rate": 1.0},
    "stream": {"traces_sample_rate": 1.0, "trace_lifecycle": "stream"},
    "errors only": {},
}


def trace_ids(events: Any) -> set[str]:
    """The traces of everything that went to Sentry."""
    return {reported.trace["trace_id"] for reported in events if reported.kind in ("event", "transaction", "span")}


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
@pytest.mark.parametrize("way", WAYS)
def test_one_request_is_one_trace_in_both_outputs(driver: Any, way: str, new_telemetry: Any) -> None:
    first = WAYS.index(way) + DRIVERS.index(driver)  # over all cases, every header meets every mode
    for (headers, incoming), sdk in zip(
        INCOMING.items(), itertools.islice(itertools.cycle(SDK), first, None), strict=False
    ):
        telemetry = new_telemetry()
        with recording(**SDK[sdk]) as events:
            driver.run(SCRIPT, RequestSpec(headers=incoming), wraps(telemetry)[way])
            told = trace_ids(events)
            assert len(events.errors) == len(events.messages) == 1
            assert len(events.roots) == (sdk != "errors only")
        if headers == "W3C, not sampled":
            assert telemetry.spans == []  # the caller decided, and the sampler is parent-based
            assert told == {A}
            continue
        (span,) = telemetry.requests
        assert told == {f"{span.context.trace_id:032x}"}, headers
        if headers in ("W3C", "both, the same"):
            assert told == {A}
        elif headers.startswith("Sentry's") and way != "OpenTelemetry outside, something between":
            assert told == {B}  # else OpenTelemetry cannot know yet that an output will come that reads such headers


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_an_exception_is_told_to_each_output_once(driver: Any, way: str, telemetry: Any) -> None:
    with recording() as events:
        driver.run(SCRIPT, wrap=wraps(telemetry)[way])
        assert [event.exception for event in events.errors] == [("RuntimeError", "boom")]
    (span,) = telemetry.requests
    assert [event.name for event in span.events] == ["exception"]


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("driver", [BRIDGE_INSIDE, BRIDGE_OUTSIDE], ids=repr)
def test_also_where_a_bridge_is_between_them(driver: Any, outside: bool, telemetry: Any) -> None:
    """One output on either side of asgiref's bridge: wrapped as ASGI outside, and as WSGI inside."""
    otel, sentry = telemetry.wrap(), Wrap.ours()
    both = Wrap(wsgi=sentry.wsgi, asgi=otel.asgi) if outside else Wrap(wsgi=otel.wsgi, asgi=sentry.asgi)
    from sentry_web.testing import BRIDGE_BOTH

    with recording(traces_sample_rate=1.0) as events:
        BRIDGE_BOTH.run(SCRIPT, wrap=both)
        told = trace_ids(events)
        assert len(events.roots) == len(events.errors) == 1
    (span,) = telemetry.requests
    assert told == {f"{span.context.trace_id:032x}"}


def test_the_same_output_records_a_request_once(telemetry: Any) -> None:
    twice = telemetry.wrap().around(Wrap.ours().around(telemetry.wrap().around(Wrap.ours())))
    for driver in (ASGI3, ASGI2):
        with recording(traces_sample_rate=1.0) as events:
            driver.run(SCRIPT, wrap=twice)
            assert len(events.roots) == 1
        assert len(telemetry.requests) == 1
        telemetry.exporter.clear()


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_each_output_keeps_the_options_of_its_middleware(driver: Any, telemetry: Any) -> None:
    both = telemetry.wrap(excluded_urls="/health").around(Wrap.ours(transaction_style="url", excluded_urls="/metrics"))
    with recording(traces_sample_rate=1.0) as events:
        for path in ("/health", "/metrics", "/books"):
            driver.run(SCRIPT, RequestSpec(path=path), both)
        assert [root.name for root in events.roots] == ["/health", "/books"]
    assert [span.attributes["url.path"] for span in telemetry.requests] == ["/metrics", "/books"]


@pytest.mark.parametrize("way", WAYS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_both_are_transparent_and_agree(way: str, new_telemetry: Any, data: Any) -> None:
    from sentry_web.testing.strategies import requests, scripts

    driver = data.draw(st.sampled_from(DRIVERS))
    script, request = data.draw(scripts(protocols=[driver.protocol])), data.draw(requests())
    telemetry = new_telemetry()
    with recording(traces_sample_rate=1.0):
        plain = driver.run(script, request)
    with recording(traces_sample_rate=1.0) as events:
        assert driver.run(script, request, wraps(telemetry)[way]) == plain
        # Of streamed spans, one that begins after the end of its request is a root, too
        transactions = [item for item in events.roots if item.source != "task" and item.op == "http.server"]
        told = {item.trace["trace_id"] for item in transactions}
    spans = telemetry.requests
    if request.method not in DEFAULT_METHODS:
        return  # of which Sentry makes no transaction
    assert len(spans) == len(transactions)
    if spans and "traceparent" not in {name.lower() for name, _ in request.headers}:
        assert told == {f"{spans[0].context.trace_id:032x}"}
    assert telemetry.active() == 0
