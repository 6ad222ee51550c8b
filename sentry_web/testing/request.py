"""A logical HTTP request, as a client sends it, independent of the protocol.

The drivers build a WSGI environ or an ASGI scope from this value. This module knows neither of them, nor Sentry, since
the value must have the same meaning for every driver.
"""

from __future__ import annotations

from dataclasses import Field, dataclass
from typing import Any, ClassVar
from urllib.parse import quote, unquote, unquote_to_bytes

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# RFC 3986, 3.3: pchar and "/" stay as they are; "%" too, so that an escape (even a broken one) is sent as written.
_PATH_CHARACTERS = "/%:@!$&'()*+,;=-._~"


class Described:
    """A base for dataclasses with a short repr that is valid Python: without defaults, and with classes by name."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __repr__(self) -> str:
        shown = []
        for field in self.__dataclass_fields__.values():
            value = getattr(self, field.name)
            if value != field.default:
                shown.append(f"{field.name}={value.__name__ if isinstance(value, type) else repr(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class RequestSpec(Described):
    """One request from the client's point of view.

    Args:
        method: The method as on the request line.
        path: The path below ``root_path`` as on the request line; percent-encoded, though Unicode characters may be
            written plainly and are then sent as percent-encoded UTF-8.
        query: The raw query string without ``?``.
        headers: Pairs of name and value in wire order; names may be repeated. ``Host`` and ``Content-Length`` are
            added if they are missing, unless ``exact_headers`` is set.
        body: The body in the pieces in which it arrives.
        scheme: ``http`` or ``https``.
        host: The host that the client addresses, and the server's name.
        port: The server's port; ``None`` for the default port of the scheme.
        root_path: The prefix under which the application is mounted (SCRIPT_NAME in PEP 3333).
        client: The address and port of the peer, or ``None`` as behind a Unix socket.
        http_version: ``1.0``, ``1.1`` or ``2``.
        exact_headers: Whether to send ``headers`` and no others.
    """

    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: tuple[bytes, ...] = ()
    scheme: str = "http"
    host: str = "shop.example"
    port: int | None = None
    root_path: str = ""
    client: tuple[str, int] | None = ("192.0.2.7", 49152)
    http_version: str = "1.1"
    exact_headers: bool = False

    @property
    def server_port(self) -> int:
        """The server's port, or else the default port of the scheme."""
        return _DEFAULT_PORTS[self.scheme] if self.port is None else self.port

    @property
    def authority(self) -> str:
        """The host and port as in a ``Host`` header, without the default port (RFC 9110, 7.2)."""
        if self.server_port == _DEFAULT_PORTS[self.scheme]:
            return self.host
        return f"{self.host}:{self.server_port}"

    @property
    def wire_path(self) -> str:
        """``root_path`` and ``path`` in ASCII, percent-encoded, as on the request line."""
        return quote(self.root_path + self.path, safe=_PATH_CHARACTERS)

    @property
    def url(self) -> str:
        """The absolute URL without the query."""
        return f"{self.scheme}://{self.authority}{self.wire_path}"

    @property
    def content(self) -> bytes:
        """The whole body."""
        return b"".join(self.body)

    def wire_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """All headers in wire order and case: as latin-1 if possible, else as UTF-8."""
        headers = list(self.headers)
        if not self.exact_headers:
            names = {name.lower() for name, _ in headers}
            if "host" not in names:
                headers.insert(0, ("Host", self.authority))
            if self.body and not names & {"content-length", "transfer-encoding"}:
                headers.append(("Content-Length", str(len(self.content))))
        return tuple((encode_header(name), encode_header(value)) for name, value in headers)


def encode_header(text: str) -> bytes:
    """Return the bytes of a header name or value: latin-1 if possible (RFC 9110, 5.5), else UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")


def decoded(wire: str) -> str:
    """Return a percent-encoded path as ASGI requires it: Unicode; invalid UTF-8 becomes U+FFFD, as in uvicorn."""
    return unquote(wire)


def wsgi_decoded(text: str) -> str:
    """Return a path as PEP 3333 requires it: the percent-decoded bytes, each as one latin-1 character."""
    return unquote_to_bytes(quote(text, safe=_PATH_CHARACTERS)).decode("latin-1")
