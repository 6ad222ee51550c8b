"""``_core.guard``: the one place where a failure of our own ends."""

from __future__ import annotations

import contextvars
import functools
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from sentry_web._core import guard
from sentry_web._core.guard import call, finish_dropped, logger, pass_on, prepare_to_finish, report
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS


def test_a_call_hands_arguments_in_and_the_result_out() -> None:
    assert call(divmod, 7, 2) == (3, 1)


def test_an_exception_is_logged_as_a_warning_and_answered_with_none(caplog: pytest.LogCaptureFixture) -> None:
    def hook() -> int:
        raise ValueError("hook's own fault")

    assert call(hook) is None
    (record,) = caplog.records
    assert record.name == "sentry_web"
    assert record.levelno == logging.WARNING  # the SDK's logging integration reports ERROR records as events
    assert "hook failed" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


def test_what_has_no_name_is_logged_by_its_class(caplog: pytest.LogCaptureFixture) -> None:
    class Hook:
        def __call__(self) -> None:
            raise ValueError

    call(Hook())
    assert ".Hook failed" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_interpreters_word_to_the_whole_process_passes(error: type[BaseException]) -> None:
    def hook() -> None:
        raise error

    with pytest.raises(error):
        call(hook)


class Handler:
    """What can be a signal handler: its instances and their methods."""

    def __call__(self, number: int, frame: Any) -> None:
        raise TimeoutError

    def handle(self, number: int, frame: Any) -> None:
        raise TimeoutError


def handle(number: int, frame: Any, more: str = "") -> None:
    raise TimeoutError


@pytest.mark.parametrize("handler", [handle, Handler(), Handler().handle, functools.partial(handle, more="x")])
@pytest.mark.parametrize("guarded", [call, guard.attempt])
def test_a_signals_exception_is_passed_on_by_the_guard(
    handler: Any, guarded: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def step() -> None:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0)  # where it is handled at the latest

    former = signal.signal(signal.SIGTERM, handler)
    try:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                guarded(step)
    finally:
        signal.signal(signal.SIGTERM, former)
    assert not caplog.records
    assert call(handler, 0, None) is None  # it is no signal handler any more
    assert "failed" in caplog.text


def test_a_logging_filter_that_raises_reaches_nobody() -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise RuntimeError("filter's own fault")

    logger.addFilter(refuse)
    try:
        report(print)
        assert call(int, "no number") is None
    finally:
        logger.removeFilter(refuse)


def test_without_an_exception_there_is_nothing_to_pass_on() -> None:
    taken: list[BaseException] = []
    pass_on(taken.append)
    assert taken == []


class Dropped:
    """An object that is finished with when it is dropped, and says on which thread that is."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.ended = threading.Event()
        self.threads: list[int] = []
        self.work = Work(self.lock, self.ended, self.threads)

    def __del__(self) -> None:
        finish_dropped(self, self.work.finish)


class Work:
    def __init__(self, lock: Any, ended: threading.Event, threads: list[int]) -> None:
        self.lock, self.ended, self.threads = lock, ended, threads

    def finish(self) -> None:
        with self.lock:
            self.threads.append(threading.get_ident())
        self.ended.set()


def test_what_is_dropped_is_finished_with_at_once() -> None:
    dropped = Dropped(threading.Lock())
    work = dropped.work
    del dropped
    assert work.threads == [threading.get_ident()]


def test_what_the_garbage_collector_finds_may_wait_for_a_lock_that_is_held_here() -> None:
    prepare_to_finish()
    dropped = Dropped(threading.Lock())
    work = dropped.work
    dropped.itself = dropped  # type: ignore[attr-defined]
    with work.lock:
        del dropped
        gc.collect()
        assert work.threads == []
    assert work.ended.wait(timeout=10)
    assert work.threads != [threading.get_ident()]


def test_where_nobody_counts_references_nothing_is_taken_for_a_part_of_a_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "getrefcount", lambda _: 0)
    dropped = Dropped(threading.Lock())
    work = dropped.work
    dropped.itself = dropped  # type: ignore[attr-defined]
    del dropped
    gc.collect()
    assert work.threads == [threading.get_ident()]


def test_the_thread_inherits_nothing_of_the_request_that_starts_it() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    variable.set("a request's")
    finisher, seen, done = guard._Finisher(), [], threading.Event()
    finisher.start()
    finisher.put(lambda: (seen.append(variable.get()), done.set()))
    assert done.wait(5)
    assert seen == ["nothing"]


def test_a_forked_process_starts_a_thread_of_its_own() -> None:
    prepare_to_finish()
    finisher = guard._Finisher()
    finisher.start()
    parents = finisher._thread
    finisher.start()
    assert finisher._thread is parents
    finisher.forget_thread()
    finisher.start()
    assert finisher._thread is not parents
    ended = threading.Event()
    finisher.put(ended.set)
    assert ended.wait(timeout=10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this platform: no fork")
def test_what_the_collector_finds_is_finished_in_a_forked_process_too() -> None:
    code = """
import gc, os, sys, threading
from sentry_web._core.guard import finish_dropped, prepare_to_finish
class Dropped:
    def __del__(self):
        finish_dropped(self, ended.set)
def find():
    prepare_to_finish()
    dropped = Dropped()
    dropped.itself = dropped
    del dropped
    gc.collect()
    return 0 if ended.wait(10) else 1
ended = threading.Event()
assert find() == 0
ended.clear()
child = os.fork()
if not child:
    os._exit(find())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60, check=False)
    assert done.returncode == 0


def test_what_fails_with_the_record_of_a_failure_is_not_reported_again(caplog: pytest.LogCaptureFixture) -> None:
    """An output that takes log records may fail with each of them."""

    def fails() -> None:
        raise ValueError("broken")

    class Output(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            guard.call(fails)

    handler = Output()
    guard.logger.addHandler(handler)
    try:
        guard.call(fails)
        guard.call(fails)
    finally:
        guard.logger.removeHandler(handler)
    assert len(caplog.records) == 2


#: Ends with requests pending, as a server that does not wait for them.
PENDING = """
import asyncio, logging, sentry_sdk
from sentry_web import {name}
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_scope

logging.basicConfig(level=logging.WARNING)
logging.getLogger("asyncio").disabled = True
sentry_sdk.init(
    dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, auto_enabling_integrations=False, **{options}
)

async def app(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await asyncio.sleep(1000)

async def send(message): ...

async def main():
    tasks.extend(asyncio.ensure_future(wrapped(make_scope(RequestSpec()), None, send)) for _ in range(5))
    await asyncio.sleep(0.05)

wrapped, tasks = {name}(app), []
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
"""


@pytest.mark.parametrize("name", ["SentryAsgiMiddleware", "instrument_asgi"])
@pytest.mark.parametrize("options", [{}, {"trace_lifecycle": "stream"}] if HAS_TRANSACTIONS else [{}], ids=repr)
def test_requests_that_are_pending_when_the_interpreter_ends_print_nothing(name: str, options: Any) -> None:
    """And hold nothing up: a thread that the SDK starts then, to send a streamed span, would never come up."""
    if "trace_lifecycle" in options and not HAS_STREAMED_SPANS:
        pytest.skip("not with this sentry-sdk: trace_lifecycle")
    command = [sys.executable, "-W", "ignore", "-c", PENDING.format(name=name, options=options)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, env=environment)
    assert done.stdout + done.stderr == ""
