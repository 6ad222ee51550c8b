"""ASGI scope → ``Request`` (ASGI 2 and 3: http, websocket, lifespan, anything else).

Missing, ``None`` or odd keys are read as absent: extraction never raises and never decides what may be sent.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from ._http import Header, join_path
from ._request import Request, Server

_KEYS = ("scheme", "root_path", "path", "query_string", "http_version", "server", "client")


class ScopeRequest(Request):
    """A request read from an ASGI scope; holds the scope's header list and its strings, never the scope."""

    __slots__ = ("_raw_headers", "_raw", "_single")

    def __init__(self, scope: Mapping[str, Any]) -> None:
        get = scope.get
        self._arrived("asgi", text(get("type")))
        self.method = "GET" if self.kind == "websocket" else text(get("method")).upper()
        self._raw = tuple(map(get, _KEYS))
        self._single: dict[Any, Any] | None = None
        raw = get("headers")
        # A copy of the list, which the application may change; nothing is decoded unless somebody asks
        self._raw_headers: Iterable[Any] | None = tuple(raw) if isinstance(raw, (list, tuple)) else raw

    def _read(self) -> None:
        scheme, root_path, path, query, http_version, server, client = self._raw
        self.scheme = text(scheme) or ("ws" if self.kind == "websocket" else "http")
        self.path = join_path(text(root_path), text(path))
        self.query = text(query)
        self.http_version = text(http_version)
        self.server = _server(server)
        self.peer = _peer(client)

    def may_have(self, names: frozenset[str]) -> bool:
        """See ``Request``; 1 µs in the place of 8 for decoding eight headers."""
        raw = self._raw_headers
        if not isinstance(raw, tuple):
            return True
        lengths, spellings = _forms(names)
        try:
            for name, _ in raw:
                if len(name) in lengths and (name.lower() in spellings or not isinstance(name, bytes)):
                    return True
        except (AttributeError, TypeError, ValueError):  # odd pairs, or no pairs at all
            return True
        return False

    def header(self, name: str) -> str | None:
        """See ``Request``; one alone is found without the others' being decoded (1.5 µs in the place of 3.2)."""
        raw = self._raw_headers
        if self._index is None and isinstance(raw, tuple):
            if self._single is None:
                self._single = _single(raw)
            value = self._single.get(name.encode("latin-1", "replace")) if self._single else _NO_BYTES
            if value is None or isinstance(value, bytes):
                return None if value is None else value.decode("latin-1")
        return super().header(name)

    def release(self) -> None:
        """See ``Request``: our own copy holds nothing of the server's."""
        if not isinstance(self._raw_headers, tuple):
            super().release()

    def _read_headers(self) -> list[Header]:
        raw, self._raw_headers = self._raw_headers, None
        if not isinstance(raw, Iterable) or iter(raw) is raw:
            return []  # an iterator can be read once, and that is the application's to do
        # The specification asks for pairs in lower case; not every server and test client obeys
        try:  # two bytes objects each, nearly always: 3.4 µs in the place of 5.8 for eight headers
            return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]
        except (AttributeError, TypeError, ValueError):
            pass
        pairs = (item for item in raw if isinstance(item, (list, tuple)) and len(item) == 2)
        return [(text(name).lower(), text(value)) for name, value in pairs]


#: Stands for a value that is not what it must be.
_NO_BYTES: Any = object()


def _single(raw: tuple[Any, ...]) -> dict[Any, Any]:
    """The headers' values by name, where every name comes once and in lower case, as nearly always; else nothing."""
    try:
        found = dict(raw)
        names = b"".join(found)
    except (TypeError, ValueError):  # odd pairs, or no pairs at all
        return {}
    return found if len(found) == len(raw) and names.islower() and names.isascii() else {}


@functools.cache
def _forms(names: frozenset[str]) -> tuple[frozenset[int], frozenset[bytes]]:
    return frozenset(map(len, names)), frozenset(name.encode("latin-1") for name in names)


def text(value: object) -> str:
    """A string as it is, bytes as latin-1 (RFC 9110, 5.5), anything else as empty."""
    if isinstance(value, str):
        return value
    return value.decode("latin-1") if isinstance(value, bytes) else ""


def _server(server: object) -> Server | None:
    """``scope["server"]``; a unix socket has a path for a name and ``None`` for a port."""
    if not isinstance(server, (list, tuple)) or len(server) != 2:
        return None
    name, port = server
    return (name, port) if isinstance(name, str) and isinstance(port, int) else None


def _peer(client: object) -> str | None:
    """The address in ``scope["client"]``; ``None`` and empty (a unix socket) alike."""
    if isinstance(client, (list, tuple)) and client and isinstance(client[0], str):
        return client[0] or None
    return None
