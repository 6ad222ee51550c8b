"""HTTP semantics on primitives: strings and numbers in, strings and numbers out.

Nothing here knows WSGI, ASGI or a vendor, and nothing here imports from the package but percent-decoding, so
that each rule can be read and tested against its RFC alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from operator import itemgetter
from urllib.parse import quote

from .percent import unquote_plus, unquote_to_bytes

#: RFC 9110, 4.2: the port that a scheme implies and that a URL therefore leaves out.
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# RFC 3986, 3.3: pchar and "/", less "%", which in a decoded path is a literal percent sign.
_PATH_SAFE = "/!$&'()*+,;=:@-._~"

#: A path of these only is its own encoded form.
_PLAIN_PATH = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + _PATH_SAFE.encode()

Header = tuple[str, str]

#: Of authorities that are remembered.
_SHORT = 64


def join_path(root_path: str, path: str) -> str:
    """The full path of a request: the mount prefix and the path below it, joined once.

    Servers disagree whether an ASGI ``path`` holds ``root_path`` already (the specification says it does; uvicorn
    before 0.26 and older mounts leave it out), so a prefix that is there is found by itself.
    """
    root_path = root_path.rstrip("/")
    if not root_path or path == root_path or path.startswith(root_path + "/"):
        return path or "/"
    return root_path + "/" + path.lstrip("/")


def encode_path(path: str) -> str:
    """Percent-encode a decoded path (RFC 3986, 3.3)."""
    odd = path.encode("utf-8", "surrogatepass").translate(None, _PLAIN_PATH)
    return quote(path, safe=_PATH_SAFE, errors="replace") if odd else path


def encoded_as_sent(target: object, path: str) -> str | None:
    """The percent-encoded path in a request target as the client sent it (RFC 9112, 3.2).

    Args:
        target: The target, or the path in it; gateways differ in whether they leave the query in it.
        path: The decoded path. A gateway may have rewritten it: then the target is of no use.

    Returns:
        The path, with what must be encoded encoded; ``None`` where it is not that of ``path``.
    """
    raw = target.encode("latin-1", "replace") if isinstance(target, str) else target
    if not isinstance(raw, bytes) or b"%" not in raw:  # without an escape, the decoded path says the same
        return None
    raw = raw.partition(b"?")[0]
    if not raw.startswith(b"/"):
        raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
    if unquote_to_bytes(raw).decode("utf-8", "replace") != path:
        return None
    return quote(raw, safe=_PATH_SAFE + "%")


def host_from_server(scheme: str, server: tuple[str, int | None] | None) -> str | None:
    """The authority made from the server's own address, for a request without a Host header (RFC 9110, 7.2).

    A default port is left out; a unix socket (no port, or a path for a name) has no authority.
    """
    if server is None:
        return None
    name, port = server
    if not name or port is None or name.startswith("/"):
        return None
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    return name if DEFAULT_PORTS.get(scheme) == port else f"{name}:{port}"


def split_host(host: str) -> tuple[str, int | None]:
    """Split an authority into name and port, an IPv6 literal without its brackets (RFC 3986, 3.2.2)."""
    name, separator, port = host.rpartition(":")
    if not separator or not (port.isascii() and port.isdigit()) or name.endswith(":"):
        return host.strip("[]"), None
    return name.strip("[]"), int(port[:6])


def server_address(scheme: str, host: str) -> tuple[str, int | None]:
    """Name and port of an authority, credentials left out; the scheme's own port where it has none."""
    # Long ones are read anew each time, so that what strangers send fills no memory
    return _server_address(scheme, host) if len(host) <= _SHORT else _server_address.__wrapped__(scheme, host)


@functools.lru_cache(maxsize=256)
def _server_address(scheme: str, host: str) -> tuple[str, int | None]:
    name, port = split_host(without_credentials(host))
    return name, DEFAULT_PORTS.get(scheme) if port is None else port


def without_credentials(host: str) -> str:
    """An authority without ``user:password@`` (RFC 3986, 3.2.1; RFC 9110, 4.2.4)."""
    return host.rpartition("@")[2]


def build_url(scheme: str, host: str | None, encoded_path: str) -> str:
    """The address of a request without its query; only the percent-encoded path where no host is known."""
    encoded = encoded_path
    if not encoded.startswith("/"):
        encoded = "/" + encoded  # ``OPTIONS *`` (RFC 9112, 3.2.4) must not run into the host
    return f"{scheme}://{without_credentials(host)}{encoded}" if host else encoded


def split_query(query: str) -> list[tuple[str, str, str]]:
    """The pairs of a query string as ``(decoded key, raw key, raw value with its "=")``, in their order.

    The query is never unquoted as a whole: ``q=a%26b`` holds one pair, not two.
    """
    pairs = []
    for part in query.split("&"):
        raw_key, equals, raw_value = part.partition("=")
        key = unquote_plus(raw_key) if "%" in raw_key or "+" in raw_key else raw_key
        pairs.append((key, raw_key, equals + raw_value))
    return pairs


def protocol_version(version: str) -> str:
    """The version of HTTP, ``2`` rather than ``2.0``: there are no minor ones since HTTP/2 (RFC 9113, 3.1)."""
    return version[:-2] if version in ("2.0", "3.0") else version


def parse_status(status: object) -> int | None:
    """The status code of a WSGI status line or an ASGI status; ``None`` where there is none to be read.

    A line without a reason phrase (``"200"``) is common though PEP 3333 asks for one.
    """
    if isinstance(status, int):
        return int(status)
    return _status_code(status) if isinstance(status, str) else None


@functools.lru_cache(maxsize=256)  # an application has a few status lines
def _status_code(status: str) -> int | None:
    code = status.strip()[:3]
    return int(code) if code.isascii() and code.isdigit() else None


def combine_headers(headers: Iterable[Header]) -> list[Header]:
    """One entry a name, values of a repeated header joined with ``", "`` (RFC 9110, 5.3).

    Cookies are joined with ``"; "``, as RFC 6265, 5.4 and RFC 9113, 8.2.3 say. The first spelling of a name stays.
    """
    combined: dict[str, tuple[str, list[str]]] = {}
    for name, value in headers:
        combined.setdefault(name.lower(), (name, []))[1].append(value)
    return [(name, ("; " if key == "cookie" else ", ").join(values)) for key, (name, values) in combined.items()]


def index_headers(headers: Iterable[Header]) -> tuple[list[Header], dict[str, str]]:
    """The headers, repeated ones joined, and their values by lower-case name.

    Headers are joined only where the index shows that a name is repeated.
    """
    given = list(headers)
    index: dict[str, str] = dict(zip(map(str.lower, map(itemgetter(0), given)), map(itemgetter(1), given)))
    return (given, index) if len(index) == len(given) else index_headers(combine_headers(given))


def content_length(headers: Iterable[tuple[object, object]]) -> int:
    """The length that a response announces (RFC 9110, 8.6), its headers strings or bytes; 0 where it announces none."""
    for pair in headers:
        name, value = map(text, pair)
        if name.lower() == "content-length" and value.isascii() and value.isdigit():
            return int(value)
    return 0


def text(value: object) -> str:
    """Return a header's name or value, of whichever protocol, as text: bytes as latin-1 (RFC 9110, 5.5)."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def header_pairs(headers: object) -> list[Header]:
    """The headers of a response as text; what is no pair is left out."""
    items = headers if isinstance(headers, (list, tuple)) else ()
    return [(text(item[0]), text(item[1])) for item in items if isinstance(item, (list, tuple)) and len(item) == 2]


def header_bytes(headers: Iterable[Header]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them: bytes, names in lower case. What latin-1 cannot express is left out."""
    encoded = []
    for name, value in headers:
        try:
            encoded.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        except UnicodeEncodeError:
            continue
    return encoded


def outgoing_trace(trace_id: str, span_id: str, sampled: bool) -> dict[str, str]:
    """A span's identity as response headers, by lower-case name.

    W3C's ``traceresponse`` (Trace Context Level 2, draft), and ``Server-Timing`` entries as browsers' SDKs read them.
    """
    traceparent = f"00-{trace_id}-{span_id}-{int(sampled):02x}"
    timing = f'traceparent;desc="{traceparent}", sentry-trace;desc="{trace_id}-{span_id}-{int(sampled)}"'
    return {"server-timing": timing, "traceresponse": traceparent}
