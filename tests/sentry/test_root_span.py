"""The root span in both tracing modes (``_sentry.streaming``, ``_sentry.transactions``), and its outcome."""

from __future__ import annotations

from typing import Any

import pytest
import sentry_sdk

from sentry_web._conventions import outcome_attributes
from sentry_web._request import Name, Outcome
from sentry_web._request import Request as OurRequest
from sentry_web._sentry.events import failure_message
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    WSGI,
    Accept,
    Cancel,
    ChildSpan,
    CloseSocket,
    Deny,
    Driver,
    Events,
    Log,
    Peer,
    Raise,
    Receive,
    RequestSpec,
    Returns,
    Script,
    Send,
    SendChunk,
    StartResponse,
    Wrap,
    WsScript,
    recording,
)
from sentry_web.testing.steps import Act
from sentry_web.testing.transcript import TranscriptWriter

STREAM = {"trace_lifecycle": "stream"}
BOTH_MODES = pytest.mark.parametrize("sdk", [{}, STREAM], ids=["transactions", "stream"])
#: The SDK's own middlewares ignore the option in stream mode, and its client says so; ours do not.
IGNORED_SAYS_THE_SDK = pytest.mark.filterwarnings("ignore:.*trace_ignore_status_codes:UserWarning")
ASGI = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)


def root_of(events: Events) -> Any:
    (root,) = events.transactions + events.segments
    return root


def data_of(root: Any) -> dict[str, Any]:
    """The root span's data, by the names common to both modes."""
    return dict(root.attributes or root.trace["data"])


# --- the outcome -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "transaction", "streamed"),
    [
        (200, "ok", "ok"),
        (304, "ok", "ok"),
        (404, "not_found", "ok"),
        (429, "resource_exhausted", "ok"),
        (500, "internal_error", "error"),
        (503, "unavailable", "error"),
    ],
)
def test_a_status_is_the_outcome(driver: Driver, run: Any, status: int, transaction: str, streamed: str) -> None:
    """4xx is the client's fault (HTTP semantic conventions, "Status")."""
    script = Script((StartResponse(status), SendChunk(b"")))
    assert root_of(run(driver, script)).status == transaction
    root = root_of(run(driver, script, sdk=STREAM))
    assert root.status == streamed
    assert root.attributes["http.response.status_code"] == status


@BOTH_MODES
def test_an_error_before_the_response_is_a_500(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    root = root_of(run(driver, Script((Raise(),)), sdk=sdk))
    assert root.status == ("error" if sdk else "internal_error")
    assert data_of(root)["http.response.status_code"] == 500


@BOTH_MODES
def test_an_error_after_a_good_status_fails_all_the_same(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    root = root_of(run(driver, Script((StartResponse(200), SendChunk(), Raise())), sdk=sdk))
    assert root.status == ("error" if sdk else "internal_error")
    assert data_of(root)["http.response.status_code"] == 200


@BOTH_MODES
@ASGI
@pytest.mark.parametrize(("before", "code"), [((), None), ((StartResponse(200), SendChunk()), 200)])
def test_a_cancelled_request_is_no_error(
    driver: Driver, run: Any, sdk: dict[str, Any], before: tuple[Any, ...], code: int | None
) -> None:
    root = root_of(run(driver, Script((*before, Cancel())), sdk=sdk))
    if sdk:
        assert (root.status, root.attributes["sentry.status"]) == ("ok", "cancelled")
    else:
        assert root.status == "cancelled"
    assert data_of(root).get("http.response.status_code") == code


@BOTH_MODES
def test_a_client_that_went_away_is_told(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    script = Script((StartResponse(), SendChunk(b"heard"), SendChunk(b"unheard")), peer=Peer(gone_after=1))
    assert data_of(root_of(run(driver, script, sdk=sdk)))["sentry_web.client_gone"] is True


@IGNORED_SAYS_THE_SDK
@BOTH_MODES
def test_ignored_statuses_leave_no_trace(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    options = {**sdk, "trace_ignore_status_codes": {404}}
    missing: Events = run(driver, Script((StartResponse(404), SendChunk())), sdk=options)
    assert missing.transactions == missing.segments == []
    assert root_of(run(driver, Script((StartResponse(200), SendChunk())), sdk=options)).status == "ok"


@IGNORED_SAYS_THE_SDK
def test_a_dropped_segment_leaves_nothing_behind_for_the_next_request(run: Any) -> None:
    with recording(traces_sample_rate=1.0, trace_ignore_status_codes={404}, **STREAM) as events:
        for status in (404, 200):
            script = Script((StartResponse(status), ChildSpan("inside", (SendChunk(),))))
            WSGI.run(script, RequestSpec(path=f"/{status}"), Wrap.ours())
            assert sentry_sdk.get_current_span() is None
    assert root_of(events).name == "/200"


@BOTH_MODES
def test_an_unsampled_request_is_not_sent_and_does_no_harm(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    options = {**sdk, "traces_sample_rate": 0.0}
    script = Script((StartResponse(503), ChildSpan("inside", (SendChunk(),)), Raise()))
    events: Events = run(driver, script, sdk=options, record_send_receive=True)
    assert events.transactions == events.spans == []
    assert len(events.errors) == 1


# --- data ------------------------------------------------------------------------------------------------------------


@BOTH_MODES
def test_facts_have_opentelemetrys_names(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    request = RequestSpec("POST", "/books/7", query="page=2", headers=(("User-Agent", "probe/1.0"),))
    events: Events = run(driver, Script((StartResponse(201), SendChunk(b"hello"))), request, sdk=sdk)
    data = data_of(root_of(events))
    expected = {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "http.response.body.size": 5,
        "url.path": "/books/7",
        "url.query": "page=2",
        "url.scheme": "http",
        "server.address": "shop.example",
        "user_agent.original": "probe/1.0",
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
    }
    assert {key: data.get(key) for key in expected} == expected
    assert data["sentry_web.time_to_first_byte"] >= 0
    assert {"http.route", "sentry_web.client_gone", "client.address"}.isdisjoint(data)


def test_what_did_not_happen_is_no_attribute() -> None:
    request = OurRequest(protocol="asgi", kind="http", method="GET")
    assert outcome_attributes(request, Outcome(0.0), Name("/", "url")) == {"http.response.body.size": 0}
    route = outcome_attributes(request, Outcome(0.0), Name("books", "route", "/books/{id}"))
    assert route["http.route"] == "/books/{id}"


def test_a_failure_is_told_by_name_so_that_it_is_grouped() -> None:
    outcome = Outcome(0.0)
    outcome.status = 503
    request = OurRequest(protocol="asgi", kind="http", method="GET", path="/books/7")
    assert failure_message(request, outcome, Name("/books/{id}", "route")) == "GET /books/{id} answered 503"


@BOTH_MODES
def test_the_origin_and_operation_are_told(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    root = root_of(run(driver, sdk=sdk, span_origin="auto.http.shop"))
    if sdk:
        assert (root.attributes["sentry.op"], root.attributes["sentry.origin"]) == ("http.server", "auto.http.shop")
        assert root.attributes["protocol"] in ("wsgi", "asgi")
    else:
        assert (root.trace["op"], root.trace["origin"]) == ("http.server", "auto.http.shop")


# --- websocket -------------------------------------------------------------------------------------------------------


@BOTH_MODES
@ASGI
def test_a_websocket_is_one_root_span(driver: Any, sdk: dict[str, Any]) -> None:
    script = WsScript((Accept(), Receive(), Send("ä"), Send(b"abc"), Receive()), messages=("hello",), leaves_with=1001)
    with recording(traces_sample_rate=1.0, **sdk) as events:
        driver.run_websocket(script, RequestSpec(path="/chat"), Wrap.ours())
    root = root_of(events)
    data = data_of(root)
    expected = {
        "http.response.status_code": 101,
        "websocket.messages.received": 1,
        "websocket.messages.sent": 2,
        "websocket.bytes.received": 5,
        "websocket.bytes.sent": 5,
        "websocket.close_code": 1001,
        "websocket.closed_by": "client",
    }
    assert {key: data.get(key) for key in expected} == expected
    assert "http.response.body.size" not in data
    assert len(events.spans or [root]) == 1


@ASGI
@pytest.mark.parametrize(("steps", "status"), [((CloseSocket(),), 403), ((Deny(401),), 401)])
def test_a_refused_websocket_tells_its_status(driver: Any, steps: tuple[Any, ...], status: int) -> None:
    with recording(traces_sample_rate=1.0) as events:
        driver.run_websocket(WsScript(steps), RequestSpec(path="/chat"), Wrap.ours())
    assert data_of(root_of(events))["http.response.status_code"] == status


@BOTH_MODES
@ASGI
def test_messages_have_spans_where_asked_for(driver: Any, sdk: dict[str, Any]) -> None:
    script = WsScript((Accept(), Receive(), Send("hello"), Receive()), messages=("hello",))
    with recording(traces_sample_rate=1.0, **sdk) as events:
        driver.run_websocket(script, RequestSpec(path="/chat"), Wrap.ours(record_send_receive=True))
    root = root_of(events)
    spans = [span for span in events.spans if not span["is_segment"]] if sdk else root["spans"]
    named = [(span.name, span.attributes["sentry.op"]) if sdk else (span["description"], span["op"]) for span in spans]
    assert named == [
        ("websocket.connect", "websocket.server.receive"),
        ("websocket.accept", "websocket.server.send"),
        ("websocket.receive", "websocket.server.receive"),
        ("websocket.send", "websocket.server.send"),
        ("websocket.disconnect", "websocket.server.receive"),
    ]
    for span in spans:
        assert (span["parent_span_id"]) == root.trace["span_id"]


@ASGI
def test_a_message_that_never_came_ends_its_span(driver: Any) -> None:
    """``receive`` was cancelled: its span is named after nothing, and sent."""
    with recording(traces_sample_rate=1.0) as events:
        script = Script((StartResponse(), SendChunk(), Cancel()))
        driver.run(script, RequestSpec(path="/"), Wrap.ours(record_send_receive=True))
    names = [span["description"] for span in root_of(events)["spans"]]
    assert names[:2] == ["http.response.start", "http.response.body"]


# --- after the end ---------------------------------------------------------------------------------------------------


class StartSpan(Act):
    """Start a span directly on the request's transaction, after it has ended or before."""

    def __init__(self, transaction: list[Any], **values: Any) -> None:
        self.transaction, self.values = transaction, values

    def act(self, recorder: TranscriptWriter) -> None:
        if not self.transaction:
            self.transaction.append(sentry_sdk.get_current_scope().transaction)
        span = self.transaction[0].start_child(**self.values)
        with span:
            pass


def after_the_end(run: Any, sdk: dict[str, Any] | None = None, **values: Any) -> Events:
    kept: list[Any] = []

    def sampler(context: Any) -> float:
        if kept:
            raise ValueError("the user's own fault")
        return 1.0

    script = Script((StartSpan(kept, op="inside"), StartResponse(), SendChunk()))
    options = {"traces_sampler": sampler} if sdk is None else sdk
    with recording(**{"traces_sample_rate": 1.0, **options}) as events:
        WSGI.run(script, RequestSpec(path="/books/7"), Wrap.ours())
        StartSpan(kept, **values).act(TranscriptWriter())
    return events


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"name": "index"}, "index"),
        ({"description": "index"}, "index"),
        ({"op": "task"}, "task"),
        ({}, "background work"),
    ],
)
def test_work_that_outlives_its_request_is_a_transaction_of_its_own(run: Any, values: Any, name: str) -> None:
    request, follow_up = after_the_end(run, {}, **values).transactions
    assert [span["op"] for span in request["spans"]] == ["inside"]
    assert follow_up.name == name
    assert follow_up["transaction_info"] == {"source": "task"}
    assert follow_up.trace["trace_id"] == request.trace["trace_id"]
    assert follow_up.trace["parent_span_id"] == request.trace["span_id"]


def test_what_integrations_start_by_themselves_is_none(run: Any) -> None:
    assert len(after_the_end(run, {}, op="db", origin="auto.db.shop").transactions) == 1


def test_a_request_that_was_not_sampled_has_no_follow_up(run: Any) -> None:
    assert after_the_end(run, {"traces_sample_rate": 0.0}, op="task").transactions == []


def test_a_sampler_that_fails_then_fails_no_background_work(run: Any) -> None:
    events = after_the_end(run, None, op="task")
    assert events.transactions[0].name == "/books/7"


@BOTH_MODES
def test_the_log_of_a_request_is_no_span(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    script = Script((Log("hello"), StartResponse(), ChildSpan("inside", (SendChunk(),))), Returns.GENERATOR)
    events: Events = run(driver, script, sdk=sdk)
    root = root_of(events)
    names = (
        [span.name for span in events.spans if span is not root and not span["is_segment"]]
        if sdk
        else [span["description"] for span in root["spans"]]
    )
    assert names == ["inside"]
