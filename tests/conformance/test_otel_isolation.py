"""No request is in another's trace: interleaved on one thread, on one loop, in threads, on threads that change.

Every request has a marker in its path and in the names of the spans that its application makes, also after its end.
"""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from dataclasses import replace

from sentry_web.testing import RequestSpec, Script, SpawnTask, SpawnThread
from sentry_web.testing.steps import Act
from sentry_web.testing.strategies import odd_scripts, scripts

from .properties import ALL_DRIVERS, ONCE, modes, sdk, shared
from .telemetry import OwnSpan, Telemetry, nothing_current
from .test_parity import DIRECT

MARKERS = [f"mark{number}mark" for number in range(6)]
MARKER = re.compile(r"mark\d+mark")


def marked(script: Script, marker: str, telemetry: Telemetry) -> Script:
    """A script of a request that makes spans of its own, wherever a step of the application's own stands."""
    own = OwnSpan(telemetry, marker)
    steps: list[Any] = [own]
    for step in script.steps:
        later = isinstance(step, (SpawnThread, SpawnTask))
        steps.append(replace(step, steps=(own,)) if later else step)
        if isinstance(step, Act):
            steps.insert(len(steps) - 1, own)
    return replace(script, steps=tuple(steps))


def assert_isolated(telemetry: Telemetry, most: int) -> None:
    requests = telemetry.requests
    assert len(requests) <= most  # asgiref's bridge does not call the application for a client that is gone
    assert len({span.context.trace_id for span in requests}) == len(requests)
    home = {MARKER.findall(str(span.attributes["url.path"]))[0]: span for span in requests}
    late = {f"{span.name} background": span for span in requests}  # of an exception after the end, without a marker
    parents = {span.context.span_id: span for span in requests}
    for span in telemetry.spans:
        if span not in requests:
            assert span.parent is not None
            request = parents[span.parent.span_id]
            assert span.name in late or request is home[span.name]
            assert span.context.trace_id == request.context.trace_id
    assert all(span.parent is None for span in requests)
    assert telemetry.active() == 0
    assert nothing_current()


def pairs_of(many: Any, telemetry: Telemetry) -> list[tuple[Script, RequestSpec]]:
    return [
        (marked(script, marker, telemetry), RequestSpec(path=f"/{marker}")) for script, marker in zip(many, MARKERS)
    ]


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
def test_interleaved_requests(driver):
    each = st.one_of(scripts(protocols=[driver.protocol]), odd_scripts(driver.protocol))

    @shared(ALL_DRIVERS)
    @given(many=st.lists(each, min_size=2, max_size=4), mode=modes(), both=st.booleans())
    def check(many, mode, both):
        telemetry = Telemetry()
        wrap = telemetry.wrap()
        with sdk(mode):
            driver.run_interleaved(pairs_of(many, telemetry), ONCE.around(wrap) if both else wrap)
        assert_isolated(telemetry, len(many))

    check()


@pytest.mark.parametrize("driver", DIRECT, ids=repr)
def test_requests_in_leaked_contexts(driver):
    """On one kept connection, each in the context in which the one before it called the server.

    Without asgiref's bridge, which cannot serve there: "CurrentThreadExecutor already quit or is broken".
    """
    each = st.one_of(scripts(protocols=[driver.protocol]), odd_scripts(driver.protocol))

    @shared(DIRECT)
    @given(many=st.lists(each, min_size=2, max_size=4), mode=modes(), both=st.booleans(), leak=st.integers(-3, 3))
    def check(many, mode, both, leak):
        telemetry = Telemetry()
        wrap = telemetry.wrap()
        with sdk(mode):
            driver.run_connection(pairs_of(many, telemetry), ONCE.around(wrap) if both else wrap, leak)
        assert_isolated(telemetry, len(many))

    check()


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
def test_requests_in_threads(driver):
    """Each thread serves two, one after the other: what the first left behind would be around the second."""

    @shared(ALL_DRIVERS)
    @given(many=st.lists(scripts(protocols=[driver.protocol]), min_size=4, max_size=4), mode=modes())
    def check(many, mode):
        telemetry = Telemetry()
        pairs = pairs_of(many, telemetry)

        def serve(two: list[Any]) -> None:
            for script, request in two:
                driver.run(script, request, telemetry.wrap())

        with sdk(mode):
            threads = [threading.Thread(target=serve, args=(two,)) for two in (pairs[:2], pairs[2:])]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=60)
                assert not thread.is_alive()
        assert_isolated(telemetry, 4)

    check()
