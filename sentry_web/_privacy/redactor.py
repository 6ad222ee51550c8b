"""Replacement of known values in everything that is about to be sent, however they are escaped.

The form of a value depends on how often code has applied ``repr``, JSON or percent-encoding to it, in any order. These
forms cannot be enumerated, but ASCII letters and digits are the same in all of them. A value is therefore searched for
by its longest run of letters and digits, and replaced by means of a regular expression in which every other character
matches all its escapes. The application's own objects are read, never modified. This module depends neither on vendor
types nor on requests.
"""

from __future__ import annotations

import functools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import Any

from .policy import SUBSTITUTE

#: Shorter values are too common to be distinguished from ordinary text.
MINIMUM = 6
#: Only this many leading characters of a longer value are searched for; what follows without a break is replaced too.
_LONG = 256
_REST = r"[^\s'\",;&<>]*"
#: Maximum number of values of an event that are searched; the values after them are not sent.
_MOST_VALUES = 50_000
#: A text with more secrets than this is replaced as a whole, which bounds the time spent on it.
_MOST_IN_ONE = 30
_TEXT = frozenset((str,))
#: Types whose values outputs show as their text.
_FLAT = frozenset((str, int, float, bool, type(None)))
#: Minimum length of a run of letters and digits that is used as a probe.
_PROBE = 3
#: Maximum number of values without a probe, which are searched for by their regular expression.
_MOST_ODD = 20

_NOTHING = re.compile(r"(?!)")
_RUNS = re.compile(r"[A-Za-z0-9]+")
_BACKSLASHES = r"\\{1,64}"  # each nested ``repr`` doubles them
_NAMED = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_ENTITIES = {'"': "&quot;|&#34;|&#x22;", "'": "&#39;|&#x27;|&apos;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Redactor:
    """The replacement of one request's secret values.

    Args:
        values: The values to search for, the longest first.
        show: Returns the text that the output would send for an object that is not a plain value.
        blocks: Beginnings of private content; a text is cut off where one of them occurs.
    """

    __slots__ = ("_show", "_values", "_blocks", "_present", "_probes", "_odd", "_overflow", "_left", "idle")

    def __init__(self, values: Iterable[str], show: Callable[[Any], str], blocks: Iterable[str] = ()) -> None:
        self._values = list(dict.fromkeys(form for value in values for form in (value, _misread(value))))
        self._blocks = list(blocks)
        self._show = show
        #: Probe, value, and the value's regular expression if one is needed.
        self._present: list[tuple[str, str, re.Pattern[str] | None]] = []
        #: One expression for all probes: a single search suffices for the many texts that contain none.
        self._probes = _NOTHING
        self._odd = 0
        self._overflow = False
        self.idle = not self._values and not self._blocks  #: whether there is nothing to search for

    def search(self, value: Any) -> bool:
        """Return whether any of the secrets occurs in a value, and prepare to replace those that do.

        All texts are joined, so that each secret is searched for only once: most events contain at most a few.
        """
        self._present, self._odd, self._overflow = [], 0, False
        if self.idle:
            return False
        texts: list[str] = []
        self._left = _MOST_VALUES // 2
        if not self._gather([value], texts):  # fast path for the common event
            texts = list(self._texts(value))
        whole = "\n".join(texts)
        for block in self._blocks:
            self._note(block, whole, r"[\s\S]*")
        for text in self._values:
            self._note(text, whole)
        self._probes = _any_of(probe for probe, _, _ in self._present)
        return bool(self._present) or self._overflow or ("..." in whole and any(map(self._cut_within, texts)))

    def _note(self, text: str, whole: str, rest: str = "") -> None:
        """Record a value that occurs; a regular expression, which is slower, is built only if it occurs escaped."""
        probe = probe_of(text)
        if probe not in whole:
            return
        plain = probe and not rest and len(text) <= _LONG
        if plain and whole.count(probe) == whole.count(text) * text.count(probe):
            self._present.append((probe, text, None))
        elif probe or self._odd < _MOST_ODD:
            self._odd += not probe
            pattern = re.compile(pattern_of(text) + rest)
            if pattern.search(whole):
                self._present.append((probe, text, pattern))

    def redact(self, value: Any) -> Any:
        """Return the value with each secret replaced; a copy if it contains one."""
        if isinstance(value, str):
            return self.redact_text(value)
        return self._copy(value) if self._overflow or any(map(self._is_suspect, self._texts(value))) else value

    def _is_suspect(self, text: str) -> bool:
        return self._probes.search(text) is not None or self._cut_within(text) > 0

    def redact_text(self, text: str) -> str:
        """Return the text with each secret replaced."""
        found = 0
        for probe, value, pattern in self._present if self._probes.search(text) else ():
            if probe in text:
                replaced = text.replace(value, SUBSTITUTE) if pattern is None else pattern.sub(SUBSTITUTE, text)
                found += replaced != text
                text = replaced
                if found > _MOST_IN_ONE:
                    return SUBSTITUTE
        cut = self._cut_within(text)
        return f"{text[: -cut - 3]}{SUBSTITUTE}..." if cut else text

    def _cut_within(self, text: str) -> int:
        """Return how much of a secret stands at the end of a text that was truncated with dots, as Sentry's are."""
        if text[-3:] == "...":
            tail = text[-_LONG:-3]
            for value in self._values:
                start = tail.rfind(value[:MINIMUM])
                if start >= 0 and value.startswith(tail[start:]):
                    return len(tail) - start
        return 0

    def _gather(self, values: Iterable[Any], texts: list[str], deepest: int = 20) -> bool:
        """Collect all texts in some values; return whether these were plain (shallow, few, and with texts as keys)."""
        values = list(values)
        if _FLAT.issuperset(map(type, values)):  # the common case: attributes, headers, tags
            texts += map(str, values)
            return True
        for item in values:
            kind = type(item)
            if kind is dict or kind is list:
                self._left -= len(item)
                if deepest < 0 or self._left < 0 or (kind is dict and not _TEXT.issuperset(map(type, item))):
                    return False
                texts += item if kind is dict else ()
                if not self._gather(item.values() if kind is dict else item, texts, deepest - 1):
                    return False
            elif item is not None and kind is not bool:
                plain = item if kind is str else self._as_plain(item)
                if not isinstance(plain, str):
                    return False
                texts.append(plain)
        return True

    def _texts(self, value: Any) -> Iterator[str]:
        """Yield every text in a value, including keys; breadth-first, without recursion, and each container once."""
        queue: deque[Any] = deque([[value]])
        seen: set[int] = set()
        kept: list[Any] = []  # keeps temporary objects alive while their ids are in use
        left = _MOST_VALUES
        while queue:
            container = queue.popleft()
            for key, item in islice(_pairs(container), left + 1):
                left -= 1
                if left < 0:
                    self._overflow = True
                    return
                if type(key) is not int:
                    yield key if isinstance(key, str) else str(key)
                if id(item) in seen:
                    continue
                plain = self._as_plain(item)
                if isinstance(plain, (dict, list)):
                    seen.add(id(item))
                    kept.append((item, plain))
                    queue.append(plain)
                elif isinstance(plain, str):
                    yield plain

    def _copy(self, value: Any) -> Any:
        """Return a copy with each secret replaced; reference cycles are preserved."""
        root: list[Any] = [value]
        queue: deque[Any] = deque([root])
        copies: dict[int, tuple[Any, Any]] = {}
        left = _MOST_VALUES
        while queue:
            container = queue.popleft()
            pairs = list(islice(_pairs(container), max(left, 0)))
            is_cut = len(pairs) < len(container)
            left -= len(pairs)
            container.clear()
            for key, item in pairs:
                copy = self._copy_of(item, copies, queue)
                if isinstance(container, dict):
                    container[self._key(key)] = copy
                else:
                    container.append(copy)
            if is_cut:
                container.update({SUBSTITUTE: None}) if isinstance(container, dict) else container.append(SUBSTITUTE)
        return root[0]

    def _copy_of(self, item: Any, copies: dict[int, tuple[Any, Any]], queue: deque[Any]) -> Any:
        """Return the redacted form of one value; the copy of a container is filled later."""
        if id(item) in copies:
            return copies[id(item)][1]
        plain = self._as_plain(item)
        if isinstance(plain, (dict, list)):
            copy = plain if plain is not item else plain.copy()
            copies[id(item)] = (item, copy)
            queue.append(copy)
            return copy
        if not isinstance(plain, str):
            return item
        replaced = self.redact_text(plain)
        return item if replaced == plain else replaced

    def _key(self, key: Any) -> Any:
        text = key if isinstance(key, str) else str(key)
        replaced = self.redact_text(text)
        return key if replaced == text else replaced

    def _as_plain(self, item: Any) -> Any:
        """Return a container as ``dict`` or ``list``, ``None`` for a value without text, anything else as its text."""
        if type(item) in (str, dict, list):
            return item
        if item is None or isinstance(item, bool):
            return None
        if isinstance(item, (int, float)):
            return repr(item)  # an integer may be a card number
        try:
            return self._converted(item)
        except Exception:  # noqa: BLE001 - the application's own class may raise anything
            return self._show(item)

    def _converted(self, item: Any) -> Any:
        if isinstance(item, (bytes, bytearray)):
            return item.decode("utf-8", "replace")
        if isinstance(item, Mapping):
            return dict(item)
        if isinstance(item, (list, tuple, set, frozenset, deque)):
            return list(item)
        return str(item) if isinstance(item, str) else self._show(item)


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches any of these texts, or nothing if there are none."""
    known = dict.fromkeys(map(re.escape, texts))
    return re.compile("|".join(known)) if known else _NOTHING


def _misread(value: str) -> str:
    """Return a value whose latin-1 bytes were decoded as UTF-8, with ``?`` for characters outside latin-1.

    Adjacent characters may merge into one.
    """
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "replace")


def _pairs(container: Any) -> Iterable[tuple[Any, Any]]:
    """Return the keys and values of a container; the keys of a list are its indexes."""
    return container.items() if isinstance(container, dict) else enumerate(container)


def probe_of(value: str) -> str:
    """Return the longest run of letters and digits, which no escaping changes; empty if none is long enough."""
    longest = max(_RUNS.findall(value[:_LONG]), key=len, default="")
    return longest if len(longest) >= _PROBE else ""


def pattern_of(value: str) -> str:
    """Return a regular expression that matches a value in every escaped form.

    Matching takes linear time: at most one form of a character fits at a position, and a run of backslashes is one
    item.
    """
    runs = groupby(value[:_LONG], key=lambda character: character == "\\")
    parts = [_backslashes(len(list(run))) if escaping else "".join(map(_forms_of, run)) for escaping, run in runs]
    return "".join(parts) + (_REST if len(value) > _LONG else "")


def _backslashes(number: int) -> str:
    """Return the expression for a run of backslashes, which grows with each escaping.

    It is anchored at the start of the run, so that it does not match at each backslash.
    """
    return rf"(?:(?<!\\)\\+|(?:%(?:25){{0,2}}5[cC]){{{number}}})"


@functools.lru_cache(maxsize=1024)
def _forms_of(character: str) -> str:
    """Return the expression for one character: plain, escaped (Python, JSON, percent-encoding, HTML) or as mojibake."""
    if character.isascii() and character.isalnum():
        return character
    forms = ["".join(map(_byte, character.encode("utf-8", "surrogatepass")))]
    units = character.encode("utf-16-be", "surrogatepass").hex()
    forms.append("".join(_BACKSLASHES + f"u(?i:{units[start : start + 4]})" for start in range(0, len(units), 4)))
    if ord(character) < 256:
        forms.append(_BACKSLASHES + f"x(?i:{ord(character):02x})")
    if character in _NAMED:
        forms.append(_BACKSLASHES + _NAMED[character])
    if character in _ENTITIES:
        forms.append(_ENTITIES[character])
    if character == " ":
        forms.append(r"\+")
    if not character.isascii():
        forms += [_BACKSLASHES + f"U(?i:{ord(character):08x})", "[?\ufffd]"]
    forms.append(r"\\{0,64}" + re.escape(character))  # last, so that "%25" is preferred to "%"
    return f"(?:{'|'.join(forms)})"


def _byte(byte: int) -> str:
    """Return the expression for one UTF-8 byte: percent-encoded (also repeatedly), escaped, or read as latin-1."""
    latin = re.escape(chr(byte)) + "|" if byte >= 128 else ""
    return f"(?:{latin}%(?:25){{0,2}}(?i:{byte:02x})|{_BACKSLASHES}(?:x|u00)(?i:{byte:02x}))"
