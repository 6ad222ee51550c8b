"""Read a ``Request`` from a WSGI environ (PEP 3333), the only place that undoes its latin-1 decoding.

Missing or odd keys are read as absent: extraction never raises and never decides what may be sent. Last, what the
environ says of the server's ways with a response.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from itertools import compress, repeat
from operator import itemgetter
from typing import Any

from .http import Header, encode_path, encoded_as_sent
from .request import Request, Server


class EnvironRequest(Request):
    """A request read from a WSGI environ; holds its strings, never the environ."""

    __slots__ = ("_strings",)

    protocol = "wsgi"
    kind = "http"

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self.body = self.trace = self._headers = self._separate = self._index = None
        method = environ.get("REQUEST_METHOD")
        self.original_method: str = native(method)
        if type(method) is not str or not method.isupper():
            method = native(method).upper()  # upper() returns a copy, even of what is upper case
        self.method: str = method
        # Strings hold nothing of the server's alive; which of them are headers is found out if somebody asks.
        # map() and compress() take half the time of a comprehension
        are_strings = map(isinstance, environ.values(), repeat(str))
        self._strings: dict[Any, str] = dict(compress(environ.items(), are_strings))
        port = environ.get("SERVER_PORT")
        if type(port) is int:
            self._strings["SERVER_PORT"] = str(port)  # against PEP 3333, which wants strings

    def __getattr__(self, name: str) -> Any:
        """See ``Request``; the server's own address is wanted where there is no Host header, or by an event."""
        if name != "server":
            return super().__getattr__(name)
        self.server = _server(self._strings.get("SERVER_NAME"), self._strings.get("SERVER_PORT"))
        return self.server

    def _read(self) -> None:
        get = self._strings.get  # strings, all of them
        self.scheme = get("wsgi.url_scheme") or "http"
        path = self.path
        # No standard key; gunicorn and werkzeug call it so, uWSGI and mod_wsgi by the second name
        as_sent = encoded_as_sent(get("RAW_URI"), path) or encoded_as_sent(get("REQUEST_URI"), path)
        self.encoded_path = encode_path(path) if as_sent is None else as_sent
        self.query = native(get("QUERY_STRING"))
        self.http_version = get("SERVER_PROTOCOL", "").rpartition("/")[2]
        self.peer = get("REMOTE_ADDR") or None
        port = get("REMOTE_PORT", "")  # no standard key either
        self.peer_port = int(port) if self.peer and port.isascii() and port.isdigit() and len(port) <= 5 else None

    def _read_path(self) -> None:
        get = self._strings.get
        prefix, path = get("SCRIPT_NAME", "").rstrip("/"), get("PATH_INFO", "")  # PEP 3333: no overlap
        if not (prefix + path).isascii():
            prefix, path = decode(prefix), decode(path)
        if path and prefix and not path.startswith("/"):
            path = "/" + path  # against PEP 3333, from applications that shift the path by themselves
        self.path = prefix + path or "/"

    def may_have(self, names: frozenset[str]) -> bool:
        """See ``Request``."""
        return not self._strings.keys().isdisjoint(_keys(names))

    def header(self, name: str) -> str | None:
        """See ``Request``; one is looked up by its key until all are asked for."""
        key = _key(name) if self._index is None else None
        return super().header(name) if key is None else self._strings.get(key)

    def _read_headers(self) -> list[Header]:
        strings = self._strings
        names: list[Any] = list(map(_HEADERS.get, strings))
        if None in names:
            names = [_known_header(key) for key in strings]
        headers: list[Header] = list(compress(zip(names, strings.values()), names))
        if not all(map(itemgetter(1), headers)):
            headers = [(name, value) for name, value in headers if value or name not in _MAY_BE_EMPTY]
        return headers


#: PEP 3333: both "may be empty or missing", so an empty one is no header.
_MAY_BE_EMPTY = frozenset(("Content-Type", "Content-Length"))


#: A cache of the header names of environ keys, empty for keys of no header. Few keys are common; the number of entries
#: and the length of each are limited, so that clients cannot fill the memory.
_HEADERS: dict[str, str] = {}
_MOST, _LONGEST = 1024, 64


def _known_header(key: Any) -> str:
    """The header that a key of the environ stands for, which is remembered."""
    name = _HEADERS.get(key)
    if name is None:
        name = _header_of(key) if isinstance(key, str) else ""
        if len(_HEADERS) < _MOST and isinstance(key, str) and len(key) <= _LONGEST:
            _HEADERS[key] = name
    return name


def _header_of(key: str) -> str:
    if key.startswith("HTTP_") and key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
        return header_name(key[5:])
    return header_name(key) if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else ""


@functools.lru_cache(maxsize=256)
def _key(name: str) -> str | None:
    """The key of a header by its lower-case name; ``None`` where there is more to it."""
    plain = name == name.lower() and "_" not in name and name.title() not in _MAY_BE_EMPTY
    return "HTTP_" + name.upper().replace("-", "_") if plain else None


@functools.cache
def _keys(names: frozenset[str]) -> frozenset[str]:
    return frozenset("HTTP_" + name.upper().replace("-", "_") for name in names)


def header_name(key: str) -> str:
    """The spelling that WSGI's users know: ``X_AUTH_TOKEN`` → ``X-Auth-Token``."""
    return key.replace("_", "-").title()


def native(value: object) -> str:
    """Return a native string (PEP 3333) as it is, anything else as empty."""
    return value if isinstance(value, str) else ""


def decode(value: object) -> str:
    """Return the text of a native string of PEP 3333: UTF-8 bytes that were decoded as latin-1.

    A string that is not made of latin-1 characters breaks the PEP; it is taken as text already decoded. Bytes that
    are not UTF-8 are shown as U+FFFD, as ASGI servers decode them.
    """
    string = native(value)
    try:
        return string.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return string


def _server(name: object, port: object) -> Server | None:
    """SERVER_NAME and SERVER_PORT; servers on a unix socket put a path or nothing there."""
    host, number = native(name), "" if port is None else str(port)
    if not host or host.startswith(("/", "unix:")) or not number.isascii() or not number.isdigit():
        return None
    return host, int(number)


def may_be_wrapped(response: Any, environ: Any) -> bool:
    """Return whether the server does not compare the response by identity or type.

    A file behind ``wsgi.file_wrapper`` is sent by the operating system (uWSGI compares the pointer). What is no
    iterable is the server's to complain of.
    """
    if not (hasattr(response, "__iter__") or hasattr(response, "__getitem__")):
        return False
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return True
    return not (hasattr(response, "fileno") or (isinstance(wrapper, type) and isinstance(response, wrapper)))
