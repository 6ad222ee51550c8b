"""Transparent: for every behaviour of an application, what server and application see is the same with us.

The oracle is the transcript of the same script without the middleware, in the same mode of the SDK. A counter-example
that was found stays as ``@example``, with what it was.
"""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._core.entry import MARKERS
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    WSGI,
    CaptureMessage,
    Close,
    Peer,
    Raise,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
)
from sentry_web.testing.strategies import (
    lifespan_scripts,
    odd_requests,
    odd_scripts,
    requests,
    scripts,
    websocket_scripts,
)

from .properties import (
    ALL_DRIVERS,
    ASGI_DRIVERS,
    MODES,
    VALIDATED,
    WRAPS,
    altered,
    modes,
    sdk,
    shared,
    wraps,
)


def assert_transparent(driver: Any, run: str, arguments: tuple[Any, ...], mode: str, wrap: str) -> Any:
    """Run without and with the middleware, and compare; ``run`` is the driver's method."""
    with sdk(mode):
        expected = getattr(driver, run)(*arguments)
    with sdk(mode):
        actual = getattr(driver, run)(*arguments, wrap=WRAPS[wrap])
    assert expected == actual
    return expected


@pytest.mark.parametrize("driver", VALIDATED, ids=repr)
def test_valid_scripts(driver):
    @shared(VALIDATED)
    @given(script=scripts(protocols=[driver.protocol]), request=requests(), mode=modes(), wrap=wraps())
    def check(script, request, mode, wrap):
        transcript = assert_transparent(driver, "run", (script, request), mode, wrap)
        assert transcript.violations == ()  # else the script was not valid, or a driver is wrong

    check()


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
def test_odd_scripts_and_requests(driver):
    @shared(ALL_DRIVERS)
    @given(script=odd_scripts(driver.protocol), request=odd_requests(), mode=modes(), wrap=wraps())
    def check(script, request, mode, wrap):
        assert_transparent(driver, "run", (script, request), mode, wrap)

    check()


@pytest.mark.parametrize("driver", ASGI_DRIVERS, ids=repr)
@shared(ASGI_DRIVERS)
@given(script=websocket_scripts(), request=requests(), mode=modes(), wrap=wraps())
def test_websockets(driver, script, request, mode, wrap):
    assert_transparent(driver, "run_websocket", (script, request), mode, wrap)


@pytest.mark.parametrize("driver", ASGI_DRIVERS, ids=repr)
@shared(ASGI_DRIVERS)
@given(script=lifespan_scripts(), mode=modes(), wrap=wraps())
def test_lifespans(driver, script, mode, wrap):
    assert_transparent(driver, "run_lifespan", (script,), mode, wrap)


#: The key is not there.
MISSING = object()


class Failing:
    """A value with which nothing can be done."""

    def fail(self, *arguments: Any) -> Any:
        raise RuntimeError("a value that fails")

    __eq__ = __bool__ = __len__ = __iter__ = __str__ = __repr__ = __getitem__ = fail
    __hash__ = object.__hash__


#: What careless servers, gateways and test clients put where a string, a pair or a list belongs; made anew each time,
#: since an iterator can be read once.
ODD_VALUES: dict[str, Callable[[], Any]] = {
    "nothing": lambda: MISSING,
    "None": lambda: None,
    "empty text": lambda: "",
    "empty bytes": lambda: b"",
    "zero": lambda: 0,
    "number": lambda: 65536,
    "object": object,
    "bytes": lambda: b"\xff/%ff",
    "text": lambda: "\udc80ü:/%zz",
    "empty list": list,
    "list of None": lambda: [None],
    "pairs of text": lambda: [("Host", "shop.example"), ["x", 1], ("lonely",)],
    "iterator": lambda: iter([(b"host", b"shop.example")]),
    "dict": dict,
    "triple": lambda: ("a", 1, 2),
    "failing": Failing,
}
KEYS = ("headers", "query_string", "client", "server", "scheme", "root_path", "path", "method", "http_version")
CGI_KEYS = (
    "HTTP_HOST",
    "QUERY_STRING",
    "REMOTE_ADDR",
    "SERVER_NAME",
    "SERVER_PORT",
    "wsgi.url_scheme",
    "SCRIPT_NAME",
    "PATH_INFO",
    "REQUEST_METHOD",
    "SERVER_PROTOCOL",
    "CONTENT_TYPE",
    "HTTP_COOKIE",
    "HTTP_X_FORWARDED_FOR",
)
#: What we write into scope and environ ourselves.
OURS = (*MARKERS.values(), "wsgi.input")


def oddly(changes: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    """A change of scope or environ: these keys get these odd values."""

    def change(mapping: dict[str, Any]) -> None:
        for key, name in changes.items():
            value = ODD_VALUES[name]()
            if value is MISSING:
                mapping.pop(key, None)
            else:
                mapping[key] = value

    return change


class Snapshots:
    """A middleware inside of ours that keeps what the application gets: the very objects, by key."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.offered: list[dict[str, Any]] = []

    def offer(self, mapping: dict[str, Any]) -> None:
        """The server's own."""
        self.offered.append(dict(mapping))

    def wrap(self) -> Wrap:
        """The middleware, for every protocol."""

        def look(app: Any) -> Any:
            @functools.wraps(app)  # keeps the signature, which distinguishes ASGI 2 from ASGI 3
            def inner(mapping: Any, *rest: Any) -> Any:
                self.given.append(dict(mapping))
                return app(mapping, *rest)

            return inner

        return Wrap(wsgi=look, asgi=look)


#: asgiref's bridge itself needs most keys.
DIRECT = (WSGI, ASGI3, ASGI2)


@pytest.mark.parametrize("driver", DIRECT, ids=repr)
@shared(DIRECT)
@given(
    changes=st.dictionaries(
        st.sampled_from([*KEYS, *CGI_KEYS, "state", "anything"]), st.sampled_from(list(ODD_VALUES)), max_size=4
    ),
    steps=st.sampled_from([(StartResponse(), SendChunk()), (StartResponse(), CaptureMessage("m"), Raise())]),
    mode=modes(),
    wrap=wraps(),
)
def test_odd_scopes_and_environs(driver, changes, steps, mode, wrap):
    """What the application gets is what the server gave, but for our mark and the tee over the body."""
    seen = Snapshots()
    script = Script(steps)
    with altered(oddly(changes)):
        with sdk(mode):
            expected = driver.run(script)
        with altered(seen.offer), sdk(mode):
            actual = driver.run(script, wrap=WRAPS[wrap].around(seen.wrap()))
    assert expected == actual
    (given_,), (offered,) = seen.given, seen.offered
    for key in OURS:
        given_.pop(key, None)
        offered.pop(key, None)
    assert given_.keys() == offered.keys()
    assert [key for key in offered if given_[key] is not offered[key]] == []
    if changes.get("headers") == "iterator":
        assert list(offered["headers"]), "it can be read once, and that is the application's to do"


@pytest.mark.parametrize("driver", ASGI_DRIVERS, ids=repr)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["channel", "", "HTTP", "http2"])
def test_unknown_scopes(driver, mode, kind):
    """The application refuses them, as the specification asks."""
    with altered(lambda scope: scope.update(type=kind)):
        assert_transparent(driver, "run", (Script(),), mode, "once")


class OddResponse:
    """A WSGI response that does one thing badly."""

    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)


def fail(*arguments: Any) -> Any:
    raise ValueError("the application's own")


def _odd(name: str, **attributes: Any) -> Any:
    return type(name, (OddResponse,), attributes)


#: Response objects that an application may return, rightly or wrongly, by what is odd in them.
RESPONSES: dict[str, Callable[[list[bytes]], Any]] = {
    "iteration fails": _odd("IterationFails", __iter__=fail),
    "length fails": _odd("LengthFails", __len__=fail),
    "length lies": _odd("LengthLies", __len__=lambda self: 7),
    "close fails": _odd("CloseFails", close=fail),
    "close is none": _odd("CloseIsNone", close=None),
    "looking for attributes fails": _odd("AttributesFail", __getattr__=fail),
    "close is looked up and fails": _odd("CloseLookupFails", close=property(fail)),
    "truth fails": _odd("TruthFails", __bool__=fail),
    "comparison fails": _odd("ComparisonFails", __eq__=fail, __hash__=None),
    "only items": lambda chunks: type("Items", (), {"__getitem__": lambda self, index: chunks[index]})(),
    "async": lambda chunks: type("Async", (), {"__aiter__": lambda self: self})(),
    "class claims to be a list": _odd("Claims", __class__=property(lambda self: list)),
    "a list of its own kind": type("Chunks", (list,), {"close": lambda self: None}),
    "a tuple": tuple,
    "a set": lambda chunks: set(chunks[:1]),
    "a dict": dict.fromkeys,
    "bytes": b"".join,
    "text": lambda chunks: "text",
    "none": lambda chunks: None,
    "a number": lambda chunks: 5,
    "an iterator": iter,
    "a mapped iterator": lambda chunks: map(bytes, chunks),
    "a file": lambda chunks: io.BytesIO(b"\n".join(chunks)),
    "a coroutine": lambda chunks: asyncio.sleep(0),
}
STATUSES = ("200 OK", "200", "", "abc", "999 ", "-1 X", 200, b"200 OK", None, "٢٠٠ OK")
HEADERS: tuple[Callable[[], Any], ...] = (
    list,
    tuple,
    lambda: None,
    lambda: [("X-A", "1")],
    lambda: iter([("X-A", "1")]),
    lambda: [("X-A", 1)],
    lambda: [("lonely",)],
    lambda: [None],
    lambda: {"X-A": "1"},
)


@pytest.mark.filterwarnings("ignore:coroutine 'sleep' was never awaited")
@given(
    response=st.sampled_from(list(RESPONSES)),
    chunks=st.lists(st.sampled_from([b"", b"x", b"chunk"]), max_size=3),
    status=st.sampled_from(STATUSES),
    headers=st.sampled_from(HEADERS),
    peer=st.builds(Peer, st.sampled_from([None, 0, 1]), st.sampled_from(list(Close)), st.booleans()),
    mode=modes(),
    wrap=wraps(),
)
def test_odd_responses_and_statuses(*, response, chunks, status, headers, peer, mode, wrap):
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, headers())
        return RESPONSES[response](chunks)

    with sdk(mode):
        expected = WSGI.run_app(app, peer=peer)
    with sdk(mode):
        actual = WSGI.run_app(app, wrap=WRAPS[wrap], peer=peer)
    assert expected == actual


_KINDS = [
    "http.response.start",
    "http.response.body",
    "http.response.trailers",
    "http.response.pathsend",
    "http.response.push",
    "websocket.send",
    "lifespan.startup.complete",
    "unknown",
]
_FIELDS = {
    "status": [200, 500, "200", None, 99999],
    "headers": [[], [(b"x-a", b"1")], None, [("x-a", "1")], [(b"lonely",)], 5],
    "body": [b"", b"x", "text", None, bytearray(b"xy"), memoryview(b"xyz"), 5],
    "more_body": [True, False, None, "no"],
    "text": ["ü", None],
    "bytes": [b"x", None],
}
_MESSAGES = st.one_of(
    st.sampled_from([None, 5, "http.response.start", [], {}]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(_KINDS)},
        optional={key: st.sampled_from(values) for key, values in _FIELDS.items()},
    ),
)


@pytest.mark.parametrize("driver", ASGI_DRIVERS, ids=repr)
@pytest.mark.parametrize("kind", ["http", "websocket"])
@shared([*ASGI_DRIVERS] * 2)
@given(
    messages=st.lists(_MESSAGES, max_size=6),
    receives=st.integers(0, 2),
    persistent=st.booleans(),
    mode=modes(),
    wrap=wraps(),
)
def test_odd_messages(*, driver, kind, messages, receives, persistent, mode, wrap):
    """Any object may be sent, at any time; the server may refuse it, and the application may go on."""

    async def single(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(receives):
            await receive()
        for message in messages:
            try:
                await send(message)
            except Exception:
                if not persistent:
                    raise

    app = driver.in_version(single)
    peer = Peer(gone_after=None if receives < 2 else 1)
    with altered(lambda scope: scope.update(type=kind)):
        with sdk(mode):
            expected = driver.run_app(app, RequestSpec(body=(b"a", b"b")), peer=peer)
        with sdk(mode):
            actual = driver.run_app(app, RequestSpec(body=(b"a", b"b")), WRAPS[wrap], peer)
    assert expected == actual


class OldStream:
    """No more than PEP 3333 asks of an input stream."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)
        self.read, self.readline, self.readlines = self._file.read, self._file.readline, self._file.readlines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._file)


STREAMS: dict[str, Callable[[bytes], Any]] = {
    "PEP 3333": OldStream,
    "file": io.BytesIO,
    "buffered": lambda content: io.BufferedReader(io.BytesIO(content)),  # type: ignore[arg-type]
}
READS: dict[str, Callable[[Any], Any]] = {
    "read": lambda stream: stream.read(),
    "read 3": lambda stream: stream.read(3),
    "read minus": lambda stream: stream.read(-1),
    "readline": lambda stream: stream.readline(),
    "readline 2": lambda stream: stream.readline(2),
    "readlines": lambda stream: stream.readlines(),
    "readlines 1": lambda stream: stream.readlines(1),
    "iterate": list,
    "iterate an iterator": lambda stream: list(iter(iter(stream))),
    "two iterators": lambda stream: [next(iter(stream), None), next(iter(stream), None)],
    "next": lambda stream: next(stream, None),
    "readinto": lambda stream: (stream.readinto(buffer := bytearray(4)), bytes(buffer)),
    "readinto nothing": lambda stream: stream.readinto(b""),
    "read1": lambda stream: stream.read1(2),
    "wrong": lambda stream: stream.read("x"),
    "offers": lambda stream: [hasattr(stream, name) for name in ("read1", "readinto", "seek", "peek")],
    "tell": lambda stream: stream.tell(),
    "seek": lambda stream: stream.seek(0),
    "close": lambda stream: stream.close(),
    "buffer": lambda stream: io.BufferedReader(stream).read(5),
}


@given(
    stream=st.sampled_from(list(STREAMS)),
    content=st.sampled_from([b"", b"line\nline\n", b"no newline", b"a\n" * 5]),
    reads=st.lists(st.sampled_from(list(READS)), max_size=5),
    mode=modes(),
)
def test_the_input_stream(stream, content, reads, mode):
    """The application reads through the tee what it would read without it, by each method that a stream may have."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        told = []
        for name in reads:
            try:
                told.append(READS[name](environ["wsgi.input"]))
            except Exception as error:
                told.append(type(error))
        start_response("200 OK", [("X-Read", repr(told))])
        return []

    def change(environ: dict[str, Any]) -> None:
        environ.update({"wsgi.input": STREAMS[stream](content), "CONTENT_LENGTH": str(len(content))})

    with altered(change):
        with sdk(mode):
            expected = WSGI.run_app(app)
        with sdk(mode):
            actual = WSGI.run_app(app, wrap=WRAPS["everything"])
    assert expected == actual
