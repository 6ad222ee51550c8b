"""Known secrets: the values of one request that must not be sent, which ``redactor`` replaces.

Rules by key do not recognise a cookie that the application has copied into a local variable, a log line or an
exception's message, but the secret values of one request are known. They are collected only when something is sent.

A value counts as a secret if it has at least six characters and is not a common word: an event in which every ``true``
and ``default`` is replaced is useless. Files, and bodies of unknown kinds, are recognised by their beginning and by
that of each part in which they were read. No vendor type is used here.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote, unquote_plus

from .._request import BEGINNING, ReadBody, Request, UploadedFile
from .._request.forwarding import claimed_addresses, parse_address
from .._request.http import split_query
from .header_kinds import secret_protocols
from .policy import Policy
from .redactor import MINIMUM
from .rules import Rule, normalise

#: Common values of cookies and fields, which are not secret.
COMMON = frozenset(
    (  # noqa: SIM905 - a list of words, one to a line, would fill a page
        "default undefined disabled enabled anonymous localhost granted denied accepted declined rejected "
        "essential unknown desktop mobile tablet chrome firefox safari compact normal system standard english "
        "german french spanish public private before utf-16 latin-1 ascending descending visitor customer success "
        "failure error password username session cookie bearer digest negotiate filtered [filtered]"
    ).split()
)
#: Maximum number of secrets of a request; the longest take precedence.
_MOST_SECRETS = 300
#: Maximum number of values of a parsed body that are visited.
_NODES = 50_000

#: Kinds of headers that contain secrets only within a URL.
_HARMLESS = frozenset(("host", "url", "other", "unlisted host", "unlisted url", "unlisted other"))


@functools.cache
def _userinfo() -> re.Pattern[str]:
    """Return the pattern of the userinfo (``user:password@``) in a URL; compiled on first use."""
    return re.compile(r"//([^/?#\s@]*)@")


@functools.cache
def _parameter() -> re.Pattern[str]:
    """Return the pattern of ``name="value"`` and ``name=value``, as in Digest (RFC 7616) and in signatures."""
    return re.compile(r'=\s*(?:"([^"]+)"|([^",;\s=][^",;\s]*))')


class Secrets:
    """The secret values of one request.

    Args:
        request: The request.
        policy: The policy that decides which values are secret.
        response_headers: The headers of the response.
    """

    def __init__(self, request: Request, policy: Policy, response_headers: Iterable[tuple[str, str]] = ()) -> None:
        self._policy = policy
        self._values: set[str] = set()
        self._claims: list[str] = []  # values of address headers
        self._add_headers(request.headers)
        claims, self._claims = self._claims, []
        if response_headers:
            self._add_headers(list(response_headers))
        self._add_query(request.query)
        self._add_url(request.path)
        self._add_addresses(request, claims)
        #: Beginnings of content that is never sent; a text is cut off where one of them occurs.
        self.blocks: list[str] = []
        if request.body is not None:
            self._add_body(request.body, request.header("content-type"))

    def values(self) -> list[str]:
        """Return the secret values, both raw and decoded, the longest first."""
        if not self._values:
            return []
        originals = sorted(self._values, key=len, reverse=True)[:_MOST_SECRETS]
        readings = {reading for value in originals for reading in readings_of(value)}
        return sorted((reading for reading in readings if counts(reading)), key=len, reverse=True)

    def _add_headers(self, headers: Sequence[tuple[str, str]]) -> None:
        whole = "\n".join([value for _, value in headers])
        marked = "@" in whole or "?" in whole or "#" in whole
        if not marked and self._policy.kinds.of_all(headers) <= _HARMLESS:
            return  # the common case without cookies
        for name, value in headers:
            kind = self._policy.kinds.of(name).removeprefix("unlisted ")
            if kind.endswith("address"):
                self._claims.append(value)
            if kind == "cookie":
                self._add_cookies(normalise(name), value)
            elif kind in ("secret", "secret address"):
                self._add_credentials(value)
            elif kind == "personal" and not self._policy.user_info:
                self._add(value.strip())
            elif kind == "protocol":
                self._add_each(secret_protocols(value))
            elif kind != "address":
                self._add_url("//" + value if kind == "host" else value)

    def _add_each(self, credentials: Iterable[str]) -> None:
        for credential in credentials:
            self._add_credentials(credential)

    def _add_cookies(self, key: str, header: str) -> None:
        """Add the cookies with a sensitive name, or all cookies if cookies are never sent."""
        rule = self._policy.cookies
        for part in [header] if key == "set_cookie" else header.split(";"):
            name, equals, value = part.partition("=")
            if not equals:  # a cookie without a name, which browsers and servers accept
                name, value = "", name
            if key == "set_cookie":
                value = value.partition(";")[0]
            value = value.strip()
            name = name.strip()
            if rule is None or rule.mode == "off" or not name or rule.is_sensitive(name):
                self._add(value)
                self._add(value.strip('"'))

    def _add_credentials(self, value: str) -> None:
        """Add a credential: whole, without its scheme, its decoded Basic parts (RFC 7617) and its parameters."""
        self._add(value)
        scheme, _, token = value.strip().partition(" ")
        self._add(token.strip())
        if scheme.lower() == "basic":
            user, _, password = _decode_base64(token).partition(":")
            self._add(user)
            self._add(password)
        for quoted, plain in _parameter().findall(value):
            self._add(quoted or plain)
        self._add_url(value)

    def _add_url(self, value: str) -> None:
        """Add the secrets in a text that is, or contains, a URL."""
        if "@" in value:
            for userinfo in _userinfo().findall(value):
                for part in userinfo.split(":"):
                    self._add(part)
        if "?" not in value and "#" not in value:
            return
        address, _, fragment = value.partition("#")
        for query in (address.partition("?")[2], fragment):
            self._add_query(query)

    def _add_query(self, query: str) -> None:
        for key, _, raw_value in split_query(query) if query else ():
            if self._policy.query.is_sensitive(key):
                self._add(raw_value[1:])
                self._add(unquote_plus(raw_value[1:]))
            if "@" not in raw_value and "%" not in raw_value:
                continue
            for userinfo in _userinfo().findall(unquote_plus(raw_value)):
                for part in [userinfo, *userinfo.split(":")]:
                    self._add(part)

    def _add_addresses(self, request: Request, claims: list[str]) -> None:
        """Add the addresses of the client and in proxies' headers if they may not be sent; loopback is not personal."""
        if self._policy.user_info:
            return
        entries = [entry for claim in claims for entry in claim.split(",")]
        forwarded = claimed_addresses(request.header) if claims else ()
        for candidate in (*forwarded, request.peer or "", *entries):
            address = parse_address(candidate)
            if address is not None and not address.is_loopback and not address.is_unspecified:
                self._add(candidate.strip().strip('"'))
                self._add(address.compressed)
                self._add(str(address))

    def _add_body(self, body: ReadBody, content_type: str | None) -> None:
        """Add fields with sensitive names, and private content: whole if it is short, else its beginning."""
        self._add_fields(body.parse(content_type).value)
        for beginning in body.private_content(content_type):
            if len(beginning) > BEGINNING:
                self.blocks.append(_as_text(beginning))
            else:
                self._add(_as_text(beginning))

    def _add_fields(self, value: Any, secret: bool = False) -> None:
        """Add the values of sensitive keys at any depth, without recursion."""
        stack = [(value, secret)]
        rule: Rule = self._policy.fields
        for _ in range(_NODES):
            if not stack:
                return
            node, hidden = stack.pop()
            if isinstance(node, dict):
                stack.extend((child, hidden or rule.is_sensitive(str(key))) for key, child in node.items())
            elif isinstance(node, list):
                stack.extend((child, hidden) for child in node)
            elif hidden and isinstance(node, UploadedFile):
                self._add(node.filename)
            elif hidden and node is not None and not isinstance(node, bool):
                self._add(str(node))

    def _add(self, value: str) -> None:
        if counts(value):
            self._values.add(value)


def counts(value: str) -> bool:
    """Return whether a value is long enough, and not a common word, and is therefore replaced everywhere."""
    return len(value) >= MINIMUM and value.lower() not in COMMON


def readings_of(value: str) -> set[str]:
    """Return a raw value and the forms into which an application may decode it."""
    if "%" not in value and "+" not in value and value.isascii():
        return {value}  # the common case, which needs no decoding
    texts = {value, _as_utf8(value)}
    return texts | {unquote(text) for text in texts} | {unquote_plus(text) for text in texts}


def _as_utf8(value: str) -> str:
    """Return a header's value, which the protocol decodes as latin-1, decoded as UTF-8 if possible."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except ValueError:
        return value


def _as_text(beginning: bytes) -> str:
    """Return the beginning of some content as text; a UTF-8 character that was cut off is dropped."""
    for end in range(len(beginning), max(len(beginning) - 4, 0), -1):
        try:
            return beginning[:end].decode("utf-8")
        except ValueError:
            continue
    return beginning.decode("latin-1")


def _decode_base64(text: str) -> str:
    text = text.strip()
    try:  # clients may omit the padding, and servers accept that
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
