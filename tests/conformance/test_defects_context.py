"""Defects by which one request is taken for another: marks, scopes, traces, samplers.

Rows of the table of incumbents' faults: 6, 11, 13, 19–22, 34, 37, 39, 40, 43.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from dataclasses import dataclass
from typing import Any

import pytest
import sentry_sdk

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    BRIDGE_BOTH,
    DRIVERS,
    WSGI,
    CaptureMessage,
    ChildSpan,
    Close,
    LifespanScript,
    Peer,
    Raise,
    RequestSpec,
    Script,
    SendChunk,
    SetTag,
    SpawnTask,
    SpawnThread,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.steps import Act

ANSWER = (StartResponse(200), SendChunk(b"hello"))
FAILS = Script((StartResponse(200), CaptureMessage("here"), SendChunk(b"hello"), Raise()))
ASGI = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)

TRACE = "0123456789abcdef0123456789abcdef"
TRACED = (("Sentry-Trace", f"{TRACE}-0123456789abcdef-1"),)


def trace_ids(events: Any) -> set[str]:
    return {event.trace["trace_id"] for event in events if event.trace}


def test_defect_06_stranger_does_not_decide_on_sampling(driver, run):
    request = RequestSpec(headers=TRACED)
    _, events = run(driver, Script(ANSWER), request, sdk={"traces_sample_rate": 0.0}, continue_traces=False)
    assert events.roots == []
    _, events = run(driver, Script(ANSWER), request, sdk={"traces_sample_rate": 0.0})
    assert trace_ids(events) == {TRACE}  # a service of ours does


@pytest.mark.parametrize("spawn", [SpawnThread, SpawnTask])
def test_defect_11_work_that_outlives_its_request_carries_its_data(spawn, run):
    script = Script((*ANSWER, spawn((CaptureMessage("late"),))))
    for driver in DRIVERS:
        if not script.expressible_in(driver.protocol):
            continue
        _, events = run(driver, script, RequestSpec(path="/orders/1"))
        (message,) = events.messages
        assert message.method_and_path == ("GET", "/orders/1")
        assert len(trace_ids(events)) == 1


@dataclass(frozen=True, repr=False)
class LateSpan(Act):
    """A span of work that outlives its request."""

    def act(self, recorder: Any) -> None:
        with ChildSpan("late").open():
            pass


def test_defect_11_spans_after_the_end_are_not_lost(run):
    _, events = run(ASGI3, Script((*ANSWER, SpawnTask((LateSpan(),)))))
    root, late = events.roots + events.children  # a root of its own, or a child of the segment that has ended
    assert (root.name, late.name) == ("/", "late")
    assert len(trace_ids(events)) == 1


def test_defect_13_rewritten_path_does_not_change_the_past(driver, run, meddling):
    def rewrite(mapping: Any) -> None:
        mapping.update(path="/elsewhere", root_path="/x", PATH_INFO="/elsewhere", SCRIPT_NAME="/x", QUERY_STRING="")

    _, events = run(driver, FAILS, RequestSpec(path="/orders/1", query="page=2"), inner=meddling(rewrite))
    for event in events.errors + events.messages + events.transactions:
        assert event["request"]["url"] == "http://shop.example/orders/1"
        assert event["request"]["query_string"] == "page=2"
        assert event.name == "/orders/1"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_defect_19_every_method_continues_its_trace(driver, method, run):
    _, events = run(driver, FAILS, RequestSpec(method=method, headers=TRACED))
    assert events.roots == []
    assert len(events.errors) == 1
    assert trace_ids(events) == {TRACE}


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET"])
def test_defect_19_every_request_begins_a_trace_of_its_own(driver, method):
    with recording(traces_sample_rate=1.0) as events:
        sentry_sdk.capture_message("process")
        driver.run(FAILS, RequestSpec(method=method), Wrap.ours())
        driver.run(FAILS, RequestSpec(method=method), Wrap.ours())
    assert len(trace_ids(events)) == 3


@pytest.mark.parametrize(
    "driver", [WSGI, ASGI3, ASGI2], ids=repr
)  # the thread that asgiref uses is busy with the bridge
def test_defect_20_in_process_call_from_a_child_is_a_request_of_its_own(driver, run, meddling):
    """A thread with a copy of the request's context, as tasks have, calls another application of the process."""
    inside = RequestSpec(path="/inside")

    def call_inside(mapping: Any) -> None:
        context = contextvars.copy_context()
        wrap = Wrap.ours()
        thread = threading.Thread(target=context.run, args=(driver.run, Script(ANSWER), inside, wrap))
        thread.start()
        thread.join(10)

    _, events = run(driver, Script(ANSWER), RequestSpec(path="/outside"), inner=meddling(call_inside))
    assert sorted(root.name for root in events.roots) == ["/inside", "/outside"]


def _lazily(app: Any) -> Any:
    """A WSGI application that calls the next one only when it is iterated."""

    def generator(environ: Any, start_response: Any) -> Any:
        yield from app(environ, start_response)

    return generator


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_defect_21_nested_in_a_generator_that_fails_is_one_transaction(driver, run):
    _, events = run(driver, FAILS, inner=Wrap(wsgi=_lazily).around(Wrap.ours()))
    assert len(events.roots) == 1
    assert len(events.errors) == 1


def test_defect_21_nested_in_a_generator_is_one_transaction(driver, run):
    _, events = run(driver, Script(ANSWER), inner=Wrap(wsgi=_lazily).around(Wrap.ours()))
    assert len(events.roots) == 1


@pytest.mark.parametrize(("script", "errors"), [(Script(ANSWER), 0), (FAILS, 1)], ids=["succeeds", "fails"])
def test_defect_22_bridged_application_is_one_transaction(script, errors, run):
    _, events = run(BRIDGE_BOTH, script, RequestSpec(method="POST", path="/orders", query="a=1", body=(b"x",)))
    assert len(events.roots) == 1
    assert len(events.errors) == errors


@ASGI
def test_defect_34_tags_of_the_lifespan_stay_there(driver):
    with recording(traces_sample_rate=1.0) as events:
        driver.run_lifespan(LifespanScript(startup=(SetTag("phase", "startup"),)), Wrap.ours())
        driver.run(FAILS, wrap=Wrap.ours())
    assert len(events.roots) == 1
    assert all("phase" not in event.tags for event in events)


@pytest.mark.parametrize("peer", [Peer(thread_hopping=True), Peer(close=Close.NEVER), Peer(close=Close.DURING)])
def test_defect_37_stream_leaves_no_context_behind(peer):
    script = Script((*ANSWER, SendChunk()), peer=peer)
    with recording(traces_sample_rate=1.0) as events:
        first = WSGI.run(script, RequestSpec(path="/first"), Wrap.ours())
        second = WSGI.run(Script(ANSWER), RequestSpec(path="/second"), Wrap.ours())
    assert first.scope_restored
    assert second.scope_restored
    assert len(events.roots) == 2
    assert len(trace_ids(events)) == 2


def test_defect_37_connection_closed_from_another_context_leaves_none_behind():
    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    with recording(traces_sample_rate=1.0) as events:
        before = sentry_sdk.get_isolation_scope(), sentry_sdk.get_current_scope()
        connection = Wrap.ours().asgi(waits)({"type": "http", "method": "GET", "path": "/"}, None, None)
        context = contextvars.copy_context()
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        with pytest.raises((AttributeError, StopIteration, RuntimeError)):
            context.run(lambda: [connection.send(None), connection.throw(RuntimeError)])
        loop.close()
        asyncio.set_event_loop(None)
        connection.close()
        assert (sentry_sdk.get_isolation_scope(), sentry_sdk.get_current_scope()) == before
    assert len(events.roots) == 1


def test_defect_39_health_checks_are_left_out(driver, run):
    _, events = run(driver, FAILS, RequestSpec(path="/healthz"), excluded_urls="/healthz,/metrics")
    assert events.errors + events.roots + events.sessions == []
    _, events = run(driver, Script(ANSWER), RequestSpec(path="/health-plans"), excluded_urls="/healthz,/metrics")
    assert len(events.roots) == 1


def test_defect_40_sampler_sees_the_route(driver, run):
    seen = []

    def sampler(context: Any) -> float:
        seen.append(context["transaction_context"]["name"])
        return 1.0

    request = RequestSpec(path="/orders/17")
    run(driver, Script(ANSWER), request, sdk={"traces_sampler": sampler}, route_resolver=lambda found: "/orders/{id}")
    assert seen == ["/orders/{id}"]


@dataclass(frozen=True, repr=False)
class AddProcessor(Act):
    """Add an event processor that hides the URL."""

    def act(self, recorder: Any) -> None:
        def hide(event: Any, hint: Any) -> Any:
            event["request"]["url"] = "hidden"
            return event

        sentry_sdk.get_isolation_scope().add_event_processor(hide)


def test_defect_43_processors_of_the_request_find_its_data(driver, run):
    _, events = run(driver, Script((AddProcessor(), *FAILS.steps)), RequestSpec(path="/orders/17"))
    assert len(events.errors) == 1
    assert all(event["request"]["url"] == "hidden" for event in events.errors + events.transactions)
