"""The privacy policy: the only place that decides which parts of a request may be sent.

One policy serves events, transactions and spans, both protocols and every output. It returns plain values; a replaced
value is marked as ``Filtered``, which an output translates into its vendor's annotation. No vendor type is used here.
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
from .header_kinds import HeaderKinds, secret_protocols
from .rules import BUILT_IN, Keys, Rule

SUBSTITUTE = "[Filtered]"

#: Headers in which a proxy reports the scheme and host that the client used (RFC 7239, and its predecessors).
FORWARDING_HEADERS = frozenset(("forwarded", "x-forwarded-proto", "x-forwarded-host"))
#: Maximum depth to which a parsed body is scrubbed; Sentry itself truncates at a much smaller depth.
_DEEPEST = 50

#: Kinds of headers whose values are never sent.
_HIDDEN = frozenset(("cookie", "secret", "secret address"))
#: Kinds of headers whose values are sent with ``user_info`` only.
_PERSONAL = frozenset(("address", "personal"))
#: Prefixes of relative URLs.
_RELATIVE = ("/", "?")
#: Kinds of headers whose values are sent unchanged, unless they look like a URL or contain credentials.
_PLAIN = frozenset(("other", "host"))
_CLOSER_LOOK = re.compile(r"://|@|^[/?]", re.MULTILINE).search
#: Limits of the cache of harmless queries: the number of key sets, and the length of each (as in ``HeaderKinds``).
_MOST_KEYS, _LONGEST_KEYS = 1000, 64
_QUERY_VALUES = re.compile("=[^&]*")


class Filtered(str):
    """A text in which something was replaced; outputs show the remark in their vendor's format."""

    __slots__ = ()

    #: Sentry's name of the rule, and the action: "s" for substituted, "x" for removed.
    remark = ("!config", "s")


class Oversized(Filtered):
    """A placeholder for a body that was omitted because of its size."""

    __slots__ = ()

    remark = ("!config", "x")


class Unparsed(Filtered):
    """A placeholder for an uploaded file, and for a body that is malformed or neither a form nor JSON."""

    __slots__ = ()

    remark = ("!raw", "s")


Text = str | Filtered
#: The target of a request: scheme, authority, path, query.
Address = tuple[str, str | None, str, Text | None]


class Policy:
    """The parts of a request that the user's settings allow to be sent.

    Args:
        user_info: Whether the client's address and other personal data may be sent.
        headers: The rule for headers.
        query: The rule for query parameters.
        cookies: The rule for cookies; ``None`` if they are never sent.
        fields: The rule for form fields and JSON keys, at any depth.
        bodies: Whether request bodies may be sent at all.
        forwarding: The proxies whose forwarding headers are trusted.
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
        #: The kind of each header.
        self.kinds = HeaderKinds(headers)
        self._harmless: set[str] = set()

    @classmethod
    def plain(
        cls,
        user_info: bool,
        forwarding: Forwarding,
        sensitive_headers: Sequence[Pattern[str]] = (),
        keys: Keys = BUILT_IN,
    ) -> Policy:
        """Return the policy of an output without Sentry's settings: no secrets, and addresses only with ``user_info``.

        Args:
            user_info: Whether the client's address may be sent.
            forwarding: The proxies whose forwarding headers are trusted.
            sensitive_headers: Patterns of further sensitive header names.
            keys: The names of sensitive keys.
        """
        rule, headers = Rule(keys=keys), Rule(keys=keys, patterns=sensitive_headers)
        known: Any = {"headers": headers, "query": rule, "cookies": None, "fields": rule, "bodies": True}
        return cls(user_info=user_info, forwarding=forwarding, **known)

    def report_headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, Text]:
        """Return headers by name, with secrets, cookies and disallowed addresses replaced."""
        if self.headers.mode == "off":
            return {}
        headers = list(headers)
        if self._all_harmless(headers):
            return dict(headers)
        kind_of = self.kinds.of
        return {name: self._header_value(kind_of(name), value) for name, value in headers}

    def _all_harmless(self, headers: list[tuple[str, str]]) -> bool:
        """Return whether no header name or value needs inspection, the common case without cookies."""
        whole = "\n".join([value for _, value in headers])
        return self.kinds.of_all(headers) <= _PLAIN and not _CLOSER_LOOK(whole)

    def _header_value(self, kind: str, value: str) -> Text:
        if kind == "other" and "://" not in value and value[:1] not in _RELATIVE:
            return value  # the common case
        if kind in _HIDDEN or kind.startswith("unlisted") or (kind in _PERSONAL and not self.user_info):
            return Filtered(SUBSTITUTE)
        if kind == "protocol":
            return _without_tokens(value)
        if kind == "host":
            host = without_credentials(value)
            return value if host == value else Filtered(host)
        return self.scrub_url(value) if kind == "url" or _url_value().match(value) else value

    def scrub_url(self, value: str) -> Text:
        """Return a URL without credentials, and with the secrets in its query and in a query-like fragment replaced."""
        value_, hash_mark, fragment = value.partition("#")
        address, mark, query = value_.partition("?")
        parts = [_userinfo().sub("", address)]
        scrubbed = self.report_query(query)
        if mark and scrubbed is not None:
            parts.append(mark + scrubbed)
        if "=" in fragment:  # OAuth's implicit grant passes tokens in the fragment (RFC 6749, 4.2.2)
            fragment = self.report_query(fragment) or ""
        if fragment:
            parts.append(hash_mark + fragment)
        whole = "".join(parts)
        return value if whole == value else Filtered(whole)

    def report_query(self, query: str) -> Text | None:
        """Return the raw query with the values of sensitive keys replaced, or ``None`` if there is none to send."""
        if not query or self.query.mode == "off":
            return None
        keys = _QUERY_VALUES.sub("", query)
        if keys in self._harmless and "@" not in query and "%40" not in query:
            return query  # the common case
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
        """Return cookies by name, with sensitive values replaced, or ``None`` if cookies are not sent."""
        if self.cookies is None or self.cookies.mode == "off" or not header:
            return None
        from werkzeug.http import parse_cookie

        rule = self.cookies
        header = header.encode("latin-1", "replace").decode("utf-8", "replace").encode("utf-8").decode("latin-1")
        return {
            name: Filtered(SUBSTITUTE) if rule.hides(name) else value for name, value in parse_cookie(header).items()
        }

    def report_body(self, request: Request) -> Any:
        """Return the parsed body, as far as the application has read it, with secrets replaced.

        ``None`` if there is nothing to send.
        """
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
        """Return a parsed value with sensitive values replaced, and uploaded files replaced by their metadata."""
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
        """Return the client's address, or ``None`` if it is unknown or may not be sent."""
        return self.forwarding.client_address(request.peer, request.header) if self.user_info else None

    def scheme(self, request: Request) -> str:
        """Return the scheme that the client used; headers are decoded only if a proxy has sent any."""
        return self.scheme_and_host(request)[0] if request.may_have(FORWARDING_HEADERS) else request.scheme

    def scheme_and_host(self, request: Request) -> tuple[str, str | None]:
        """Return the scheme and authority that the client used, as reported by trusted proxies."""
        scheme, host = self.forwarding.scheme_and_host(request.peer, request.header)
        return self._scheme(request, scheme), host or request.host

    @staticmethod
    def _scheme(request: Request, forwarded: str | None) -> str:
        """Return the scheme, as ``ws`` or ``wss`` for a websocket: proxies report ``https`` for its handshake."""
        if forwarded is None:
            return request.scheme
        if request.kind == "websocket":
            return {"http": "ws", "https": "wss"}.get(forwarded, forwarded)
        return forwarded

    def address(self, request: Request, direct: bool = False) -> Address:
        """Return the scheme, host, path and query that the client used, scrubbed.

        Args:
            request: The request.
            direct: Whether the request is known to have no forwarding headers.
        """
        scheme, host = (request.scheme, request.host) if direct else self.scheme_and_host(request)
        return scheme, host, scrub_path(request.path), self.report_query(request.query)

    def span_attributes(
        self, request: Request, whole_url: bool = False, direct: bool = False, address: Address | None = None
    ) -> dict[str, str | int]:
        """Return the request's span attributes, by OpenTelemetry's HTTP conventions (1.23 or later).

        Attributes that are unknown or may not be sent are left out.

        Args:
            request: The request.
            whole_url: Whether to add ``url.full``.
            direct: As for :meth:`address`.
            address: The result of :meth:`address`, if it is already known.
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
        agent = None if self.headers.mode == "off" or self.headers.hides("user-agent") else request.header("user-agent")
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
    """Return the pattern of values that begin like a URL; compiled on first use."""
    return re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://|/|\?")


@functools.cache
def _userinfo() -> Pattern[str]:
    """Return the pattern of the userinfo (``user:password@``) in a URL; compiled on first use."""
    return re.compile(r"(?<=//)[^/?#\s]*@")


def _without_tokens(value: str) -> Text:
    """Return the subprotocols of a websocket without those that may be tokens."""
    tokens = set(secret_protocols(value))
    if not tokens:
        return value
    return Filtered(", ".join(SUBSTITUTE if item.strip() in tokens else item.strip() for item in value.split(",")))


def scrub_path(path: str) -> str:
    """Return a path without the credentials of an embedded URL (``/fetch/https://user:pw@host``, as in a proxy)."""
    return _userinfo().sub("", path) if "@" in path else path


def _holds_userinfo(raw_value: str) -> bool:
    """Return whether a query value contains a URL with credentials; ``@`` may be percent-encoded."""
    return ("@" in raw_value or "%40" in raw_value) and _userinfo().search(unquote_plus(raw_value)) is not None
