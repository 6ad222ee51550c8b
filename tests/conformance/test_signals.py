"""A signal's exception amid our code leaves neither scopes nor a request behind, and reaches who waits for it.

A signal handler may raise between any two instructions: the interpreter's ``KeyboardInterrupt``, a server's
``SystemExit``, the ``TimeoutError`` of an alarm. So requests are traced by instructions, and a handler is called at one
of them after the other.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as TheirAsgiMiddleware
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as TheirWsgiMiddleware

import sentry_web
from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web._core.context import current
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_environ, make_scope

from .properties import TRACED, sdk

PACKAGE = Path(sentry_web.__file__).parent
SDK = Path(sentry_sdk.__file__).parent
#: Where sentry-sdk holds locks, which an interrupted ``with`` may keep for ever: no signal comes there.
LOCKS = ("_batcher.py", "_span_batcher.py", "monitor.py", "sessions.py", "transport.py", "worker.py")
#: What enters and leaves the contexts of a request.
HOLDING = (
    "_core/closed.py",
    "_core/context.py",
    "_core/recordings.py",
    "_request/wsgi_input.py",
    "_sentry/_speedups/context.py",
    "_sentry/closed.py",
    "_sentry/scopes.py",
    "asgi.py",
    "wsgi.py",
)
TRIES = 300  # of the instructions of a request
#: Of 300. Where ``enter`` has returned and its caller has not taken the result yet, nobody can leave. From Python 3.11
#: on, no signal is handled there.
MOST_LEFT = 2
#: Of all instructions of ``HOLDING``: the same places, of each time that contexts are entered. Where context managers
#: are entered, one may also have been entered that is not noted yet.
MOST_PLACES = 36 if os.environ.get("SENTRY_WEB_NO_SPEEDUPS") else 14


class Interrupt(BaseException):
    """What a signal handler raises to end a process."""


class AlarmError(Exception):
    """What a signal handler raises to end what takes too long."""


def handle_interrupt(*_: Any) -> None:
    raise Interrupt


def handle_alarm(*_: Any) -> None:
    raise AlarmError


#: What is raised by turns.
HANDLERS = (handle_interrupt, handle_alarm)


def wsgi_application(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"book"]


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"book"})


def serve_wsgi(application: Any) -> None:
    response = application(make_environ(RequestSpec()), lambda *_: None)
    try:
        list(response)
    finally:
        getattr(response, "close", lambda: None)()


async def receive() -> dict[str, Any]:
    return {"type": "http.request"}


async def send(message: Any) -> None:
    """Take a message."""


def serve_asgi(application: Any) -> None:
    """Serve a request without an event loop: nothing waits here."""
    conversation = application(make_scope(RequestSpec()), receive, send)
    with contextlib.suppress(StopIteration):
        conversation.send(None)


Serve = Callable[[], None]
OURS: dict[str, Callable[[], Serve]] = {
    "wsgi": lambda: serving(serve_wsgi, SentryWsgiMiddleware(wsgi_application)),
    "asgi": lambda: serving(serve_asgi, SentryAsgiMiddleware(asgi_application)),
}
THEIRS: dict[str, Callable[[], Serve]] = {
    "wsgi": lambda: serving(serve_wsgi, TheirWsgiMiddleware(wsgi_application)),
    "asgi": lambda: serving(serve_asgi, TheirAsgiMiddleware(asgi_application)),
}


def serving(serve: Callable[[Any], None], application: Any) -> Serve:
    return lambda: serve(application)


class Tracer:
    """Counts the instructions of some functions, and calls a function at one of them.

    Args:
        watches: Whether a function's instructions count.
        at: The number of the instruction; 0: at none.
        handler: What is called.
    """

    def __init__(self, watches: Callable[[CodeType], bool], at: int = 0, handler: Any = None) -> None:
        self._watches, self._at, self._handler = watches, at, handler
        self.count = 0
        self.place = ""

    def __call__(self, frame: Any, event: str, argument: Any) -> Any:
        if self.place or not self._watches(frame.f_code):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._step

    def _step(self, frame: Any, event: str, argument: Any) -> Any:
        if event == "opcode" and not self.place:
            self.count += 1
            if self.count == self._at:
                self.place = f"{Path(frame.f_code.co_filename).name}, {frame.f_code.co_name}"
                self._handler(signal.SIGALRM, frame)
        return self._step

    @contextlib.contextmanager
    def tracing(self) -> Iterator[None]:
        former = sys.gettrace()
        sys.settrace(self)
        try:
            yield
        finally:
            sys.settrace(former)


def anywhere(code: CodeType) -> bool:
    """Return whether a function is one of the package or of sentry-sdk, where a signal may come."""
    path = Path(code.co_filename)
    ours = PACKAGE in path.parents and PACKAGE / "testing" not in path.parents
    return ours or (SDK in path.parents and path.name not in LOCKS) or path.name == "contextlib.py"


def where_contexts_change(code: CodeType) -> bool:
    """Return whether a function is one of ``HOLDING``."""
    path = Path(code.co_filename)
    return PACKAGE in path.parents and path.relative_to(PACKAGE).as_posix() in HOLDING


@contextlib.contextmanager
def handling(handler: Any) -> Iterator[None]:
    """Have a function handle ``SIGALRM``, as the package can see."""
    former = signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, former)


def state() -> tuple[Any, ...]:
    return sentry_sdk.get_current_scope(), sentry_sdk.get_isolation_scope(), current()


def is_left(serve: Serve, tracer: Tracer) -> bool:
    """Serve a request, and return whether anything is current afterwards that was not before."""
    before = state()
    with contextlib.suppress(Interrupt, AlarmError), tracer.tracing():
        serve()
    return any(one is not other for one, other in zip(before, state()))


def interrupted(serve: Serve, watches: Callable[[CodeType], bool], most: int | None = None) -> tuple[int, Counter[str]]:
    """Serve a request for each instruction, or for ``most`` of them evenly, and interrupt it there.

    Returns:
        The number of requests, and where those were interrupted that have left something.
    """
    remembered: dict[CodeType, bool] = {}

    def watched(code: CodeType) -> bool:
        if code not in remembered:
            remembered[code] = watches(code)
        return remembered[code]

    places: Counter[str] = Counter()
    counted = Tracer(watched)
    for _ in range(4):  # what is done once a process is done by now
        counted = Tracer(watched)
        copy_context().run(is_left, serve, counted)
    chosen = range(1, counted.count + 1, 1 if most is None else max(1, counted.count // most))

    def interrupt(handler: Any, instructions: Sequence[int]) -> None:
        for at in instructions:
            tracer = Tracer(watched, at, handler)
            if copy_context().run(is_left, serve, tracer):
                places[tracer.place] += 1

    for turn, handler in enumerate(HANDLERS):
        # On a thread of its own: CPython 3.11 may take an exception that a tracer has cut off for one that is handled
        thread = threading.Thread(target=copy_context().run, args=(interrupt, handler, chosen[turn :: len(HANDLERS)]))
        with handling(handler):
            thread.start()
            thread.join()
    return len(chosen), places


# A coroutine that is interrupted before its first step was never awaited, and sentry-sdk's context managers are
# generators, which are told so when they are dropped; what they raise is reported by the interpreter alone
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Log nothing: neither the SDK, of what it has caught, nor us. And leave nothing to be dropped later."""
    caplog.set_level("CRITICAL")
    yield
    gc.collect()


@pytest.mark.parametrize("mode", [mode for mode in ("sampled, no sessions", "stream") if mode in TRACED])
@pytest.mark.parametrize("protocol", OURS)
def test_a_signals_exception_leaves_scopes_no_more_often_than_in_sentry_sdk(mode: str, protocol: str) -> None:
    with sdk(mode):
        tries, theirs = interrupted(THEIRS[protocol](), anywhere, TRIES)
        their_share = sum(theirs.values()) / tries
        tries, ours = interrupted(OURS[protocol](), anywhere, TRIES)
    assert tries >= TRIES
    assert sum(ours.values()) <= MOST_LEFT, ours
    assert sum(ours.values()) / tries <= max(their_share, MOST_LEFT / TRIES), (ours, theirs)


@pytest.mark.parametrize("protocol", OURS)
def test_a_signals_exception_while_contexts_change_leaves_nothing_current(protocol: str) -> None:
    with sdk(TRACED[0]):
        tries, places = interrupted(OURS[protocol](), where_contexts_change)
    assert tries > 300
    assert sum(places.values()) <= MOST_PLACES, places
