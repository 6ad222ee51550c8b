"""Defects in what a request leaves behind in memory (the table of incumbents' faults: 12, 42).

The servers here are minimal, since the drivers themselves keep scope, environ and exceptions for the transcript.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import time
import types
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import sentry_sdk

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import RequestSpec, recording
from sentry_web.testing.drivers import make_environ, make_scope
from sentry_web.testing.sdk import STATIC, STREAM

SAMPLER = {"traces_sampler": lambda context: 1.0}  # with one, the SDK is given scope or environ
MODES = pytest.mark.parametrize(
    "sdk",
    [{}, STREAM, SAMPLER, {**STREAM, **SAMPLER}],
    ids=["transactions", "stream", "transactions, a sampler", "stream, a sampler"],
)
REQUESTS = 20


class Application:
    """What frameworks put into ``scope["app"]``."""


async def _discard(message: Any) -> None: ...


def _outlived_by_a_task(fails: bool) -> tuple[bool, bool]:
    """Serve an ASGI request that starts a task: whether the scope's content is alive afterwards, and the task too."""

    async def serve() -> tuple[bool, bool]:
        over, tasks = asyncio.Event(), []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            tasks.append(asyncio.ensure_future(over.wait()))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})
            if fails:
                raise RuntimeError("boom")

        scope = make_scope(RequestSpec(headers=(("X-Api-Key", "1"),)))
        scope["app"] = Application()
        pinned = weakref.ref(scope["app"])
        with suppress(RuntimeError):
            await SentryAsgiMiddleware(app)(scope, _discard, _discard)
        del scope
        result = pinned() is not None, not tasks[0].done()
        over.set()
        await tasks[0]
        return result

    return asyncio.run(serve())


def _outlived_by_a_thread(fails: bool) -> tuple[bool, bool]:
    """The same for a WSGI request that starts a thread in a copy of its context."""
    over, threads = threading.Event(), []

    def app(environ: Any, start_response: Any) -> Any:
        threads.append(threading.Thread(target=contextvars.copy_context().run, args=(over.wait, 10)))
        threads[0].start()
        start_response("200 OK", [])
        if fails:
            raise RuntimeError("boom")
        return iter([b"hello"])

    environ = make_environ(RequestSpec(headers=(("X-Api-Key", "1"),)))
    environ["app"] = Application()
    pinned = weakref.ref(environ["app"])
    with suppress(RuntimeError):
        body = SentryWsgiMiddleware(app)(environ, lambda *args: _discard)
        assert list(body) == [b"hello"]
        del body
    del environ
    result = pinned() is not None, threads[0].is_alive()
    over.set()
    threads[0].join(10)
    return result


@MODES
@pytest.mark.parametrize("fails", [False, True], ids=["ok", "fails"])
@pytest.mark.parametrize("serve", [_outlived_by_a_task, _outlived_by_a_thread])
def test_defect_12_what_outlives_a_request_does_not_pin_it(serve, fails, sdk):
    gc.disable()  # what only the collector can free is pinned for a while, too
    try:
        with recording(traces_sample_rate=1.0, **sdk):
            pinned, runs = serve(fails)
    finally:
        gc.enable()
    assert runs
    assert not pinned


def _serve_wsgi(wrap: Callable[[Any], Any]) -> Callable[[], None]:
    def app(environ: Any, start_response: Any) -> Any:
        raise RuntimeError("boom")

    wrapped = wrap(app)

    def serve() -> None:
        with suppress(RuntimeError):
            wrapped(make_environ(RequestSpec()), lambda *args: None)

    return serve


def _serve_asgi(wrap: Callable[[Any], Any]) -> Callable[[], None]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("boom")

    wrapped = wrap(app)

    def serve() -> None:
        # A coroutine that never waits needs no event loop, which would leave cycles of its own
        with suppress(RuntimeError):
            wrapped(make_scope(RequestSpec()), _discard, _discard).send(None)

    return serve


def _capture_only() -> None:
    """Nothing but a report and a transaction: what older releases of the SDK leave behind by themselves."""
    with sentry_sdk.isolation_scope(), sentry_sdk.start_transaction(name="bare"):
        try:
            raise RuntimeError("boom")
        except RuntimeError:
            sentry_sdk.capture_exception()


def _garbage(serve: Callable[[], None]) -> set[type]:
    """What only the collector can free after some requests: the types of it."""
    for _ in range(3):
        serve()  # caches fill
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(REQUESTS):
            serve()
        gc.collect()
        return {type(item) for item in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize(
    ("make", "wrap"), [(_serve_wsgi, SentryWsgiMiddleware), (_serve_asgi, SentryAsgiMiddleware)], ids=["wsgi", "asgi"]
)
def test_defect_42_no_cycles_after_an_exception(make, wrap):
    """Until PEP 667 (Python 3.13) a look at ``frame.f_locals`` leaves a copy of the locals in the frame: an exception
    that is a local of one of our frames holds itself, since the SDK looks at every frame of a traceback.

    In stream mode the SDK's own spans are cycles (``StreamedSpan._segment``), hence only the other mode here.
    """
    with recording(traces_sample_rate=1.0, **STATIC):
        allowed = _garbage(make(lambda app: app)) | _garbage(_capture_only)
        serve = make(wrap)
        found: list[set[type]] = []
        for _ in range(10):  # threads of earlier tests may leave cycles meanwhile
            found.append(_garbage(serve) - allowed)
            if not found[-1]:
                return
            time.sleep(0.2)
        pytest.fail(f"left to the collector each time: {found}")


@pytest.mark.parametrize(
    "options",
    [{"traces_sample_rate": 1.0}, {"traces_sample_rate": 0.0}, {}],
    ids=["sampled", "left out", "errors only"],
)
@pytest.mark.parametrize(
    ("make", "wrap"), [(_serve_wsgi, SentryWsgiMiddleware), (_serve_asgi, SentryAsgiMiddleware)], ids=["wsgi", "asgi"]
)
def test_no_streamed_segment_keeps_the_request_to_itself(make, wrap, options):
    """The SDK's segments refer to themselves, and to the scope on which they were started."""
    with recording(**{**STREAM, **options}):
        serve = make(wrap)
        found: list[list[str]] = []
        for _ in range(10):  # threads of earlier tests may leave cycles meanwhile
            kinds = [*_garbage(serve)]
            found.append([kind.__qualname__ for kind in kinds if _is_of_request(kind)])
            if not found[-1]:
                return
            time.sleep(0.2)
        pytest.fail(f"left to the collector each time: {found}")


def _is_of_request(kind: type) -> bool:
    return kind.__module__.startswith("sentry_web") or issubclass(
        kind, (sentry_sdk.Scope, types.FrameType, BaseException)
    )
