"""The privacy policy: the only decision about what may be sent of a request.

One policy for events, transactions, spans, both protocols and every output. It speaks plain values; where something was
replaced it says so with ``Filtered``, and an output turns that into the remark its vendor shows. No vendor type here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from re import Pattern
from typing import Any
from urllib.parse import unquote_plus

from .._request import Request, UploadedFile
from .._request.forwarding import Forwarding
from .._request.http import build_url, server_address, split_query, without_credentials
from .header_kinds import HeaderKinds
from .rules import Rule

SUBSTITUTE = "[Filtered]"

#: Headers in which a proxy reports how the client asked (RFC 7239, and what was before it).
FORWARDING_HEADERS = frozenset(("forwarded", "x-forwarded-proto", "x-forwarded-host"))
#: Levels of a parsed body that are looked at; Sentry itself cuts off far above.
_DEEPEST = 50

#: Kinds of headers whose values are never sent.
_HIDDEN = frozenset(("cookie", "secret", "secret address"))
#: By which a value may begin that is a URL without a scheme.
_RELATIVE = ("/", "?")
#: Kinds of headers whose values are sent as they are, unless they look like a URL, or hold credentials.
_PLAIN = frozenset(("other", "host"))
_CLOSER_LOOK = re.compile(r"://|@|^[/?]", re.MULTILINE).search
#: Queries' keys that are remembered as harmless: so many of them together, and so long at most (as in HeaderKinds).
_MOST_KEYS, _LONGEST_KEYS = 1000, 64
_QUERY_VALUES = re.compile("=[^&]*")


class Filtered(str):
    """A text in which something was replaced; outputs show the remark in their vendor's form."""

    __slots__ = ()

    #: Sentry's name of the rule, and what was done: "s" substituted, "x" removed.
    remark = ("!config", "s")


class Oversized(Filtered):
    """Stands for a body that was left out because of its size."""

    __slots__ = ()

    remark = ("!config", "x")


class Unparsed(Filtered):
    """Stands for a body that is neither form nor JSON, or is malformed, and for an uploaded file."""

    __slots__ = ()

    remark = ("!raw", "s")


Text = str | Filtered
#: Where a request went: scheme, authority, path, query.
Address = tuple[str, str | None, str, Text | None]


class Policy:
    """What the user's settings allow.

    Args:
        user_info: The client's address and other marks of a person may be sent.
        cookies: The rule for cookies; ``None`` where they are never sent.
        fields: The rule for form fields and JSON keys, at any depth.
        bodies: Whether request bodies may be sent at all.
    """

    __slots__ = ("user_info", "headers", "query", "cookies", "fields", "bodies", "forwarding", "kinds", "_harmless")

    def __init__(
        self,
        *,
        user_info: bool,
        headers: Rule,
        query: Rule,
        cookies: Rule | None,
        fields: Rule,
        bodies: bool,
        forwarding: Forwarding,
    ) -> None:
        self.user_info = user_info
        self.headers = headers
        self.query = query
        self.cookies = cookies
        self.fields = fields
        self.bodies = bodies
        self.forwarding = forwarding
        #: What each header holds.
        self.kinds = HeaderKinds(headers)
        self._harmless: set[str] = set()

    @classmethod
    def plain(cls, user_info: bool, forwarding: Forwarding, sensitive_headers: Sequence[Pattern[str]] = ()) -> Policy:
        """Return the policy of an output without Sentry's settings: secrets are never sent, addresses by ``user_info``.

        Args:
            user_info: Whether the client's address may be sent.
            forwarding: Whose forwarding headers count.
            sensitive_headers: Further names of sensitive headers.
        """
        rule, headers = Rule(), Rule(patterns=sensitive_headers)
        known: Any = {"headers": headers, "query": rule, "cookies": None, "fields": rule, "bodies": True}
        return cls(user_info=user_info, forwarding=forwarding, **known)

    def report_headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, Text]:
        """Headers by name, with secrets, cookies and unwanted addresses replaced."""
        if self.headers.mode == "off":
            return {}
        headers = list(headers)
        if self._all_harmless(headers):
            return dict(headers)
        kind_of = self.kinds.of
        return {name: self._header_value(kind_of(name), value) for name, value in headers}

    def _all_harmless(self, headers: list[tuple[str, str]]) -> bool:
        """Return whether no name and no value asks for a closer look, as mostly where there is no cookie."""
        whole = "\n".join([value for _, value in headers])
        return self.kinds.of_all(headers) <= _PLAIN and not _CLOSER_LOOK(whole)

    def _header_value(self, kind: str, value: str) -> Text:
        if kind == "other" and "://" not in value and value[:1] not in _RELATIVE:
            return value  # nearly all
        if kind in _HIDDEN or (kind == "address" and not self.user_info):
            return Filtered(SUBSTITUTE)
        if kind == "host":
            host = without_credentials(value)
            return value if host == value else Filtered(host)
        return self.scrub_url(value) if kind == "url" or _url_value().match(value) else value

    def scrub_url(self, value: str) -> Text:
        """A URL without credentials and with the secrets of its query replaced, and of a fragment that is a query."""
        value_, hash_mark, fragment = value.partition("#")
        address, mark, query = value_.partition("?")
        parts = [_userinfo().sub("", address)]
        scrubbed = self.report_query(query)
        if mark and scrubbed is not None:
            parts.append(mark + scrubbed)
        if "=" in fragment:  # OAuth's implicit grant hands tokens over so (RFC 6749, 4.2.2)
            fragment = self.report_query(fragment) or ""
        if fragment:
            parts.append(hash_mark + fragment)
        whole = "".join(parts)
        return value if whole == value else Filtered(whole)

    def report_query(self, query: str) -> Text | None:
        """The raw query with the values of sensitive keys replaced; ``None`` where there is none to send."""
        if not query or self.query.mode == "off":
            return None
        keys = _QUERY_VALUES.sub("", query)
        if keys in self._harmless and "@" not in query and "%40" not in query:
            return query  # nearly all
        parts: list[str] = []
        for key, raw_key, raw_value in split_query(query):
            hidden = bool(raw_value) and (self.query.hides(key) or _holds_userinfo(raw_value))
            parts.append(f"{raw_key}={SUBSTITUTE}" if hidden else raw_key + raw_value)
        few = len(self._harmless) < _MOST_KEYS and len(keys) <= _LONGEST_KEYS
        if few and not any(self.query.hides(key) for key, _, _ in split_query(keys)):
            self._harmless.add(keys)
        whole = "&".join(parts)
        return query if whole == query else Filtered(whole)

    def report_cookies(self, header: str | None) -> dict[str, Text] | None:
        """Cookies by name, sensitive ones replaced; ``None`` where cookies are not sent."""
        if self.cookies is None or self.cookies.mode == "off" or not header:
            return None
        from werkzeug.http import parse_cookie

        rule = self.cookies
        header = header.encode("latin-1", "replace").decode("utf-8", "replace").encode("utf-8").decode("latin-1")
        return {
            name: Filtered(SUBSTITUTE) if rule.hides(name) else value for name, value in parse_cookie(header).items()
        }

    def report_body(self, request: Request) -> Any:
        """What the application has read of the body, parsed and with secrets replaced; ``None``: nothing to send."""
        body = request.body
        if body is None or not body.size or not self.bodies:
            return None
        if body.over_limit:
            return Oversized("")
        content_type = request.header("content-type") or ""
        parsed = body.parse(content_type)
        if parsed.kind == "raw":
            media_type = content_type.partition(";")[0].strip()[:100]
            return Unparsed(f"[{media_type or 'no content type'}: {body.size} bytes read]")
        return self._scrub(parsed.value, 0)

    def _scrub(self, value: Any, depth: int) -> Any:
        """A parsed value with those under sensitive keys replaced, and files by what is known beside their content."""
        if depth > _DEEPEST:
            return Unparsed("[nested too deep]")
        if isinstance(value, dict):
            return {
                key: Filtered(SUBSTITUTE) if self.fields.hides(str(key)) else self._scrub(item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._scrub(item, depth + 1) for item in value]
        if isinstance(value, UploadedFile):
            return Unparsed(f"[file {value.filename}, {value.content_type}, {value.size} bytes]")
        return value

    def client_address(self, request: Request) -> str | None:
        """The client's address, where it may be sent."""
        return self.forwarding.client_address(request.peer, request.header) if self.user_info else None

    def scheme(self, request: Request) -> str:
        """The scheme as the client used it; without a proxy's headers, no header is decoded."""
        return self.scheme_and_host(request)[0] if request.may_have(FORWARDING_HEADERS) else request.scheme

    def scheme_and_host(self, request: Request) -> tuple[str, str | None]:
        """Scheme and authority as the client used them, as far as trusted proxies report them."""
        scheme, host = self.forwarding.scheme_and_host(request.peer, request.header)
        return self._scheme(request, scheme), host or request.host

    @staticmethod
    def _scheme(request: Request, forwarded: str | None) -> str:
        """Proxies say ``https`` of a websocket's handshake too; what arrived as a websocket stays one."""
        if forwarded is None:
            return request.scheme
        if request.kind == "websocket":
            return {"http": "ws", "https": "wss"}.get(forwarded, forwarded)
        return forwarded

    def address(self, request: Request, direct: bool = False) -> Address:
        """Return scheme, host, path and query as the client used them, as far as they may be sent.

        Args:
            request: The request.
            direct: It is known that no proxy reports how the client asked.
        """
        scheme, host = (request.scheme, request.host) if direct else self.scheme_and_host(request)
        return scheme, host, scrub_path(request.path), self.report_query(request.query)

    def span_attributes(
        self, request: Request, whole_url: bool = False, direct: bool = False, address: Address | None = None
    ) -> dict[str, str | int]:
        """Return the request by OpenTelemetry's names (HTTP conventions from 1.23 on), where known and allowed.

        Args:
            request: The request.
            whole_url: Add ``url.full``.
            direct: As for :meth:`address`.
            address: What :meth:`address` returned, where it was called already.
        """
        scheme, host, path, query = self.address(request, direct) if address is None else address
        known: dict[str, Any] = {"url.scheme": scheme, "url.path": path, "network.protocol.name": request.kind}
        if request.method:
            known["http.request.method"] = request.method
        if query is not None:
            known["url.query"] = query
        if host:
            known["server.address"], port = server_address(scheme, host)
            if port is not None:
                known["server.port"] = port
        agent = None if self.headers.mode == "off" else request.header("user-agent")
        if agent is not None:
            known["user_agent.original"] = agent
        if request.http_version:
            known["network.protocol.version"] = request.http_version
        if self.user_info:
            optional = {"client.address": self.client_address(request), "network.peer.address": request.peer}
            known.update({key: value for key, value in optional.items() if value is not None})
        if whole_url:
            known["url.full"] = build_url(scheme, host, path) + (f"?{query}" if query is not None else "")
        return known


@functools.cache
def _url_value() -> Pattern[str]:
    """What begins like a URL; compiled, as the next one, where it is needed."""
    return re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://|/|\?")


@functools.cache
def _userinfo() -> Pattern[str]:
    """``user:password@`` of a URL."""
    return re.compile(r"(?<=//)[^/?#\s]*@")


def scrub_path(path: str) -> str:
    """A path without the credentials of a URL inside of it, as proxies have them (``/fetch/https://user:pw@host``)."""
    return _userinfo().sub("", path) if "@" in path else path


def _holds_userinfo(raw_value: str) -> bool:
    """Return whether a value of a query holds a URL with credentials; ``@`` may be percent-encoded."""
    return ("@" in raw_value or "%40" in raw_value) and _userinfo().search(unquote_plus(raw_value)) is not None
