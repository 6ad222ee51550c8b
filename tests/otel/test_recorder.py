"""``_otel.recorder``: the span of a request, its hooks, its messages, its place in the context."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    BRIDGE_INSIDE,
    DRIVERS,
    WSGI,
    Accept,
    CloseSocket,
    Deny,
    LifespanScript,
    Peer,
    Raise,
    ReadBody,
    Receive,
    RequestSpec,
    Returns,
    Script,
    Send,
    SendChunk,
    Sleep,
    StartResponse,
    WsScript,
)
from sentry_web.testing.steps import Act
from sentry_web.testing.strategies import requests, scripts

ANSWER = Script((StartResponse(), SendChunk(b"hello")))
BOOK = RequestSpec(
    method="POST",
    path="/books/7",
    query="page=2&token=secret-token",
    headers=(("User-Agent", "agent/1"), ("X-Forwarded-For", "198.51.100.7")),
    client=("10.0.0.1", 4711),
    host="shop.example",
    port=8080,
    body=(b"one", b"two"),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_request_is_one_server_span_with_the_required_attributes(new_telemetry: Any, data: Any) -> None:
    driver = data.draw(st.sampled_from(DRIVERS))
    script, request = data.draw(scripts(protocols=[driver.protocol])), data.draw(requests())
    telemetry = new_telemetry()
    driver.run(script, request, telemetry.wrap())
    (span,) = telemetry.requests
    told = span.attributes
    assert {"http.request.method", "url.path", "url.scheme"} <= set(told)
    assert (span.status.status_code is StatusCode.ERROR) == ("error.type" in told)
    assert span.end_time >= span.start_time
    ((labels, (count, seconds)),) = telemetry.metrics()["http.server.request.duration"]
    assert count == 1
    # "the metric value SHOULD be the same as the HTTP server span duration"
    assert seconds == pytest.approx((span.end_time - span.start_time) / 1e9, abs=1e-6)
    assert {key: told.get(key) for key in labels} == labels
    assert telemetry.active() == 0


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_attributes_are_those_of_the_conventions(driver: Any, telemetry: Any, attributes: Any) -> None:
    script = Script((ReadBody(), StartResponse(201), SendChunk(b"hello")))
    driver.run(script, BOOK, telemetry.wrap(send_default_pii=True))
    (span,) = telemetry.requests
    assert span.kind is SpanKind.SERVER
    recorded = attributes(span)
    if driver is BRIDGE_INSIDE:  # asgiref passes no port on
        recorded["network.peer.port"] = 4711
    assert recorded == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "url.path": "/books/7",
        "url.query": "page=2&token=[Filtered]",
        "network.peer.port": 4711,
        "server.address": "shop.example",
        "server.port": 8080,
        "client.address": "198.51.100.7",
        "network.peer.address": "10.0.0.1",
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "user_agent.original": "agent/1",
        "http.request.body.size": 6,
        "http.response.status_code": 201,
        "http.response.body.size": 5,
    }


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_addresses_of_clients_stay_home_unless_asked_for(driver: Any, telemetry: Any) -> None:
    driver.run(ANSWER, BOOK, telemetry.wrap())
    assert {"client.address", "network.peer.address"} & set(telemetry.requests[0].attributes) == set()


@pytest.mark.parametrize(
    ("status", "expected", "kind"),
    [(200, "UNSET", None), (404, "UNSET", None), (500, "ERROR", "500"), (503, "ERROR", "503")],
)
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_only_the_servers_own_fault_is_an_error(
    driver: Any, telemetry: Any, status: int, expected: str, kind: str | None
) -> None:
    driver.run(Script((StartResponse(status), SendChunk())), wrap=telemetry.wrap())
    (span,) = telemetry.requests
    assert span.status.status_code.name == expected
    assert span.status.description is None
    assert span.attributes.get("error.type") == kind


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_status_that_the_user_counts_as_failed_is_an_error_too(driver: Any, telemetry: Any) -> None:
    wrap = telemetry.wrap(failed_request_status_codes={404})
    driver.run(Script((StartResponse(404), SendChunk())), wrap=wrap)
    (span,) = telemetry.requests
    assert (span.status.status_code.name, span.attributes["error.type"]) == ("ERROR", "404")


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_an_exception_is_an_event_and_the_status(driver: Any, telemetry: Any) -> None:
    driver.run(Script((Raise(ValueError, cause=KeyError),)), wrap=telemetry.wrap())
    (span,) = telemetry.requests
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "boom"
    assert "KeyError: 'cause'" in event.attributes["exception.stacktrace"]
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ValueError: boom"
    assert span.attributes["error.type"] == "ValueError"
    assert span.attributes["http.response.status_code"] == 500


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)
def test_a_client_gone_is_no_error(driver: Any, telemetry: Any) -> None:
    driver.run(Script((*ANSWER.steps, SendChunk(b"more")), peer=Peer(gone_after=1)), wrap=telemetry.wrap())
    (span,) = telemetry.requests
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["sentry_web.client_gone"] is True


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_span_lasts_to_the_last_byte(driver: Any, telemetry: Any) -> None:
    steps = (StartResponse(), SendChunk(), Sleep(0.03), SendChunk(b"last"))
    driver.run(Script(steps), wrap=telemetry.wrap())
    (span,) = telemetry.requests
    assert span.end_time - span.start_time >= 0.025e9


# --- what users may do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_hooks_see_span_and_server_dict_on_both_protocols(driver: Any, telemetry: Any) -> None:
    seen: list[Any] = []

    def request(span: Any, scope_or_environ: Any) -> None:
        seen.append(
            (
                "request",
                span.is_recording(),
                trace.get_current_span() is span,
                "sentry_web" in str(list(scope_or_environ)),
            )
        )

    def response(span: Any, scope_or_environ: Any, status: str, headers: Any) -> None:
        seen.append(("response", span.is_recording(), status, headers, isinstance(scope_or_environ, dict)))

    driver.run(ANSWER, wrap=telemetry.wrap(server_request_hook=request, request_hook=request, response_hook=response))
    assert seen == [
        ("request", True, True, True),
        ("request", True, True, True),
        ("response", True, "200 OK", [("content-type", "text/plain")], True)
        if seen[-1][3][0][0].islower()
        else ("response", True, "200 OK", [("Content-Type", "text/plain")], True),
    ]


@pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
@pytest.mark.parametrize("spans", [False, True])
def test_message_hooks_see_each_message(driver: Any, telemetry: Any, spans: bool) -> None:
    seen: list[Any] = []

    def hook(span: Any, scope: Any, message: Any) -> None:
        seen.append((getattr(span, "kind", None), scope["type"], message["type"]))

    wrap = telemetry.wrap(client_request_hook=hook, client_response_hook=hook, record_send_receive=spans)
    driver.run(Script((ReadBody(), *ANSWER.steps)), RequestSpec(method="POST", body=(b"a",)), wrap)
    assert seen[0] == (SpanKind.INTERNAL, "http", "http.request")
    assert (SpanKind.INTERNAL, "http", "http.response.start") in seen
    assert len(telemetry.spans) == len(seen) + 1


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_default_span_details_name_the_span_for_good(driver: Any, telemetry: Any) -> None:
    wrap = telemetry.wrap(
        default_span_details=lambda scope_or_environ: ("buy", {"mine": 1}), route_resolver=lambda request: "/{a}"
    )
    driver.run(ANSWER, wrap=wrap)
    (span,) = telemetry.requests
    assert (span.name, span.attributes["mine"], span.attributes["http.route"]) == ("buy", 1, "/{a}")


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_name_given_meanwhile_stays(driver: Any, telemetry: Any) -> None:
    wrap = telemetry.wrap(request_hook=lambda span, scope_or_environ: span.update_name("mine"), transaction_style="url")
    driver.run(ANSWER, wrap=wrap)
    wrap = telemetry.wrap(on_request=lambda recording, request: recording.set_name("chosen"))
    driver.run(ANSWER, wrap=wrap)
    assert [span.name for span in telemetry.requests] == ["mine", "chosen"]


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_recording_takes_attributes(driver: Any, telemetry: Any) -> None:
    wrap = telemetry.wrap(
        on_response=lambda recording, request, outcome: recording.set_attribute("status", outcome.status)
    )
    driver.run(ANSWER, wrap=wrap)
    assert telemetry.requests[0].attributes["status"] == 200


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_trace_response_headers_tell_the_span(driver: Any, telemetry: Any) -> None:
    transcript = driver.run(ANSWER, wrap=telemetry.wrap(trace_response_headers=["traceresponse"]))
    (span,) = telemetry.requests
    told = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
    assert told in str(transcript.headers)


# --- sampling, metrics -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_what_is_not_sampled_is_counted_all_the_same(driver: Any, new_telemetry: Any) -> None:
    telemetry = new_telemetry(ALWAYS_OFF)
    driver.run(Script((ReadBody(), Raise(ValueError))), BOOK, telemetry.wrap())
    assert telemetry.spans == []
    ((labels, (count, _)),) = telemetry.metrics()["http.server.request.duration"]
    assert count == 1
    assert labels == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.response.status_code": 500,
        "error.type": "ValueError",
        "network.protocol.version": "1.1",
    }


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_the_sampler_sees_the_attributes_and_the_resolved_name(driver: Any, new_telemetry: Any) -> None:
    from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

    seen: list[Any] = []

    class Looks(Sampler):
        def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *rest, **more):  # type: ignore[no-untyped-def]
            seen.append((name, dict(attributes)))
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

        def get_description(self) -> str:
            return "looks"

    driver.run(ANSWER, BOOK, new_telemetry(Looks()).wrap(route_resolver=lambda request: "/books/{number}"))
    ((name, told),) = seen
    assert name == "POST /books/{number}"
    assert {"http.request.method", "url.path", "url.query", "url.scheme", "server.address"} <= set(told)


@pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
def test_a_websocket_has_its_span_and_its_own_metrics(driver: Any, telemetry: Any) -> None:
    script = WsScript((Accept(), Receive(), Send("ü"), Send(b"xyz"), CloseSocket(1011)), messages=("hello",))
    driver.run_websocket(script, RequestSpec(path="/talk"), telemetry.wrap())
    (span,) = telemetry.requests
    assert span.name == "GET"
    assert span.status.status_code is StatusCode.ERROR
    told = dict(span.attributes)
    assert told["error.type"] == "1011"
    assert told["url.scheme"] == "ws"
    assert told["network.protocol.name"] == "websocket"
    assert told["http.response.status_code"] == 101
    assert told["websocket.close_code"] == 1011
    assert told["websocket.closed_by"] == "server"
    metrics = telemetry.metrics()
    assert "http.server.request.duration" not in metrics
    ((_, (count, _)),) = metrics["websocket.server.connection.duration"]
    assert count == 1
    by_direction = {
        name: {labels["network.io.direction"]: value for labels, value in metrics[name]}
        for name in ("websocket.server.messages", "websocket.server.message.size")
    }
    assert by_direction["websocket.server.messages"] == {"receive": 1, "transmit": 2}
    assert by_direction["websocket.server.message.size"] == {"receive": 5, "transmit": 5}
    assert telemetry.active() == 0


@pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
def test_a_denied_websocket_has_the_status_of_the_denial(driver: Any, telemetry: Any) -> None:
    driver.run_websocket(WsScript((Deny(),)), wrap=telemetry.wrap())
    assert telemetry.requests[0].attributes["http.response.status_code"] >= 400
    assert telemetry.active() == 0


# --- context ---------------------------------------------------------------------------------------------------------


class Look(Act):
    """Note what is current."""

    def __init__(self, seen: list[Any]) -> None:
        object.__setattr__(self, "seen", seen)

    def act(self, recorder: Any) -> None:
        self.seen.append((trace.get_current_span(), baggage.get_all()))  # type: ignore[attr-defined]


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_the_span_and_the_callers_baggage_are_current_around_application_code(driver: Any, telemetry: Any) -> None:
    seen: list[Any] = []
    steps = (Look(seen), StartResponse(), SendChunk(), Look(seen), SendChunk())
    driver.run(Script(steps), RequestSpec(headers=(("baggage", "shop=books"),)), telemetry.wrap())
    assert {span.get_span_context().span_id for span, _ in seen} == {telemetry.requests[0].context.span_id}
    assert [dict(found) for _, found in seen] == [{"shop": "books"}] * 2
    assert trace.get_current_span() is trace.INVALID_SPAN


class Attach(Act):
    """Make a span current and leave it so, as a ``with`` that a chunk is sent from."""

    def __init__(self, tracer: Any) -> None:
        object.__setattr__(self, "tracer", tracer)

    def act(self, recorder: Any) -> None:
        context.attach(trace.set_span_in_context(self.tracer.start_span("held")))  # type: ignore[attr-defined]


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_what_the_application_left_current_is_current_when_it_runs_on(driver: Any, telemetry: Any) -> None:
    seen: list[Any] = []
    steps = (StartResponse(), Attach(telemetry.tracer), SendChunk(), Look(seen), SendChunk())
    driver.run(Script(steps, Returns.GENERATOR), wrap=telemetry.wrap())
    assert [span.name for span, _ in seen] == ["held"]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_request_made_in_process_is_a_child_of_what_is_current(telemetry: Any) -> None:
    with telemetry.tracer.start_as_current_span("test") as outer:
        for driver in (WSGI, ASGI3):
            driver.run(ANSWER, wrap=telemetry.wrap())
    assert {span.parent.span_id for span in telemetry.requests} == {outer.get_span_context().span_id}


def test_nothing_keeps_the_servers_dict_after_the_end(telemetry: Any) -> None:
    class Environ(dict):  # type: ignore[type-arg]
        """A dict that takes weak references."""

    from sentry_web import instrument_wsgi
    from sentry_web.testing.drivers import make_environ

    hooks = {"request_hook": lambda *_: None, "response_hook": lambda *_: None}
    ours = instrument_wsgi(
        lambda environ, start: [start("200 OK", []) and b""] and [b"x"],
        tracer_provider=telemetry.tracer_provider,
        **hooks,
    )
    gc.disable()
    try:
        environ = Environ(make_environ(BOOK))
        gone = weakref.ref(environ)
        ours(environ, lambda *_: None)
        del environ
        assert gone() is None
    finally:
        gc.enable()


def test_a_lifespan_is_not_recorded(telemetry: Any) -> None:
    ASGI3.run_lifespan(LifespanScript(), wrap=telemetry.wrap())
    assert telemetry.spans == []


def test_a_kind_of_message_without_span_and_hook_costs_nothing(telemetry: Any) -> None:
    wrap = telemetry.wrap(client_request_hook=lambda *_: None)
    ASGI3.run(ANSWER, wrap=wrap)
    assert len(telemetry.spans) == 1
