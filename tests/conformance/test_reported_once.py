"""Each exception object is reported once, none is lost, and what is remembered of them is bounded."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sentry_sdk

from sentry_web._core.context import CURRENT
from sentry_web.recorder import MOST_CAPTURED
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    WSGI,
    Accept,
    CloseSocket,
    Raise,
    Returns,
    Script,
    SendChunk,
    StartResponse,
    WsScript,
    recording,
)
from sentry_web.testing.steps import Act

from .properties import ONCE

DRIVERS = pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)


class CaptureMany(Act):
    """Capture exceptions of one line, then let that line raise one more that nobody captures."""

    def __init__(self, times: int, kind: type[Exception], fails: bool = True, kept: Any = None) -> None:
        self.times, self.kind, self.fails, self.kept = times, kind, fails, kept

    def act(self, recorder: Any) -> None:
        for number in range(self.times + self.fails):
            try:
                raise self.kind
            except self.kind as error:
                if number == self.times:
                    raise
                sentry_sdk.capture_exception(error)
                if self.kept is not None:
                    self.kept.append(error)


@DRIVERS
@pytest.mark.parametrize("kind", [AssertionError, ValueError, type("Own", (Exception,), {})])
def test_each_exception_is_reported_once_and_none_is_lost(driver: Any, kind: type[Exception]) -> None:
    for times in range(1, 12):
        with recording(default_integrations=False) as events:
            driver.run(Script((CaptureMany(times, kind), StartResponse())), wrap=ONCE)
            unhandled = [error for error in events.errors if error.mechanism.get("handled") is False]
            assert (len(events.errors), len(unhandled)) == (times + 1, 1)


@DRIVERS
def test_each_exception_is_reported_once_though_it_passes_twice(driver: Any) -> None:
    class CaptureAndRaise(Act):
        def act(self, recorder: Any) -> None:
            try:
                raise ValueError
            except ValueError as error:
                sentry_sdk.capture_exception(error)
                raise

    with recording(default_integrations=False) as events:
        driver.run(Script((CaptureAndRaise(), StartResponse())), wrap=ONCE.around(ONCE))
        assert len(events.errors) == 1


@DRIVERS
def test_each_exception_is_reported_once_a_request_also_where_the_object_is_the_same(driver: Any) -> None:
    """One that a module holds, or a future that many requests wait for, is raised again and again."""
    kept = ValueError("kept")

    class RaiseKept(Act):
        def act(self, recorder: Any) -> None:
            raise kept

    with recording(default_integrations=False) as events:
        for _ in range(3):
            driver.run(Script((RaiseKept(), StartResponse())), wrap=ONCE)
        assert len(events.errors) == 3


class Count(Act):
    """How many exceptions are remembered."""

    def __init__(self, seen: list[int]) -> None:
        self.seen = seen

    def act(self, recorder: Any) -> None:
        self.seen.append(sum(len(active.captured) for active in CURRENT.get().recordings))


def test_each_exception_is_reported_once_on_a_websocket_that_captures_thousands() -> None:
    """In bounded memory; and the last of them costs what the first one does."""
    seen: list[int] = []
    own = type("Own", (Exception,), {})
    many = (CaptureMany(1_000, ValueError, False, []), CaptureMany(1_000, own, False, []), Count(seen))
    with recording(default_integrations=False, before_send=lambda event, hint: None):
        ASGI3.run_websocket(WsScript((Accept(), *many, CloseSocket())), wrap=ONCE)
    assert 0 < seen[0] <= MOST_CAPTURED


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)
def test_each_exception_is_reported_once_in_a_response_that_captures_thousands(driver: Any) -> None:
    seen: list[int] = []
    steps = (StartResponse(), CaptureMany(1_000, ValueError, False, []), Count(seen), SendChunk(), Raise())
    with recording(default_integrations=False, before_send=lambda event, hint: None):
        before = time.perf_counter()
        driver.run(Script(steps, Returns.GENERATOR), wrap=ONCE)
        assert time.perf_counter() - before < 60
    assert 0 < seen[0] <= MOST_CAPTURED
