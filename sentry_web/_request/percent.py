"""Percent-decoding (RFC 3986, 2.1) with the results of ``urllib.parse``, in a fraction of its time.

Clients choose how many escapes there are, and ``urllib.parse`` takes a step of Python for each. Quoted-printable (RFC
2045, 6.7) differs from percent-encoding in one character, and ``binascii`` decodes it in C.
"""

from __future__ import annotations

import binascii
import re
from urllib import parse

#: A percent sign that begins no escape.
_STRAY = re.compile(rb"%(?![0-9a-fA-F]{2})")


def unquote_to_bytes(content: bytes) -> bytes:
    """Return bytes with their escapes undone; a percent sign that begins none stays."""
    if b"%" not in content:
        return content
    return binascii.a2b_qp(_STRAY.sub(b"%25", content).replace(b"=", b"%3D").replace(b"%", b"="))


def unquote(text: str) -> str:
    """Return a text with its escapes undone, which are read as UTF-8."""
    if "%" not in text:
        return text
    try:
        content = text.encode()
    except UnicodeEncodeError:  # lone surrogates
        return parse.unquote(text)
    return unquote_to_bytes(content).decode("utf-8", "replace")


def unquote_plus(text: str) -> str:
    """Return a text of a query or form with its escapes undone, and blanks for its plus signs."""
    return unquote(text.replace("+", " "))
