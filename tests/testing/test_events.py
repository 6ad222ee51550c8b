from __future__ import annotations

import logging
import time
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope, Item
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web.testing import (
    ASGI3,
    WSGI,
    CaptureMessage,
    ChildSpan,
    Driver,
    Log,
    Peer,
    Raise,
    RecordingTransport,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.events import Events, Reported
from sentry_web.testing.sdk import STATIC, STREAM
from sentry_web.testing.transport import start

OURS = Wrap.ours()
DRIVERS = pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)


@DRIVERS
def test_what_one_request_reports(driver: Driver) -> None:
    request, other = RequestSpec(path="/a/b"), RequestSpec(path="/other")
    script = Script((CaptureMessage("hello"), StartResponse(), Raise(KeyError, args=("price",))))
    with recording(traces_sample_rate=1.0) as events:
        driver.run(script, request, OURS)
        driver.run(Script((StartResponse(),)), other, OURS)
    mine = events.of(request)
    (error,) = mine.errors
    assert error.exception == ("KeyError", "'price'")
    assert error.mechanism["handled"] is False
    assert error.tags == {"protocol": "wsgi" if driver is WSGI else "asgi"}
    assert [message.message for message in mine.messages] == ["hello"]
    assert mine.messages[0].exception is None
    assert mine.messages[0].mechanism == {}
    assert [root.method_and_path for root in mine.roots] == [("GET", "/a/b")]
    assert len(mine) == 3
    assert len(list(events.of(other))) == 1
    assert len(events.sessions) == 1
    assert events.of(lambda reported: reported.kind == "event").of(request).errors == mine.errors
    assert mine.of(lambda reported: reported.kind == "event").errors == mine.errors
    assert b"price" in events.all_bytes
    assert len(events.envelopes) == len(events.all)


def test_streamed_spans() -> None:
    """As a middleware that says method and path on its root span."""
    with recording(traces_sample_rate=1.0, trace_lifecycle="stream") as events:
        for path in ("/a", "/b"):
            attributes = {"http.request.method": "GET", "url.path": path}
            with sentry_sdk.traces.start_span(name=f"GET {path}", attributes=attributes, parent_span=None):
                WSGI.run(Script((ChildSpan(f"child of {path}"), StartResponse())))
    assert [span.name for span in events.segments] == ["GET /a", "GET /b"]
    assert events.roots == events.segments
    assert Events(lambda: reversed(events.envelopes)).segments == events.segments  # batches come in no order
    assert {span.name for span in events.of(RequestSpec(path="/a"))} == {"GET /a", "child of /a"}
    assert {span.status for span in events.spans} == {"ok"}


@pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
@DRIVERS
def test_child_spans_of_either_shape_read_alike(driver: Driver, sdk: dict[str, Any]) -> None:
    script = Script((StartResponse(), ChildSpan("look up"), ChildSpan("render", (SendChunk(),))))
    with recording(traces_sample_rate=1.0, **sdk) as events:
        driver.run(script, wrap=OURS)
    (root,) = events.roots
    assert (root.kind == "transaction") is (sdk is STATIC)
    assert [child.name for child in events.children] == ["look up", "render"]
    assert {child.trace["parent_span_id"] for child in events.children} == {root.trace["span_id"]}
    assert {child.outcome for child in events.children} <= {None, "ok"}
    assert all("thread.name" in child.data for child in events.children)


@pytest.mark.parametrize("mode", [STATIC, STREAM], ids=["transactions", "stream"])
@pytest.mark.parametrize(
    ("steps", "outcome", "status"),
    [
        ((StartResponse(201),), "ok", 201),
        ((StartResponse(404),), "ok", 404),
        ((StartResponse(500),), "error", 500),
        ((StartResponse(501),), "error", 501),
        ((StartResponse(503),), "error", 503),
        ((StartResponse(504),), "error", 504),
        ((Raise(ValueError),), "error", 500),
        ((StartResponse(), SendChunk(b"a"), SendChunk(b"b")), "cancelled", 200),
    ],
    ids=repr,
)
def test_what_is_known_of_a_root_span_in_either_shape(
    mode: dict[str, Any], steps: Any, outcome: str, status: int
) -> None:
    peer = Peer(gone_after=1 if outcome == "cancelled" else None)
    with recording(traces_sample_rate=1.0, **mode) as events:
        ASGI3.run(Script(steps, peer=peer), RequestSpec(path="/books/7"), OURS)
    (root,) = events.roots
    assert (root.kind == "transaction") is (mode is STATIC)
    assert root.outcome == outcome
    assert root.data["http.request.method"] == "GET"
    assert root.data["http.response.status_code"] == status
    assert (root.op, root.origin) == ("http.server", "auto.http.sentry_web.asgi")
    assert (root.name, root.source) == ("/books/7", "url")


def test_what_no_root_span_has() -> None:
    error = Reported("event", {"transaction": "/a", "transaction_info": {"source": "url"}})
    assert (error.outcome, error.data, error.op, error.origin, error.source) == (None, {}, None, None, "url")


def test_failures_are_readable() -> None:
    with recording() as events:
        WSGI.run(Script((CaptureMessage("hello"), StartResponse())), RequestSpec(path="/x"), OURS)
    assert repr(events).splitlines()[:2] == [
        "<Events: 2>",
        "  <event 'hello' in GET /x status=None tags={'protocol': 'wsgi'}>",
    ]
    assert "'platform': 'python'" in events.describe()


def test_integrations_only_where_asked_for() -> None:
    script = Script((Log("careful", logging.ERROR), StartResponse()))
    with recording() as silent:
        WSGI.run(script)
    with recording(integrations=[LoggingIntegration()]) as events:
        WSGI.run(script)
    assert [len(silent), len(events)] == [0, 1]


def test_what_is_no_json() -> None:
    transport = RecordingTransport()
    transport.capture_envelope(Envelope(items=[Item(b"\xff\x00", type="attachment"), Item(b"[1]", type="other")]))
    with recording(transport=transport) as events:
        assert [dict(reported.payload) for reported in events] == [{"size": 2}, {"size": 3}]


def test_a_reported_thing_reads_like_a_mapping() -> None:
    reported = Reported("event", {"logentry": {"message": "m"}, "transaction": "t"})
    assert (reported["transaction"], reported.get("x", 1)) == ("t", 1)
    assert (reported.message, reported.name, reported.status, reported.trace) == ("m", "t", None, {})
    assert reported.method_and_path == (None, None)
    assert reported.attributes == {}


def test_everything_is_put_back() -> None:
    def state() -> tuple[Any, ...]:
        return (
            sentry_sdk.get_client(),
            sentry_sdk.get_current_scope(),
            sentry_sdk.get_isolation_scope(),
        )

    with recording() as outer:
        before = state()
        sentry_sdk.set_tag("outer", "1")
        with recording() as inner:
            assert not set(before) & set(state())
            sentry_sdk.capture_message("inside")
        assert state() == before
        sentry_sdk.capture_message("outside")
    assert [(event.message, event.tags) for event in inner] == [("inside", {})]
    assert [(event.message, event.tags) for event in outer] == [("outside", {"outer": "1"})]


def test_a_block_that_never_starts_a_client() -> None:
    from sentry_web.testing.transport import isolated

    with recording():
        client = sentry_sdk.get_client()
        with isolated():
            assert sentry_sdk.get_client() is client
        assert client.is_active()
        start(traces_sample_rate=1.0)
        client.close(timeout=0)


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_spans_that_a_thread_is_sending_are_waited_for(seconds: float) -> None:
    class Slow(RecordingTransport):
        """Takes its time, as a busy machine does."""

        def capture_envelope(self, envelope: Any) -> None:
            time.sleep(seconds)
            super().capture_envelope(envelope)

    with recording(traces_sample_rate=1.0, trace_lifecycle="stream", transport=Slow) as events:
        for _ in range(20 if not seconds else 2):
            before = len(events.spans)
            ASGI3.run(Script((StartResponse(), SendChunk())), wrap=Wrap.ours())
            time.sleep(seconds / 2)  # the thread has woken up, and has the spans
            assert len(events.spans) == before + 1
