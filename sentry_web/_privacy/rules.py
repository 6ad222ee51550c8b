"""Rules for sensitive keys: the built-in list of names, and the user's additions and exemptions."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from re import Pattern

#: A key is sensitive if it contains one of these (in lower case, "-" read as "_").
SENSITIVE_TERMS = frozenset(
    (  # noqa: SIM905 - a list of words, one to a line, would fill a page
        "password passwd pwd secret api_key apikey auth credentials mysql_pwd privatekey private_key token "
        "session csrf xsrf cookie sid jwt bearer sso saml identity key phpsessid symfony access_jwt otp pin cvv "
        "card ssn signature private"
    ).split()
)

#: Names that must match a whole key, since they are too short to search for (OpenTelemetry's ``url.query`` list).
SENSITIVE_NAMES = frozenset(("sig",))
#: Longer keys are not cached, so that clients cannot fill the memory.
_SHORT = 64


class Rule:
    """The rule for one kind of key–value data.

    Args:
        mode: ``"off"``, ``"denylist"`` or ``"allowlist"``, as in Sentry's ``data_collection``.
        terms: The terms of the denylist or allowlist.
        sensitive: Sensitive terms in addition to ``SENSITIVE_TERMS``.
        patterns: Regular expressions of further sensitive keys.
    """

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
        """Return whether the key denotes a secret, whatever the mode."""
        if self.patterns and any(pattern.search(key) for pattern in self.patterns):
            return True
        return _holds(key, self.sensitive) if len(key) <= _SHORT else _holds.__wrapped__(key, self.sensitive)


@functools.lru_cache(maxsize=4096)  # few names are common
def _holds(key: str, terms: frozenset[str]) -> bool:
    key = normalise(key)
    return key in SENSITIVE_NAMES or any(term in key for term in terms)


def normalise(key: str) -> str:
    """Return the form in which keys are compared: lower case, with ``_`` for ``-``."""
    return key.lower().replace("-", "_")
