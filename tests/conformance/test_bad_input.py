"""Bad input of issue 2: the application's own behaviour reaches the server unchanged, and what can be reported is.

Scopes and environs as careless servers make them, requests full of odd bytes, applications that break their protocol.
The oracle is the transcript of the same application without the middleware.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest

from sentry_web import SentryAsgiMiddleware
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    DRIVERS,
    WSGI,
    Raise,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)

FAILS = Script((StartResponse(200), SendChunk(b"hello"), Raise()))
DIRECT = pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2], ids=repr)  # asgiref's bridge is picky itself


def check(run: Any, driver: Any, script: Script, request: RequestSpec = RequestSpec()) -> Any:  # noqa: B008 - a constant
    """Run with and without the middleware: nobody sees a difference. What was reported, for more."""
    transcript, events = run(driver, script, request)
    assert transcript == driver.run(script, request)
    return events


@pytest.mark.parametrize(
    "value", [None, "", 0, (), {}, object()], ids=["None", "str", "int", "tuple", "dict", "object"]
)
@pytest.mark.parametrize(
    "keys",
    [
        ("server", "SERVER_NAME"),
        ("client", "REMOTE_ADDR"),
        ("SERVER_PORT", "http_version"),
        ("query_string", "QUERY_STRING"),
        ("root_path", "SCRIPT_NAME"),
        ("path", "PATH_INFO"),
        ("headers", "HTTP_HOST"),
        ("method", "REQUEST_METHOD"),
        ("scheme", "wsgi.url_scheme"),
    ],
    ids="+".join,
)
@DIRECT
def test_values_of_a_wrong_kind(driver, keys, value, run, altered):
    altered(lambda mapping: mapping.update(dict.fromkeys(keys, value)))
    events = check(run, driver, FAILS)
    assert [error.exception for error in events.errors] == [("RuntimeError", "boom")]
    assert len(events.roots) <= 1  # an unknown method makes none


#: Lists that are no lists of pairs of bytes.
HEADER_LISTS = {
    "capitals": [(b"HOST", b"shop.example"), (b"X-Note", b"1")],
    "not latin-1": [(b"host", b"shop.example"), (b"x-note", "снег".encode()), (b"x-\xff", b"\xff\xfe")],
    "strings": [("host", "shop.example")],
    "lists": [[b"host", b"shop.example"]],
    "an iterator": iter([(b"host", b"shop.example")]),
    "no pairs": [(b"host",), b"xx", None],
    "no values": [(b"host", None), (None, b"x")],
}


@pytest.mark.parametrize("headers", HEADER_LISTS.values(), ids=HEADER_LISTS)
@pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
def test_headers_of_a_wrong_kind(driver, headers, run, altered):
    altered(lambda scope: scope.update(headers=headers))
    events = check(run, driver, FAILS)
    assert [error.exception for error in events.errors] == [("RuntimeError", "boom")]
    assert len(events.roots) == 1


@pytest.mark.parametrize(
    "request_",
    [
        RequestSpec(headers=(("X-Note", "caf\xe9 \xff\x80"), ("X-Snow", "снег"))),
        RequestSpec(path="/caf%E9/%ff%fe"),
        RequestSpec(path="/100%/%zz/%"),
        RequestSpec(query="a=%zz&%=%&=&&b=%ff"),
        RequestSpec(query="q=снег"),
        RequestSpec(path="//double//%2F"),
        RequestSpec(path="/" + "x" * 20_000, query="q=" + "y" * 20_000),
        RequestSpec(headers=(("Host", "user:password@[::1"), ("Cookie", "=;;a;b=;\x80"), ("Referer", "http://[bad"))),
        RequestSpec(headers=(("Sentry-Trace", "nonsense"), ("Baggage", "=,;;%"), ("Traceparent", "00-0-0-0"))),
        RequestSpec(headers=(("X-Forwarded-For", "a,b,,;"), ("Forwarded", 'for="[;;,=proto="'))),
        RequestSpec(method="BREW"),
    ],
    ids=[
        "header bytes",
        "path bytes",
        "percent signs in the path",
        "percent signs in the query",
        "query not ASCII",
        "slashes",
        "long",
        "host, cookie, referer",
        "trace headers",
        "forwarding headers",
        "method",
    ],
)
def test_odd_requests(driver, request_, run):
    events = check(run, driver, FAILS, request_)
    reached = driver.run(FAILS, request_).count("app", "called") == 1  # asgiref decodes the query as ASCII
    assert len(events.errors) >= reached


@pytest.mark.parametrize("kind", ["channel", "", None, 7])
def test_unknown_type_of_scope(kind):
    """``{"type": "channel"}`` is how Django Channels calls its consumers."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> str:
        seen.append((scope, await receive()))
        await send({"type": "anything"})
        raise LookupError("no such channel")

    async def receive() -> Any:
        return {"type": "channel.message"}

    async def send(message: Any) -> None:
        seen.append(message)

    scope = {} if kind is None else {"type": kind}
    with recording(traces_sample_rate=1.0) as events, pytest.raises(LookupError, match="no such channel"):
        asyncio.run(SentryAsgiMiddleware(app)(scope, receive, send))
    assert seen[0][0] is scope
    assert seen[1:] == [{"type": "anything"}]
    assert [error.exception for error in events.errors] == [("LookupError", "no such channel")]
    assert events.roots == []


#: Applications that break their protocol, and the statuses that may be reported of them; 500 where the server, or
#: asgiref's bridge, raises at the application before it has a response.
ODD_APPLICATIONS = {
    "no reason": (Script((StartResponse(204, reason=None),)), {204, 500}),
    "no response": (Script(()), {None, 500}),
    "body without a start": (Script((SendChunk(),)), {None, 500}),
    "starts twice": (Script((StartResponse(200), StartResponse(201), SendChunk())), {200, 201, 500}),
    "starts again in the body": (Script((StartResponse(200), SendChunk(), StartResponse(500), SendChunk())), {200}),
    "returns None": (Script((StartResponse(200),), Returns.NOTHING), {200, 500}),
    "sends no bytes": (Script((StartResponse(200), SendChunk("text"))), {200, 500}),  # type: ignore[arg-type]
    "sends None": (Script((StartResponse(200), SendChunk(None))), {200, 500}),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(
    ("driver", "script", "statuses"),
    [
        pytest.param(driver, script, statuses, id=f"{name}-{driver}")
        for name, (script, statuses) in ODD_APPLICATIONS.items()
        for driver in DRIVERS
        if script.expressible_in(driver.protocol)
    ],
)
def test_odd_applications(driver, script, statuses, monkeypatch):
    # pytest keeps log records, and by their tracebacks the response, whose end would then come after the test's
    monkeypatch.setattr(logging.getLogger("sentry_web"), "disabled", True)
    with recording(traces_sample_rate=1.0) as events:
        assert driver.run(script, wrap=Wrap.ours()) == driver.run(script)
        gc.collect()  # asgiref's bridge never closes a response, and leaves one that broke in a cycle
    assert len(events.roots) == 1
    found = events.roots[0].data.get("http.response.status_code")
    assert found in statuses


@pytest.mark.parametrize("status", ["", "OK", "99999 Status", "20", "²00 OK", " 404 Not Found", b"200 OK", 200, None])
def test_odd_status_lines(status):
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [("Content-Type", "text/plain")])
        return [b"hello"]

    with recording(traces_sample_rate=1.0) as events:
        transcript = WSGI.run_app(app, wrap=Wrap.ours())
    assert transcript == WSGI.run_app(app)
    assert transcript.status == status
    assert len(events.roots) == 1
