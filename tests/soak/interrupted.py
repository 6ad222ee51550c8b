"""Requests that a timer's signal interrupts at any moment: how many of them leave scopes behind.

``python tests/soak/interrupted.py ours|theirs wsgi|asgi interrupt|alarm COUNT [OPTION=VALUE …]`` serves requests until
``COUNT`` of them were interrupted, by a ``BaseException`` or an ``Exception``, and prints how many have left something
current. Further arguments are options of ``sentry_sdk.init``.
"""

from __future__ import annotations

import contextlib
import logging
import random
import signal
import sys
import time
from contextvars import copy_context
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as TheirAsgiMiddleware
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as TheirWsgiMiddleware
from sentry_sdk.transport import Transport

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web._core.context import current
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_environ, make_scope

WARM_UP, TIMED = 50, 200  # requests


class Interrupt(BaseException):
    """What a signal handler raises to end a process."""


class AlarmError(Exception):
    """What a signal handler raises to end what takes too long."""


class Nowhere(Transport):
    """A transport that drops what it is given."""

    def capture_envelope(self, envelope: Any) -> None:
        """Drop it."""


class Alarm:
    """A timer whose signal raises, once, while it is armed."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error
        self.fired = 0
        self._armed = False

    def __call__(self, number: int, frame: Any) -> None:
        if self._armed:
            self._armed = False
            self.fired += 1
            raise self._error

    @contextlib.contextmanager
    def within(self, seconds: float) -> Any:
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, random.random() * seconds + 1e-6)
        try:
            yield
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)


def wsgi_application(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"book"]


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"book"})


MIDDLEWARES: dict[tuple[str, str], Any] = {
    ("ours", "wsgi"): SentryWsgiMiddleware,
    ("ours", "asgi"): SentryAsgiMiddleware,
    ("theirs", "wsgi"): TheirWsgiMiddleware,
    ("theirs", "asgi"): TheirAsgiMiddleware,
}


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


def state() -> tuple[Any, ...]:
    return sentry_sdk.get_current_scope(), sentry_sdk.get_isolation_scope(), current()


def main() -> None:
    whose, protocol, raises, count, *options = sys.argv[1:]
    more = dict(option.split("=", 1) for option in options)
    logging.disable(logging.CRITICAL)
    sentry_sdk.init(
        "http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Nowhere, default_integrations=False, **more
    )
    batcher: Any = getattr(sentry_sdk.get_client(), "span_batcher", None)
    if batcher is not None:
        # Its thread is woken by a threading.Event, whose lock stays locked for ever where a signal comes amid set()
        batcher.add = lambda span: None
    if protocol == "wsgi":
        serve, application = serve_wsgi, MIDDLEWARES[whose, protocol](wsgi_application)
    else:
        serve, application = serve_asgi, MIDDLEWARES[whose, protocol](asgi_application)
    alarm = Alarm(Interrupt if raises == "interrupt" else AlarmError)
    signal.signal(signal.SIGALRM, alarm)

    def is_left(seconds: float) -> bool:
        before = state()
        with contextlib.suppress(Interrupt, AlarmError), alarm.within(seconds):
            serve(application)
        return any(one is not other for one, other in zip(before, state()))

    for _ in range(WARM_UP):
        copy_context().run(serve, application)
    begun = time.perf_counter()
    for _ in range(TIMED):
        copy_context().run(serve, application)
    seconds = (time.perf_counter() - begun) / TIMED
    left = 0
    while alarm.fired < int(count):
        left += copy_context().run(is_left, seconds)
    print(left)


if __name__ == "__main__":
    main()
