"""``_request.wsgi_input``: what the application reads is passed on once, and the stream is the server's otherwise."""

from __future__ import annotations

import array
import copy
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentry_web._request.body import KEPT_FOR_REDACTION, Body
from sentry_web._request.wsgi_input import tee as tee_of
from sentry_web._request.wsgi_input import watch_input
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_environ

#: What reading has raised to say that the client has gone.
LOST: list[BaseException] = []

CONTENT = b"first\nsecond\nlast"


def teed(stream: Any = None) -> tuple[Any, list[bytes]]:
    """A tee over a stream, and the parts that it reports."""
    told: list[bytes] = []
    return tee_of(io.BytesIO(CONTENT) if stream is None else stream, told.append, LOST.append), told


def read_into(stream: Any) -> bytes:
    buffer = bytearray(6)
    parts = []
    while True:
        count = stream.readinto(buffer)
        if not count:
            return b"".join(parts)
        parts.append(bytes(buffer[:count]))


def until_empty(read: Callable[[], bytes]) -> bytes:
    return b"".join(iter(read, b""))


READS: dict[str, Callable[[Any], bytes]] = {
    "read()": lambda stream: bytes(stream.read()),
    "read(-1)": lambda stream: bytes(stream.read(-1)),
    "read(None)": lambda stream: bytes(stream.read(None)),
    "read(4)": lambda stream: until_empty(lambda: stream.read(4)),
    "read(size)": lambda stream: bytes(stream.read(1000)),
    "readline()": lambda stream: until_empty(stream.readline),
    "readline(3)": lambda stream: until_empty(lambda: stream.readline(3)),
    "readlines()": lambda stream: b"".join(stream.readlines()),
    "readlines(7)": lambda stream: b"".join(stream.readlines(7)) + b"".join(stream.readlines()),
    "for": b"".join,
    "iter": lambda stream: b"".join(iter(iter(stream))),
    "next": lambda stream: until_empty(lambda: next(stream, b"")),
    "read1()": lambda stream: bytes(stream.read1()),
    "read1(5)": lambda stream: until_empty(lambda: stream.read1(5)),
    "readinto": read_into,
    "TextIOWrapper": lambda stream: io.TextIOWrapper(stream, newline="").read().encode(),
    "BufferedReader": lambda stream: io.BufferedReader(stream).read(),
}


@pytest.mark.parametrize("way", READS)
def test_in_every_way_of_reading_the_tee_tells_what_the_application_got(way: str) -> None:
    tee, told = teed()
    assert READS[way](tee) == b"".join(told) == CONTENT


def test_a_part_is_read_by_the_application_with_its_own_arguments_and_passed_on_as_it_is() -> None:
    part, lines = b"part", [b"line\n"]
    given_arguments: list[Any] = []

    class Stream:
        def read(self, *args: Any, **kwargs: Any) -> Any:
            given_arguments.append((args, kwargs))
            return part

        readline = read

        def readlines(self, *args: Any, **kwargs: Any) -> Any:
            given_arguments.append((args, kwargs))
            return lines

    tee, told = teed(Stream())
    assert tee.read(3, odd=True) is part
    assert tee.readline() is part
    assert tee.readlines(hint=5) is lines
    assert given_arguments == [((3,), {"odd": True}), ((), {}), ((), {"hint": 5})]
    assert told == [part, part, *lines]


def test_the_tee_offers_what_the_stream_offers_and_nothing_else(tmp_path: Any) -> None:
    with (tmp_path / "file").open("w+b") as file:
        tee, _ = teed(file)
        assert tee.fileno() == file.fileno()
        assert tee.seekable()
    for name in ("read1", "getvalue", "fileno", "uwsgi_offload"):
        assert not hasattr(teed(make_environ(RequestSpec())["wsgi.input"])[0], name)


def test_a_stream_that_is_no_iterator_is_none_behind_the_tee_either() -> None:
    tee, told = teed(make_environ(RequestSpec(body=(b"abc",)))["wsgi.input"])
    with pytest.raises(TypeError, match="is not an iterator"):
        next(tee)
    assert list(tee) == told == [b"abc"]


def test_errors_of_the_stream_are_the_applications() -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            def fail(*args: Any) -> Any:
                raise OSError(name)

            return fail

        def __iter__(self) -> Iterator[bytes]:
            raise OSError("__iter__")

        def __next__(self) -> bytes:
            raise OSError("__next__")

    tee, told = teed(Broken())
    LOST.clear()
    for way in (
        tee.read,
        tee.readline,
        tee.readlines,
        tee.read1,
        lambda: tee.readinto(bytearray(1)),
        lambda: next(tee),
    ):
        with pytest.raises(OSError, match=r"^(read|__next__)"):
            way()
    with pytest.raises(OSError, match="__iter__"):
        iter(tee)
    with pytest.raises(OSError, match="fileno"):
        tee.fileno()
    assert told == []
    assert len(LOST) == 6


@given(st.lists(st.tuples(st.sampled_from(["read", "readline", "read1"]), st.integers(1, 300)), max_size=40))
def test_a_large_body_is_counted_to_the_byte_whoever_counts(rest: list[tuple[str, int]]) -> None:
    content = b"x" * KEPT_FOR_REDACTION + b"line\n" * 2_000
    body, fed = Body(0), []

    def feed(part: bytes) -> Any:
        fed.append(part)
        return body.feed(part)

    tee = tee_of(io.BytesIO(content), feed, LOST.append)
    read = [tee.read(KEPT_FOR_REDACTION)] + [tee.read(4) for _ in range(600)]
    assert len(fed) < len(read)  # the tee counts by itself from some time on
    read += [getattr(tee, way)(size) for way, size in rest]
    assert b"".join(read) == content[: body.size]
    read.append(tee.read())
    assert body.size == len(content)
    assert body.over_limit
    assert body.parse("application/json").kind == "raw"


def test_a_buffer_of_wider_items_is_told_in_bytes() -> None:
    stream = io.BytesIO(b"abcdefgh")
    tee, told = teed(stream)
    buffer = array.array("I", [0, 0])
    assert tee.readinto(buffer) == 8
    assert b"".join(told) == b"abcdefgh"


# --- as a file, and as a value ---------------------------------------------------------------------------------------


def sought(stream: Any) -> bytes:
    stream.read(3)
    size = stream.seek(0, 2)
    stream.seek(0)
    return bytes(stream.read(size))


FILES: dict[str, Callable[[Any], Any]] = {
    "with": lambda stream: (*leave(stream), stream.closed),
    "seek and read again": sought,
    "read twice": lambda stream: (stream.read(), stream.seek(0), stream.read()),
    "getvalue": lambda stream: stream.getvalue(),
    "getvalue amid": lambda stream: (stream.read(3), stream.getvalue(), stream.read()),
    "getbuffer": lambda stream: bytes(stream.getbuffer()),
    "peek": lambda stream: (stream.peek()[:4], stream.read()) if hasattr(stream, "peek") else None,
    "tell": lambda stream: (stream.tell(), stream.readline(), stream.tell(), stream.read()),
    "readinto": lambda stream: (stream.readinto(bytearray(4)), stream.read()),
    "readinto1": lambda stream: (stream.readinto1(bytearray(4)), stream.read()),
    "copy": lambda stream: (stream.read(3), copy.copy(stream).read(), stream.read()),
    "deepcopy": lambda stream: (copy.deepcopy({"wsgi.input": stream})["wsgi.input"].read(), stream.read()),
    "pickle": lambda stream: (pickle.loads(pickle.dumps(stream)).read(), stream.read()),
    "is iterator": lambda stream: (iter(stream) is stream, list(stream)),
    "is a file": lambda stream: (isinstance(stream, io.BytesIO), isinstance(stream, io.IOBase), stream.read()),
    "text": lambda stream: (repr(stream).partition(" at ")[0], dir(stream), bool(stream), stream.read()),
    "attributes": lambda stream: (setattr(stream, "own", 1), stream.own, delattr(stream, "own"), stream.read()),
    "close": lambda stream: (stream.read(), stream.close(), stream.closed),
    "fileno": lambda stream: (error_of(stream.fileno), stream.read()),
    "len": lambda stream: (error_of(lambda: len(stream)), stream.read()),
}


def leave(stream: Any) -> Any:
    with stream as entered:
        return entered is stream, entered.read()


def error_of(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("way", FILES)
@pytest.mark.parametrize("make", [io.BytesIO, lambda content: io.BufferedReader(io.BytesIO(content))])
def test_whatever_a_file_can_do_the_stream_can_and_its_content_is_passed_on_once(way: str, make: Any) -> None:
    tee, told = teed(make(CONTENT))
    assert error_of(lambda: FILES[way](tee)) == error_of(lambda: FILES[way](make(CONTENT)))
    if tee.closed or tee.read() == b"":
        assert b"".join(told) in (CONTENT, b"")


class OnlyReads:
    """What PEP 3333 asks for, and no more."""

    def read(self, size: int = -1) -> bytes:
        return b""


def test_a_stream_that_is_no_context_manager_is_none_behind_the_tee_either() -> None:
    tee, _ = teed(OnlyReads())
    with pytest.raises((TypeError, AttributeError)), tee:
        pass


def test_what_a_stream_enters_is_the_applications() -> None:
    inner = io.BytesIO(b"inner")

    class Stream(io.BytesIO):
        def __enter__(self) -> Any:
            return inner

    tee, told = teed(Stream(CONTENT))
    with tee as entered:
        assert entered is inner
    assert told == []


def test_length_and_truth_are_the_streams() -> None:
    class Stream(io.BytesIO):
        def __len__(self) -> int:
            return 0

    class Lying(io.BytesIO):
        def __bool__(self) -> bool:
            return False

    assert len(teed(Stream(b"x"))[0]) == 0
    assert not teed(Lying(b"x"))[0]


def test_a_stream_that_does_not_say_where_it_stands_is_passed_on_again_rather_than_not() -> None:
    class Stream(io.BytesIO):
        def tell(self) -> int:
            raise OSError

    tee, told = teed(Stream(CONTENT))
    assert tee.read() == CONTENT
    tee.seek(0)
    assert tee.read() == CONTENT
    assert b"".join(told) == CONTENT * 2
    assert tee.getvalue() == CONTENT


MOVES = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 9)),
    st.tuples(st.just("readline")),
    st.tuples(st.just("seek"), st.integers(0, 20)),
    st.tuples(st.just("getvalue")),
)


@given(st.lists(MOVES, max_size=12), st.integers(0, 5))
@example([("seek", 5), ("read", 3), ("seek", 0), ("read", 9)], 0)
@example([("read", 9), ("seek", 2), ("read", 9)], 2)
def test_every_byte_that_was_read_is_passed_on_and_none_twice_without_a_gap(moves: Any, start: int) -> None:
    bare, stream = io.BytesIO(CONTENT), io.BytesIO(CONTENT)
    bare.seek(start)
    stream.seek(start)
    tee, told = teed(stream)
    read = set()
    for name, *arguments in moves:
        before = bare.tell()
        assert getattr(tee, name)(*arguments) == getattr(bare, name)(*arguments)
        assert tee.tell() == bare.tell()
        read.update(range(before, bare.tell()) if name.startswith("read") else ())
        if name == "getvalue":
            read.update(range(len(CONTENT)))
    passed_on = b"".join(told)
    assert len(passed_on) >= len(read)
    assert sorted(set(passed_on)) == sorted({CONTENT[index] for index in read})
    if read == set(range(start, start + len(read))) and not any(name == "seek" for name, *_ in moves):
        assert passed_on == CONTENT[start : start + len(read)]


@pytest.mark.parametrize(
    ("environ", "watched"),
    [
        ({}, False),
        ({"CONTENT_LENGTH": ""}, False),
        ({"CONTENT_LENGTH": "0"}, False),
        ({"CONTENT_LENGTH": "5"}, True),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, True),
        ({"SERVER_PROTOCOL": "HTTP/1.1"}, False),
        ({"SERVER_PROTOCOL": "HTTP/2"}, True),
        ({"SERVER_PROTOCOL": "HTTP/2.0"}, True),
    ],
)
def test_a_request_that_may_have_a_body_is_watched(environ: dict[str, Any], watched: bool) -> None:
    stream = io.BytesIO(CONTENT)
    environ = {**environ, "wsgi.input": stream}
    watch_input(environ, lambda part: None, LOST.append)
    assert (environ["wsgi.input"] is not stream) is watched
