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
from pathlib import Path
from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport

sys.path.append(str(Path(__file__).parents[1]))

from conformance.test_signals import OURS, THEIRS, AlarmError, Interrupt, state

WARM_UP, TIMED = 50, 200  # requests


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
    serve = (OURS if whose == "ours" else THEIRS)[protocol]()
    alarm = Alarm(Interrupt if raises == "interrupt" else AlarmError)
    signal.signal(signal.SIGALRM, alarm)

    def is_left(seconds: float) -> bool:
        before = state()
        with contextlib.suppress(Interrupt, AlarmError), alarm.within(seconds):
            serve()
        return any(one is not other for one, other in zip(before, state()))

    for _ in range(WARM_UP):
        copy_context().run(serve)
    begun = time.perf_counter()
    for _ in range(TIMED):
        copy_context().run(serve)
    seconds = (time.perf_counter() - begun) / TIMED
    left = 0
    while alarm.fired < int(count):
        left += copy_context().run(is_left, seconds)
    print(left)


if __name__ == "__main__":
    main()
