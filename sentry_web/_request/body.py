"""The request body: a bounded tee over what the application itself reads, parsed when an event asks for it.

Nothing is read ahead, nothing blocks, no chunk is copied, and what the application does not read is not known here.
No vendor; of a protocol, only WSGI's input stream.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from .._core.guard import call, pass_on
from .parsing import MOST_BYTES, parse
from .request import BEGINNING, Parsed, UploadedFile

#: Bytes kept, whatever may be sent: the secrets in a body are looked for in everything that is sent.
KEPT_FOR_REDACTION = MOST_BYTES
#: No output gets more than this: Sentry refuses larger events, and an upload must not fill the memory.
KEPT_AT_MOST = 1024 * 1024
#: Parts of which the beginning is kept, to recognise content that is never sent.
_MOST_BEGINNINGS = 500


class Body:
    """What the application has read of a request's body so far.

    Args:
        limit: Bytes that an output would send; larger bodies are counted, not kept.
    """

    __slots__ = ("limit", "size", "_kept", "_parts", "_parsed", "_beginnings")

    def __init__(self, limit: int) -> None:
        self.limit = min(limit, KEPT_AT_MOST)
        #: Bytes read by the application.
        self.size = 0
        self._kept = max(self.limit, KEPT_FOR_REDACTION)
        self._parts: list[bytes] | None = []
        self._parsed: Parsed | None = None
        self._beginnings: list[bytes] = []

    def feed(self, part: bytes) -> Body | None:
        """Note a part that the application has read; it is referred to, not copied.

        Returns:
            This body, once only its ``size`` is wanted any more: the caller may then add to it directly.
        """
        self.size += len(part)
        full = len(self._beginnings) >= _MOST_BEGINNINGS
        if part and not full:
            self._beginnings.append(bytes(part[: BEGINNING + 1]))
        if self._parts is None:
            return self if full else None
        if self.size > self._kept:
            self._parts = None
        elif part:
            self._parts.append(part)
            self._parsed = None
        return None

    @property
    def over_limit(self) -> bool:
        """Whether more was read than may be sent."""
        return self.size > self.limit

    def parse(self, content_type: str | None) -> Parsed:
        """Parse what has been read by now, once."""
        if self._parsed is None:
            if self._parts is None:
                self._parsed = Parsed("raw", too_large=True)
            else:
                self._parsed = parse(content_type or "", b"".join(self._parts), self._kept)
        return self._parsed

    @property
    def beginning(self) -> bytes:
        """The first bytes, up to ``BEGINNING``."""
        return b"".join(self._beginnings[:BEGINNING])[:BEGINNING]

    def private_content(self, content_type: str | None) -> list[bytes]:
        """Return beginnings of what is never sent: files, and all of a body that was not understood.

        Each is one byte longer than ``BEGINNING`` where there is more of it.
        """
        parsed = self.parse(content_type)
        if parsed.kind == "raw":
            return list(self._beginnings)
        files = files_of(parsed.value) if parsed.kind == "multipart" else []
        return [*(file.beginning for file in files), *self._beginnings] if files else []


def files_of(fields: dict[str, Any]) -> list[UploadedFile]:
    """Return the uploaded files among the fields of a form."""
    values = [item for value in fields.values() for item in (value if isinstance(value, list) else [value])]
    return [value for value in values if isinstance(value, UploadedFile)]


class InputTee:
    """A WSGI input stream (PEP 3333, "Input and Error Streams") that passes on what the application reads from it.

    Every way to read goes to the server's stream with the application's own arguments; whatever else the stream
    offers (``fileno``, uWSGI's and gunicorn's extras) is looked up there.

    Args:
        feed: Called with each part that was read; it answers as :meth:`Body.feed` does.
        lost: Called with an ``OSError`` of the server's: the client has gone.
    """

    def __init__(self, stream: Any, feed: Callable[[bytes], Any], lost: Callable[[BaseException], Any]) -> None:
        self._stream = stream
        self._feed = feed
        self._lost = lost
        self._note = functools.partial(call, _feed_all, feed)
        #: The body, once only its size is wanted: an upload may be read in many parts.
        self._only_counted: Any = None

    def read(self, *args: Any, **kwargs: Any) -> Any:
        """Read bytes; without a size, all there is."""
        try:
            part = self._stream.read(*args, **kwargs)
        except OSError:
            call(pass_on, self._lost)
            raise
        if type(part) is not bytes:
            self._note(part)
        elif self._only_counted is None:
            self._only_counted = call(self._feed, part)
        else:
            self._only_counted.size += len(part)
        return part

    def readline(self, *args: Any, **kwargs: Any) -> Any:
        """Read a line."""
        part = _read(self._lost, self._stream.readline, *args, **kwargs)
        self._note(part)
        return part

    def readlines(self, *args: Any, **kwargs: Any) -> Any:
        """Read lines, all or as many as the hint says."""
        lines = _read(self._lost, self._stream.readlines, *args, **kwargs)
        self._note(lines)
        return lines

    def __iter__(self) -> Any:
        lines = iter(self._stream)
        return call(_Lines, lines, self._note, self._lost) or lines

    def __next__(self) -> Any:
        part = _read(self._lost, next, self._stream)
        self._note(part)
        return part

    def __getattr__(self, name: str) -> Any:
        """Whatever else the server's stream offers, if it does; two of them read as well."""
        value = getattr(self._stream, name)
        watched = {"read1": _Watched, "readinto": _WatchedInto}.get(name)
        return value if watched is None else call(watched, value, self._note, self._lost) or value


def watch_input(environ: dict[str, Any], feed: Callable[[bytes], Any], lost: Callable[[BaseException], Any]) -> None:
    """Put an :class:`InputTee` before the input stream of a request that may have a body.

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
        environ["wsgi.input"] = InputTee(environ["wsgi.input"], feed, lost)


def _read(lost: Callable[[BaseException], Any], read: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Read from the server's stream; an ``OSError`` says that the client has gone."""
    try:
        return read(*args, **kwargs)
    except OSError:
        call(pass_on, lost)
        raise


class _Lines:
    """The iterator of an input stream."""

    __slots__ = ("_lines", "_note", "_lost")

    def __init__(self, lines: Any, note: Callable[[Any], Any], lost: Callable[[BaseException], Any]) -> None:
        self._lines = lines
        self._note = note
        self._lost = lost

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> Any:
        part = _read(self._lost, next, self._lines)
        self._note(part)
        return part


class _Watched:
    """A further method of the server's stream that returns what it read."""

    __slots__ = ("_read", "_note", "_lost")

    def __init__(self, read: Any, note: Callable[[Any], Any], lost: Callable[[BaseException], Any]) -> None:
        self._read = read
        self._note = note
        self._lost = lost

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        part = _read(self._lost, self._read, *args, **kwargs)
        self._note(part)
        return part


class _WatchedInto(_Watched):
    """The server's ``readinto``; what came is the one thing that must be copied, before the buffer is used again."""

    __slots__ = ()

    def __call__(self, buffer: Any) -> Any:
        count = _read(self._lost, self._read, buffer)
        self._note((buffer, count))
        return count


def _feed_all(feed: Callable[[bytes], Any], read: Any) -> None:
    for part in parts_of(read):
        feed(part)


def parts_of(read: Any) -> Iterable[bytes]:
    """Return the bytes in what was read: a part, a list of lines, or a buffer with the number of bytes in it."""
    if isinstance(read, tuple):
        buffer, count = read
        return [bytes(memoryview(buffer)[: count or 0])]
    return read if isinstance(read, list) else [read]
