"""Same: one logical request gives the same events, transactions, spans and sessions over every driver.

``REMOVED`` is all that may differ; everything else that would leave the process is compared. The WSGI driver's report
is what the others are compared with, since one has to be.
"""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Iterable
from dataclasses import replace
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web._request.http import encode_path
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    BRIDGE_BOTH,
    BRIDGE_OUTSIDE,
    WSGI,
    Breadcrumb,
    CaptureMessage,
    ChildSpan,
    Driver,
    Peer,
    Raise,
    ReadBody,
    Reported,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    SetTag,
    SpawnTask,
    SpawnThread,
    StartResponse,
    StopReading,
)
from sentry_web.testing.steps import Step, Translate
from sentry_web.testing.strategies import acts, requests, scripts, websocket_scripts

from .properties import ALL_DRIVERS, ASGI_DRIVERS, EVERYTHING_SHARED, ONCE, TRACED, modes, sdk

#: Those without asgiref's bridge, which has no code after the response, between server and application.
#: Those that see a WSGI application from outside of the bridge.
OUTSIDE = (BRIDGE_OUTSIDE, BRIDGE_BOTH)
DIRECT: tuple[Driver, ...] = (WSGI, ASGI3, ASGI2)

#: What is removed before two reports are compared, wherever it stands in them: key → reason.
REMOVED = {
    # Made anew for each report
    "event_id": "random",
    "timestamp": "the clock",
    "start_timestamp": "the clock",
    "end_timestamp": "the clock",
    "started": "the clock",
    "sentry_web.time_to_first_byte": "the clock",
    "sentry.timestamp.sequence": "the clock",
    "network.peer.port": "a bridge does not pass it on",
    # Where it ran
    "thread.id": "a bridge runs WSGI in a thread",
    "thread.name": "a bridge runs WSGI in a thread",
    "stacktrace": "the compiled application has other frames in each protocol",
    # Which protocol it was: said in these places, and in no other
    "protocol": "the tag that says which protocol it was",
    "origin": "says which protocol it was, where the user has not said what it shall be",
    "sentry.origin": "the same, in stream mode",
    "mechanism.type": "says which protocol it was, as sentry-sdk's middlewares do",
}
#: Keys under which the names are compared without case (RFC 9110, 5.1): each protocol's users know another one.
HEADERS = ("headers",)
#: Random, but what refers to the same thing must do so in all reports; compared by the name of the span.
SPAN_IDS = ("span_id", "parent_span_id", "sentry.segment.id")
TRACE_IDS = ("trace_id",)


class Report:
    """All that one run reported, in a form that can be compared."""

    def __init__(self, events: Iterable[Reported], ended: bool = False) -> None:
        found = list(events)
        if ended:
            for reported in found:
                if reported.kind == "event":
                    # WSGI's root span has ended when close() reports; ASGI's waits for background work
                    contexts = reported.payload["contexts"]
                    contexts["trace"] = {"trace_id": contexts["trace"]["trace_id"]}
        self._spans: dict[str, tuple[int, str]] = {}
        self._traces: list[str] = []
        for reported in found:
            self._learn(reported.payload)
        self.items = sorted(([each.kind, self._clean(each.payload)] for each in found), key=json.dumps)

    def _learn(self, value: Any) -> None:
        """Note the name behind each span's id."""
        if isinstance(value, dict):
            if "span_id" in value:
                # The best that any report has, since logs and spans arrive in any order
                names = [(rank, value.get(key)) for rank, key in enumerate(("description", "name", "op"))]
                rank, name = next(filter(itemgetter(1), names), (len(names), "root"))
                known = self._spans.get(value["span_id"], (len(names), "span root"))
                self._spans[value["span_id"]] = min(known, (rank, f"span {name}"))
            for item in value.values():
                self._learn(item)
        elif isinstance(value, list):
            for item in value:
                self._learn(item)

    def _clean(self, value: Any, path: str = "") -> Any:
        if isinstance(value, dict):
            pairs = ((key, f"{path}.{key}", item) for key, item in value.items())
            return {
                (key.lower() if path.endswith(HEADERS) else key): self._clean_one(key, where, item)
                for key, where, item in sorted(pairs)
                if key not in REMOVED and not where.endswith(tuple(f".{name}" for name in REMOVED if "." in name))
            }
        if isinstance(value, list):
            return [self._clean(item, path) for item in value]
        return value

    def _clean_one(self, key: str, path: str, value: Any) -> Any:
        if key in SPAN_IDS and isinstance(value, str):
            return self._span(value)
        if key in SPAN_IDS and isinstance(value, dict):
            return self._span(value.get("value", ""))
        if key in TRACE_IDS:
            if value not in self._traces:
                self._traces.append(value)
            return f"trace {self._traces.index(value)}"
        return self._clean(value, path)

    def _span(self, span_id: str) -> str:
        return self._spans.get(span_id, (0, "span of nobody"))[1]

    def __str__(self) -> str:
        return json.dumps(self.items, indent=1, sort_keys=True)


def report(driver: Driver, script: Script, request: RequestSpec, mode: str, wrap: Any = ONCE) -> str:
    """What is reported by this driver, as text, since a text shows where it differs."""
    ended = bool(script.after)
    integrations = [LoggingIntegration(level=logging.INFO, event_level=logging.ERROR)]
    with sdk(mode, integrations=integrations, max_request_body_size="always") as events:
        driver.run(script, request, wrap)
        return str(Report(events, ended))


def settled(script: Script, request: RequestSpec) -> tuple[Script, RequestSpec]:
    """The script without what is left to chance, or to the way in which a protocol hands over a body.

    A body is read wholly or not at all: WSGI reads by bytes, ASGI by messages, and a bridge reads ahead. No stream is
    closed: a bridge's is a file, which raises when it is read afterwards, and a server's need not be. Of several
    threads that outlive a request only one stays, since their breadcrumbs would mingle.
    """
    steps = quiet(script.steps, [])
    if request.body:
        steps = (ReadBody(), *(step for step in steps if not isinstance(step, StopReading)))
    # What serves a file does so outside of every middleware's sight (the table of incumbents' faults, 25)
    returns = Returns.ITERATOR if script.returns is Returns.FILE_WRAPPER else script.returns
    return replace(script, steps=steps, returns=returns), request


def as_bridged(request: RequestSpec) -> RequestSpec:
    """The request with a path encoded in the one usual way, since a bridge passes on the decoded one alone."""
    path, root_path = (encode_path(unquote(each)) for each in (request.path, request.root_path))
    return replace(request, path=path, root_path=root_path)


def quiet(steps: Iterable[Step], seen: list[Step]) -> tuple[Step, ...]:
    """The steps with the first thread only, and with no body closed."""
    kept: list[Step] = []
    for step in steps:
        if isinstance(step, (SpawnThread, SpawnTask)):
            seen.append(step)
            kept += [step] if len(seen) == 1 else []
        elif isinstance(step, (ChildSpan, Translate)):
            kept.append(replace(step, steps=quiet(step.steps, seen)))
        elif isinstance(step, ReadBody) and step.way == "with":
            kept.append(replace(step, way="read"))
        else:
            kept.append(step)
    return tuple(kept)


def says_what_it_starts(script: Script) -> bool:
    """Whether the response is not only started, but a part of it sent before an exception.

    asgiref's bridge keeps ``start_response`` to itself until the first part of the body; outside of it, a response that
    breaks before is none.
    """
    kinds = [type(step) for step in script.steps]
    if Raise not in kinds or StartResponse not in kinds:
        return True
    return SendChunk in kinds[: kinds.index(Raise)] and script.returns not in (
        Returns.LIST,
        Returns.TUPLE,
        Returns.SIZED,
        Returns.REITERABLE,
    )


def ending_by_itself(script: Script) -> Script:
    """The script without a response that only ``close()`` ends, where a thread reports the outcome of the request.

    asgiref's bridge never closes: what breaks is dropped there, and ends, once the thread has spoken (of twenty
    thousand examples, six).
    """
    starts_a_thread = any(isinstance(step, (SpawnThread, SpawnTask)) for step in flattened(script.steps))
    breaks = any(isinstance(step, Raise) for step in script.steps)
    closable = script.returns in (Returns.ITERATOR, Returns.SIZED, Returns.REITERABLE)
    return replace(script, returns=Returns.GENERATOR) if starts_a_thread and breaks and closable else script


def flattened(steps: Iterable[Step]) -> Iterable[Step]:
    """The steps, with those inside of child spans."""
    for step in steps:
        yield step
        if isinstance(step, ChildSpan):
            yield from flattened(step.steps)


def assert_same(drivers: Iterable[Driver], script: Script, request: RequestSpec, mode: str, wrap: Any = ONCE) -> None:
    script, request = settled(script, request)
    expected = report(WSGI, script, request, mode, wrap)
    for driver in drivers:
        if driver is WSGI or (driver in OUTSIDE and not says_what_it_starts(script)):
            continue
        actual = report(driver, script, request, mode, wrap)
        if actual != expected:
            lines = difflib.unified_diff(
                expected.splitlines(), actual.splitlines(), "WSGI", repr(driver), n=8, lineterm=""
            )
            pytest.fail("\n".join(lines))


@given(script=scripts(), request=requests(), mode=modes())
@example(  # found by nightly
    script=Script((SpawnThread((CaptureMessage("a"),)), StartResponse(), Raise()), Returns.ITERATOR),
    request=RequestSpec(),
    mode="sampled",
)
def test_all_drivers(script, request, mode):
    assert_same(ALL_DRIVERS, ending_by_itself(script), as_bridged(request), mode)


@given(
    script=scripts(protocols=[driver.protocol for driver in DIRECT]),
    request=requests(),
    mode=modes(),
    wrap=st.sampled_from([ONCE, EVERYTHING_SHARED]),
)
@example(  # found by the profile ci
    script=Script((StartResponse(),), Returns.ITERATOR, after=(CaptureMessage("a"),)),
    request=RequestSpec(),
    mode="sampled",
    wrap=ONCE,
)
@example(
    script=Script((StartResponse(),), Returns.ITERATOR, after=(CaptureMessage("a"),)),
    request=RequestSpec(),
    mode=TRACED[-1],
    wrap=ONCE,
)
def test_drivers_with_code_after_the_response(script, request, mode, wrap):
    # A WSGI response is reported once it has been sent whole: what close() adds to the transaction comes too late
    after = tuple(step for step in script.after if not isinstance(step, (SetTag, Breadcrumb, ChildSpan)))
    assert_same(DIRECT, replace(script, after=after), request, mode, wrap)


STREAMS = [Returns.GENERATOR, Returns.LAZY_GENERATOR, Returns.ITERATOR, Returns.SIZED, Returns.REITERABLE]


@given(
    before=st.lists(acts(), max_size=2),
    chunks=st.lists(st.sampled_from([b"x", b"chunk"]), min_size=1, max_size=4),
    gone_after=st.integers(1, 4),
    returns=st.sampled_from(STREAMS),
    request=requests(),
    mode=modes(),
)
def test_a_client_goes_away(*, before, chunks, gone_after, returns, request, mode):
    """What the application does then is another thing in each protocol; here it only sends."""
    peer = Peer(gone_after=min(gone_after, len(chunks)))
    script = Script((*before, StartResponse(), *map(SendChunk, chunks)), returns, peer=peer)
    assert_same(DIRECT, script, request, mode)


@given(script=websocket_scripts(), request=requests(), mode=modes())
def test_websockets(script, request, mode):
    """ASGI 3 and ASGI 2."""
    reports = []
    for driver in ASGI_DRIVERS:
        with sdk(mode) as events:
            driver.run_websocket(script, request, ONCE)
            reports.append(str(Report(events)))
    assert reports[0] == reports[1]
