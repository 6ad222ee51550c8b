"""The values that describe one request: ``Request``, ``Name``, ``Outcome`` and ``Trace``.

No protocol dict is kept here beyond what a subclass needs to read its headers late, nothing does I/O, and nothing
decides what may be sent: that is ``_privacy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .http import Header, build_url, encode_path, host_from_server, index_headers, join_path

Server = tuple[str, int | None]
#: Attributes that may be read late.
_READ_LATE = frozenset(("scheme", "path", "encoded_path", "query", "http_version", "server", "peer", "peer_port"))

#: Bytes by which content is recognised that is kept nowhere.
BEGINNING = 64


class Request:
    """One request as it arrived, whatever protocol brought it.

    Strings are taken at the start, so that a later rewrite of path or prefix by the application does not change what
    is reported, and work that outlives the request keeps none of the server's dicts alive; headers are decoded when
    first asked for, once. Hooks, samplers and resolvers get this object.
    """

    __slots__ = (
        "protocol",
        "kind",
        "method",
        "original_method",
        "scheme",
        "path",
        "encoded_path",
        "query",
        "http_version",
        "server",
        "peer",
        "peer_port",
        "body",
        "trace",
        "_headers",
        "_separate",
        "_index",
    )

    #: ``"wsgi"`` or ``"asgi"``.
    protocol: str
    #: ``"http"``, ``"websocket"``, ``"lifespan"``, or an ASGI scope type we do not know.
    kind: str
    #: Upper-case method; ``"GET"`` for a websocket (RFC 6455, 4.1); empty where there is none.
    method: str
    #: The method as the client wrote it.
    original_method: str
    #: ``"http"``, ``"https"``, ``"ws"`` or ``"wss"``, as the server says.
    scheme: str
    #: The decoded path with its mount prefix, joined once.
    path: str
    #: The same, percent-encoded as the client sent it where the server passes that on (``/a%2Fb`` is not ``/a/b``).
    encoded_path: str
    #: The raw query string without ``?``, never unquoted as a whole.
    query: str
    #: ``"1.1"``, ``"2"``…; empty where unknown.
    http_version: str
    #: Name and port the server listens on; ``None`` for a unix socket.
    server: Server | None
    #: Address of the direct peer; ``None`` for a unix socket.
    peer: str | None
    #: Port of the direct peer; ``None`` where the server does not pass it on.
    peer_port: int | None
    #: What the application has read of the body; ``None`` where it has read nothing.
    body: ReadBody | None
    #: The trace it belongs to, once several outputs had to agree on one; ``None`` where there is only one output.
    trace: Trace | None

    def __init__(
        self,
        *,
        protocol: str,
        kind: str = "http",
        method: str = "",
        scheme: str = "http",
        root_path: str = "",
        path: str = "",
        query: str = "",
        http_version: str = "",
        server: Server | None = None,
        peer: str | None = None,
        peer_port: int | None = None,
    ) -> None:
        self.protocol = protocol
        self.kind = kind
        self.body = self.trace = None
        self._headers: list[Header] | None = None
        self._separate: list[Header] | None = None
        self._index: dict[str, str] | None = None
        self.original_method = method
        self.method = method.upper()
        self.scheme = scheme
        self.path = join_path(root_path, path)
        self.encoded_path = encode_path(self.path)
        self.query = query
        self.http_version = http_version
        self.server = server
        self.peer = peer
        self.peer_port = peer_port

    def __getattr__(self, name: str) -> Any:
        """Called where an attribute has no value yet: subclasses keep what arrived, and read it when they are asked."""
        if name not in _READ_LATE:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name == "path":
            self._read_path()  # all that a request needs of which nothing is sent
        else:
            self._read()
        return object.__getattribute__(self, name)

    def _read_path(self) -> None:
        """Give ``path`` its value."""
        self._read()

    def _read(self) -> None:
        """Give every attribute its value."""

    def _read_headers(self) -> Sequence[Header]:
        """The decoded headers in their order; called at most once."""
        return ()

    @property
    def headers(self) -> list[Header]:
        """The headers, repeated ones joined; names as the protocol's users know them (``Host`` or ``host``)."""
        if self._headers is None:
            self._index_headers()
        return self._headers or []

    @property
    def separate_headers(self) -> list[Header]:
        """The headers as the server passes them on, repeated ones apart; in WSGI, servers have joined them already."""
        headers = self.headers
        return headers if self._separate is None else self._separate

    def _index_headers(self) -> None:
        given = list(self._read_headers()) if self._separate is None else self._separate
        self._separate = given  # they can be read once only, and must not be lost should the index fail
        self._headers, self._index = index_headers(given)
        if len(self._headers) == len(given):
            self._separate = None

    def may_have(self, names: frozenset[str]) -> bool:
        """Return whether one of these headers, by lower-case name, may be there; cheap where nothing is decoded yet."""
        return True

    def header(self, name: str) -> str | None:
        """Return the value of a header by its lower-case name, or ``None``."""
        if self._index is None:
            self._index_headers()
        return None if self._index is None else self._index.get(name)

    @property
    def host(self) -> str | None:
        """The authority that was asked for: the Host header, else the server's address."""
        return self.header("host") or host_from_server(self.scheme, self.server)

    @property
    def url(self) -> str:
        """Scheme, host and percent-encoded path, without query and credentials."""
        return build_url(self.scheme, self.host, self.encoded_path)

    def same_as(self, other: Request) -> bool:
        """Return whether a bridge between the protocols made one of the two requests from the other."""
        return (
            self.method == other.method
            and self.path == other.path
            and self.query == other.query
            and self._fingerprint() == other._fingerprint()
        )

    def _fingerprint(self) -> dict[str, str]:
        """Headers in the form that survives a bridge: CGI spelling, joins without blanks (RFC 3875, 4.1.18)."""
        return {name.lower().replace("_", "-"): value.replace(", ", ",") for name, value in self.headers}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.protocol} {self.method or self.kind} {self.path}>"


class Trace:
    """A place in a trace (W3C Trace Context, 3.2.2), by which two outputs record into the same one.

    Args:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits: the parent of what continues from here.
        sampled: The sampling decision that comes with it; ``None`` where it is left open.
    """

    __slots__ = ("trace_id", "span_id", "sampled")

    def __init__(self, trace_id: str, span_id: str, sampled: bool | None = None) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled


class Name:
    """The name of a transaction and how it was found (Sentry's transaction source)."""

    __slots__ = ("value", "source", "route")

    def __init__(self, value: str, source: str, route: str | None = None) -> None:
        #: What the transaction is called.
        self.value = value
        #: ``"component"``, ``"route"``, ``"url"`` or ``"custom"``.
        self.source = source
        #: The route template, where it is known.
        self.route = route


class Parsed:
    """A body that was understood, or not.

    Args:
        kind: ``"json"``, ``"form"``, ``"multipart"`` or ``"raw"``.
        value: The JSON value, or fields by name (a list where a name comes more than once).
        too_large: Whether it was too large to be parsed, so that it may contain secrets that nobody knows.
    """

    __slots__ = ("kind", "value", "too_large")

    def __init__(self, kind: str, value: Any = None, too_large: bool = False) -> None:
        self.kind = kind
        self.value = value
        self.too_large = too_large


class UploadedFile:
    """An uploaded file: everything but its content, of which the beginning is known."""

    __slots__ = ("filename", "content_type", "size", "beginning")

    def __init__(self, filename: str, content_type: str, size: int, beginning: bytes = b"") -> None:
        self.filename = filename
        self.content_type = content_type
        self.size = size
        #: Up to ``BEGINNING`` bytes, one more where there are more.
        self.beginning = beginning


class ReadBody(Protocol):
    """What the application has read of the request's body (``_request.body.Body``)."""

    size: int

    @property
    def over_limit(self) -> bool:
        """Whether more was read than may be sent."""
        ...

    @property
    def beginning(self) -> bytes:
        """The first bytes."""
        ...

    def parse(self, content_type: str | None) -> Parsed:
        """The body by what it is; the media type is a hint."""
        ...

    def private_content(self, content_type: str | None) -> list[bytes]:
        """Beginnings of content that is never sent."""
        ...


class Outcome:
    """How a request ended. Filled in by the Exchange; recordings and ``on_response`` read it.

    Times are ``time.perf_counter()`` seconds; sizes are bytes.
    """

    __slots__ = (
        "status",
        "headers",
        "body_size",
        "started",
        "first_byte",
        "last_byte",
        "ended",
        "failed",
        "cancelled",
        "client_gone",
        "messages_in",
        "messages_out",
        "bytes_in",
        "close_code",
        "closed_by",
        "faulty",
    )

    def __init__(self, started: float) -> None:
        #: Status code sent, or 500 where an exception left none; ``None`` where nothing was sent.
        self.status: int | None = None
        #: Response headers as the application gave them: strings from WSGI, bytes from ASGI.
        self.headers: Sequence[tuple[object, object]] = ()
        #: Bytes of the response body (for a websocket: of the messages sent).
        self.body_size = 0
        #: When the middleware was called.
        self.started = started
        #: When the first body byte had been handed to the server.
        self.first_byte: float | None = None
        #: When the newest body byte had been handed to the server.
        self.last_byte: float | None = None
        #: When the last body byte had been handed to the server, or the request ended without one.
        self.ended: float | None = None
        #: An exception nobody handled, or a websocket closed with 1011.
        self.failed = False
        #: Cancelled, killed, or left by its client.
        self.cancelled = False
        #: The client went away before the end.
        self.client_gone = False
        self.messages_in = 0
        self.messages_out = 0
        self.bytes_in = 0
        self.close_code: int | None = None
        #: ``"client"`` or ``"server"``.
        self.closed_by: str | None = None
        #: Whether a function of this package has failed, so that secrets of the request may be unknown.
        self.faulty = False

    @property
    def duration(self) -> float | None:
        """Seconds from the call to the last body byte; ``None`` while the request runs."""
        return None if self.ended is None else self.ended - self.started

    @property
    def time_to_first_byte(self) -> float | None:
        """Seconds from the call to the first body byte; ``None`` for a response without one."""
        return None if self.first_byte is None else self.first_byte - self.started
