"""Defects of OpenTelemetry's middlewares that our Sentry output does not have either (36, 52, 55).

Row 37 is in ``test_defects_context``, 51 in ``test_defects_transparency``, 53 in ``test_defects_request``; all of them,
in our OpenTelemetry output, in ``test_defects_otel_output``.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import pytest

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    Accept,
    ReadBody,
    Receive,
    RequestSpec,
    Script,
    Send,
    SendChunk,
    StartResponse,
    Wrap,
    WsScript,
    recording,
)
from sentry_web.testing.sdk import STATIC, STREAM
from sentry_web.testing.transcript import TranscriptWriter


@pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
def test_defect_36_messages_have_no_spans_unless_asked_for(driver, sdk, run):
    script = Script((ReadBody(), StartResponse(), SendChunk(), SendChunk()))
    _, events = run(driver, script, RequestSpec(method="POST", body=(b"a", b"b")), sdk=sdk)
    assert events.children == []
    assert events.spans == events.segments


@pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
def test_defect_36_websocket_messages_have_no_spans_unless_asked_for(driver):
    with recording(traces_sample_rate=1.0) as events:
        driver.run_websocket(WsScript((Accept(), Receive(), Send()), messages=("hello",)), wrap=Wrap.ours())
    assert len(events.roots) == 1
    assert events.children == []


class Shared:
    """One middleware instance for several applications, as a server has one for all of an application's responses."""

    def __init__(self) -> None:
        self.app: Any = None
        self.middleware: Any = None

    def around(self, make: Any, app: Any) -> Any:
        self.app = app
        if self.middleware is None:

            @functools.wraps(app)
            def current(*args: Any) -> Any:
                return self.app(*args)

            self.middleware = make(current)
        return self.middleware

    def wrap(self) -> Wrap:
        ours = Wrap.ours()
        return Wrap(
            wsgi=lambda app: self.around(ours.wsgi, app),
            asgi=lambda app: self.around(ours.asgi, app),
        )


def test_defect_52_response_size_is_of_this_response(driver):
    wrap = Shared().wrap()
    with recording(traces_sample_rate=1.0) as events:
        for size in (7, 3, 0):
            length = (("Content-Length", "4711"),)  # what is said of the size does not count
            steps = (StartResponse(200, headers=length), *[SendChunk(b"x" * size)] * (size > 0))
            driver.run_app(driver.compile(Script(steps), TranscriptWriter()), wrap=wrap)
    # In any order: a segment ends as much later than its request as it has begun later, which load can make much
    assert sorted(t.data["http.response.body.size"] for t in events.roots) == [0, 3, 7]


def test_defect_55_captured_headers_are_a_matter_of_one_instance(driver, run):
    environment = dict(os.environ)
    script = Script((StartResponse(200, headers=(("X-Cache", "hit"), ("Set-Cookie", "session=1"))), SendChunk()))
    _, events = run(driver, script, capture_response_headers=["x-cache", "set-cookie"])
    data = events.roots[0].data
    assert data["http.response.header.x-cache"] == ["hit"]
    assert data["http.response.header.set-cookie"] == ["[Filtered]"]
    assert dict(os.environ) == environment
    _, events = run(driver, script)
    assert not [key for key in events.roots[0].data if key.startswith("http.response.header")]
