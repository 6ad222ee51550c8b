"""The strategies from which examples are drawn: a dict of named values for each property.

The names are those that the property's code uses; that code is in ``properties``. This module knows nothing of
middlewares or Sentry.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from sentry_web.testing import strategies
from sentry_web.testing.connections import Accept, Receive, Send, WsScript
from sentry_web.testing.drivers import Driver
from sentry_web.testing.request import RequestSpec
from sentry_web.testing.script import CLOSABLE, Peer, Protocol, Returns, Script
from sentry_web.testing.steps import (
    READING_WAYS,
    Breadcrumb,
    Cancel,
    CaptureMany,
    CaptureMessage,
    ChildSpan,
    ClientDisconnect,
    Raise,
    ReadBody,
    ReadVariable,
    SendChunk,
    SetTag,
    SetVariable,
    Sleep,
    SpawnThread,
    StartResponse,
    Step,
    Translate,
    WebSocketDisconnect,
)

Cases = st.SearchStrategy[dict[str, Any]]

SECRETS = {
    "header": "hidden-in-header",
    "cookie": "hidden-in-cookie",
    "query": "hidden-in-query",
    "address": "198.51.100.77",
}
STREAMED = (Returns.GENERATOR, Returns.LAZY_GENERATOR, Returns.ITERATOR)
PAUSE = 0.02  # seconds for producing the body
LATE_PAUSE = 0.2  # seconds of work after the last byte

_ERRORS = (RuntimeError, ValueError, KeyError, OSError)


def _protocols(drivers: Sequence[Driver]) -> tuple[Any, ...]:
    return tuple(driver.protocol for driver in drivers)


def _fixed(drivers: Sequence[Driver], **more: st.SearchStrategy[Any]) -> Cases:
    return st.fixed_dictionaries({"driver": st.sampled_from(list(drivers)), **more})


def requests() -> st.SearchStrategy[RequestSpec]:
    """Return requests that shrink to the simplest request."""
    return st.one_of(st.just(RequestSpec()), strategies.requests(), strategies.requests())


def traced_requests() -> st.SearchStrategy[RequestSpec]:
    """Return requests with methods for which every middleware starts a transaction."""
    return requests().filter(lambda request: request.method not in ("HEAD", "OPTIONS", "PROPFIND"))


def anything(drivers: Sequence[Driver]) -> Cases:
    """Return any applications and requests, valid or not."""
    valid, odd = strategies.scripts(_protocols(drivers)), strategies.odd_scripts(drivers[0].protocol)
    closing = st.builds(_closing, valid, st.sampled_from(sorted(CLOSABLE, key=str)), strategies.raises())
    scripts = st.one_of(valid, streaming(), streaming(), odd, closing)
    return _fixed(drivers, script=scripts, request=st.one_of(requests(), strategies.odd_requests()))


def peeked(drivers: Sequence[Driver]) -> Cases:
    """Return responses of every kind that can be iterated in two steps."""
    kinds = [*STREAMED, Returns.LIST, Returns.TUPLE, Returns.SIZED, Returns.REITERABLE]
    chunks = st.lists(st.builds(SendChunk, st.sampled_from([b"a", b"b"])), min_size=1, max_size=3)
    scripts = st.builds(
        lambda chunks, returns: Script((StartResponse(), *chunks), returns), chunks, st.sampled_from(kinds)
    )
    return _fixed(drivers, script=scripts)


def read_in_other_ways(drivers: Sequence[Driver]) -> Cases:
    """Return applications that use more of the server's input stream than ``read``."""
    ways = st.sampled_from([way for way in READING_WAYS if way != "read"])
    scripts = st.builds(
        lambda size, way: Script((ReadBody(size, way), StartResponse())), st.sampled_from([-1, 2]), ways
    )
    return _fixed(drivers, script=scripts, request=st.just(RequestSpec("POST", body=(b"body",))))


def copying(drivers: Sequence[Driver]) -> Cases:
    """Return applications that read, answer and perhaps fail."""
    steps = [(StartResponse(),), (ReadBody(), StartResponse(), SendChunk()), (Raise(),)]
    scripts = st.sampled_from([Script(each) for each in steps])
    return _fixed(drivers[:1], script=scripts, request=st.just(RequestSpec("POST", body=(b"body",))))


def streaming() -> st.SearchStrategy[Script]:
    """Return applications that send a body in pieces, with other steps and possibly an exception in between."""
    between: list[Step] = [
        SendChunk(b""),
        ReadBody(),
        SetVariable("v1", "1"),
        SpawnThread((ReadVariable("v1"),)),
        CaptureMessage("hello"),
        ChildSpan("query"),
    ]
    body = st.lists(st.one_of(st.just(SendChunk()), st.sampled_from(between)), min_size=1, max_size=4)
    ending = st.one_of(st.just(()), st.tuples(strategies.raises()))
    return st.builds(
        lambda steps, ending, returns: Script((StartResponse(), *steps, *ending), returns),
        body,
        ending,
        st.sampled_from([Returns.LIST, *STREAMED, Returns.TUPLE, Returns.SIZED]),
    )


def _closing(script: Script, returns: Returns, error: Raise) -> Script:
    """Return the script with an exception after the body: in ``close()``, if there is one."""
    return Script(script.steps, returns, (error,))


def valid(drivers: Sequence[Driver]) -> Cases:
    """Return applications that follow their protocol, with ordinary requests."""
    scripts = st.one_of(strategies.scripts(_protocols(drivers)), streaming())
    return _fixed(drivers, script=scripts, request=traced_requests())


def sparse(drivers: Sequence[Driver]) -> Cases:
    """Return cases in which the server leaves out optional keys, or keys that careless test clients forget."""
    protocol = drivers[0].protocol.value
    wsgi = ["QUERY_STRING", "SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "HTTP_HOST", "SERVER_PROTOCOL"]
    asgi = ["headers", "query_string", "root_path", "raw_path", "client", "server", "scheme", "http_version"]
    scripts = strategies.scripts(_protocols(drivers))
    return _fixed(drivers, script=scripts, missing=st.sampled_from(wsgi if protocol == "wsgi" else asgi))


def failing_before(drivers: Sequence[Driver]) -> Cases:
    """Return cases with an exception before the response."""
    scripts = st.builds(lambda kind: Script((Raise(kind),)), st.sampled_from(_ERRORS))
    return _fixed(drivers, script=scripts, request=traced_requests())


def failing_amid(drivers: Sequence[Driver]) -> Cases:
    """Return cases with an exception in the middle of a streamed body."""
    scripts = st.builds(
        lambda status, kind, returns: Script((StartResponse(status), SendChunk(), Raise(kind)), returns),
        st.sampled_from([200, 201, 404]),
        st.sampled_from(_ERRORS),
        st.sampled_from(STREAMED),
    )
    return _fixed(drivers, script=scripts, request=traced_requests())


def raising(drivers: Sequence[Driver], kind: type[BaseException], args: tuple[object, ...] = ()) -> Cases:
    """Return cases with one kind of exception, before or during the response."""
    places: list[tuple[Step, ...]] = [(), (StartResponse(),), (StartResponse(), SendChunk())]
    scripts = st.builds(
        lambda steps, returns: Script((*steps, Raise(kind, args)), returns),
        st.sampled_from(places),
        st.sampled_from(STREAMED),
    )
    return _fixed(drivers, script=scripts, request=traced_requests())


def leaving(drivers: Sequence[Driver]) -> Cases:
    """Return cases in which the client disconnects during the body; under ASGI also with a cancelled task."""
    gone: Any = st.builds(
        lambda returns, after: Script((StartResponse(), SendChunk(), SendChunk()), returns, (), Peer(after)),
        st.sampled_from(STREAMED),
        st.sampled_from([0, 1]),
    )
    cancelled = Script((StartResponse(), Cancel()))
    if cancelled.expressible_in(drivers[0].protocol):
        gone = st.one_of(gone, st.just(cancelled))
    return _fixed(drivers, script=gone, request=traced_requests())


def losing(drivers: Sequence[Driver]) -> Cases:
    """Return cases in which the client disconnects while it sends its body."""
    scripts = st.builds(
        lambda returns: Script((ReadBody(), StartResponse()), returns, (), Peer(leaves_amid_body=True)),
        st.sampled_from(STREAMED),
    )
    return _fixed(drivers, script=scripts, request=st.just(RequestSpec("POST", body=(b"half of",))))


def losing_wrapped(drivers: Sequence[Driver]) -> Cases:
    """Return cases in which a framework makes an exception of its own of a disconnect, amid either body."""
    kinds = (RuntimeError, ClientDisconnect)
    scripts = [Script((Translate((ReadBody(),), kind),), peer=Peer(leaves_amid_body=True)) for kind in kinds]
    if drivers[0].protocol is not Protocol.WSGI:  # there it is the server that finds that the client has gone
        scripts += [Script((StartResponse(), Translate((SendChunk(),), kind)), peer=Peer(0)) for kind in kinds]
    return _fixed(drivers, script=st.sampled_from(scripts), request=st.just(RequestSpec("POST", body=(b"half of",))))


def leaving_socket(drivers: Sequence[Driver]) -> Cases:
    """Return cases in which the client leaves a websocket, while the application receives or while it sends."""
    scripts = [
        WsScript((Accept(), Receive(insists=True))),
        WsScript((Accept(), Receive(insists=True)), leaves_with=1001),
        WsScript((Accept(), Send(), Send()), gone_after=1),
        WsScript((Accept(), Translate((Send(),), WebSocketDisconnect)), gone_after=0),
    ]
    return _fixed(drivers, script=st.sampled_from(scripts))


def signalling(drivers: Sequence[Driver]) -> Cases:
    """Return the exceptions by which WSGI applications end a websocket, as gunicorn and werkzeug expect."""
    return _fixed(drivers, signal=st.sampled_from([StopIteration, ConnectionError]))


def recaptured(drivers: Sequence[Driver]) -> Cases:
    """Return applications that capture many exceptions before one leaves them.

    Whether an address is used again is chance with a few of them, which would be no script to show.
    """
    kinds = st.sampled_from([ValueError, RuntimeError])
    scripts = st.builds(lambda times, kind: Script((CaptureMany(times, kind),)), st.sampled_from([100, 300]), kinds)
    return _fixed(drivers, script=scripts, request=traced_requests())


def killed() -> list[type[BaseException]]:
    """Return the exceptions by which an application is terminated from outside; greenlet's if it is in use."""
    greenlet = sys.modules.get("greenlet")
    return [GeneratorExit, asyncio.CancelledError, *([greenlet.GreenletExit] if greenlet else [])]


def slow(drivers: Sequence[Driver]) -> Cases:
    """Return cases in which producing the body takes time."""
    steps = [
        (StartResponse(), SendChunk(), Sleep(PAUSE), SendChunk()),
        (StartResponse(), SendChunk(), ChildSpan("query", (Sleep(PAUSE),))),
    ]
    scripts = st.builds(Script, st.sampled_from(steps), st.sampled_from(STREAMED))
    return _fixed(drivers, script=scripts, pause=st.just(PAUSE))


def late(drivers: Sequence[Driver]) -> Cases:
    """Return cases in which the application continues to work after the body is sent."""
    scripts = st.builds(
        lambda status, after: Script((StartResponse(status), SendChunk()), Returns.ITERATOR, after),
        st.sampled_from([200, 404]),
        st.sampled_from([(Sleep(LATE_PAUSE),), (ChildSpan("background", (Sleep(LATE_PAUSE),)),)]),
    )
    return _fixed(drivers, script=scripts, pause=st.just(LATE_PAUSE))


def two_paths(drivers: Sequence[Driver]) -> Cases:
    """Return cases of two requests for different paths."""
    cases = _fixed(drivers, request=traced_requests(), other=traced_requests())
    return cases.filter(lambda case: case["request"].path != case["other"].path)


def planted(drivers: Sequence[Driver], *errors: Step) -> Cases:
    """Return cases of a request with one or more secrets, and an application that reports something."""
    credentials = ["Authorization", "X-Api-Key", "X-Auth-Token", "X-CSRF-Token", "Cf-Access-Jwt-Assertion"]
    header = st.sampled_from(credentials).map(lambda name: (name, SECRETS["header"]))
    cookie = st.sampled_from(["sessionid", "a=b; token"]).map(lambda name: ("Cookie", f"{name}={SECRETS['cookie']}"))
    address = st.sampled_from(["X-Forwarded-For", "X-Real-IP"]).map(lambda name: (name, SECRETS["address"]))
    headers = st.lists(st.one_of(header, cookie, address), max_size=3, unique_by=lambda pair: pair[0]).map(tuple)
    names = ["token", "a=1&password", "api_key"]
    query = st.one_of(st.just(""), st.sampled_from(names).map(lambda name: f"{name}={SECRETS['query']}"))
    scripts = st.sampled_from([Script((error,)) for error in errors])
    return _fixed(drivers, script=scripts, request=st.builds(RequestSpec, headers=headers, query=query))


def silent(drivers: Sequence[Driver]) -> Cases:
    """Return cases with secrets, and an application without an error."""
    return planted(drivers, StartResponse(), CaptureMessage("hello"))


def broken(drivers: Sequence[Driver]) -> Cases:
    """Return cases with secrets, and an application that raises."""
    return planted(drivers, Raise())


def interleaved(drivers: Sequence[Driver]) -> Cases:
    """Return cases of two interleaved applications, each with a tag of its own."""
    scripts = st.one_of(streaming(), strategies.scripts(_protocols(drivers)))

    def tagged(tag: str) -> st.SearchStrategy[Script]:
        return scripts.map(lambda script: Script((SetTag(tag, "1"), *script.steps), script.returns, script.after))

    return _fixed(drivers, first=tagged("first"), second=tagged("second"))


def kept(drivers: Sequence[Driver]) -> Cases:
    """Return cases of two requests on one connection, each with a tag of its own."""
    uses: list[tuple[Step, ...]] = [(), (ReadBody(),), (Breadcrumb("first"), ReadBody())]
    firsts = st.builds(lambda steps: Script((SetTag("first", "1"), *steps, StartResponse())), st.sampled_from(uses))
    ends: list[tuple[Step, ...]] = [(StartResponse(),), (Raise(),)]
    second = st.sampled_from([Script((SetTag("second", "1"), CaptureMessage("hello"), *end)) for end in ends])
    return _fixed(drivers, first=firsts, second=second, leak=st.sampled_from([-1, 0]))


def kept_spans(drivers: Sequence[Driver]) -> Cases:
    """Return cases of an application that serves two requests on one connection."""
    return _fixed(drivers, script=st.just(Script((ReadBody(), StartResponse()))), leak=st.sampled_from([-1, 0]))


def parallel(drivers: Sequence[Driver], sdk: dict[str, Any]) -> Cases:
    """Return cases of one request for all protocols, with and without personal data."""
    exits = st.builds(lambda kind: Script((Raise(kind, (1,)),)), st.sampled_from([SystemExit, KeyboardInterrupt]))
    return st.fixed_dictionaries(
        {
            "script": st.one_of(streaming(), strategies.scripts(_protocols(drivers)), streaming(), exits),
            "request": requests(),
            "sdk": st.sampled_from([sdk, {**sdk, "send_default_pii": True}]),
        }
    )


def paths(known: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Return an application's own paths, with values for their parameters, and other paths."""
    filled = [re.sub(r"<[^>]*>|\{[^}]*\}", "1", path) for path in known]
    return st.one_of(*([st.sampled_from(filled)] if filled else []), st.just("/"), strategies.paths())


def addressed(drivers: Sequence[Driver], known: tuple[str, ...]) -> Cases:
    """Return requests for an application's own paths and for others."""
    addressing = st.builds(
        RequestSpec,
        method=strategies.methods(),
        path=paths(known),
        query=strategies.queries(),
        headers=strategies.headers(),
        body=strategies.bodies(),
    )
    return _fixed(drivers, request=addressing)
