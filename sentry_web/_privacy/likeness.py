"""Whether a value looks like a secret or like words, by its length and its characters."""

from __future__ import annotations

import re

#: Of a longer value, only so much is looked at.
_LONGEST = 512
#: A run of letters and digits of this length is no word.
_LONG_RUN = 16
_LONGEST_WORD = 28
#: A long run of letters alone is no camel case where it has so many capitals.
_MOST_CAPITALS = 4

#: A value without blanks that has small and capital letters and digits is no word from this length on.
_MIXED = re.compile(r"(?=\S*[a-z])(?=\S*[A-Z])(?=\S*[0-9])\S{8,}").fullmatch
_RUNS = re.compile(r"[A-Za-z0-9]{8,}")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ]{7}")
_ALTERNATES = re.compile(r"[A-Za-z][0-9]+[A-Za-z]|[0-9][A-Za-z]+[0-9]")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-")
_CAPITALS = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")


def looks_random(value: str) -> bool:
    """Return whether a value was probably generated: an identifier of a session, a token, a hash, a long number.

    Words are not, nor are paths, versions and dates; a person's password may not be.
    """
    value = value[:_LONGEST]
    if _MIXED(value) or _CONSONANTS.search(value) or _UUID.search(value):
        return True
    return any(map(_is_random_run, _RUNS.findall(value)))


def _is_random_run(run: str) -> bool:
    if run.isdigit():
        return len(run) >= 10
    if run.isalpha():
        return len(run) >= _LONGEST_WORD or (len(run) >= _LONG_RUN and len(_CAPITALS.findall(run)) >= _MOST_CAPITALS)
    return len(run) >= _LONG_RUN or _ALTERNATES.search(run) is not None


def is_words(value: str) -> bool:
    """Return whether a value consists of letters and separators alone, or is a short number, and is not random.

    No text that is longer than any name or sentence is.
    """
    if value.isdigit():
        return len(value) < 8
    if len(value) > _LONGEST or _DIGIT(value) is not None:
        return False
    return _WORDS(value) is not None and not looks_random(value)


_DIGIT = re.compile(r"\d").search
_WORDS = re.compile(r"[\w .,:;/'-]*").fullmatch
