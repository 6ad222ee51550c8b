"""``_sentry.scopes``: what a request's scopes begin with."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import Scope

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web._sentry import SentryRecorder
from sentry_web._sentry.redaction import RedactingScope
from sentry_web.testing import ChildSpan, recording
from sentry_web.testing.sdk import STATIC, STREAM

QUIET: dict[str, Any] = {"release": ""}
LEFT_OUT: dict[str, Any] = {"release": "", "traces_sample_rate": 0.0}
SAMPLED: dict[str, Any] = {"release": "", "traces_sample_rate": 1.0}
BOTH_MODES = pytest.mark.parametrize("mode", [STATIC, STREAM], ids=["transactions", "stream"])
ALL = pytest.mark.parametrize(
    "sdk",
    [QUIET, {"release": "shop@1"}, LEFT_OUT, {**SAMPLED, **STATIC}, {**SAMPLED, **STREAM}],
    ids=["errors only", "sessions", "left out", "transactions", "stream"],
)


def ask(inside: Callable[[], Any], path: str = "/books/7", **options: Any) -> Any:
    """Call ``inside`` in a request to a WSGI application; what it returns."""
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(inside())
        start_response("200 OK", [])
        return [b"x"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "shop.example", "wsgi.url_scheme": "http"}
    SentryWsgiMiddleware(app, **options)(environ, lambda status, headers: None)
    return seen[0]


def nothing() -> None:
    return None


def test_a_request_inside_a_request_has_its_scopes_at_once() -> None:
    """What the outer one says later is none of the inner one's."""
    with recording(**QUIET) as events:

        def outer() -> None:
            sentry_sdk.set_tag("outer", "before")
            ask(inner, "/inner")

        def inner() -> None:
            assert type(sentry_sdk.get_current_scope()) is RedactingScope
            sentry_sdk.capture_message("inner")

        ask(outer)
    (message,) = events.messages
    assert message["tags"]["outer"] == "before"
    assert message["request"]["url"].endswith("/inner")


# --- what they are, once they are made -------------------------------------------------------------------------------


@ALL
def test_they_are_scopes_like_any_other_then(sdk: dict[str, Any]) -> None:
    with recording(**sdk):

        def inside() -> tuple[type, type]:
            sentry_sdk.set_tag("shelf", "7")
            sentry_sdk.get_current_scope().set_tag("row", "2")
            return type(sentry_sdk.get_isolation_scope()), type(sentry_sdk.get_current_scope())

        assert ask(inside) == (Scope, RedactingScope)


def test_what_is_set_first_stays() -> None:
    with recording(**QUIET) as events:

        def inside() -> None:
            sentry_sdk.get_current_scope().set_level("fatal")
            sentry_sdk.get_isolation_scope().set_user({"id": "17"})
            sentry_sdk.capture_message("said")

        ask(inside)
    (message,) = events.messages
    assert message["level"] == "fatal"
    assert message["user"]["id"] == "17"
    assert message["request"]["url"] == "http://shop.example/books/7"
    assert message["tags"]["protocol"] == "wsgi"


def test_the_trace_is_that_of_the_headers() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"

    def app(environ: Any, start_response: Any) -> list[bytes]:
        sentry_sdk.capture_message("said")
        start_response("200 OK", [])
        return [b"x"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_SENTRY_TRACE": f"{trace}-b7ad6b7169203331-1"}
    with recording(**QUIET) as events:
        SentryWsgiMiddleware(app)(environ, lambda status, headers: None)
    (message,) = events.messages
    assert message["contexts"]["trace"]["trace_id"] == trace


@BOTH_MODES
def test_a_request_that_is_left_out_has_one_trace_for_all_that_it_asks(mode: dict[str, Any]) -> None:
    with recording(**LEFT_OUT, **mode) as events:

        def inside() -> tuple[Any, Any]:
            with ChildSpan("query").open():
                child = sentry_sdk.get_traceparent()
            sentry_sdk.capture_message("said")
            return child, sentry_sdk.get_traceparent()

        child, current = ask(inside)
        assert ask(sentry_sdk.get_traceparent).split("-")[0] != current.split("-")[0]
    (message,) = events.messages
    assert (child[-2:], current[-2:]) == ("-0", "-0")
    assert child.split("-")[0] == current.split("-")[0] == message["contexts"]["trace"]["trace_id"]
    assert message["transaction"] == "/books/7"
    assert events.roots == []


@BOTH_MODES
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.7])
def test_as_many_are_sampled_as_were_asked_for(rate: float, mode: dict[str, Any]) -> None:
    """The number decides once: in a trace of ours the span's own is the same."""
    with recording(release="", traces_sample_rate=rate, **mode) as events:
        for _ in range(200):
            ask(nothing)
    sampled = len(events.roots)
    assert abs(sampled / 200 - rate) < 0.2  # six standard deviations
    for envelope in events.envelopes:
        trace = json.loads(envelope.splitlines()[0])["trace"]
        assert float(trace.get("sample_rand", 0.0)) < rate  # older releases do not send it
        assert float(trace["sample_rate"]) == rate


@pytest.mark.parametrize("touch", [nothing, lambda: sentry_sdk.set_tag("shelf", "7")], ids=["untouched", "touched"])
def test_a_session_is_counted_once(touch: Callable[[], Any]) -> None:
    with recording(release="shop@1") as events:
        for _ in range(3):
            ask(touch)
        ask(lambda: sentry_sdk.capture_exception(ValueError("errored")))
    (sessions,) = events.sessions
    (minute,) = sessions["aggregates"]
    assert (minute["exited"], minute["errored"]) == (3, 1)


@BOTH_MODES
def test_what_is_left_out_is_counted(mode: dict[str, Any]) -> None:
    lost: list[tuple[str, str]] = []

    def record_lost_event(reason: str, data_category: str, **values: Any) -> None:
        lost.append((reason, data_category))

    with recording(**LEFT_OUT, **mode), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentry_sdk.get_client().transport, "record_lost_event", record_lost_event)
        ask(nothing)
        ask(lambda: sentry_sdk.set_tag("shelf", "7"))
    categories = ["span"] if mode is STREAM else ["transaction", "span"]
    assert lost == [("sample_rate", category) for category in categories] * 2


# --- more than one at once, and what goes wrong ----------------------------------------------------------------------


@ALL
def test_two_threads_touch_them_at_once(sdk: dict[str, Any]) -> None:
    """Whatever the order, what both have set is there: the slower one puts nothing back."""

    def inside() -> dict[str, str]:
        isolation, barrier = sentry_sdk.get_isolation_scope(), threading.Barrier(4)

        def touch(number: int) -> None:
            barrier.wait(5)
            isolation.set_tag(f"n{number}", "1")

        threads = [threading.Thread(target=touch, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        return dict(isolation._tags)

    with recording(**sdk):
        for _ in range(20):
            assert ask(inside).keys() >= {"n0", "n1", "n2", "n3", "protocol"}


def test_a_task_that_outlives_the_request_touches_them_first() -> None:
    done: list[asyncio.Event] = []
    tasks: list[asyncio.Task[None]] = []

    async def late() -> None:
        await done[0].wait()
        sentry_sdk.capture_message("late")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.ensure_future(late()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def main() -> None:
        done.append(asyncio.Event())  # made here, since before Python 3.10 it belongs to a loop

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            return None

        scope = {"type": "http", "method": "GET", "path": "/books/7", "headers": [(b"host", b"shop.example")]}
        await SentryAsgiMiddleware(app)(scope, receive, send)
        done[0].set()
        await tasks[0]

    with recording(**QUIET) as events:
        asyncio.run(main())
    (message,) = events.messages
    assert message["request"]["url"] == "http://shop.example/books/7"


@pytest.mark.parametrize("whole_process", [True, False])
@pytest.mark.parametrize("which", [None, 0, 1])
def test_the_client_is_the_one_that_the_sdk_finds(whole_process: bool, which: int | None) -> None:
    """On the isolation or the current scope, or that of the whole process, if there is one."""
    with recording(**QUIET) if whole_process else nullcontext(), sentry_sdk.isolation_scope():
        around = Scope.get_isolation_scope(), Scope.get_current_scope()
        if which is not None:
            around[which].set_client(sentry_sdk.Client(default_integrations=False, auto_enabling_integrations=False))
        theirs = sentry_sdk.get_client()
        assert theirs.is_active() is SentryRecorder().active("wsgi")
        assert theirs.is_active() is (whole_process or which is not None)
