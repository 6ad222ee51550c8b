"""The WSGI input stream as the application gets it: what it reads is noted, once, and all else is the server's.

No vendor; of the protocol only PEP 3333, "Input and Error Streams". Nothing is read that the application does not read.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from .._core.guard import call, pass_on


def watch_input(environ: dict[str, Any], feed: Callable[[bytes], Any], lost: Callable[[BaseException], Any]) -> None:
    """Put a tee before the input stream of a request that may have a body.

    In HTTP/1, a body without a length is chunked (RFC 9112, 6.3); in HTTP/2 and 3 there is no sign of it but the stream
    (RFC 9113, 8.1), and some servers end the stream of an HTTP/1 body by themselves.
    """
    length = environ.get("CONTENT_LENGTH")
    if not length:
        watched = environ.get("HTTP_TRANSFER_ENCODING") or environ.get("wsgi.input_terminated")
        watched = watched or not str(environ.get("SERVER_PROTOCOL", "HTTP/1")).startswith("HTTP/1")
    else:
        watched = length != "0" or environ.get("HTTP_TRANSFER_ENCODING")
    if watched:
        environ["wsgi.input"] = tee(environ["wsgi.input"], feed, lost)


def tee(stream: Any, feed: Callable[[bytes], Any], lost: Callable[[BaseException], Any]) -> Any:
    """Return a stream that offers what another one offers, and passes on what is read from it.

    Args:
        stream: The server's stream.
        feed: Called with each part that is read for the first time; it answers as ``Body.feed`` does.
        lost: Called with an ``OSError`` out of reading: the client has gone.
    """
    return _tee_of(stream)(stream, _Reader(_Recorded(feed), lost))


class _Recorded:
    """What has been passed on of a stream, by whichever of its copies it was read."""

    __slots__ = ("end", "has_gap", "_feed", "_only_counted")

    def __init__(self, feed: Callable[[bytes], Any]) -> None:
        #: Up to where the content has been passed on.
        self.end = 0
        #: Whether something was left out before that; then everything that is read is passed on.
        self.has_gap = False
        self._feed = feed
        #: The body, once only its size is wanted: an upload may be read in many parts.
        self._only_counted: Any = None

    def take(self, at: int, part: Any) -> None:
        """Pass on what is new of a part of the content, which was read at this position."""
        if not part:
            return
        if at != self.end and not self.has_gap:
            if 0 <= at < self.end:
                part = part[self.end - at :]
                at = self.end
            else:
                self.has_gap = True
        if not part:
            return
        self.end = max(self.end, at + len(part))
        if self._only_counted is None:
            self._only_counted = self._feed(part if type(part) is bytes else bytes(part))
        else:
            self._only_counted.size += len(part)


class _Reader:
    """Where a stream stands, counted from where the application found it."""

    __slots__ = ("lost", "_at", "_recorded")

    def __init__(self, recorded: _Recorded, lost: Callable[[BaseException], Any], at: int = 0) -> None:
        self.lost = lost
        self._recorded = recorded
        self._at = at

    def copy(self) -> _Reader:
        """Return the reader of a copied stream, which has the same content."""
        return _Reader(self._recorded, self.lost, self._at)

    def read(self, part: Any) -> None:
        """Note bytes that were read; a stream that does not block may have none."""
        if isinstance(part, (bytes, bytearray, memoryview)):
            at, self._at = self._at, self._at + len(part)
            self._recorded.take(at, part)

    def read_lines(self, lines: Any) -> None:
        """Note lines that were read."""
        for line in lines:
            self.read(line)

    def read_into(self, buffer: Any, count: Any) -> None:
        """Note what is in a buffer now; it must be copied, before the buffer is used again."""
        self.read(bytes(memoryview(buffer).cast("B")[: count or 0]))

    def peeked(self, part: Any) -> None:
        """Note bytes that were looked at, and are still to be read."""
        self._recorded.take(self._at, part)

    def moved(self, before: Any, after: Any) -> None:
        """Note that the stream was told to go on elsewhere; without both positions, that nothing is known of it."""
        if type(before) is int and type(after) is int:
            self._at += after - before
        else:
            self._recorded.has_gap = True

    def seen_whole(self, content: Any, position: Any) -> None:
        """Note the whole content, as a file in memory hands it out wherever it stands."""
        self._recorded.take(self._at - position, content)


class _Tee:
    """A stream in the place of the server's, of which it has every attribute.

    Three ways to read are methods, since PEP 3333 promises them; the others are looked up on the server's stream. Which
    special methods there are, is a matter of the class (``_class_for``).
    """

    __slots__ = ("_stream", "_reader", "__weakref__")

    _stream: Any
    _reader: _Reader

    def __init__(self, stream: Any, reader: _Reader) -> None:
        object.__setattr__(self, "_stream", stream)
        object.__setattr__(self, "_reader", reader)

    def read(self, *args: Any, **kwargs: Any) -> Any:
        """Read bytes; without a size, all there is."""
        part = _from_server(self._reader, self._stream.read, *args, **kwargs)
        call(self._reader.read, part)
        return part

    def readline(self, *args: Any, **kwargs: Any) -> Any:
        """Read a line."""
        part = _from_server(self._reader, self._stream.readline, *args, **kwargs)
        call(self._reader.read, part)
        return part

    def readlines(self, *args: Any, **kwargs: Any) -> Any:
        """Read lines, all or as many as the hint says."""
        lines = _from_server(self._reader, self._stream.readlines, *args, **kwargs)
        call(self._reader.read_lines, lines)
        return lines

    def __getattr__(self, name: str) -> Any:
        """Whatever else the server's stream offers, if it does; some of it reads as well."""
        value = getattr(self._stream, name)
        watched = _WATCHED.get(name)
        return value if watched is None else call(functools.partial, watched, self, value) or value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._stream, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._stream, name)

    def __dir__(self) -> Any:
        return dir(self._stream)

    def __repr__(self) -> str:
        return repr(self._stream)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the server's stream, for ``isinstance``."""
        return type(self._stream)

    def __copy__(self) -> Any:
        """Copy the server's stream, and note what is read from either once."""
        copied = copy.copy(self._stream)
        return call(self._around, copied) or copied

    def __deepcopy__(self, memo: Any) -> Any:
        """Copy the server's stream (see :meth:`__copy__`)."""
        copied = copy.deepcopy(self._stream, memo)
        return call(self._around, copied) or copied

    def _around(self, copied: Any) -> Any:
        return _tee_of(copied)(copied, self._reader.copy())

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle the server's stream, where that can be pickled."""
        return self._stream.__reduce_ex__(protocol)


def _from_server(reader: _Reader, read: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Read from the server's stream; an ``OSError`` says that the client has gone."""
    try:
        return read(*args, **kwargs)
    except OSError:
        call(pass_on, reader.lost)
        raise


def _read(self: _Tee, original: Any, *args: Any, **kwargs: Any) -> Any:
    part = _from_server(self._reader, original, *args, **kwargs)
    call(self._reader.read, part)
    return part


def _read_into(self: _Tee, original: Any, buffer: Any) -> Any:
    count = _from_server(self._reader, original, buffer)
    call(self._reader.read_into, buffer, count)
    return count


def _peek(self: _Tee, original: Any, *args: Any, **kwargs: Any) -> Any:
    part = _from_server(self._reader, original, *args, **kwargs)
    call(self._reader.peeked, part)
    return part


def _whole(self: _Tee, original: Any) -> Any:
    content = original()
    call(self._reader.seen_whole, content, call(_position, self._stream) or 0)
    return content


def _seek(self: _Tee, original: Any, *args: Any, **kwargs: Any) -> Any:
    before = call(_position, self._stream)
    result = original(*args, **kwargs)
    call(self._reader.moved, before, call(_position, self._stream))
    return result


def _position(stream: Any) -> Any:
    try:
        return stream.tell()
    except Exception:  # noqa: BLE001 - whatever a stream raises that cannot tell; asking was our own idea
        return None


#: What else reads, or moves, by the names of the standard library's streams.
_WATCHED: dict[str, Callable[..., Any]] = {
    "read1": _read,
    "readall": _read,
    "readinto": _read_into,
    "readinto1": _read_into,
    "peek": _peek,
    "getvalue": _whole,
    "getbuffer": _whole,
    "seek": _seek,
}


def _iter(self: _Tee) -> Any:
    lines = iter(self._stream)
    return self if lines is self._stream else call(_Lines, lines, self._reader) or lines


def _next(self: _Tee) -> Any:
    part = _from_server(self._reader, next, self._stream)
    call(self._reader.read, part)
    return part


def _enter(self: _Tee) -> Any:
    entered = type(self._stream).__enter__(self._stream)
    return self if entered is self._stream else entered


def _exit(self: _Tee, *exc_info: Any) -> Any:
    return type(self._stream).__exit__(self._stream, *exc_info)


#: Python looks these up on the class.
_SPECIAL: dict[str, Callable[..., Any]] = {
    "__iter__": _iter,
    "__next__": _next,
    "__enter__": _enter,
    "__exit__": _exit,
    "__len__": lambda self: len(self._stream),
    "__bool__": lambda self: bool(self._stream),
}


def _tee_of(stream: Any) -> Any:
    kind: Any = type(stream)
    return _class_for(kind)


@functools.lru_cache(maxsize=64)
def _class_for(kind: Any) -> Any:
    """Return the class for the tees of a class of streams, with those special methods that it has, and its name."""
    special = {name: method for name, method in _SPECIAL.items() if hasattr(kind, name)}
    return type(kind.__name__, (_Tee,), {"__slots__": (), **special})


class _Lines:
    """The iterator of an input stream."""

    __slots__ = ("_lines", "_reader")

    def __init__(self, lines: Any, reader: _Reader) -> None:
        self._lines = lines
        self._reader = reader

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> Any:
        part = _from_server(self._reader, next, self._lines)
        call(self._reader.read, part)
        return part
