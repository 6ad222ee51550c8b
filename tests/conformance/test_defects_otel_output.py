"""Defects of OpenTelemetry's middlewares, which our OpenTelemetry output must not have (16, 36-38, 51-56)."""

from __future__ import annotations

import functools
import logging
import os
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    WSGI,
    Accept,
    Close,
    Peer,
    Raise,
    ReadBody,
    Receive,
    RequestSpec,
    Returns,
    Script,
    Send,
    SendChunk,
    StartResponse,
    Wrap,
    WsScript,
)
from sentry_web.testing.transcript import TranscriptWriter

from .telemetry import OwnSpan, Telemetry, nothing_current

STREAM = (StartResponse(), SendChunk(b"a"), SendChunk(b"b"))


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def leave_route(app: Any) -> Any:
    """Leave a route, as a framework does: PEP 333's ``wsgiorg.routing_args`` has none; Starlette's scope has one."""

    @functools.wraps(app)
    def routed(scope_or_environ: Any, *rest: Any) -> Any:
        if "type" in scope_or_environ:
            scope_or_environ["route"] = type("Route", (), {"path": "/users/{id}", "path_format": "/users/{id}"})()
        else:
            rule = type("Rule", (), {"rule": "/users/{id}", "endpoint": "user"})()
            scope_or_environ["werkzeug.request"] = type("Request", (), {"url_rule": rule, "endpoint": "user"})()
        return app(scope_or_environ, *rest)

    return routed


def test_defect_16_span_is_not_named_by_its_path(driver, telemetry):
    driver.run(Script(STREAM), RequestSpec(path="/users/1"), telemetry.wrap())
    driver.run(Script(STREAM), RequestSpec(path="/users/1", method="PURGE"), telemetry.wrap())
    routed = telemetry.wrap().around(Wrap(wsgi=leave_route, asgi=leave_route))
    driver.run(Script(STREAM), RequestSpec(path="/users/1"), routed)
    assert [span.name for span in telemetry.requests] == ["GET", "HTTP", "GET /users/{id}"]
    assert telemetry.requests[2].attributes["http.route"] == "/users/{id}"


def test_defect_36_messages_have_no_spans_unless_asked_for(driver, telemetry):
    driver.run(Script((ReadBody(), *STREAM)), RequestSpec(method="POST", body=(b"a", b"b")), telemetry.wrap())
    assert len(telemetry.spans) == 1


@pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
def test_defect_36_messages_have_spans_where_asked_for(driver, telemetry):
    script = WsScript((Accept(), Receive(), Send()), messages=("hello",))
    driver.run_websocket(script, wrap=telemetry.wrap())
    assert len(telemetry.spans) == 1
    telemetry.exporter.clear()
    driver.run_websocket(script, wrap=telemetry.wrap(record_send_receive=True, exclude_spans=["receive"]))
    *messages, server = telemetry.spans
    assert {span.name for span in messages} == {"GET websocket send"}
    assert {span.parent.span_id for span in messages} == {server.context.span_id}


@pytest.mark.parametrize(
    "peer",
    [Peer(close=Close.NEVER), Peer(thread_hopping=True), Peer(gone_after=1), Peer(close=Close.DURING)],
    ids=["abandoned", "thread-hopping", "client gone", "closed amid"],
)
def test_defect_37_streams_that_end_elsewhere_leave_no_context_behind(driver, telemetry, peer, caplog):
    returns = Returns.ITERATOR if peer.thread_hopping else Returns.GENERATOR
    script = Script((OwnSpan(telemetry, "first"), *STREAM, OwnSpan(telemetry, "last")), returns, peer=peer)
    if not script.expressible_in(driver.protocol):
        script = Script(script.steps, peer=Peer(gone_after=1))
    with caplog.at_level(logging.WARNING):
        driver.run(script, wrap=telemetry.wrap())
        assert nothing_current()
        driver.run(Script(STREAM), RequestSpec(path="/next"), telemetry.wrap())
    assert [record for record in caplog.records if "different Context" in str(record.exc_info or record.message)] == []
    first, second = telemetry.requests
    assert first.context.trace_id != second.context.trace_id
    assert second.parent is None
    own = [span for span in telemetry.spans if span not in (first, second)]
    assert {span.parent.span_id for span in own} == {first.context.span_id}


def server_context(seen: list[bool]) -> Wrap:
    """A layer around ours that looks what is current each time the server has the word again."""

    def around_wsgi(app: Any) -> Any:
        def outer(environ: Any, start_response: Any) -> Any:
            body = app(environ, start_response)
            seen.append(nothing_current())
            for part in body:
                seen.append(nothing_current())
                yield part
            body.close()
            seen.append(nothing_current())

        return outer

    def around_asgi(app: Any) -> Any:
        async def outer(scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, send)
            seen.append(nothing_current())

        return outer

    return Wrap(around_wsgi, around_asgi)


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_defect_37_the_server_never_sees_the_requests_context(driver, telemetry):
    seen: list[bool] = []
    driver.run(Script(STREAM, Returns.GENERATOR), wrap=server_context(seen).around(telemetry.wrap()))
    assert seen
    assert all(seen)


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)  # asgiref's bridge does not call the application
def test_defect_38_closed_before_iteration_ends_the_span_and_closes_the_response(driver, telemetry):
    script = Script(STREAM, Returns.ITERATOR, peer=Peer(close=Close.BEFORE))
    if not script.expressible_in(driver.protocol):
        script = Script(STREAM, peer=Peer(gone_after=0))
    plain = driver.run(script)
    assert driver.run(script, wrap=telemetry.wrap()) == plain
    assert len(telemetry.requests) == 1
    assert telemetry.active() == 0


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)  # asgiref's bridge itself does not tolerate it
def test_defect_51_status_line_without_a_reason_is_tolerated(driver, telemetry):
    script = Script((StartResponse(204, reason=None),))
    assert driver.run(script, wrap=telemetry.wrap()) == driver.run(script)
    assert telemetry.requests[0].attributes["http.response.status_code"] == 204


class Shared:
    """One middleware instance for several applications, as a server has one for all of an application's responses."""

    def __init__(self, wrap: Wrap) -> None:
        self.ours = wrap
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
        return Wrap(
            wsgi=lambda app: self.around(self.ours.wsgi, app), asgi=lambda app: self.around(self.ours.asgi, app)
        )


def test_defect_52_response_size_is_of_this_response(driver, telemetry):
    wrap = Shared(telemetry.wrap()).wrap()
    for size in (7, 3, 0):
        length = (("Content-Length", "4711"),)  # what is said of the size does not count
        steps = (StartResponse(200, headers=length), *[SendChunk(b"x" * size)] * (size > 0))
        driver.run_app(driver.compile(Script(steps), TranscriptWriter()), wrap=wrap)
    assert [span.attributes["http.response.body.size"] for span in telemetry.requests] == [7, 3, 0]
    ((_, counted),) = telemetry.metrics()["http.server.response.body.size"]
    assert counted == (3, 10)


def test_defect_53_header_values_are_latin_1(driver, telemetry):
    # As unicode_escape the first is a tab, and the second no text at all
    headers = (("X-Path", "C:\\temp\\new\xe9"), ("X-End", "\xe9\\"))
    wrap = telemetry.wrap(http_capture_headers_server_request=["x-.*"])
    driver.run(Script(STREAM), RequestSpec(headers=headers), wrap)
    (span,) = telemetry.requests
    assert span.attributes["http.request.header.x-path"] == ("C:\\temp\\new\xe9",)
    assert span.attributes["http.request.header.x-end"] == ("\xe9\\",)


def test_defect_54_hook_that_raises_fails_no_request(driver, telemetry, caplog):
    def hook(*_: Any) -> None:
        raise RuntimeError("the hook's own fault")

    hooks = dict.fromkeys(("server_request_hook", "request_hook", "response_hook", "default_span_details"), hook)
    assert driver.run(Script(STREAM), wrap=telemetry.wrap(**hooks)) == driver.run(Script(STREAM))
    assert [span.name for span in telemetry.requests] == ["GET"]
    assert sum("the hook's own fault" in str(record.exc_info) for record in caplog.records) == 4


def test_defect_55_capture_headers_is_a_matter_of_one_instance(driver, telemetry):
    environment = dict(os.environ)
    request = RequestSpec(headers=(("X-Thing", "1"), ("X-Auth-Token", "very-secret")))
    captures, plain = telemetry.wrap(capture_headers=True), telemetry.wrap()
    driver.run(Script(STREAM), request, captures)
    driver.run(Script(STREAM), request, plain)
    assert dict(os.environ) == environment
    with_headers, without = telemetry.requests
    assert with_headers.attributes["http.request.header.x-thing"] == ("1",)
    assert with_headers.attributes["http.request.header.x-auth-token"] == ("[Filtered]",)
    assert with_headers.attributes["http.response.header.content-type"] == ("text/plain",)
    assert [key for key in without.attributes if ".header." in key] == []


@pytest.mark.parametrize(
    "script",
    [
        Script((Raise(),)),
        Script((StartResponse(), SendChunk(), Raise())),
        Script((StartResponse(), Raise(SystemExit, (1,)))),
        Script((Raise(GeneratorExit, ()),)),
        Script((*STREAM, SendChunk()), peer=Peer(gone_after=1)),
    ],
    ids=["raises", "raises amid", "exits", "stops", "client gone"],
)
def test_defect_56_gauge_of_active_requests_does_not_leak(driver, telemetry, script):
    def broken(*_: Any) -> None:
        raise RuntimeError("an exporter's fault")

    driver.run(script, wrap=telemetry.wrap())
    assert len(telemetry.requests) == 1
    assert telemetry.active() == 0
    # nor where ending the span fails
    telemetry.exporter.export = broken
    driver.run(script, wrap=telemetry.wrap())
    assert telemetry.active() == 0
