"""Secrets that are known by their shape, whatever request they belong to: tokens with a prefix of their own.

Each expression begins with a literal, and is used only for texts that contain it. What follows the literal is one run
of characters that ends where another one comes, so that matching takes linear time.
"""

from __future__ import annotations

import re
from itertools import compress

#: A character that few texts contain, a literal with it, and the expression of the tokens that contain the literal.
_SHAPES = tuple(
    (rare, literal, re.compile(pattern))
    for rare, literal, pattern in (
        ("e", "earer ", r"\b[Bb]earer +[A-Za-z0-9._~+/-]{16,}=*"),  # RFC 6750, 2.1
        ("B", "BEARER ", r"\bBEARER +[A-Za-z0-9._~+/-]{16,}=*"),
        ("J", "eyJ", r"eyJ[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]+)*"),  # JSON Web Token (RFC 7519)
        ("g", "gh", r"\bgh[pousr]_[A-Za-z0-9]{30,}"),  # GitHub
        ("_", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
        ("g", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),  # GitLab
        ("x", "xox", r"xox[abeprs]-[A-Za-z0-9-]{10,}"),  # Slack
        ("_", "_live_", r"(?:sk|rk)_live_[A-Za-z0-9]{10,}"),  # Stripe
        ("_", "_test_", r"(?:sk|rk)_test_[A-Za-z0-9]{10,}"),
        ("K", "AKIA", r"AKIA[0-9A-Z]{16}"),  # AWS
        ("I", "ASIA", r"ASIA[0-9A-Z]{16}"),
        (
            "K",
            "PRIVATE KEY-----",  # PEM (RFC 7468)
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-\x1e]*(?:-(?!----)[^-\x1e]*)*(?:-----END[A-Z ]{0,40}-----)?",
        ),
    )
)
#: A text without any of these contains no such secret.
LITERALS = tuple(literal for _, literal, _ in _SHAPES)
#: Their rare characters. Looking for one character is several times faster than for two or more.
_RARE = tuple(rare for rare, _, _ in _SHAPES)


#: The same without the boundary before a token, which an escape may hide, as in ``"\\nghp_…"`` in JSON.
_ANYWHERE = tuple((literal, re.compile(pattern.pattern.replace(r"\b", ""))) for _, literal, pattern in _SHAPES)


def may_have_shapes(text: str) -> bool:
    """Return whether a text, or JSON, may contain a secret that is known by its shape."""
    likely = compress(LITERALS, map(text.__contains__, _RARE))
    if not any(map(text.__contains__, likely)):
        return False  # the common case
    return any(pattern.search(text) for literal, pattern in _ANYWHERE if literal in text)


def replace_shapes(text: str, substitute: str) -> str:
    """Return the text with each secret that is known by its shape replaced."""
    for _, literal, pattern in _SHAPES:
        if literal in text:
            text = pattern.sub(substitute, text)
    return text
