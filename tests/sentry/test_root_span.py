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
    CaptureMessage,
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
    SpawnTask,
    SpawnThread,
    StartResponse,
    Wrap,
    WsScript,
    recording,
)
from sentry_web.testing.events import Reported
from sentry_web.testing.sdk import STATIC, STREAM
from sentry_web.testing.steps import Act
from sentry_web.testing.transcript import TranscriptWriter

BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
#: The SDK's own middlewares ignore the option in stream mode, and its client says so; ours do not.
IGNORED_SAYS_THE_SDK = pytest.mark.filterwarnings("ignore:.*trace_ignore_status_codes:UserWarning")
ASGI = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)


def root_of(events: Events) -> Reported:
    (root,) = events.roots
    return root


# --- the outcome -----------------------------------------------------------------------------------------------------


@BOTH_MODES
@pytest.mark.parametrize(
    ("status", "statuses"),
    [
        (200, ("ok", "ok")),
        (304, ("ok", "ok")),
        (404, ("not_found", "ok")),
        (429, ("resource_exhausted", "ok")),
        (500, ("internal_error", "error")),
        (503, ("unavailable", "error")),
    ],
)
def test_a_status_is_the_outcome(
    driver: Driver, run: Any, sdk: dict[str, Any], status: int, statuses: tuple[str, str]
) -> None:
    """4xx is the client's fault (HTTP semantic conventions, "Status")."""
    root = root_of(run(driver, Script((StartResponse(status), SendChunk(b""))), sdk=sdk))
    assert root.status == statuses[sdk is STREAM]
    assert root.data["http.response.status_code"] == status


@BOTH_MODES
def test_an_error_before_the_response_is_a_500(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    root = root_of(run(driver, Script((Raise(),)), sdk=sdk))
    assert root.outcome == "error"
    assert root.data["http.response.status_code"] == 500


@BOTH_MODES
def test_an_error_after_a_good_status_fails_all_the_same(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    root = root_of(run(driver, Script((StartResponse(200), SendChunk(), Raise())), sdk=sdk))
    assert root.outcome == "error"
    assert root.data["http.response.status_code"] == 200


@BOTH_MODES
@ASGI
@pytest.mark.parametrize(("before", "code"), [((), None), ((StartResponse(200), SendChunk()), 200)])
def test_a_cancelled_request_is_no_error(
    driver: Driver, run: Any, sdk: dict[str, Any], before: tuple[Any, ...], code: int | None
) -> None:
    root = root_of(run(driver, Script((*before, Cancel())), sdk=sdk))
    assert root.status == ("ok" if sdk is STREAM else "cancelled")
    assert root.outcome == "cancelled"
    assert root.data.get("http.response.status_code") == code


@BOTH_MODES
def test_a_client_that_went_away_is_told(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    script = Script((StartResponse(), SendChunk(b"heard"), SendChunk(b"unheard")), peer=Peer(gone_after=1))
    assert root_of(run(driver, script, sdk=sdk)).data["sentry_web.client_gone"] is True


@IGNORED_SAYS_THE_SDK
@BOTH_MODES
def test_ignored_statuses_leave_no_trace(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    options = {**sdk, "trace_ignore_status_codes": {404}}
    missing: Events = run(driver, Script((StartResponse(404), SendChunk())), sdk=options)
    assert missing.roots == []
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
    assert events.roots == events.children == []
    assert len(events.errors) == 1


# --- data ------------------------------------------------------------------------------------------------------------


@BOTH_MODES
def test_facts_have_opentelemetrys_names(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    request = RequestSpec("POST", "/books/7", query="page=2", headers=(("User-Agent", "probe/1.0"),))
    events: Events = run(driver, Script((StartResponse(201), SendChunk(b"hello"))), request, sdk=sdk)
    data = root_of(events).data
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
    assert (root.op, root.origin) == ("http.server", "auto.http.shop")
    assert {**root.tags, **root.data}["protocol"] in ("wsgi", "asgi")


# --- websocket -------------------------------------------------------------------------------------------------------


@BOTH_MODES
@ASGI
def test_a_websocket_is_one_root_span(driver: Any, sdk: dict[str, Any]) -> None:
    script = WsScript((Accept(), Receive(), Send("ä"), Send(b"abc"), Receive()), messages=("hello",), leaves_with=1001)
    with recording(traces_sample_rate=1.0, **sdk) as events:
        driver.run_websocket(script, RequestSpec(path="/chat"), Wrap.ours())
    root = root_of(events)
    data = root.data
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
    assert events.children == []


@ASGI
@pytest.mark.parametrize(("steps", "status"), [((CloseSocket(),), 403), ((Deny(401),), 401)])
def test_a_refused_websocket_tells_its_status(driver: Any, steps: tuple[Any, ...], status: int) -> None:
    with recording(traces_sample_rate=1.0) as events:
        driver.run_websocket(WsScript(steps), RequestSpec(path="/chat"), Wrap.ours())
    assert root_of(events).data["http.response.status_code"] == status


@BOTH_MODES
@ASGI
def test_messages_have_spans_where_asked_for(driver: Any, sdk: dict[str, Any]) -> None:
    script = WsScript((Accept(), Receive(), Send("hello"), Receive()), messages=("hello",))
    with recording(traces_sample_rate=1.0, **sdk) as events:
        driver.run_websocket(script, RequestSpec(path="/chat"), Wrap.ours(record_send_receive=True))
    root = root_of(events)
    assert [(span.name, span.op) for span in events.children] == [
        ("websocket.connect", "websocket.server.receive"),
        ("websocket.accept", "websocket.server.send"),
        ("websocket.receive", "websocket.server.receive"),
        ("websocket.send", "websocket.server.send"),
        ("websocket.disconnect", "websocket.server.receive"),
    ]
    assert {span.trace["parent_span_id"] for span in events.children} == {root.trace["span_id"]}


@BOTH_MODES
@ASGI
def test_a_message_that_never_came_ends_its_span(driver: Any, sdk: dict[str, Any]) -> None:
    """``receive`` was cancelled: its span is named after nothing, and sent."""
    with recording(traces_sample_rate=1.0, **sdk) as events:
        script = Script((StartResponse(), SendChunk(), Cancel()))
        driver.run(script, RequestSpec(path="/"), Wrap.ours(record_send_receive=True))
    assert root_of(events).name == "/"
    assert [span.name for span in events.children][:2] == ["http.response.start", "http.response.body"]


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
    with recording(**{"traces_sample_rate": 1.0, **STATIC, **options}) as events:
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


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)
def test_streamed_spans_of_background_work_have_the_segment_that_has_ended_as_parent(driver: Driver, run: Any) -> None:
    """A WSGI request has ended before ``close()``: its background work is a segment of its own."""
    after = (ChildSpan("index", (ChildSpan("write"),)), CaptureMessage("done"))
    script = Script((StartResponse(), SendChunk()), Returns.ITERATOR, after)
    events: Events = run(driver, script, sdk=STREAM)
    named = {span.name: span for span in events.spans}
    request, index, write = (named[name] for name in ("/books/7", "index", "write"))
    assert (request["is_segment"], index["is_segment"]) == (True, driver is WSGI)
    assert write["parent_span_id"] == index["span_id"]
    assert index["parent_span_id"] == request["span_id"]
    (message,) = events.messages
    assert request["span_id"] in (message.trace["span_id"], message.trace["parent_span_id"])
    assert {span["trace_id"] for span in events.spans} == {message.trace["trace_id"]}


class Index(Act):
    """Open a span."""

    def act(self, recorder: TranscriptWriter) -> None:
        with ChildSpan("index").open():
            pass


@BOTH_MODES
@pytest.mark.parametrize("rate", [0.0, 1.0])
@pytest.mark.parametrize(
    ("driver", "spawn"),
    [(WSGI, SpawnThread), (ASGI3, SpawnThread), (ASGI3, SpawnTask)],
    ids=["thread of WSGI", "thread of ASGI", "task"],
)
def test_what_outlives_its_request_has_it_as_parent(
    driver: Driver, spawn: Any, rate: float, run: Any, sdk: dict[str, Any]
) -> None:
    script = Script((spawn((Index(),)), StartResponse(), SendChunk()))
    events: Events = run(driver, script, sdk={**sdk, "traces_sample_rate": rate})
    named = {root.name: root for root in events.roots}
    assert named.keys() == ({"/books/7", "index"} if rate else set())
    if rate:
        assert named["index"].trace["parent_span_id"] == named["/books/7"].trace["span_id"]
        assert named["index"].trace["trace_id"] == named["/books/7"].trace["trace_id"]


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_background_work_is_sampled_as_its_request_was(driver: Driver, rate: float) -> None:
    script = Script((StartResponse(), SendChunk()), Returns.ITERATOR, after=(ChildSpan("index"),))
    counts = set()
    with recording(traces_sample_rate=rate, **STREAM) as events:
        for _ in range(20):
            before = len(events.spans)
            driver.run(script, RequestSpec(path="/books/7"), Wrap.ours())
            counts.add(len(events.spans) - before)
    assert counts <= {0, 2}


@BOTH_MODES
def test_the_log_of_a_request_is_no_span(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    script = Script((Log("hello"), StartResponse(), ChildSpan("inside", (SendChunk(),))), Returns.GENERATOR)
    events: Events = run(driver, script, sdk=sdk)
    assert root_of(events).name == "/books/7"
    assert [span.name for span in events.children] == ["inside"]
