"""Spans around ours: a middleware of somebody else outside, another one of ours, a client in the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry import context as context_api
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind

from sentry_web.testing import ASGI3, WSGI, RequestSpec, Script, SendChunk, StartResponse, Wrap, recording

from .properties import ONCE
from .telemetry import OwnSpan, Telemetry

DRIVERS = pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
ANSWER = Script((StartResponse(), SendChunk(b"x")))
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLED = RequestSpec(path="/a", headers=(("traceparent", f"00-{TRACE}-{SPAN}-01"),))
REQUESTS = pytest.mark.parametrize("request_", [RequestSpec(path="/a"), CALLED], ids=["a new trace", "a trace"])


def headers_of(scope: Any) -> dict[str, str]:
    if "headers" in scope:
        return {name.decode(): value.decode() for name, value in scope["headers"]}
    return {key[5:].lower().replace("_", "-"): value for key, value in scope.items() if key.startswith("HTTP_")}


def starting(start: Callable[[Any], Any]) -> Wrap:
    """A middleware of somebody else, which makes ``start(headers)`` the current context around the application."""

    def wsgi(app: Any) -> Any:
        def middleware(environ: Any, start_response: Any) -> Any:
            token = context_api.attach(start(headers_of(environ)))
            try:
                return list(app(environ, start_response))
            finally:
                trace.get_current_span().end()
                context_api.detach(token)

        return middleware

    def asgi(app: Any) -> Any:
        async def middleware(scope: Any, receive: Any, send: Any) -> None:
            token = context_api.attach(start(headers_of(scope)))
            try:
                await app(scope, receive, send)
            finally:
                trace.get_current_span().end()
                context_api.detach(token)

        return middleware

    return Wrap(wsgi, asgi)


def theirs(telemetry: Telemetry, kind: SpanKind = SpanKind.SERVER) -> Wrap:
    """A server span that continues the trace of the headers."""

    def start(headers: dict[str, str]) -> Any:
        context = propagate.extract(headers)
        return trace.set_span_in_context(telemetry.tracer.start_span("theirs", context, kind), context)

    return starting(start)


def spans_of(driver: Any, wrap: Wrap, telemetry: Telemetry, request: RequestSpec) -> dict[str, Any]:
    script = Script((OwnSpan(telemetry, "own"), *ANSWER.steps))
    assert driver.run(script, request, wrap).body == b"x"
    return {span.name: span for span in telemetry.spans}


@DRIVERS
@REQUESTS
def test_nested_in_a_live_server_span_ours_is_its_internal_child(driver: Any, request_: RequestSpec) -> None:
    telemetry = Telemetry()
    spans = spans_of(driver, theirs(telemetry).around(telemetry.wrap()), telemetry, request_)
    ours, outer, own = spans["GET"], spans["theirs"], spans["own"]
    assert ours.kind is SpanKind.INTERNAL
    assert ours.parent.span_id == outer.context.span_id
    assert own.parent.span_id == ours.context.span_id
    if request_ is CALLED:
        assert f"{outer.parent.span_id:016x}" == SPAN


@DRIVERS
def test_nested_in_an_unsampled_span_of_its_trace_ours_is_not_sampled_either(driver: Any) -> None:
    telemetry, off = Telemetry(), Telemetry(ALWAYS_OFF)
    assert driver.run(ANSWER, CALLED, theirs(off).around(telemetry.wrap())).body == b"x"
    assert telemetry.spans == []


@DRIVERS
def test_nested_in_an_ended_span_ours_is_the_callers_child(driver: Any) -> None:
    """A context that leaked from somebody else's request."""
    telemetry = Telemetry()

    def start(headers: dict[str, str]) -> Any:
        context = propagate.extract(headers)
        span = telemetry.tracer.start_span("ended", context, SpanKind.SERVER)
        span.end()
        return trace.set_span_in_context(span, context)

    ours = spans_of(driver, starting(start).around(telemetry.wrap()), telemetry, CALLED)["GET"]
    assert ours.kind is SpanKind.SERVER
    assert f"{ours.parent.span_id:016x}" == SPAN


@DRIVERS
def test_nested_in_a_live_span_of_another_trace_ours_is_the_callers_child(driver: Any) -> None:
    telemetry = Telemetry()

    def start(headers: dict[str, str]) -> Any:
        return trace.set_span_in_context(telemetry.tracer.start_span("job", kind=SpanKind.INTERNAL))

    ours = spans_of(driver, starting(start).around(telemetry.wrap()), telemetry, CALLED)["GET"]
    assert ours.kind is SpanKind.SERVER
    assert f"{ours.parent.span_id:016x}" == SPAN


@DRIVERS
@pytest.mark.parametrize("sends", [False, True])
def test_nested_in_the_span_of_a_client_ours_is_a_server_span(driver: Any, sends: bool) -> None:
    """A request within the process, by a client that sends its span's id or does not."""
    telemetry = Telemetry()
    with telemetry.tracer.start_as_current_span("client", kind=SpanKind.CLIENT) as client:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        request = RequestSpec(path="/a", headers=tuple(headers.items()) if sends else ())
        ours = spans_of(driver, telemetry.wrap(), telemetry, request)["GET"]
    assert ours.kind is SpanKind.SERVER
    assert ours.parent.span_id == client.get_span_context().span_id


def hiding(app: Any) -> Any:
    """A layer of somebody else, which hides the middleware that it wraps."""

    def layer(*given: Any) -> Any:
        return app(*given)

    return layer


@DRIVERS
@REQUESTS
@pytest.mark.parametrize("layer", [False, True], ids=["one in the other", "with a layer between"])
def test_nested_middlewares_of_two_providers_both_record(driver: Any, request_: RequestSpec, layer: bool) -> None:
    outer, inner = Telemetry(), Telemetry()
    wrap = outer.wrap().around(Wrap(hiding, hiding) if layer else Wrap()).around(inner.wrap())
    script = Script((OwnSpan(inner, "own"), *ANSWER.steps))
    assert driver.run(script, request_, wrap).body == b"x"
    (server,) = outer.spans
    (internal,) = [span for span in inner.spans if span.name == "GET"]
    (own,) = [span for span in inner.spans if span.name == "own"]
    assert (server.kind, internal.kind) == (SpanKind.SERVER, SpanKind.INTERNAL)
    assert internal.parent.span_id == server.context.span_id
    assert own.parent.span_id == internal.context.span_id
    assert outer.active() == inner.active() == 0


@DRIVERS
def test_nested_middlewares_of_one_provider_record_once(driver: Any) -> None:
    telemetry = Telemetry()
    driver.run(ANSWER, RequestSpec(), telemetry.wrap().around(telemetry.wrap()))
    assert len(telemetry.spans) == 1


@DRIVERS
def test_nested_in_a_live_server_span_sentry_has_the_same_trace(driver: Any) -> None:
    telemetry = Telemetry()
    with recording(traces_sample_rate=1.0) as events:
        driver.run(ANSWER, CALLED, theirs(telemetry).around(ONCE).around(telemetry.wrap()))
        (root,) = events.roots
        assert root.trace["trace_id"] == TRACE
