"""Known secrets: the values of one request that must not be sent, which ``redactor`` replaces.

Rules by key do not recognise a cookie that the application has copied into a local variable, a log line or an
exception's message, but the secret values of one request are known. They are collected only when something is sent.

A value under a sensitive key counts as a secret if it has at least six characters and is not a common word: an event
in which every ``true`` and ``default`` is replaced is useless. A cookie under any other name, which is not sent by
default, counts if it looks random (``likeness``). What is merely not sent does not count. Files, and bodies of unknown
kinds, are recognised by their beginning and by that of each part in which they were read. No vendor type is used here.

Clients choose how much there is to collect. Beyond some bounds, nothing more is looked at, and ``complete`` is false:
outputs then leave out what may contain a value that is not known.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress, filterfalse, islice
from operator import itemgetter, not_

from .._request import BEGINNING, ReadBody, Request
from .._request.forwarding import claimed_addresses, parse_address
from .._request.parsing import TooLargeError
from .._request.percent import unquote, unquote_plus
from .header_kinds import secret_protocols
from .likeness import is_words, looks_random
from .nested import Budget
from .policy import MOST_HEADERS, Policy
from .redactor import ENOUGH, LONGEST, MINIMUM
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
#: Words in the names of keys by which any value is a secret, also one that looks like a word.
_CERTAIN = (
    *("pass", "pwd", "secret", "token", "credential", "bearer", "jwt", "csrf", "xsrf", "session", "signature"),
    *("apikey", "accesskey", "privatekey", "authorization"),
)
#: Maximum number of secrets of a request; the longest take precedence.
_MOST_SECRETS = 64
#: Maximum number of characters of all secrets together, and of values that are collected to choose from.
_MOST_CHARACTERS, _MOST_COLLECTED = 64 * 1024, 500
#: Maximum number of cookies and forwarded addresses that are looked at.
_MOST_PARTS = 400
#: Maximum number of characters of the headers in which proxies report addresses.
_LONGEST_CHAIN = 4096
#: Maximum number of secrets whose encoded forms are searched for, too.
_MOST_DERIVED = 8

#: Kinds of headers that contain secrets only within a URL.
_HARMLESS = frozenset(("url", "other", "unlisted url", "unlisted other"))
#: Those that contain the authority of a URL.
_HOSTS = frozenset(("host", "unlisted host"))
#: Schemes of credentials (RFC 9110, 11.1), after which the secret begins.
_SCHEMES = frozenset(("bearer", "basic", "digest", "token", "negotiate", "apikey", "dpop", "hawk", "aws4-hmac-sha256"))
#: Those of them whose credentials have no parameters.
_OPAQUE = frozenset(("bearer", "basic", "negotiate"))


@functools.cache
def _parameter() -> re.Pattern[str]:
    """Return the pattern of ``name="value"`` and ``name=value``, as in Digest (RFC 7616) and in signatures."""
    return re.compile(r'=(?:"([^"]+)"|([^",;\s=][^",;\s]*))')


@functools.cache
def _quoted_pair() -> re.Pattern[str]:
    """Return the pattern of an escaped character in a quoted cookie, as Python's ``http.cookies`` writes it."""
    return re.compile(r"\\([0-3][0-7][0-7]|.)")


class Secrets:
    """The secret values of one request.

    Args:
        request: The request.
        policy: The policy that decides which values are secret.
        response_headers: The headers of the response.
    """

    def __init__(self, request: Request, policy: Policy, response_headers: Iterable[tuple[str, str]] = ()) -> None:
        self._policy = policy
        self._budget = Budget()
        self._values: dict[str, None] = {}
        self._claims: list[str] = []  # values of address headers
        #: Whether everything was looked at, and all secrets are known.
        self.complete = policy.is_searchable(request)
        #: Those of the secrets that may be ordinary words.
        self.words: set[str] = set()
        self._add_headers(request.headers)
        claims = self._claims
        if response_headers:
            self._claims = []  # what a response says of addresses is nobody's
            self._add_headers(list(response_headers))
        self._add_all(self._policy.query_secrets(request.query, self._budget))
        self._add_url(request.path)
        self._add_addresses(request, claims)
        #: Beginnings of content that is never sent; a text is cut off where one of them occurs.
        self.blocks: list[str] = []
        if request.body is not None:
            self._add_body(request.body, request.header("content-type"))

    def values(self) -> set[str]:
        """Return the secret values, both raw and decoded, and the encoded forms of some."""
        if not self._values:
            return set()
        chosen = sorted(self._values, key=len, reverse=True)
        if len(chosen) > _MOST_SECRETS or sum(map(len, chosen)) > _MOST_CHARACTERS:
            chosen = self._within_bounds(chosen)
        likely = filterfalse(self.words.__contains__, filter(str.isascii, chosen))
        derived = frozenset(islice(likely, _MOST_DERIVED))
        if len(chosen[0]) > LONGEST:
            for value in chosen:
                if len(value) > LONGEST:
                    self._add_beginning(value[:ENOUGH], value in derived)
            chosen = [value for value in chosen if len(value) <= LONGEST]
        forms = set(chosen)
        for value in filter(_may_be_decoded, chosen):
            forms.update(filter(counts, readings_of(value)))
        for value in derived.intersection(chosen):
            forms |= derived_from(value)
        return forms

    def _within_bounds(self, values: list[str]) -> list[str]:
        """Return as many of some values as are searched for, the longest of them."""
        chosen = values[:_MOST_SECRETS]
        ends = accumulate(map(len, chosen))
        chosen = [value for value, end in zip(chosen, ends) if end <= _MOST_CHARACTERS or len(value) > LONGEST]
        self.complete = self.complete and len(chosen) == len(values)
        return chosen

    def _add_beginning(self, beginning: str, derived: bool) -> None:
        """Add the beginning of a long value, by which it is known, and if asked for, its encoded forms."""
        self.blocks += {beginning} | readings_of(beginning) | (derived_from(beginning) if derived else set())

    def _first(self, text: str, separator: str) -> str:
        """Return a list in a text, up to the maximum number of parts."""
        if text.count(separator) < _MOST_PARTS:
            return text
        self.complete = False
        return separator.join(text.split(separator, _MOST_PARTS)[:_MOST_PARTS])

    def _add_headers(self, headers: Sequence[tuple[str, str]]) -> None:
        headers = headers[:MOST_HEADERS]
        kinds = self._policy.kinds.of_each(headers)
        are_harmless = list(map(_HARMLESS.__contains__, kinds))
        harmless = list(compress(map(_value_of, headers), are_harmless))
        if _may_hold_urls("\n".join(["", *harmless])):
            for value in filter(_may_hold_url, harmless):
                self._add_url(value)
        for kind, (name, value) in compress(zip(kinds, headers), map(not_, are_harmless)):
            if kind == "cookie":
                self._add_cookies(normalise(name), value)
            elif kind in _HOSTS:
                if _may_hold_url(value) is not None:
                    self._add_url("//" + value)
            else:
                self._add_header(kind, value)

    def _add_header(self, kind: str, value: str) -> None:
        if kind.endswith("address"):
            self._claims.append(value)
        if kind in ("secret", "secret address"):
            self._add_credentials(value)
        elif kind == "personal" and not self._policy.user_info:
            self._add(value.strip())
        elif kind == "protocol":
            for credential in secret_protocols(self._first(value, ",")):
                self._add_credentials(credential)
        elif kind != "address":
            self._add_url(value)

    def _add_cookies(self, key: str, header: str) -> None:
        """Add the cookies with a sensitive name, and those that look random if they are not sent."""
        rule, is_set = self._policy.cookies, key == "set_cookie"
        if "," in header and not is_set:
            self._add_joined_cookies(header)
        for part in [header] if is_set else self._first(header, ";").split(";"):
            name, _, value = part.partition("=")
            if is_set:
                value = value.partition(";")[0]
            name, value = name.strip(), value.strip()
            if not value:  # a cookie without a name (RFC 6265, 5.2)
                name, value = "", name
            if len(value) < MINIMUM:
                continue
            if rule is None or rule.mode == "off" or rule.hides(name):
                is_quoted = '"' in value
                inner = _unquoted(value) if is_quoted else value
                if name and (rule or _PLAIN).is_sensitive(name):
                    self._add(inner, name)
                elif looks_random(inner) or (not name and not is_words(inner)):
                    self._add(inner)
                if is_quoted and inner != value.strip('"') and inner in self._values:
                    self._add(value.strip('"'))

    def _add_joined_cookies(self, header: str) -> None:
        """Add cookies that stand behind a comma: asgiref's bridge joins repeated headers, as of HTTP/2, with one."""
        for part in self._first(header.replace(";", ","), ",").split(","):
            name, equals, value = map(str.strip, part.partition("="))
            if equals and (self._policy.cookies or _PLAIN).is_sensitive(name):
                self._add(value, name)
            elif looks_random(value or name):
                self._add(value or name)

    def _add_credentials(self, value: str) -> None:
        """Add a credential: without its scheme, its decoded Basic parts (RFC 7617) and its parameters."""
        value = value.strip()
        scheme, _, token = value.partition(" ")
        scheme, token = scheme.lower(), token.strip()
        if token and scheme in _SCHEMES:
            self._add(token)
            if scheme == "basic":
                user, _, password = _decode_base64(token).partition(":")
                if looks_random(user) or not is_words(user):
                    self._add(user)
                self._add(password, "password")
        else:
            self._add(value, "secret")
        if scheme not in _OPAQUE:
            for quoted, plain in _parameter().findall(self._first(value, "=")):
                self._add((quoted or plain).strip(":"))  # RFC 8941, 3.3.5: a byte sequence
        self._add_url(value)

    def _add_url(self, value: str) -> None:
        """Add the secrets in a text that is, or contains, a URL."""
        if _may_be_marked(value) is not None and _may_be_url(value):
            self._add_all(self._policy.url_secrets(value, self._budget))

    def _add_all(self, secrets: Iterator[tuple[str, str]]) -> None:
        """Add values with their keys; a user without a key, unless that is a word."""
        try:
            for value, key in islice(secrets, _MOST_COLLECTED):
                if counts(value) and (key or looks_random(value) or not is_words(value)):
                    self._add(value, key)
            self.complete = self.complete and next(secrets, None) is None
        except TooLargeError:
            self.complete = False

    def _add_addresses(self, request: Request, claims: list[str]) -> None:
        """Add the addresses of the client and in proxies' headers if they may not be sent; loopback is not personal."""
        if self._policy.user_info:
            return

        for candidate in dict.fromkeys((request.peer or "", *(self._claimed(request, claims) if claims else ()))):
            address = parse_address(candidate)
            if address is not None and not address.is_loopback and not address.is_unspecified:
                for form in (candidate.strip().strip('"'), address.compressed, str(address)):
                    self._add(form)

    def _claimed(self, request: Request, claims: list[str]) -> list[str]:
        """Return what may be an address in the headers of proxies."""

        def header(name: str) -> str | None:
            value = request.header(name)
            return value if value is None or len(value) <= _LONGEST_CHAIN else value[-_LONGEST_CHAIN:]

        self.complete = self.complete and all(len(claim) <= _LONGEST_CHAIN for claim in claims)
        entries = [entry for claim in claims for entry in claim[-_LONGEST_CHAIN:].split(",")]
        return [*claimed_addresses(header), *entries]

    def _add_body(self, body: ReadBody, content_type: str | None) -> None:
        """Add fields with sensitive names, and private content: whole if it is short, else its beginning."""
        parsed = body.parse(content_type)
        known = len(self._values)
        self._add_all(self._policy.field_secrets(parsed.value, self._budget))
        if parsed.kind == "raw" or len(self._values) > known:
            self._add_base64(body.beginning)
        beginnings = body.private_content(content_type)
        if len(beginnings) > _MOST_SECRETS:
            self.complete = False
        for number, beginning in enumerate(beginnings[:_MOST_SECRETS]):
            if len(beginning) > BEGINNING:
                self.blocks.append(_as_text(beginning))
                self.blocks += _base64_and_hex(beginning) if number < _MOST_DERIVED else ()
            else:
                self._add(_as_text(beginning), "secret")

    def _add_base64(self, beginning: bytes) -> None:
        """Add a body as gateways pass it on, encoded as a whole (API Gateway's ``event["body"]``)."""
        whole = len(beginning) < BEGINNING
        encoded = base64.b64encode(beginning if whole else beginning[:48]).decode("ascii")  # 48: without padding
        if whole:
            self._add(encoded, "secret")
        else:
            self.blocks.append(encoded)

    def _add(self, value: str, key: str = "") -> None:
        """Add a value that counts.

        Args:
            value: The value.
            key: The sensitive name under which it stands, if any. Unless that is certain, no word is a secret.
        """
        if not counts(value) or value in self._values:
            return
        if is_words(value):
            name = key.lower().replace("-", "").replace("_", "")
            if key and not any(term in name for term in _CERTAIN):
                return
            self.words.add(value)
        if len(self._values) < _MOST_COLLECTED:
            self._values[value] = None
        else:
            self.complete = False


def holds_no_secret(headers: Sequence[tuple[str, str]], policy: Policy) -> bool:
    """Return whether there is plainly no secret in some headers; of most responses this is known at once."""
    if len(headers) > MOST_HEADERS or not _HARMLESS.issuperset(policy.kinds.of_each(headers)):
        return False
    return not _may_be_url("\n".join(map(_value_of, headers)))


def _may_be_url(value: str) -> bool:
    """Return whether a text may have a part that a URL with a secret has."""
    return _is_marked(value) is not None or (";" in value and ("://" in value or "\n/" in value or value[:1] == "/"))


_value_of = itemgetter(1)
#: Finds the parts of a JWT that are long enough to be recognised.
_long_parts = re.compile(r"[^.]{16,}").findall
_may_be_decoded = re.compile(r"%|[^\x00-\x7f]").search
_is_marked = re.compile("[@?#]").search
#: Finds something in each text for which ``_may_be_url`` is true.
_may_be_marked = re.compile("[@?#;]").search
#: Finds something in each text for which ``_may_be_url`` is true, and in few others.
_may_hold_url = re.compile("[@?#]|://|^/", re.MULTILINE).search


def _may_hold_urls(lines: str) -> bool:
    """Return the same for several texts, each after a line break; looking for one text after the other is faster."""
    return "://" in lines or "?" in lines or "@" in lines or "#" in lines or "\n/" in lines


def counts(value: str) -> bool:
    """Return whether a value is long enough, and not a common word, and is therefore replaced everywhere."""
    return len(value) >= MINIMUM and (len(value) > _LONGEST_COMMON or value.lower() not in COMMON)


_LONGEST_COMMON = max(map(len, COMMON))


def readings_of(value: str) -> set[str]:
    """Return a raw value and the forms into which an application may decode it.

    Percent-encoding of ASCII needs no form of its own, since the redactor undoes it.
    """
    texts = {value, _as_utf8(value)}
    if "%" in value:
        texts |= {decoded for decoded in map(unquote, tuple(texts)) if not decoded.isascii()}
    return texts


def derived_from(value: str) -> set[str]:
    """Return encoded forms of a secret: base64 (also its variant for URLs), hexadecimal, and the parts of a JWT.

    What an application encodes is the value as a framework has decoded it.
    """
    forms = _base64_and_hex(value.encode())
    if "%" in value or "+" in value:
        forms.update(*[_base64_and_hex(decode(value).encode()) for decode in (unquote, unquote_plus)])
    if value.startswith("eyJ"):
        forms.update(_long_parts(value))
    return forms


def _base64_and_hex(content: bytes) -> set[str]:
    whole = len(content) // 3 * 3  # what follows depends on the end
    standard = binascii.b2a_base64(content[:whole], newline=False).decode()
    return {standard, standard.translate(_URL_SAFE), content.hex()}


_URL_SAFE = str.maketrans("+/", "-_")


_PLAIN = Rule()


def _unquoted(value: str) -> str:
    """Return the value of a cookie without its quotes, as frameworks read it."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    value = value[1:-1]
    if "\\" not in value or value.count("\\") > _MOST_PARTS:
        return value
    return _quoted_pair().sub(lambda match: chr(int(match[1], 8)) if len(match[1]) == 3 else match[1], value)


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
