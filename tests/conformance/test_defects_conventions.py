"""What OpenTelemetry's conventions ask for, and what users of its own middlewares rely on."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode

from sentry_web import instrument_asgi, instrument_wsgi
from sentry_web._otel.settings import build_settings
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    DRIVERS,
    WSGI,
    Accept,
    CloseSocket,
    Deny,
    Peer,
    Raise,
    ReadBody,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    WsScript,
)
from sentry_web.testing.steps import Act

from .telemetry import Telemetry

ANSWER = Script((StartResponse(), SendChunk(b"hello")))
DIRECT = [WSGI, ASGI3, ASGI2]
ASGI = [ASGI3, ASGI2]
each_driver = pytest.mark.parametrize("driver", DRIVERS, ids=repr)
direct_driver = pytest.mark.parametrize("driver", DIRECT, ids=repr)
asgi_only = pytest.mark.parametrize("driver", ASGI, ids=repr)


class Now(Act):
    """Does something where the application runs."""

    def __init__(self, does: Any) -> None:
        self.does = does

    def act(self, recorder: Any) -> None:
        self.does()


@pytest.fixture
def telemetry() -> Telemetry:
    """A ``Telemetry`` that records everything."""
    return Telemetry()


@pytest.fixture
def new_telemetry() -> Any:
    """The class itself."""
    return Telemetry


# --- attributes ------------------------------------------------------------------------------------------------------


@each_driver
def test_a_server_span_has_no_whole_url(driver: Any, telemetry: Any) -> None:
    driver.run(ANSWER, RequestSpec(path="/a", query="b=c"), telemetry.wrap())
    assert "url.full" not in telemetry.requests[0].attributes


@direct_driver
@pytest.mark.parametrize("path", ["/files/a%2Fb", "/caf%C3%A9", "/a%20b", "/100%25", "/%41"])
def test_the_path_keeps_its_encoding(driver: Any, telemetry: Any, path: str) -> None:
    driver.run(ANSWER, RequestSpec(path=path), telemetry.wrap())
    assert telemetry.requests[0].attributes["url.path"] == path


@direct_driver
@pytest.mark.parametrize(
    ("sent", "expected"),
    [("foo", ("_OTHER", "foo", "HTTP")), ("get", ("GET", "get", "GET")), ("QUERY", ("QUERY", None, "QUERY"))],
)
def test_the_original_method_is_recorded(driver: Any, telemetry: Any, sent: str, expected: tuple[Any, ...]) -> None:
    driver.run(ANSWER, RequestSpec(method=sent), telemetry.wrap())
    (span,) = telemetry.requests
    found = span.attributes["http.request.method"], span.attributes.get("http.request.method_original"), span.name
    assert found == expected


@direct_driver
@pytest.mark.parametrize(
    ("version", "on_span", "on_metric"),
    [("2", "2", "2"), ("2.0", "2", "2"), ("1.1", "1.1", "1.1"), ("7.42", "7.42", None)],
)
def test_metrics_know_the_versions_of_http_only(
    driver: Any, telemetry: Any, version: str, on_span: str, on_metric: str | None
) -> None:
    driver.run(ANSWER, RequestSpec(http_version=version), telemetry.wrap())
    assert telemetry.requests[0].attributes["network.protocol.version"] == on_span
    ((labels, _),) = telemetry.metrics()["http.server.request.duration"]
    assert labels.get("network.protocol.version") == on_metric


@direct_driver
@pytest.mark.parametrize("personal", [False, True])
def test_the_port_of_the_peer_goes_with_its_address(driver: Any, telemetry: Any, personal: bool) -> None:
    driver.run(ANSWER, RequestSpec(client=("192.0.2.7", 4711)), telemetry.wrap(send_default_pii=personal))
    recorded = telemetry.requests[0].attributes
    assert (recorded.get("network.peer.port"), "network.peer.address" in recorded) == (
        4711 if personal else None,
        personal,
    )


@pytest.mark.parametrize(("driver", "values"), [(ASGI3, ("1", "2")), (ASGI2, ("1", "2")), (WSGI, ("1, 2",))], ids=repr)
def test_repeated_request_headers_are_a_list(driver: Any, telemetry: Any, values: tuple[str, ...]) -> None:
    """A WSGI server has joined them, as the conventions allow."""
    driver.run(ANSWER, RequestSpec(headers=(("X-One", "1"), ("X-One", "2"))), telemetry.wrap(capture_headers=True))
    assert telemetry.requests[0].attributes["http.request.header.x-one"] == values


@each_driver
@pytest.mark.parametrize(("agent", "kind"), [("Googlebot/2.1", "bot"), ("AlwaysOn probe", "test"), ("curl/8", None)])
def test_synthetic_traffic_is_recorded_as_such(driver: Any, telemetry: Any, agent: str, kind: str | None) -> None:
    driver.run(ANSWER, RequestSpec(headers=(("User-Agent", agent),)), telemetry.wrap())
    assert telemetry.requests[0].attributes.get("user_agent.synthetic.type") == kind


def routed(scope_or_environ: Any) -> None:
    """Leave a route where werkzeug, or Starlette, does."""
    if "PATH_INFO" in scope_or_environ:
        rule = type("Rule", (), {"rule": "/books/{number}", "endpoint": "book"})()
        scope_or_environ["werkzeug.request"] = type("Request", (), {"url_rule": rule, "endpoint": "book"})()
    else:
        scope_or_environ["route"] = type("Route", (), {"path": "/books/{number}"})()


@direct_driver
@pytest.mark.parametrize("root", ["", "/shop"])
def test_the_route_begins_with_the_applications_root(driver: Any, telemetry: Any, root: str) -> None:
    def write(app: Any) -> Any:
        if driver is WSGI:
            return lambda environ, start: (routed(environ), app(environ, start))[1]
        if driver is ASGI2:
            return type("Two", (), {"__new__": lambda cls, scope: (routed(scope), app(scope))[1]})

        async def three(scope: Any, receive: Any, send: Any) -> None:
            routed(scope)
            await app(scope, receive, send)

        return three

    spec = RequestSpec(path="/books/7", root_path=root)
    driver.run(ANSWER, spec, telemetry.wrap().around(Wrap(write, write)))
    (span,) = telemetry.requests
    assert (span.attributes["http.route"], span.name) == (f"{root}/books/{{number}}", f"GET {root}/books/{{number}}")
    ((labels, _),) = telemetry.metrics()["http.server.request.duration"]
    assert labels["http.route"] == f"{root}/books/{{number}}"


@each_driver
def test_names_of_our_own_are_outside_of_the_conventions_namespaces(driver: Any, telemetry: Any) -> None:
    driver.run(Script((*ANSWER.steps, SendChunk(b"more")), peer=Peer(gone_after=1)), wrap=telemetry.wrap())
    recorded = telemetry.requests[0].attributes
    assert recorded["sentry_web.client_gone"] is True
    assert recorded["sentry_web.time_to_first_byte"] > 0


@each_driver
def test_head_transfers_no_body(driver: Any, telemetry: Any) -> None:
    driver.run(ANSWER, RequestSpec(method="HEAD"), telemetry.wrap())
    assert telemetry.requests[0].attributes["http.response.body.size"] == 0
    assert [value for _, value in telemetry.metrics()["http.server.response.body.size"]] == [(1, 0)]


@each_driver
def test_every_string_can_be_encoded(driver: Any, telemetry: Any) -> None:
    """An OTLP exporter drops the whole batch for one lone surrogate."""
    error = ValueError("colour \ud800 is unknown")
    wrap = telemetry.wrap(
        default_span_details=lambda scope_or_environ: ("buy \ud800", {"mine": ["\ud800"]}),
        metric_attributes=lambda request, outcome: {"shelf": "\ud800"},
        on_request=lambda recording, request: recording.set_attribute("colour", "\udfff"),
    )

    def fail() -> None:
        raise error

    driver.run(Script((Now(fail),)), wrap=wrap)
    (span,) = telemetry.requests
    assert span.name == "buy \ufffd"
    assert span.events[0].attributes["exception.message"] == "colour \ufffd is unknown"
    telemetry.all_bytes.decode("utf-8")
    for text in (str(dict(span.attributes)), str(span.status.description), str(dict(span.events[0].attributes))):
        text.encode("utf-8")
    str(telemetry.metrics()).encode("utf-8")


@each_driver
def test_a_sampler_gets_a_plain_dict(driver: Any, new_telemetry: Any) -> None:
    seen: list[Any] = []

    class Looks(Sampler):
        def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *rest, **more):  # type: ignore[no-untyped-def]
            seen.append(type(attributes))
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

        def get_description(self) -> str:
            return "looks"

    driver.run(ANSWER, wrap=new_telemetry(Looks()).wrap())
    assert seen == [dict]


# --- the end of a request --------------------------------------------------------------------------------------------


@direct_driver
def test_span_gauge_and_duration_end_with_the_last_byte(driver: Any, telemetry: Any) -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.append(
            (len(telemetry.requests), telemetry.active(), len(telemetry.metrics()["http.server.request.duration"]))
        )

    driver.run(Script(ANSWER.steps, Returns.ITERATOR, after=(Now(look),)), wrap=telemetry.wrap())
    assert seen == [(1, 0, 1)]


@direct_driver
def test_an_exception_of_background_work_is_a_span_of_its_own(driver: Any, telemetry: Any) -> None:
    driver.run(Script(ANSWER.steps, Returns.ITERATOR, after=(Raise(ValueError),)), wrap=telemetry.wrap())
    (request,) = telemetry.requests
    (late,) = [span for span in telemetry.spans if span.kind is SpanKind.INTERNAL]
    assert (request.status.status_code, request.events) == (StatusCode.UNSET, ())
    assert (late.name, late.status.status_code, late.attributes["error.type"]) == (
        "GET background",
        StatusCode.ERROR,
        "ValueError",
    )
    assert late.parent.span_id == request.context.span_id
    assert late.events[0].attributes["exception.type"] == "ValueError"
    ((labels, _),) = telemetry.metrics()["http.server.request.duration"]
    assert "error.type" not in labels


@direct_driver
def test_background_work_of_an_unsampled_request_is_not_recorded(driver: Any, new_telemetry: Any) -> None:
    telemetry = new_telemetry(ALWAYS_OFF)
    driver.run(Script(ANSWER.steps, Returns.ITERATOR, after=(Raise(ValueError),)), wrap=telemetry.wrap())
    assert telemetry.spans == []
    assert telemetry.active() == 0


@direct_driver
def test_an_error_that_was_answered_first_and_raised_then_is_on_the_request(driver: Any, telemetry: Any) -> None:
    """As Starlette does."""
    steps = (StartResponse(500), SendChunk(b"sorry"))
    driver.run(Script(steps, Returns.ITERATOR, after=(Raise(ValueError),)), wrap=telemetry.wrap())
    (span,) = telemetry.spans
    assert (span.attributes["error.type"], span.events[0].attributes["exception.type"]) == ("ValueError", "ValueError")


# --- hooks -----------------------------------------------------------------------------------------------------------


@each_driver
def test_a_response_hook_can_change_the_headers(driver: Any, telemetry: Any) -> None:
    def hook(span: Any, scope_or_environ: Any, status: str, headers: list[tuple[str, str]]) -> None:
        headers.append(("X-Trace", f"{span.get_span_context().trace_id:032x}"))

    transcript = driver.run(ANSWER, wrap=telemetry.wrap(response_hook=hook))
    assert f"{telemetry.requests[0].context.trace_id:032x}" in str(transcript.headers)
    assert "text/plain" in str(transcript.headers)


@asgi_only
def test_a_message_hook_can_change_the_headers(driver: Any, telemetry: Any) -> None:
    def hook(span: Any, scope: Any, message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-hooked", b"1")]

    transcript = driver.run(ANSWER, wrap=telemetry.wrap(client_response_hook=hook))
    assert "x-hooked" in str(transcript.headers)


@asgi_only
@pytest.mark.parametrize("sampled", [True, False])
def test_a_message_hook_never_gets_the_request_span(driver: Any, new_telemetry: Any, sampled: bool) -> None:
    telemetry = new_telemetry(None if sampled else ALWAYS_OFF)
    seen: list[Any] = []

    def hook(span: Any, scope: Any, message: Any) -> None:
        seen.append((span, trace.get_current_span() is span, message["type"]))
        span.update_name("mine")

    wrap = telemetry.wrap(client_request_hook=hook, client_response_hook=hook)
    driver.run(Script((ReadBody(), *ANSWER.steps)), RequestSpec(method="POST", body=(b"a",)), wrap)
    assert {kind for _, _, kind in seen} >= {"http.request", "http.response.start"}
    assert all(current for _, current, _ in seen)
    assert all(span.kind is SpanKind.INTERNAL if sampled else not span.is_recording() for span, _, _ in seen)
    assert [span.name for span in telemetry.requests] == (["POST"] if sampled else [])


@asgi_only
def test_a_message_hook_is_not_called_for_messages_without_spans(driver: Any, telemetry: Any) -> None:
    seen: list[Any] = []
    hook = lambda *arguments: seen.append(arguments)  # noqa: E731
    driver.run(ANSWER, wrap=telemetry.wrap(client_response_hook=hook, exclude_spans=["send"]))
    assert seen == []
    assert len(telemetry.spans) == 1


@direct_driver
def test_no_response_hook_is_called_without_a_response(driver: Any, telemetry: Any) -> None:
    seen: list[str] = []
    wrap = telemetry.wrap(response_hook=lambda span, scope_or_environ, status, headers: seen.append(status))
    driver.run(Script((Raise(GeneratorExit),)), wrap=wrap)
    assert seen == []
    assert len(telemetry.requests) == 1


@pytest.fixture
def response_propagator() -> Any:
    propagators = pytest.importorskip(
        "opentelemetry.instrumentation.propagators", reason="opentelemetry-instrumentation is not installed"
    )
    former = propagators.get_global_response_propagator()
    propagators.set_global_response_propagator(propagators.TraceResponsePropagator())
    yield
    propagators.set_global_response_propagator(former)


@asgi_only
@pytest.mark.parametrize("script", [WsScript((Accept(), CloseSocket())), WsScript((Deny(),))], ids=["accept", "denial"])
@pytest.mark.usefixtures("response_propagator")
def test_a_websockets_handshake_has_the_propagators_headers(driver: Any, telemetry: Any, script: Any) -> None:
    transcript = driver.run_websocket(script, wrap=telemetry.wrap())
    assert "traceresponse" in str(transcript)


# --- options ---------------------------------------------------------------------------------------------------------


def test_positional_arguments_are_those_of_opentelemetrys_middlewares() -> None:
    from inspect import signature

    asgi = pytest.importorskip(
        "opentelemetry.instrumentation.asgi", reason="not installed: opentelemetry-instrumentation-asgi"
    )
    wsgi = pytest.importorskip(
        "opentelemetry.instrumentation.wsgi", reason="not installed: opentelemetry-instrumentation-wsgi"
    )
    from sentry_web._middlewares import instrument

    for ours, theirs in ((instrument._ASGI_POSITIONS, asgi), (instrument._WSGI_POSITIONS, wsgi)):
        assert list(signature(theirs.OpenTelemetryMiddleware).parameters)[1:] == list(ours)


def test_options_can_be_given_by_position(telemetry: Any) -> None:
    seen: list[Any] = []
    hook = lambda *arguments: seen.append(arguments)  # noqa: E731
    wrap = Wrap(
        wsgi=lambda app: instrument_wsgi(app, hook, None, telemetry.tracer_provider),
        asgi=lambda app: instrument_asgi(app, "/health", None, hook, None, None, telemetry.tracer_provider),
    )
    for driver in DIRECT:
        driver.run(ANSWER, wrap=wrap)
    assert len(telemetry.requests) == len(seen) == 3


def test_wrong_positional_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match=r"instrument_wsgi\(\) takes at most 5 positional arguments \(6 given\)"):
        instrument_wsgi(print, None, None, None, None, None)
    with pytest.raises(TypeError, match="multiple values for argument 'excluded_urls'"):
        instrument_asgi(print, "/health", excluded_urls="/health")


@pytest.mark.parametrize(
    ("protocol", "variable"),
    [
        ("wsgi", "OTEL_PYTHON_WSGI_EXCLUDED_URLS"),
        ("asgi", "OTEL_PYTHON_ASGI_EXCLUDED_URLS"),
        ("wsgi", "OTEL_PYTHON_EXCLUDED_URLS"),
        ("asgi", "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST"),
    ],
)
def test_a_wrong_variable_is_named(protocol: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/health,(")
    with pytest.raises(ValueError, match=rf"{variable}.*'\('"):
        build_settings(protocol)


@each_driver
def test_metrics_have_the_attributes_of_a_callable(driver: Any, telemetry: Any) -> None:
    def attributes(request: Any, outcome: Any) -> dict[str, Any]:
        return {"tenant": request.path, "cached": outcome.status == 200, "url.scheme": "mine", "odd": [1]}

    driver.run(ANSWER, RequestSpec(path="/acme"), telemetry.wrap(metric_attributes=attributes))
    for name in ("http.server.request.duration", "http.server.response.body.size"):
        ((labels, _),) = telemetry.metrics()[name]
        assert (labels["tenant"], labels["cached"], labels["url.scheme"], labels.get("odd")) == (
            "/acme",
            True,
            "http",
            None,
        )


@each_driver
def test_a_callable_that_fails_costs_its_attributes_alone(driver: Any, telemetry: Any) -> None:
    driver.run(ANSWER, wrap=telemetry.wrap(metric_attributes=lambda request, outcome: 1 / 0))
    ((labels, _),) = telemetry.metrics()["http.server.request.duration"]
    assert labels["http.response.status_code"] == 200


@each_driver
@pytest.mark.parametrize("early", [True, False], ids=["imported before", "imported by the application"])
def test_metrics_have_the_attributes_of_the_labeler(
    driver: Any, telemetry: Any, early: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelers = pytest.importorskip("opentelemetry.instrumentation._labeler", reason="not installed: the labeler")
    if not early:
        if driver not in DIRECT:
            return  # a bridge runs the application in a thread
        monkeypatch.delitem(sys.modules, "opentelemetry.instrumentation._labeler")

    def label() -> None:
        sys.modules["opentelemetry.instrumentation._labeler"] = labelers
        labelers.get_labeler().add_attributes({"shelf": 7, "http.response.status_code": 418})

    for steps in ((Now(label), *ANSWER.steps), ANSWER.steps):
        driver.run(Script(steps), wrap=telemetry.wrap())
    found = [labels for labels, _ in telemetry.metrics()["http.server.request.duration"]]
    assert [(labels.get("shelf"), labels["http.response.status_code"]) for labels in found] == [(7, 200), (None, 200)]
