r"""One form of a text for all the ways in which code escapes it.

How a value is written depends on how often code has applied ``repr``, JSON, percent-encoding and HTML escaping to it,
in any order. These forms cannot be enumerated, but each escape can be undone: :func:`canonical` undoes them round by
round, so that a value and its escaped forms become equal, and a plain substring search finds all of them. It is not
meant to be read: a few characters that escaping may exchange are merged (``+`` and a blank, a line feed and the ``n``
of ``\n``, the bytes of UTF-8 and the latin-1 characters that they are taken for).

Every step takes linear time, and works with the string methods that are written in C: clients choose what is searched.
:class:`Aligned` does the same once more and keeps the positions; it is slower, and only for texts in which something
was found.
"""

from __future__ import annotations

import binascii
import functools
import json
import re
import sys
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from re import Pattern

#: Escapes of different kinds that are undone around each other; each round undoes any number of one kind.
_ROUNDS = 6
#: Characters that have a one-letter escape are read as that letter, which is what is left of ``\n``. A unit separator
#: is read as ``=``, whose place it takes while percent-encoding is undone.
_NAMED = bytes.maketrans(b"\n\r\t\b\f\v\a+\x1f", b"nrtbfva =")

_NESTED_PERCENT = re.compile("%(?:25)+(?=[0-9a-fA-F]{2})")
_NESTED_AMPERSAND = re.compile("&(?:amp;)+")
_NUMERIC = re.compile("(&#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});)")
_ENTITIES = (("&quot;", '"'), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"))


#: Characters with which an escape begins.
_OPENING = "%\\&"


def canonical(text: str) -> str:
    """Return a text with its escapes undone: a string of latin-1 characters, to be searched."""
    text = _as_latin_1(text)
    for _ in range(_ROUNDS):
        before = text
        for mark, step, _pattern in _STEPS:
            if mark in text:
                text = step(text)
        if text == before:
            break
    return text


def forms_of(value: str) -> set[str]:
    """Return the canonical forms of a value: several if it has characters outside of ASCII, which have many encodings.

    The forms are: the character itself, and its escapes in Python and JSON; its bytes in UTF-8, or what latin-1 makes
    of them; its bytes in latin-1 with ``?`` for what that lacks, or what UTF-8 makes of them.
    """
    if value and value[-1] in _OPENING:  # which may be the beginning of an escape together with what follows
        return {canonical(value)} | forms_of(value.rstrip(_OPENING))
    if value.isascii():
        return {canonical(value)}
    as_latin_1 = value.encode("latin-1", "replace")
    as_json = json.dumps(value)[1:-1]
    as_repr = repr(value)[1:-1]  # with escapes for those characters only that Python does not print
    texts = {
        value,
        as_json,
        json.dumps(as_repr)[1:-1],
        _in_capitals(value),
        value.encode("utf-8", "replace").decode("latin-1"),
        value.encode("utf-8", "surrogatepass").decode("latin-1"),
        as_repr.encode("utf-8").decode("latin-1"),
        as_latin_1.decode("latin-1"),
        as_latin_1.decode("utf-8", "replace"),
    }
    return {canonical(text) for text in texts}


def _in_capitals(text: str) -> str:
    r"""Return a text with JSON's escapes, in capital letters, in the place of all characters outside of latin-1.

    All characters are escaped, and those of latin-1 decoded again, since ``binascii`` does either in C.
    """
    escaped = "\\u" + text.encode("utf-16-be", "surrogatepass").hex(":", 2).upper().replace(":", "\\u")
    return binascii.a2b_qp(escaped.replace("\\u00", "=")).decode("latin-1")


def _as_latin_1(text: str) -> str:
    """Return a text with Python's escapes in the place of all characters outside of latin-1."""
    return text.encode("latin-1", "backslashreplace").translate(_NAMED).decode("latin-1")


def _unescape_backslashes(text: str) -> str:
    r"""Undo the escapes of Python and JSON; ``\x`` and ``\u00`` become ``%``, since they stand for a byte, too."""
    while "\\\\" in text:  # each nested ``repr`` doubles them
        text = text.replace("\\\\", "\\")
    return text.replace("\\u00", "%").replace("\\x", "%").replace("\\", "")


def _unescape_entities(text: str) -> str:
    if "&amp;" in text:
        text = _NESTED_AMPERSAND.sub("&", text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    if "&#" in text:
        parts = _NUMERIC.split(text)
        parts[1::2] = map(_numeric, parts[1::2])
        text = "".join(parts)
    return text


@functools.lru_cache(maxsize=1024)
def _numeric(entity: str) -> str:
    digits = entity[2:-1]
    code = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    return _as_latin_1(chr(code)).replace("\\", "") if code <= sys.maxunicode else entity[1:]


def _unescape_percent(text: str) -> str:
    """Undo percent-encoding; a percent sign that is left becomes ``=``.

    ``binascii`` decodes what differs from it in one character, quoted-printable (RFC 2045, 6.7).
    """
    if "%25" in text:
        text = _NESTED_PERCENT.sub("%", text)
    text = text.replace("=", "\x1f")
    while "%%" in text:
        text = text.replace("%%", "\x1f%")
    decoded = binascii.a2b_qp((text.replace("%", "=") + ".").encode("latin-1"))[:-1]
    return decoded.translate(_NAMED).decode("latin-1")


#: Each step: the character without which there is nothing to do, the function, and what it replaces, as a group.
_STEPS: tuple[tuple[str, Callable[[str], str], Pattern[str]], ...] = (
    ("\\", _unescape_backslashes, re.compile(r"(\\+(?:u00|x)?)")),
    (
        "&",
        _unescape_entities,
        re.compile(r"(&(?:amp;)*(?:#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|quot;|apos;|lt;|gt;)?)"),
    ),
    ("%", _unescape_percent, re.compile(r"(%(?:(?:25)*[0-9a-fA-F]{2})?)")),
)
#: What the first step, which brings a text into latin-1, replaces.
_BEYOND_LATIN_1 = re.compile(r"([^\x00-\xff])")


class Aligned:
    """The canonical form of a text together with its positions in the text.

    Args:
        text: The text.
        most: Maximum number of escapes; a ``ValueError`` is raised if there are more.
    """

    __slots__ = ("canonical", "left", "_layers")

    def __init__(self, text: str, most: int) -> None:
        self.left = most
        #: For each step: start and end of each replaced part, after and before the step.
        self._layers: list[tuple[list[int], list[int], list[int], list[int]]] = []
        text = text.encode("utf-8", "surrogatepass").translate(_NAMED).decode("utf-8", "surrogatepass")
        text = self._step(text, _as_latin_1, _BEYOND_LATIN_1)
        for _ in range(_ROUNDS):
            before = text
            for mark, step, pattern in _STEPS:
                if mark in text:
                    text = self._step(text, step, pattern)
            if text == before:
                break
        self.canonical = text

    def _step(self, text: str, step: Callable[[str], str], pattern: Pattern[str]) -> str:
        """Take a step part by part."""
        parts = pattern.split(text, self.left + 1)  # every other one is an escape
        if len(parts) == 1:
            return text
        escapes = parts[1::2]
        self.left -= len(escapes)
        if self.left < 0:
            raise ValueError("too many escapes")
        undone = {escape: step(escape + ".")[:-1] for escape in set(escapes)}
        given = list(accumulate(map(len, parts)))
        parts[1::2] = map(undone.__getitem__, escapes)
        made = list(accumulate(map(len, parts)))
        self._layers.append((made[:-1:2], made[1::2], given[:-1:2], given[1::2]))
        return "".join(parts)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part of the canonical form stands in the text."""
        last = end - 1
        for made, made_end, given, given_end in reversed(self._layers):
            index = bisect_right(made, start) - 1
            if index >= 0:
                within = start < made_end[index] or made[index] == made_end[index] == start
                start = given[index] if within else given_end[index] + start - made_end[index]
            index = bisect_right(made, last) - 1
            if index >= 0:
                last = given_end[index] - 1 if last < made_end[index] else given_end[index] + last - made_end[index]
        return start, last + 1
