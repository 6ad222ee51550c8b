"""Rules for sensitive keys: the built-in lists of names, and the user's additions and exemptions.

A long term (``password``, ``token``) makes a key sensitive wherever it occurs in it. A short term (``pin``, ``key``)
does so as a whole word only, since ``shipping`` and ``monkey`` contain them too. Words are split at every character
that is no letter, and at the capitals of camel case.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from re import Pattern

#: A key is sensitive if it contains one of these.
LONG_TERMS = frozenset(
    (  # noqa: SIM905 - a list of words, one to a line, would fill a page
        "password passwd passwort passphrase passcode passkey pwd secret token authorization credential assertion "
        "csrf xsrf jwt bearer session sessid cookie saml signature aspxauth estsauth sapsso"
    ).split()
)

#: The same for terms of several words, which may be written in one or with any character between them.
JOINED_TERMS = frozenset(
    (
        *("pass word", "pass phrase", "pass code", "api key", "access key", "private key", "secret key"),
        *("shared key", "auth key", "signing key", "encryption key", "master key", "subscription key", "license key"),
        *("credit card", "card number", "security code", "security answer", "verification code", "pin code"),
        *("recovery code", "backup code", "seed phrase", "code verifier", "device code", "user code"),
    )
)

#: A key is sensitive if one of these is a word of it, or some consecutive words.
SHORT_TERMS = frozenset(
    (
        *("pin", "otp", "totp", "mfa", "cvv", "cvc", "cvn", "ssn", "iban", "card", "key", "auth", "sig", "hmac"),
        *("pass", "pw", "pswd", "sso", "identity", "private", "remember", "dpop", "wpnonce", "symfony"),
        *("sid", "hsid", "ssid", "lsid", "psid", "apisid", "sapisid", "rtfa", "mnemonic"),
        *("oidc data", "oauth proxy", "app check", "appcheck", "protection bypass", "wordpress logged in"),
        *("wordpress sec", "li at"),
    )
)

#: Names that contain a term and are harmless all the same. Their words count for nothing in a longer key.
HARMLESS_TERMS = frozenset(
    (
        *("cache key", "idempotency key", "idempotency token", "sort key", "surrogate key", "foreign key"),
        *("primary key", "partition key", "routing key", "lookup key", "translation key", "web socket key"),
        *("public key", "key type", "key size", "key usage", "token type", "token count", "token limit"),
        *("token endpoint", "max tokens", "total tokens", "prompt tokens", "completion tokens", "input tokens"),
        *("output tokens", "limit tokens", "remaining tokens", "reset tokens", "max completion tokens"),
        *("signature input", "signature method", "signature version", "signature algorithm", "signature timestamp"),
        *("sig alg", "auth algo", "auth type", "auth method", "auth scheme", "auth time", "auth date"),
        *("session count", "session timeout", "cookie consent", "cookie policy", "cookies enabled"),
        *("allow credentials", "authorization endpoint", "account sid", "call sid", "message sid", "sms sid"),
        *("card type", "card brand", "business card", "private mode"),
    )
)

#: Longer keys are not cached, so that clients cannot fill the memory; and a name is not that long.
_SHORT = 64
#: Number of keys that are cached.
_MOST_KEYS = 4096

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_LETTERS = re.compile(r"[^a-z]+")
#: Length of the longest names. A longer key is not looked at, which bounds the time that strangers can take.
_LONGEST_NAME = 100
#: What does not occur in a name, but in content that was taken for one.
_IMPLAUSIBLE = re.compile(r"[{}<>=\"\\\x00-\x1f\x7f]|://")


class Keys:
    """The names of sensitive keys.

    Args:
        sensitive: Sensitive names in addition to the built-in ones; each matches as a whole word or several.
        harmless: Names that are not sensitive, although they contain a term; each matches a whole key.
    """

    __slots__ = ("_words", "_long", "_may_hold", "_exempt", "_known")

    def __init__(self, sensitive: Iterable[str] = (), harmless: Iterable[str] = ()) -> None:
        terms = SHORT_TERMS | {" ".join(split_words(name)) for name in sensitive} - {""}
        self._words = frozenset(term for term in terms if " " not in term)
        self._long = _search([*LONG_TERMS, *(f" {term} " for term in terms if " " in term)])
        #: Finds a part of each term; most keys contain none.
        parts = {max(term.split(), key=len) for term in LONG_TERMS | JOINED_TERMS | terms}
        self._may_hold = _search(parts)
        self._exempt = frozenset(normalise(name) for name in harmless)
        self._known: dict[str, bool] = {}

    def is_sensitive(self, key: str) -> bool:
        """Return whether a key denotes a secret; one that is too long for a name is taken for sensitive."""
        known = self._known.get(key)
        if known is None:
            known = len(key) > _LONGEST_NAME or self._find(key)
            if len(key) <= _SHORT and len(self._known) < _MOST_KEYS:  # few names are common
                self._known[key] = known
        return known

    def _find(self, key: str) -> bool:
        lower = key.lower()
        if not self._may_hold(lower) or normalise(key) in self._exempt:
            return False
        if self._holds_more(f" {_NO_LETTERS.sub(' ', lower).strip()} "):
            return True
        return key != lower and self._holds_more(f" {' '.join(split_words(key))} ")

    def _holds_more(self, form: str) -> bool:
        """Return whether words contain a term that is no part of a harmless one."""
        return self._holds_term(form) and self._holds_term(_harmless().sub("", form))

    def _holds_term(self, form: str) -> bool:
        """Return whether words, with a blank around each, contain a term."""
        if self._long(form) or not self._words.isdisjoint(form.split()):
            return True
        return _joined()(form.replace(" ", "")) is not None


def _search(terms: Iterable[str]) -> Callable[[str], re.Match[str] | None]:
    return re.compile("|".join(sorted(terms))).search


@functools.cache
def _joined() -> Callable[[str], re.Match[str] | None]:
    """Return the search for ``JOINED_TERMS`` in words without blanks; compiled on first use."""
    return _search(term.replace(" ", "") for term in JOINED_TERMS)


@functools.cache
def _harmless() -> Pattern[str]:
    """Return the pattern of ``HARMLESS_TERMS``, written in one or in several words; compiled on first use."""
    terms = "|".join(sorted(HARMLESS_TERMS, key=len, reverse=True)).replace(" ", " ?")
    return re.compile(f" (?:{terms})(?= )")


def split_words(key: str) -> list[str]:
    """Return the words of a key in lower case.

    >>> split_words("X-Amz-SecurityToken2")
    ['x', 'amz', 'security', 'token']
    """
    key = key.replace("OAuth", "Oauth")  # one word, which is not "auth"
    return _NO_LETTERS.sub(" ", _CAMEL.sub(" ", key).lower()).split()


def is_plausible(key: str) -> bool:
    """Return whether a key may be a name, rather than content that was taken for one."""
    return len(key) <= _LONGEST_NAME and _IMPLAUSIBLE.search(key) is None


def normalise(key: str) -> str:
    """Return the form in which whole keys are compared: lower case, with ``_`` for ``-``."""
    return key.lower().replace("-", "_")


#: The built-in names alone.
BUILT_IN = Keys()


class Rule:
    """The rule for one kind of key–value data.

    Args:
        mode: ``"off"``, ``"denylist"`` or ``"allowlist"``, as in Sentry's ``data_collection``.
        terms: The terms of the denylist or allowlist, which match anywhere in a key, as in sentry-sdk.
        keys: The names of sensitive keys, whatever the mode.
        patterns: Regular expressions of further sensitive keys.
    """

    __slots__ = ("mode", "terms", "keys", "patterns")

    def __init__(
        self,
        mode: str = "denylist",
        terms: Iterable[str] = (),
        keys: Keys = BUILT_IN,
        patterns: Sequence[Pattern[str]] = (),
    ) -> None:
        self.mode = mode
        self.patterns = patterns
        self.terms = tuple(normalise(term) for term in terms if term)
        self.keys = keys

    def hides(self, key: str) -> bool:
        """Return whether the value of this key must be replaced."""
        return self.is_sensitive(key) or (self.mode == "allowlist" and not self._names(key))

    def is_sensitive(self, key: str) -> bool:
        """Return whether the value of this key is a secret, rather than only not to be sent."""
        if self.keys.is_sensitive(key) or (self.mode == "denylist" and self._names(key)):
            return True
        return bool(self.patterns) and any(pattern.search(key) for pattern in self.patterns)

    def _names(self, key: str) -> bool:
        if not self.terms:
            return False
        key = normalise(key)
        return any(term in key for term in self.terms)
