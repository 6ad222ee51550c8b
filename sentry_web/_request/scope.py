"""Read a ``Request`` from an ASGI scope (ASGI 2 and 3: http, websocket, lifespan, anything else).

Missing, ``None`` or odd keys are read as absent: extraction never raises and never decides what may be sent.
Last, how large a message is, and which version an application speaks.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter, methodcaller
from typing import Any

from .http import Header, encode_path, encoded_as_sent, join_path
from .request import Request, Server

_KEYS = ("scheme", "root_path", "path", "query_string", "http_version", "server", "client", "raw_path")
_take: Callable[[Mapping[str, Any]], Any] = itemgetter(*_KEYS)
#: The lengths of all headers, as they should be.
_PAIRS = frozenset((2,))
_decode: Callable[[Any], Any] = methodcaller("decode", "latin-1")


class ScopeRequest(Request):
    """A request read from an ASGI scope; holds the scope's header list and its strings, never the scope."""

    __slots__ = ("_raw_headers", "_raw", "_single")

    protocol = "asgi"

    def __init__(self, scope: Mapping[str, Any]) -> None:
        get = scope.get
        kind, method = get("type"), get("method")
        self.kind = kind if type(kind) is str else text_or_empty(kind)
        if self.kind == "websocket":
            method = "GET"
        self.original_method: str = method if type(method) is str else text_or_empty(method)
        if type(method) is not str or not method.isupper():
            method = self.original_method.upper()  # upper() returns a copy, even of what is upper case
        self.method: str = method
        try:
            self._raw: tuple[Any, ...] = _take(scope)  # nearly always
        except KeyError:
            self._raw = tuple(map(get, _KEYS))
        self._single: dict[Any, Any] | None = None
        self.body = self.trace = self._headers = self._separate = self._index = None
        headers: Any = get("headers")
        # A copy of the list, which the application may change; nothing is decoded unless somebody asks
        listed = type(headers) is list or isinstance(headers, (list, tuple))
        self._raw_headers: tuple[Any, ...] | None = tuple(headers) if listed else _read_now(headers)

    def _read(self) -> None:
        scheme, _, path, query, http_version, server, client, raw_path = self._raw
        self.scheme = text_or_empty(scheme) or ("ws" if self.kind == "websocket" else "http")
        self.encoded_path = _encoded(self.path, text_or_empty(path), raw_path)
        self.query = text_or_empty(query)
        self.http_version = text_or_empty(http_version)
        self.server = _server(server)
        self.peer = _peer(client)
        self.peer_port = _peer_port(client)

    def _read_path(self) -> None:
        root_path, path = self._raw[1:3]
        self.path = join_path(text_or_empty(root_path), text_or_empty(path))

    def may_have(self, names: frozenset[str]) -> bool:
        """See :class:`Request`; nothing is decoded for it."""
        if self._raw_headers is None:
            return self._index is None or not self._index.keys().isdisjoint(names)
        lengths, spellings = _forms(names)
        if self._single is None:
            self._single = _single(self._raw_headers)
        if self._single:
            return not spellings.isdisjoint(self._single)
        try:
            for name, _ in self._raw_headers:
                if len(name) in lengths and (name.lower() in spellings or not isinstance(name, bytes)):
                    return True
        except (AttributeError, TypeError, ValueError):  # odd pairs, or no pairs at all
            return True
        return False

    def header(self, name: str) -> str | None:
        """See :class:`Request`; a single header is found without decoding the others."""
        raw = self._raw_headers
        if self._index is None and raw is not None:
            if self._single is None:
                self._single = _single(raw)
            value = self._single.get(name.encode("latin-1", "replace")) if self._single else _NO_BYTES
            if value is None or isinstance(value, bytes):
                return None if value is None else value.decode("latin-1")
        return super().header(name)

    def _read_headers(self) -> list[Header]:
        raw = self._raw_headers or ()
        headers = self._decoded(raw)
        self._raw_headers = None  # not before: what fails once, at the recursion limit, may succeed later
        return headers

    @staticmethod
    def _decoded(raw: Any) -> list[Header]:
        # The specification asks for pairs in lower case; not every server and test client obeys
        try:  # two bytes objects each, nearly always
            if _PAIRS.issuperset(map(len, raw)):
                names = map(str.lower, map(_decode, map(itemgetter(0), raw)))
                return list(zip(names, map(_decode, map(itemgetter(1), raw))))
        except (AttributeError, TypeError, ValueError):
            pass
        pairs = (item for item in raw if isinstance(item, (list, tuple)) and len(item) == 2)
        return [(text_or_empty(name).lower(), text_or_empty(value)) for name, value in pairs]


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


def _read_now(headers: object) -> tuple[Any, ...]:
    """Headers in no list, against the specification; an iterator can be read once, which is the application's to do."""
    return () if not isinstance(headers, Iterable) or iter(headers) is headers else tuple(headers)


def text_or_empty(value: object) -> str:
    """Return a string as it is, bytes as latin-1 (RFC 9110, 5.5), anything else as empty."""
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


def _peer_port(client: object) -> int | None:
    """The port in ``scope["client"]``, where there is an address."""
    if isinstance(client, (list, tuple)) and len(client) == 2 and type(client[1]) is int and _peer(client):
        return client[1]
    return None


def _encoded(full_path: str, path: str, raw_path: object) -> str:
    """The full path, encoded; ``raw_path`` stands for the part of it that is ``path``, as the client encoded it."""
    as_sent = encoded_as_sent(raw_path, path)
    if as_sent is None or not full_path.endswith(path):
        return encode_path(full_path)
    return encode_path(full_path[: len(full_path) - len(path)]) + as_sent


def message_size(message: Mapping[str, Any]) -> int:
    """Bytes of a websocket message's payload; text travels as UTF-8 (RFC 6455, 5.6)."""
    content = message.get("text")
    if content is None:
        return len(message.get("bytes") or b"")
    return len(content) if content.isascii() else len(content.encode("utf-8", "surrogatepass"))


def is_double_callable(app: Any) -> bool:
    """Return whether an application is unmistakably ASGI 2: a class, or something that takes one positional argument.

    A ``functools.partial``, a synchronous function or a lambda that forwards three arguments is ASGI 3. A class whose
    instances can be awaited is ASGI 3 too, as uvicorn has it.
    """
    if inspect.isclass(app):
        return not hasattr(app, "__await__")
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004
        return False
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):  # no signature to be had: a callable of an extension module
        return False
    positional = [item for item in parameters if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    return len(positional) == 1 and not any(item.kind is item.VAR_POSITIONAL for item in parameters)
