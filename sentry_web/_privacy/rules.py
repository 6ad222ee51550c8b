"""Which keys have sensitive values: the list of names, with what the user adds to it or exempts."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from re import Pattern

#: A key is sensitive if it holds one of these (lower-cased, "-" read as "_").
SENSITIVE_TERMS = frozenset(
    (  # noqa: SIM905 - a list of words, one to a line, would fill a page
        "password passwd pwd secret api_key apikey auth credentials mysql_pwd privatekey private_key token "
        "session csrf xsrf cookie sid jwt bearer sso saml identity key phpsessid symfony access_jwt otp pin cvv "
        "card ssn signature private"
    ).split()
)

#: Too short to look for inside of other keys (OpenTelemetry's ``url.query`` list).
SENSITIVE_NAMES = frozenset(("sig",))
#: Longer keys are judged anew each time, so that what strangers send fills no memory.
_SHORT = 64


class Rule:
    """What may be sent of one kind of key–value data (``data_collection``: off, denylist or allowlist)."""

    __slots__ = ("mode", "terms", "sensitive", "patterns")

    def __init__(
        self,
        mode: str = "denylist",
        terms: Iterable[str] = (),
        sensitive: Iterable[str] = (),
        patterns: Sequence[Pattern[str]] = (),
    ) -> None:
        self.mode = mode
        self.patterns = patterns
        self.terms = tuple(normalise(term) for term in terms if term)
        self.sensitive = SENSITIVE_TERMS.union(normalise(term) for term in sensitive if term)

    def hides(self, key: str) -> bool:
        """Return whether the value of this key must be replaced."""
        if self.is_sensitive(key):
            return True
        if not self.terms:
            return self.mode == "allowlist"
        named = any(term in normalise(key) for term in self.terms)
        return not named if self.mode == "allowlist" else named

    def is_sensitive(self, key: str) -> bool:
        """Return whether the key itself says that its value is a secret."""
        if self.patterns and any(pattern.search(key) for pattern in self.patterns):
            return True
        return _holds(key, self.sensitive) if len(key) <= _SHORT else _holds.__wrapped__(key, self.sensitive)


@functools.lru_cache(maxsize=4096)  # names are always the same few
def _holds(key: str, terms: frozenset[str]) -> bool:
    key = normalise(key)
    return key in SENSITIVE_NAMES or any(term in key for term in terms)


def normalise(key: str) -> str:
    """The form in which keys are compared: lower case, ``-`` read as ``_``."""
    return key.lower().replace("-", "_")
