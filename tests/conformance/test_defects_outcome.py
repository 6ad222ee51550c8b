"""Defects in the reported outcome of a request: duration, status, responsibility for an error.

Rows of the table of incumbents' faults: 8–10, 26–33, 35.
Each script runs on every driver that can express it, and most in both of the SDK's tracing modes.
"""

from __future__ import annotations

import gc
import threading
from datetime import datetime

import pytest

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    BRIDGE_INSIDE,
    DRIVERS,
    WSGI,
    Accept,
    Cancel,
    ChildSpan,
    Close,
    CloseSocket,
    Deny,
    Driver,
    LifespanScript,
    Peer,
    Raise,
    RequestSpec,
    RestartWithExcInfo,
    Returns,
    Script,
    SendChunk,
    Sleep,
    StartResponse,
    Wrap,
    WsScript,
    recording,
)
from sentry_web.testing.sdk import STATIC, STREAM

from .breaking import is_of_sdk

BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
ASGI = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)

ANSWER = (StartResponse(200), SendChunk(b"hello"))
BREAKS = Script((*ANSWER, Raise()))
LEAVES = Script((*ANSWER, SendChunk(b"unheard")), peer=Peer(gone_after=1))
BACKGROUND = Script(ANSWER, Returns.ITERATOR, after=(ChildSpan("background", (Sleep(0.3),)),))


def able(script: Script) -> list[Driver]:
    return [driver for driver in DRIVERS if script.expressible_in(driver.protocol)]


def seconds(reported) -> float:
    """The duration of a transaction, or of a streamed span."""
    start, end = (
        reported.get(key)
        for key in ("start_timestamp", "timestamp" if reported.kind == "transaction" else "end_timestamp")
    )
    if isinstance(start, str):
        start, end = (datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() for text in (start, end))
    return end - start


@BOTH_MODES
def test_defect_08_stream_counts_to_its_last_byte(driver, sdk, run):
    script = Script((*ANSWER, ChildSpan("query", (Sleep(0.05),)), SendChunk()))
    _, events = run(driver, script, sdk=sdk)
    (root,) = events.roots
    assert seconds(root) >= 0.05
    assert [span.name for span in events.children] == ["query"]


@pytest.mark.parametrize("close", [Close.NEVER, Close.DURING])
def test_defect_08_abandoned_stream_ends_without_a_thread(close, run):
    threads = set(threading.enumerate())
    script = Script((*ANSWER, SendChunk(b"unheard")), peer=Peer(gone_after=1, close=close))
    _, events = run(WSGI, script)
    gc.collect()
    assert len(events.roots) == 1
    new = set(threading.enumerate()) - threads
    assert [thread for thread in new if not is_of_sdk(thread)] == []


@BOTH_MODES
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_defect_09_error_in_mid_stream_fails_the_request(driver, sdk, run):
    transcript, events = run(driver, BREAKS, sdk=sdk)
    assert transcript == driver.run(BREAKS)
    assert [root.outcome for root in events.roots] == ["error"]
    (aggregate,) = [item for session in events.sessions for item in session["aggregates"]]
    assert aggregate.get("crashed") == 1
    assert "exited" not in aggregate


@BOTH_MODES
@pytest.mark.parametrize("driver", able(BACKGROUND), ids=repr)
def test_defect_10_background_work_is_not_duration(driver, sdk, run):
    _, events = run(driver, BACKGROUND, sdk=sdk)
    # WSGI: what close() does after the body is a transaction of its own; test clients never close
    root, *later = sorted(events.roots, key=lambda each: str(each["start_timestamp"]))
    assert seconds(root) < 0.25
    assert [span.name for span in events.children] + [each.name for each in later] == ["background"]
    assert {each.trace["trace_id"] for each in later} <= {root.trace["trace_id"]}


@BOTH_MODES
@pytest.mark.parametrize("driver", able(BACKGROUND), ids=repr)
def test_background_work_has_its_request_as_parent(driver, sdk, run):
    """Whether it is part of the request's spans, or the root of its own."""
    incoming = RequestSpec(headers=(("sentry-trace", f"{'a' * 32}-{'b' * 16}-1"),))
    _, events = run(driver, BACKGROUND, incoming, sdk=sdk)
    root, *later = sorted(events.roots, key=lambda each: str(each["start_timestamp"]))
    (background,) = events.children + later
    assert background.trace["parent_span_id"] == root.trace["span_id"]


@BOTH_MODES
@pytest.mark.parametrize("driver", able(LEAVES), ids=repr)
def test_defect_26_client_that_goes_away_is_no_error(driver, sdk, run):
    transcript, events = run(driver, LEAVES, sdk=sdk)
    assert transcript == driver.run(LEAVES)
    assert events.errors == []
    (root,) = events.roots
    assert root.outcome == "cancelled"


@ASGI
def test_defect_26_cancellation_is_no_error(driver, run):
    script = Script((StartResponse(), Cancel()))
    transcript, events = run(driver, script)
    assert transcript == driver.run(script)
    assert events.errors == []
    assert [root.outcome for root in events.roots] == ["cancelled"]


class ClientDisconnect(Exception):  # noqa: N818 - the name is what counts
    """What Starlette raises at an application that reads a body whose sender has gone."""


def test_defect_26_a_framework_that_finds_the_client_gone(driver, run):
    _, events = run(driver, Script((Raise(ClientDisconnect, ()),)))
    assert events.errors == []
    assert [root.outcome for root in events.roots] == ["cancelled"]


@pytest.mark.parametrize(
    ("exception", "reported"),
    [
        (Raise(SystemExit, (1,)), [("SystemExit", "1")]),
        (Raise(SystemExit, ("no disk",)), [("SystemExit", "no disk")]),
        (Raise(SystemExit, (0,)), []),
        (Raise(SystemExit, ()), []),
        (Raise(KeyboardInterrupt, ()), [("KeyboardInterrupt", "")]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)  # futures between threads do not carry these
def test_defect_27_exits_are_reported_alike(driver, exception, reported, run):
    transcript, events = run(driver, Script((exception,)))
    assert transcript == driver.run(Script((exception,)))
    assert [error.exception for error in events.errors] == reported


@pytest.mark.parametrize("place", [0, 1], ids=["before the response", "in the stream"])
@pytest.mark.parametrize("kind", ["GeneratorExit", "GreenletExit"])
@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)
def test_defect_28_being_killed_is_no_error(driver, kind, place, run):
    killed = Raise(GeneratorExit if kind == "GeneratorExit" else pytest.importorskip("greenlet").GreenletExit, ())
    script = Script((killed,) if place == 0 else (*ANSWER, killed))
    _, events = run(driver, script)
    assert events.errors == []
    assert [root.outcome for root in events.roots] == ["cancelled"]


@pytest.mark.parametrize("driver", [WSGI, BRIDGE_INSIDE], ids=repr)
def test_defect_29_exc_info_is_captured_as_handled(driver, run):
    script = Script((StartResponse(200), RestartWithExcInfo(503), SendChunk()))
    transcript, events = run(driver, script)
    assert transcript == driver.run(script)
    (error,) = events.errors
    assert error.exception == ("RuntimeError", "boom")
    assert error.mechanism["handled"] is True
    # asgiref's bridge never closes the response, so its transaction comes when the response is collected
    assert all(root.data["http.response.status_code"] == 503 for root in events.roots)


@pytest.mark.parametrize(("status", "messages"), [(500, 1), (503, 1), (404, 0)])
def test_defect_30_handled_failures_are_seen_where_asked_for(driver, status, messages, run):
    script = Script((StartResponse(status), SendChunk()))
    _, events = run(driver, script, RequestSpec(path="/cart"), failed_request_status_codes=range(500, 600))
    assert len(events.messages) == messages
    assert all(event.method_and_path == ("GET", "/cart") for event in events.messages)


def test_defect_31_exception_before_the_response_means_500(driver, run):
    _, events = run(driver, Script((Raise(),)))
    (root,) = events.roots
    assert root.outcome == "error"
    assert root.data["http.response.status_code"] == 500


@pytest.mark.parametrize(("status", "expected"), [(404, "ok"), (499, "ok"), (500, "error")])
def test_defect_32_client_errors_leave_a_streamed_span_alone(driver, status, expected, run):
    _, events = run(driver, Script((StartResponse(status), SendChunk())), sdk=STREAM)
    assert [segment.status for segment in events.segments] == [expected]


@pytest.mark.filterwarnings("ignore:The `trace_ignore_status_codes` parameter")  # so says the SDK; we honour it
@BOTH_MODES
def test_defect_32_ignored_status_codes_are_ignored(driver, sdk, run):
    options = {**sdk, "trace_ignore_status_codes": [404]}
    _, events = run(driver, Script((StartResponse(404), SendChunk())), sdk=options)
    assert events.roots == []


@ASGI
def test_defect_33_refused_lifespan_is_not_reported(driver):
    script = LifespanScript(before=(Raise(ValueError),))
    with recording() as events:
        transcript = driver.run_lifespan(script, Wrap.ours())
    assert transcript == driver.run_lifespan(script)
    assert events.errors == []


@ASGI
def test_defect_33_failed_startup_is_reported(driver):
    with recording() as events:
        driver.run_lifespan(LifespanScript(startup=(Raise(ValueError),)), Wrap.ours())
    assert [error.exception for error in events.errors] == [("ValueError", "boom")]


@pytest.mark.parametrize(
    ("step", "code", "status", "outcome"),
    [
        ((Accept(), CloseSocket(1011)), 1011, 101, "error"),
        ((Accept(), CloseSocket(4000)), 4000, 101, None),
        ((CloseSocket(1008),), 1008, 403, "ok"),
        ((Deny(401),), None, 401, "ok"),
    ],
    ids=["failed", "closed", "refused", "denied"],
)
@ASGI
def test_defect_35_websocket_end_is_recorded(driver, step, code, status, outcome):
    with recording(traces_sample_rate=1.0) as events:
        transcript = driver.run_websocket(WsScript(step), wrap=Wrap.ours())
    assert transcript == driver.run_websocket(WsScript(step))
    (root,) = events.roots
    data = root.data
    assert data.get("websocket.close_code") == code
    assert data["http.response.status_code"] == status
    assert outcome in (None, root.outcome)
