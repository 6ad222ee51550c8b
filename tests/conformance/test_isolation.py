"""No request's data is ever in another's: interleaved on one thread, on one loop, in threads, on threads that change.

Each request has a marker of its own in everything that it says of itself: path, header, tag, user, breadcrumb, log
record, message, span, exception. The bytes that would leave the process are searched.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sentry_sdk
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web.testing import (
    Breadcrumb,
    CaptureMessage,
    ChildSpan,
    Events,
    Log,
    Raise,
    Reported,
    RequestSpec,
    Returns,
    Script,
    SetTag,
    SpawnTask,
    SpawnThread,
    Step,
    Transcript,
    WsScript,
)
from sentry_web.testing.steps import Act
from sentry_web.testing.strategies import odd_scripts, scripts, websocket_scripts

from .properties import ALL_DRIVERS, ASGI_DRIVERS, ONCE, modes, sdk, shared

MARKERS = [f"mark{number}mark" for number in range(6)]
MARKER = re.compile(r"mark\d+mark")


@dataclass(frozen=True, repr=False)
class SetUser(Act):
    """Say who the user is."""

    name: str

    def act(self, recorder: Any) -> None:
        sentry_sdk.set_user({"username": self.name})
        sentry_sdk.set_context("basket", {"owner": self.name})
        sentry_sdk.get_current_scope().set_extra("note", self.name)


def marked_steps(steps: Iterable[Step], marker: str) -> tuple[Any, ...]:
    """The steps, with the marker in all that they say."""
    return tuple(marked_step(step, marker) for step in steps)


def marked_step(step: Step, marker: str) -> Step:
    if isinstance(step, SetTag):
        return replace(step, value=marker)
    if isinstance(step, (Log, Breadcrumb, CaptureMessage)):
        return replace(step, message=f"{step.message} {marker}")
    if isinstance(step, ChildSpan):
        return replace(step, name=marker, steps=marked_steps(step.steps, marker))
    if isinstance(step, (SpawnThread, SpawnTask)):
        return replace(step, steps=marked_steps(step.steps, marker))
    return replace(step, args=(marker,)) if isinstance(step, Raise) and step.kind is not SystemExit else step


def marked(script: Script, marker: str) -> Script:
    """A script of a request that says who it is, and who its user is, from the first to the last."""
    # What serves a file closes it outside of every middleware's sight (the table of incumbents' faults, 25)
    after = () if script.returns is Returns.FILE_WRAPPER else marked_steps(script.after, marker)
    return replace(
        script, steps=(SetUser(marker), *marked_steps(script.steps, marker), CaptureMessage(marker)), after=after
    )


def marked_websocket(script: WsScript, marker: str) -> WsScript:
    """The same for a websocket."""
    return replace(script, steps=(SetUser(marker), *marked_steps(script.steps, marker), CaptureMessage(marker)))


def request_of(marker: str) -> RequestSpec:
    """Its request."""
    return RequestSpec(
        method="POST",
        path=f"/{marker}",
        query=f"q={marker}",
        headers=(("X-Mark", marker),),
        body=(b"the body of " + marker.encode(),),
    )


def assert_isolated(events: Events, transcripts: Iterable[Transcript]) -> None:
    """Everything that was reported is of one request, or of none, and the server's scopes are as they were."""
    assert_reports_isolated(events)
    for transcript in transcripts:
        assert transcript.scope_restored


def assert_reports_isolated(events: Events) -> None:
    """Everything that was reported is of one request, or of none."""
    sentry_sdk.capture_message("of the server")
    for reported in events:
        found = set(MARKER.findall(json.dumps(reported.payload)))
        assert len(found) == (0 if is_of_server(reported) else 1), reported
        assert_at_home(reported, found)


def is_of_server(reported: Reported) -> bool:
    """What nobody's request can be in: the server's own message, and numbers of sessions."""
    return reported.message == "of the server" or reported.kind in ("session", "sessions")


def assert_at_home(reported: Reported, markers: set[str]) -> None:
    """The request data is that of the request, also where it was captured after the end."""
    if reported.kind in ("event", "transaction") and markers:
        assert reported["request"]["url"].endswith("/" + next(iter(markers)))


def sdk_with_logging(mode: str) -> Any:
    """Log records become breadcrumbs and events."""
    return sdk(mode, integrations=[LoggingIntegration(level=logging.INFO, event_level=logging.ERROR)])


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
def test_interleaved_requests(driver):
    """On one thread or one loop, or each step on a thread of its own; valid scripts and odd ones."""
    each = st.one_of(scripts(protocols=[driver.protocol]), odd_scripts(driver.protocol))

    @shared(ALL_DRIVERS)
    @given(many=st.lists(each, min_size=2, max_size=4), mode=modes())
    def check(many, mode):
        with sdk_with_logging(mode) as events:
            pairs = [(marked(script, marker), request_of(marker)) for script, marker in zip(many, MARKERS)]
            transcripts = driver.run_interleaved(pairs, ONCE)
            assert_isolated(events, transcripts)

    check()


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
def test_requests_in_leaked_contexts(driver):
    """On one kept connection, each in the context in which the one before it called the server."""
    each = st.one_of(scripts(protocols=[driver.protocol]), odd_scripts(driver.protocol))

    @shared(ALL_DRIVERS)
    @given(many=st.lists(each, min_size=2, max_size=4), mode=modes(), leak=st.integers(-3, 3))
    def check(many, mode, leak):
        with sdk_with_logging(mode) as events:
            pairs = [(marked(script, marker), request_of(marker)) for script, marker in zip(many, MARKERS)]
            driver.run_connection(pairs, ONCE, leak)
            assert_reports_isolated(events)

    check()


def in_threads(jobs: Iterable[Callable[[], Any]]) -> list[Any]:
    """What the jobs return, done at the same time."""
    results: list[Any] = []
    threads = [threading.Thread(target=lambda job=job: results.append(job())) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    return results


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
def test_requests_in_threads(driver):
    """Each thread serves two, one after the other: what the first left behind would be in the second."""
    each = scripts(protocols=[driver.protocol])

    @shared(ALL_DRIVERS)
    @given(many=st.lists(each, min_size=4, max_size=4), mode=modes())
    def check(many, mode):
        pairs = [(marked(script, marker), request_of(marker)) for script, marker in zip(many, MARKERS)]

        def serve(two: list[Any]) -> list[Transcript]:
            return [driver.run(script, request, ONCE) for script, request in two]

        with sdk_with_logging(mode) as events:
            transcripts = in_threads([lambda: serve(pairs[:2]), lambda: serve(pairs[2:])])
            assert len(transcripts) == 2
            assert_isolated(events, transcripts[0] + transcripts[1])

    check()


@pytest.mark.parametrize("driver", ASGI_DRIVERS, ids=repr)
@shared(ASGI_DRIVERS)
@given(many=st.lists(websocket_scripts(), min_size=2, max_size=2), mode=modes())
def test_websockets_in_threads(driver, many, mode):
    def serve(script: WsScript, marker: str) -> Transcript:
        return driver.run_websocket(marked_websocket(script, marker), request_of(marker), ONCE)

    with sdk_with_logging(mode) as events:
        jobs = [lambda pair=pair: serve(*pair) for pair in zip(many, MARKERS)]
        assert_isolated(events, in_threads(jobs))
