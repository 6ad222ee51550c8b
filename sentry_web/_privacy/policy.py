"""The privacy policy: the only place that decides which parts of a request may be sent.

One policy serves events, transactions and spans, both protocols and every output. It returns plain values; a replaced
value is marked as ``Filtered``, which an output translates into its vendor's annotation. No vendor type is used here.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import itemgetter, not_
from re import Pattern
from typing import Any, NamedTuple

from .._request import Request, UploadedFile
from .._request.forwarding import Forwarding
from .._request.http import encode_path, protocol_version, server_address, split_query, without_credentials
from .._request.parsing import TooLargeError
from .._request.percent import unquote, unquote_plus
from .header_kinds import HeaderKinds, secret_protocols
from .nested import TOO_LARGE, Budget, hides_value, is_pair_name, nested_json, nested_queries, parts_of_pair
from .rules import BUILT_IN, Keys, Rule, is_plausible

SUBSTITUTE = "[Filtered]"

#: The query keys whose values OpenTelemetry's conventions (``url.query``; case-sensitive) replace by ``REDACTED``,
#: and those of earlier releases of the conventions.
REDACTED_KEYS = frozenset(
    (
        *("AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"),
        *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token"),
    )
)
REDACTED = "REDACTED"

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
#: Limits of the cache of harmless queries: the number of key sets, and the length of each (as in ``HeaderKinds``).
_MOST_KEYS, _LONGEST_KEYS = 1000, 64
_QUERY_VALUES = re.compile("=[^&]*")
#: Maximum number of headers that are looked at, and sent.
MOST_HEADERS = 200
#: A query with more characters or pairs is not looked at, and not sent.
_LONGEST_QUERY, _MOST_PAIRS = 16 * 1024, 1000
#: What the value of a query key must contain for a secret to be nested in it: a URL, JSON, or an encoded character.
_MAY_NEST = re.compile(r"[@%?#{\[]").search
#: How a text begins that is JSON or a URL.
_MAY_BE_NESTED = re.compile(r"\s*[{\[/?]|[a-zA-Z][a-zA-Z0-9+.-]{0,20}://").match
#: What a text must contain for any secret to be found in it: JSON, or a part that a URL with a secret has.
_MARKS = re.compile(r"[{\[@?#;]").search
#: Types of values in which there may be a secret.
_NESTING = frozenset((str, dict, list))
_NESTS = re.compile(r"[@?#{\[]").search
#: How deep URLs are searched within URLs.
_DEEPEST_URL = 3
#: A parameter of a path segment (RFC 3986, 3.3), such as ``;jsessionid=…``.
_PATH_PARAMETER = re.compile(r"(;([^;/=]+)=)([^;/]+)")


_value_of = itemgetter(1)


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
#: A secret value and the sensitive key that it has.
Secret = tuple[str, str]
#: The target of a request: scheme, authority, path, query.
Address = tuple[str, str | None, str, Text | None]


def _needs_closer_look(lines: str) -> bool:
    """Return whether one of some values, each after a line break, looks like a URL or may contain credentials."""
    return "://" in lines or "@" in lines or "\n/" in lines or "\n?" in lines


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
        redacted: The query keys whose values are replaced by ``REDACTED``, rather than by ``[Filtered]``.
    """

    __slots__ = (
        *("user_info", "headers", "query", "cookies", "fields", "bodies", "forwarding", "kinds"),
        *("_harmless", "_redacted"),
    )

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
        redacted: frozenset[str] = frozenset(),
    ) -> None:
        self._redacted = redacted
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
        known["redacted"] = REDACTED_KEYS
        return cls(user_info=user_info, forwarding=forwarding, **known)

    def report_headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, Text]:
        """Return headers by name, with secrets, cookies and disallowed addresses replaced."""
        if self.headers.mode == "off":
            return {}
        headers = list(headers)[:MOST_HEADERS]
        kinds = self.kinds.of_each(headers)
        are_plain = list(map(_PLAIN.__contains__, kinds))
        if _needs_closer_look("\n".join(["", *compress(map(_value_of, headers), are_plain)])):
            are_plain = [False] * len(headers)
        reported: dict[str, Text] = dict(headers)
        if all(are_plain):
            return reported
        budget = Budget()
        for kind, (name, value) in compress(zip(kinds, headers), map(not_, are_plain)):
            reported[name] = self._header_value(kind, value, budget)
        return reported

    def _header_value(self, kind: str, value: str, budget: Budget) -> Text:
        if kind == "other" and "://" not in value and value[:1] not in _RELATIVE:
            return value  # the common case
        if kind in _HIDDEN or kind.startswith("unlisted") or (kind in _PERSONAL and not self.user_info):
            return Filtered(SUBSTITUTE)
        if kind == "protocol":
            return _without_tokens(value)
        if kind == "host":
            host = without_credentials(value)
            return value if host == value else Filtered(host)
        return self.scrub_url(value, budget) if kind == "url" or _url_value().match(value) else value

    def scrub_url(self, value: str, budget: Budget | None = None) -> Text:
        """Return a URL without credentials, and with the secrets in its query and in a query-like fragment replaced.

        Args:
            value: The URL.
            budget: As for :meth:`report_query`.
        """
        value_, hash_mark, fragment = value.partition("#")
        address, mark, query = value_.partition("?")
        parts = [self.scrub_path(address)]
        scrubbed = self.report_query(query, budget)
        if mark and scrubbed is not None:
            parts.append(mark + scrubbed)
        if "=" in fragment:  # OAuth's implicit grant passes tokens in the fragment (RFC 6749, 4.2.2)
            fragment = self.report_query(fragment, budget) or ""
        if fragment:
            parts.append(hash_mark + fragment)
        whole = "".join(parts)
        return value if whole == value else Filtered(whole)

    def report_query(self, query: str, budget: Budget | None = None) -> Text | None:
        """Return the raw query with the values of sensitive keys replaced, or ``None`` if there is none to send.

        Args:
            query: The query.
            budget: The work that may still be done for all queries together.
        """
        if not query or self.query.mode == "off":
            return None
        if is_long(query):
            return Filtered(SUBSTITUTE)
        keys = _QUERY_VALUES.sub("", query)
        if keys in self._harmless and not _MAY_NEST(query):
            return query  # the common case
        try:
            whole = self._scrub_query(query, Budget() if budget is None else budget)
        except TooLargeError:
            return Filtered(SUBSTITUTE)
        few = len(self._harmless) < _MOST_KEYS and len(keys) <= _LONGEST_KEYS
        if few and not any(self.query.hides(key) for key, _, _ in split_query(keys)):
            self._harmless.add(keys)
        return query if whole == query else Filtered(whole)

    def _scrub_query(self, query: str, budget: Budget) -> str:
        """Return a query with the values of sensitive keys replaced, and those that contain a secret."""
        nests = _may_nest(query)
        parts: list[str] = []
        for key, raw_key, raw_value in split_query(query):
            if raw_value and key in self._redacted:
                parts.append(f"{raw_key}={REDACTED}")
            elif raw_value and (self.query.hides(key) or (nests and self._nests_secret(raw_value, 0, budget))):
                parts.append(f"{raw_key}={SUBSTITUTE}")
            else:
                parts.append(raw_key + raw_value)
        return "&".join(parts)

    def _nests_secret(self, raw_value: str, depth: int, budget: Budget) -> bool:
        """Return whether a query value contains a URL with a secret, or JSON with a sensitive key."""
        if not _MAY_NEST(raw_value):
            return False
        budget.spend(2)
        value = decode_query_value(raw_value)
        if _userinfo().search(value) is not None:
            return True
        nested = nested_json(value, budget)
        if nested is not None:
            return nested is TOO_LARGE or self._scrub(nested, 0, budget) != nested
        return any(
            self.query.is_sensitive(key) or depth >= _DEEPEST_URL or self._nests_secret(inner, depth + 1, budget)
            for query in nested_queries(value)
            for key, _, inner in split_query(query)
            if inner
        )

    def query_secrets(self, query: str, budget: Budget) -> Iterator[Secret]:
        """Yield the raw values of sensitive keys in a query, and those in the URLs and JSON in its values.

        A query that is too long to be searched (:func:`is_long`) has none.

        Raises:
            TooLargeError: There are too many values within its values.
        """
        pending = [(query, 0)]
        while pending:
            text, depth = pending.pop()
            if not text or is_long(text):
                continue
            nests = _may_nest(text)
            for key, _, raw_value in split_query(text):
                if self.query.is_sensitive(key):
                    yield raw_value[1:], key
                if not nests or not _MAY_NEST(raw_value):
                    continue
                budget.spend(2)
                value = decode_query_value(raw_value)
                yield from userinfo_of(value)
                nested = nested_json(value, budget)
                if nested is not None:
                    yield from [(value, "secret")] if nested is TOO_LARGE else self.field_secrets(nested, budget)
                elif depth < _DEEPEST_URL:
                    pending.extend((inner, depth + 1) for inner in nested_queries(value))

    def field_secrets(self, value: Any, budget: Budget) -> Iterator[Secret]:
        """Yield the values of sensitive keys in a parsed body, at any depth, also in the JSON and URLs in its texts.

        Raises:
            TooLargeError: There are too many of these.
        """
        shapes: dict[tuple[str, ...], _Shape] = {}
        pending: list[tuple[Any, str | None]] = [(value, None)]  # values, and the sensitive key that is above them
        while pending:
            node, above = pending.pop()
            kind = type(node)
            if kind is dict:
                pending += [(item, above) for item in node.values()] if above else self._fields_of(node, shapes, budget)
            elif kind is list:
                pending += [(item, above) for item in (node if above else _worth_a_look(node))]
            elif kind is str:
                budget.spend()
                nested = nested_json(node, budget) if _MAY_BE_NESTED(node) else None
                if above is not None or nested is TOO_LARGE:
                    yield node, above or "secret"
                if isinstance(nested, (dict, list)):
                    pending.append((nested, above))
                elif above is None:
                    yield from self.url_secrets(node, budget)
            elif above is not None:
                yield from _text_of(node, above)

    def _fields_of(
        self, node: dict[str, Any], shapes: dict[tuple[str, ...], _Shape], budget: Budget
    ) -> list[tuple[Any, str | None]]:
        """Return those values of an object that are, or may contain, secrets, each with its key if that is sensitive.

        Args:
            node: The object.
            shapes: What the keys of earlier objects say, by these keys. Objects in a list mostly have the same ones.
            budget: The work that may still be done.
        """
        keys = tuple(node)
        shape = shapes.get(keys)
        if shape is None:
            budget.spend()
            shape = shapes[keys] = _Shape(frozenset(filter(self.fields.is_sensitive, keys)), *parts_of_pair(keys))
        is_pair = False
        if shape.names:
            budget.spend(2)
            is_pair = any(isinstance(node[key], str) and self.fields.is_sensitive(node[key]) for key in shape.names)
        if not is_pair and not shape.sensitive:
            return [(item, None) for item in _worth_a_look(list(node.values()))]
        sensitive = shape.sensitive.difference(shape.names) if is_pair else shape.sensitive
        named: list[tuple[Any, str | None]] = []
        for key, item in node.items():
            name = "secret" if is_pair and key in shape.values else key if key in sensitive else None
            if name or _may_hold_secret(item):
                named.append((item, name))
        return named

    def url_secrets(self, text: str, budget: Budget) -> Iterator[Secret]:
        """Yield the credentials and the secrets of the query, fragment and path of a text that is or contains a URL.

        Raises:
            TooLargeError: As for :meth:`query_secrets`.
        """
        yield from userinfo_of(text)
        for query in nested_queries(text):
            yield from self.query_secrets(query, budget)
        if ";" in text:
            parameters = _PATH_PARAMETER.findall(text.partition("?")[0])
            yield from ((value, key) for _, key, value in parameters if self.query.is_sensitive(key))

    def is_searchable(self, request: Request) -> bool:
        """Return whether headers, query and body are small enough to be searched for secrets."""
        body = request.body
        if is_long(request.query) or len(request.headers) > MOST_HEADERS:
            return False
        return body is None or not body.size or not body.parse(request.header("content-type")).too_large

    def report_cookies(self, header: str | None) -> dict[str, Text] | None:
        """Return cookies by name, with sensitive values replaced, or ``None`` if cookies are not sent."""
        if self.cookies is None or self.cookies.mode == "off" or not header:
            return None
        from werkzeug.http import parse_cookie

        rule = self.cookies
        header = header.encode("latin-1", "replace").decode("utf-8", "replace").encode("utf-8").decode("latin-1")
        # A cookie without a name is a value, which werkzeug takes for a name
        nameless = {part.strip() for part in header.split(";") if "=" not in part} | {""}
        return {
            "" if name in nameless else name: Filtered(SUBSTITUTE) if name in nameless or rule.hides(name) else value
            for name, value in parse_cookie(header).items()
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
        try:
            return self._scrub(parsed.value, 0, Budget())
        except TooLargeError:
            return Oversized("")

    def _scrub(self, value: Any, depth: int, budget: Budget) -> Any:
        """Return a parsed value with sensitive values replaced, and uploaded files replaced by their metadata."""
        if depth > _DEEPEST:
            return Unparsed("[nested too deep]")
        if isinstance(value, dict):
            by_name = hides_value(value, self.fields)
            return {
                key if is_plausible(str(key)) else SUBSTITUTE: (
                    Filtered(SUBSTITUTE) if self._is_hidden(str(key), by_name) else self._scrub(item, depth + 1, budget)
                )
                for key, item in value.items()
            }
        if isinstance(value, str):
            return self._scrub_text(value, depth, budget)
        if isinstance(value, list):
            return [self._scrub(item, depth + 1, budget) for item in value]
        if isinstance(value, UploadedFile):
            return Unparsed(f"[file {value.filename}, {value.content_type}, {value.size} bytes]")
        return value

    def _is_hidden(self, key: str, by_name: set[str] | None) -> bool:
        """Return whether a field's value is replaced, in a pair of name and value by the name that it states."""
        if by_name is not None and (key in by_name or is_pair_name(key)):
            return key in by_name
        return self.fields.hides(key) or not is_plausible(key)

    def _scrub_text(self, text: str, depth: int, budget: Budget) -> Text:
        """Return a text that is JSON or a URL without its secrets, any other as it is."""
        nested = nested_json(text, budget)
        if nested is TOO_LARGE:
            return Filtered(SUBSTITUTE)
        if nested is not None:
            scrubbed = self._scrub(nested, depth + 1, budget)
            return text if scrubbed == nested else Filtered(json.dumps(scrubbed, ensure_ascii=False))
        if _url_value().match(text) is None or " " in text:
            return text
        budget.spend()
        return self.scrub_url(text, budget)

    def client_address(self, request: Request) -> str | None:
        """Return the client's address, or ``None`` if it is unknown or may not be sent."""
        return self.found_address(request) if self.user_info else None

    def found_address(self, request: Request) -> str | None:
        """Return the client's address, whether or not it may be sent, or ``None`` if it is unknown."""
        header = request.header if request.may_have(self.forwarding.address_headers) else _no_header
        return self.forwarding.client_address(request.peer, header)

    def scheme(self, request: Request) -> str:
        """Return the scheme that the client used; headers are decoded only if a proxy has sent any."""
        return self.scheme_and_host(request)[0] if request.may_have(FORWARDING_HEADERS) else request.scheme

    def scheme_and_host(self, request: Request) -> tuple[str, str | None]:
        """Return the scheme and authority that the client used, as reported by trusted proxies."""
        if not request.may_have(FORWARDING_HEADERS):
            return request.scheme, request.host
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
        """Return the scheme, host, percent-encoded path and query that the client used, scrubbed.

        Args:
            request: The request.
            direct: Whether the request is known to have no forwarding headers.
        """
        scheme, host = (request.scheme, request.host) if direct else self.scheme_and_host(request)
        return scheme, host, self._reported_path(request), self.report_query(request.query)

    def _reported_path(self, request: Request) -> str:
        """Return the percent-encoded path of a request, without secrets, also where these are encoded."""
        scrubbed = self.scrub_path(request.path)
        if scrubbed == request.path:
            return request.encoded_path
        return encode_path(scrubbed).replace(encode_path(SUBSTITUTE), SUBSTITUTE)

    def scrub_path(self, path: str) -> str:
        """Return a path without the secrets that it contains, as far as they have a name.

        These are the credentials of an embedded URL (``/fetch/https://user:pw@host``, as in a proxy), and parameters
        such as ``;jsessionid=…``.
        """
        if "@" in path:
            path = _userinfo().sub("", path)
        return _PATH_PARAMETER.sub(self._scrub_parameter, path) if ";" in path else path

    def _scrub_parameter(self, parameter: re.Match[str]) -> str:
        return parameter[1] + SUBSTITUTE if self.query.is_sensitive(parameter[2]) else parameter[0]

    def span_attributes(
        self, request: Request, direct: bool = False, address: Address | None = None
    ) -> dict[str, str | int]:
        """Return the request's span attributes, by OpenTelemetry's HTTP conventions.

        Attributes that are unknown or may not be sent are left out.

        Args:
            request: The request.
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
            known["network.protocol.version"] = protocol_version(request.http_version)
        if self.user_info:
            optional = {
                "client.address": self.client_address(request),
                "network.peer.address": request.peer,
                "network.peer.port": request.peer_port,
            }
            known.update({key: value for key, value in optional.items() if value is not None})
        return known


def _no_header(name: str) -> None:
    """Return the value of a header that the request does not have."""


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
    if value in tokens:
        return Filtered(SUBSTITUTE)
    return Filtered(", ".join(SUBSTITUTE if item.strip() in tokens else item.strip() for item in value.split(",")))


class _Shape(NamedTuple):
    """What the keys of an object say: which are sensitive, and which are the parts of a pair of name and value."""

    sensitive: frozenset[str]
    names: list[str]
    values: list[str]


def _text_of(node: Any, key: str) -> Iterator[Secret]:
    """Yield the text of a value that is a secret, and neither a text nor a container; some have none."""
    if isinstance(node, UploadedFile):
        yield node.filename, "secret"
    elif node is not None and not isinstance(node, bool):
        yield as_digits(node), key


def _may_hold_secret(value: Any) -> bool:
    """Return whether a value without a sensitive key may contain a secret; most are plain texts and numbers."""
    if type(value) is str:
        return _MARKS(value) is not None and _MAY_BE_NESTED(value) is not None
    return bool(value) and isinstance(value, (dict, list))


def _worth_a_look(values: list[Any]) -> Iterable[Any]:
    """Return those of some values without a sensitive key that may contain a secret; of most lists none."""
    kinds = set(map(type, values))
    if kinds.isdisjoint(_NESTING) or (kinds == {str} and _MARKS("\n".join(values)) is None):
        return ()
    return filter(_may_hold_secret, values)


def is_long(query: str) -> bool:
    """Return whether a query is too long to be searched."""
    return len(query) > _LONGEST_QUERY or query.count("&") >= _MOST_PAIRS


def _may_nest(query: str) -> bool:
    """Return whether any value in a query may contain a URL or JSON; all of them are decoded at once."""
    for _ in range(_DEEPEST_URL + 1):
        if _NESTS(query) or "%" not in query:
            break
        query = unquote(query)
    return _NESTS(query) is not None


def decode_query_value(raw_value: str) -> str:
    """Return a raw value with its ``=`` decoded, again if nothing could be nested in what comes out."""
    value = unquote_plus(raw_value.removeprefix("="))
    for _ in range(_DEEPEST_URL):
        if "%" not in value or _NESTS(value):
            break
        value = unquote_plus(value)
    return value


def userinfo_of(text: str) -> Iterator[Secret]:
    """Yield the credentials of the URLs in a text; the user of a password with an empty key."""
    for userinfo in _credentials().findall(text) if "@" in text else ():
        user, colon, password = userinfo.partition(":")
        if colon:
            yield user, ""
            yield password, "password"
        else:
            yield user, "credential"


def as_digits(number: Any) -> str:
    """Return a number as text."""
    try:
        return str(number)
    except ValueError:  # an integer of more digits than Python writes
        return ""


@functools.cache
def _credentials() -> Pattern[str]:
    """Return the pattern of the userinfo in a URL, captured without its mark; compiled on first use."""
    return re.compile(r"//([^/?#\s@]*)@")
