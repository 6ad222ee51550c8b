"""Replacement of known values in everything that is about to be sent, however they are escaped.

All texts of what is sent are joined and searched at once. A value that no escaping changes is searched for as it is,
any other one also in the canonical form of the texts (see ``canonical``); both are plain substring searches. No regular
expression is made of a value, since ``re`` would keep it. The application's own objects are read, never modified. This
module depends neither on vendor types nor on requests.

What a search costs is bounded by the length of what is searched, since clients choose both the values and, in part, the
texts. Where a bound is exceeded, the text in question is replaced as a whole, or not sent.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, filterfalse, islice
from json.encoder import JSONEncoder
from json.encoder import encode_basestring as _in_json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .canonical import Aligned, canonical, forms_of
from .policy import SUBSTITUTE
from .shapes import LITERALS, may_have_shapes, replace_shapes

if TYPE_CHECKING:
    from .secrets import Secrets

#: Shorter values are too common to be distinguished from ordinary text.
MINIMUM = 6
#: A longer value is searched for by its beginning, so that it is found in texts that are cut off, too.
BEGINNING = 64
#: From this length on, the rest of a text in which a value begins is replaced, whatever it is.
LONGEST = 4096
#: Characters of such a value of which the canonical form is made, to have enough of it.
ENOUGH = 16 * BEGINNING
#: Maximum number of canonical forms that are searched for.
_MOST_FORMS = 128
#: Maximum number of characters of the values from which these are made. One beyond ASCII counts as often as its
#: encodings make it longer, all of them together.
_MOST_FORM_CHARACTERS, _ENCODINGS = 64 * 1024, 16
#: Maximum number of values of an event that are searched; the values after them are not sent.
_MOST_VALUES = 50_000
#: Maximum number of escapes that are undone in a search, if any secret may be escaped; the texts with the most of them
#: are replaced as a whole until this is so.
_MOST_UNDONE = 5_000
#: Maximum number of those that are undone one by one, where a secret was found; texts beyond it are replaced, too.
_MOST_ESCAPES = 1_000
#: Maximum number of comparisons of a text that is cut off with a value; more such texts are replaced as a whole.
_MOST_COMPARISONS = 5_000
#: Maximum number of characters of those texts of a request that are remembered to hold no secret.
_MOST_REMEMBERED = 16 * 1024
#: From this length on, CPython's substring search is linear whatever is searched; before, it may take the product of
#: both lengths. Shorter texts are therefore padded if there are many values to search for.
_LINEAR = 30_000
_FEW = 100_000

#: Begins and ends what stands between two texts. It is in nothing that is searched for, so that nothing is found across
#: the border of two texts.
_BORDER = "\x1e"
#: Stands between two texts; nobody else knows it.
_SEPARATOR = _BORDER + os.urandom(3).hex() + _BORDER
#: Stands for a value in a canonical form, which has latin-1 characters only.
_MARK = "\u2400"
_DOTS = "..." + _SEPARATOR

#: With one of these each escape begins, but those of the characters beyond latin-1.
_ESCAPES = "\\%&"

#: The end of a text that may be the beginning of an escape, also of one that is escaped itself.
_UNFINISHED = re.compile(r"[%\\&][%\\&#;0-9A-Za-z]{0,24}\Z")

#: Values of these characters look the same in every escaping.
_UNCHANGED = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch


#: Types of values that have no others in them.
_SCALARS = frozenset((str, int, float, bool, type(None)))

_head_of = itemgetter(slice(BEGINNING))
_is_list: Callable[[Any], bool] = list.__instancecheck__


class _Values:
    """Some values, prepared to be searched for.

    Args:
        values: The values, the longest first.
        blocks: Beginnings of private content.
    """

    __slots__ = ("values", "blocks", "heads", "heads_in_json", "longest", "forms", "complete", "_left")

    def __init__(self, values: Sequence[str], blocks: Sequence[str]) -> None:
        #: All values but the blocks.
        self.values = values
        if values and len(values[0]) > LONGEST:
            blocks = [*blocks, *[value for value in values if len(value) > LONGEST]]
            self.values = [value for value in values if len(value) <= LONGEST]
        everything = [*blocks, *self.values]
        self.blocks = frozenset(map(_head_of, blocks))
        #: What is searched for in texts as they are.
        self.heads = list(dict.fromkeys(map(_head_of, everything)))
        #: Canonical forms of values that an escaping changes: their beginning, the whole, and whether it is a block.
        self.forms: dict[str, tuple[list[str], bool]] = {}
        #: Whether all of them are searched for.
        self.complete = True
        odd = list(filterfalse(_UNCHANGED, everything))
        #: What is searched for in the JSON of texts.
        self.heads_in_json = self.heads
        #: The length of the longest text that is searched for these as it is.
        self.longest = _FEW // (len(self.heads) + len(LITERALS))
        if odd:
            self._left = _MOST_FORM_CHARACTERS
            for value in odd:
                self._add_forms(value[:ENOUGH] if len(value) > LONGEST else value, value[:BEGINNING] in self.blocks)
            self.heads_in_json = [_in_json(head)[1:-1] for head in self.heads]

    def _add_forms(self, value: str, block: bool) -> None:
        if block:  # the beginning of something, which may end within an escape
            value = _UNFINISHED.sub("", value)
        self._left -= len(value) if value.isascii() else _ENCODINGS * len(value)
        if len(self.forms) >= _MOST_FORMS or self._left < 0:
            self.complete = False
            return
        forms, are_whole = _between_borders(forms_of(value), BEGINNING // 2 if block else MINIMUM)
        self.complete = self.complete and are_whole
        for form in forms:
            if len(form) >= MINIMUM:
                wholes, _ = self.forms.setdefault(form[:BEGINNING], ([], block))
                wholes.append(form)

    def beginnings(self) -> dict[str, list[str]]:
        """Return the values by what must be left of one that was cut off."""
        found: dict[str, list[str]] = {}
        for value in self.values:
            found.setdefault(value[:MINIMUM], []).append(value)
        return found

    def beginning_with(self, head: str) -> list[str]:
        """Return the values that are longer than their head, sorted."""
        return sorted(value for value in self.values if len(value) > BEGINNING and value.startswith(head))


class Redactor:
    """The replacement of one request's secret values.

    Args:
        values: The values to search for.
        show: Returns the text that the output would send for an object that is not a plain value.
        blocks: Beginnings of private content; a text is cut off where one of them occurs.
        words: Those of the values that may be ordinary words. They are left in what the user or code has chosen.
        names: Keys that come from code, such as the names of attributes in conventions. These are left alone: else a
            client that sends such a name as a secret would take it out of each report.
    """

    __slots__ = (
        *("_show", "_all", "_certain", "_names", "_shown", "_overflow", "_harmless", "_left"),
        *("complete", "has_words"),
    )

    def __init__(
        self,
        values: Iterable[str],
        show: Callable[[Any], str],
        blocks: Sequence[str] = (),
        words: Collection[str] = (),
        names: frozenset[str] = frozenset(),
    ) -> None:
        self._show = show
        self._names = names
        values, values_are_whole = _between_borders(values, MINIMUM)
        # A short block would cut off many a text that has nothing of the content
        blocks, blocks_are_whole = _between_borders(blocks, BEGINNING // 2)
        known = list(filterfalse(SUBSTITUTE.__contains__, sorted(set(values), key=len, reverse=True)))
        self._all = self._certain = _Values(known, blocks)
        if words and any(map(words.__contains__, known)):
            self._certain = _Values([value for value in known if value not in words], blocks)
        #: Whether the two kinds of texts are searched for different values.
        self.has_words = self._certain is not self._all
        #: Whether all secrets of the request are searched for.
        self.complete = self._all.complete and values_are_whole and blocks_are_whole
        #: Converted values by identity; what was converted is kept alive, so that its identity stays its own.
        self._shown: dict[int, tuple[Any, Any]] = {}
        self._overflow = False
        #: Texts in which none of the values is, and how many characters more are remembered.
        self._harmless: set[str] = set()
        self._left = _MOST_REMEMBERED

    @classmethod
    def of(cls, secrets: Secrets, show: Callable[[Any], str], names: frozenset[str] = frozenset()) -> Redactor:
        """Return the redactor of a request's secrets."""
        values = secrets.values()  # which adds to the blocks
        redactor = cls(values, show, secrets.blocks, secrets.words, names)
        redactor.complete = redactor.complete and secrets.complete
        return redactor

    def redact(self, value: Any, chosen: bool = False) -> Any:
        """Return the value with each secret replaced; the same object if it contains none, else a copy.

        Args:
            value: Texts, numbers, containers and objects at any depth.
            chosen: Whether the texts were chosen by the user or by code, so that ordinary words in it are left alone.
        """
        known = self._certain if chosen else self._all
        try:
            if not self._may_hold(value, known):
                return value
            self._overflow = False
            texts = list(dict.fromkeys(self._texts(value)))
            found = self._search(texts, known)
            if found is None and not self._overflow:
                return value
            changed = {} if found is None else dict(zip(texts, found, strict=True))
            return changed.get(value, value) if type(value) is str else self._copy(value, changed)
        finally:
            self._shown = {}

    def redact_text(self, text: str) -> str:
        """Return the text with each secret replaced."""
        found = self._search([text], self._all)
        return text if found is None else found[0]

    # --- search ---

    def _may_hold(self, value: Any, known: _Values) -> bool:
        """Return whether there is anything to replace in a value; most have nothing.

        All of its texts are looked at together: the attributes of a span as they are, anything else in its JSON, which
        is written in C. The spans of a request have most of their attributes in common; those are looked at once.
        """
        texts = [value] if type(value) is str else self._texts_of_attributes(value)
        if texts is None:
            try:
                text = JSONEncoder(ensure_ascii=False, default=self._as_plain).encode(value)
            except (TypeError, ValueError, RecursionError):  # odd keys, reference cycles, deep nesting
                return True
            return self._may_occur(text, known, known.heads_in_json, '..."')
        text = "\n".join((*texts, ""))
        if self._may_occur(text, known, known.heads, "...\n"):
            return True
        if known is self._all and len(text) <= self._left:
            self._left -= len(text)
            self._harmless.update(texts)
        return False

    def _texts_of_attributes(self, value: Any) -> list[str] | None:
        """Return the texts of a span's attributes that are not known to be harmless.

        ``None`` if the value is anything else than plain values, and lists of these, by name.
        """
        if type(value) is not dict:
            return None
        found: Any = value.values()
        kinds = set(map(type, found))
        if list in kinds:
            kinds.remove(list)
            items = list(chain.from_iterable(filter(_is_list, found)))
            kinds.update(map(type, items))  # another list among them is none of the plain types
            found = (*filterfalse(_is_list, found), *items)
        if not kinds <= _SCALARS:
            return None
        found = (*filterfalse(self._names.__contains__, value), *found)
        try:
            return list(map(str, filterfalse(self._harmless.__contains__, found)))
        except ValueError:  # an integer of more digits than Python writes
            return None

    @staticmethod
    def _may_occur(text: str, known: _Values, heads: Iterable[str], dots: str) -> bool:
        """Return whether a value, the shape of a secret, or anything else that is replaced may be in a text.

        Args:
            text: The text, or JSON.
            known: The values.
            heads: The beginnings of these, as they would be in the text.
            dots: The end of a text that was cut off.
        """
        if len(text) > known.longest:
            if known.forms and _escapes_in(text) > _MOST_ESCAPES:  # before the dearer questions
                return True
            text = text.ljust(_LINEAR)
        if (
            any(map(text.__contains__, heads))
            or may_have_shapes(text)
            or (dots in text and _occurs(known.beginnings(), text))
            or (not text.isascii() and _has_surrogates(text))
        ):
            return True
        if not known.forms:
            return False
        return _escapes_in(text) > _MOST_ESCAPES or _occurs(known.forms, canonical(text))

    def _search(self, texts: list[str], known: _Values) -> list[str] | None:
        """Return the texts with each secret replaced, or ``None`` if there is none in them."""
        whole = _SEPARATOR.join(_within_bound(texts) if known.forms else texts)
        heads = _occurring(known.heads, whole)
        plain = canonical(whole) if known.forms else ""
        forms = _occurring(known.forms, plain)
        if forms:  # before the others, which may be a part of these
            whole = self._replace_escaped(whole, plain, forms, known.forms)
        whole = self._replace_plain(whole, heads, known)
        if _DOTS in whole + _SEPARATOR:
            whole = _replace_cut(whole, known.beginnings())
        whole = replace_shapes(whole, SUBSTITUTE)
        if _has_surrogates(whole):
            whole = whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        found = whole.split(_SEPARATOR)
        return None if found == texts else found

    def _replace_plain(self, whole: str, heads: Iterable[str], known: _Values) -> str:
        """Replace the values that occur as they are, the longest first."""
        for head in heads:
            if head in known.blocks:
                whole = _replace_each(whole, head, [], block=True)
            elif len(head) == BEGINNING:
                whole = _replace_each(whole, head, known.beginning_with(head))
            else:
                whole = whole.replace(head, SUBSTITUTE)
        return whole

    def _replace_escaped(
        self, whole: str, marked: str, present: Sequence[str], forms: Mapping[str, tuple[list[str], bool]]
    ) -> str:
        """Replace the values that occur in the canonical form of the texts."""
        for form in present:
            marked = marked.replace(form, _MARK)
        texts = whole.split(_SEPARATOR)
        left = _MOST_ESCAPES
        for index, part in zip(range(len(texts)), marked.split(_SEPARATOR), strict=True):
            if _MARK in part:
                texts[index], left = _replace_aligned(texts[index], present, forms, left)
        return _SEPARATOR.join(texts)

    # --- traversal ---

    def _texts(self, value: Any) -> Iterator[str]:
        """Yield every text in a value, including keys; breadth-first, without recursion, and each container once."""
        queue: deque[Any] = deque([[value]])
        seen: set[int] = set()
        left = _MOST_VALUES
        while queue:
            container = queue.popleft()
            for key, item in islice(_pairs(container), left + 1):
                left -= 1
                if left < 0:
                    self._overflow = True
                    return
                if type(key) is not int and key not in self._names:
                    yield key if isinstance(key, str) else str(key)
                if id(item) in seen:
                    continue
                plain = self._as_plain(item)
                if isinstance(plain, (dict, list)):
                    seen.add(id(item))
                    queue.append(plain)
                elif isinstance(plain, str):
                    yield plain

    def _copy(self, value: Any, changed: Mapping[str, str]) -> Any:
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
                copy = self._copy_of(item, changed, copies, queue)
                if isinstance(container, dict):
                    container[key if key in self._names else _key(key, changed)] = copy
                else:
                    container.append(copy)
            if is_cut:
                container.update({SUBSTITUTE: None}) if isinstance(container, dict) else container.append(SUBSTITUTE)
        return root[0]

    def _copy_of(
        self, item: Any, changed: Mapping[str, str], copies: dict[int, tuple[Any, Any]], queue: deque[Any]
    ) -> Any:
        """Return the redacted form of one value; the copy of a container is filled later."""
        if id(item) in copies:
            return copies[id(item)][1]
        plain = self._as_plain(item)
        if isinstance(plain, (dict, list)):
            copy = plain.copy()
            copies[id(item)] = (item, copy)
            queue.append(copy)
            return copy
        if not isinstance(plain, str):
            return item
        replaced = changed.get(plain, plain)
        return item if replaced == plain else replaced

    def _as_plain(self, item: Any) -> Any:
        """Return a container as ``dict`` or ``list``, ``None`` for a value without text, anything else as its text.

        An object is converted once in a search, so that what was searched is what is replaced.
        """
        if type(item) in (str, dict, list):
            return item
        if item is None or isinstance(item, bool):
            return None
        if isinstance(item, (int, float)):
            return _number(item)  # an integer may be a card number
        if id(item) in self._shown:
            return self._shown[id(item)][1]
        try:
            plain = self._converted(item)
        except Exception:  # noqa: BLE001 - the application's own class may raise anything
            plain = self._show(item)
        self._shown[id(item)] = (item, plain)
        return plain

    def _converted(self, item: Any) -> Any:
        if isinstance(item, (bytes, bytearray)):
            return item.decode("utf-8", "replace")
        if isinstance(item, Mapping):
            return dict(item)
        if isinstance(item, (list, tuple, set, frozenset, deque)):
            return list(item)
        return str(item) if isinstance(item, str) else self._show(item)


def _between_borders(values: Iterable[str], shortest: int) -> tuple[Sequence[str], bool]:
    """Return values, those with a border in them in parts, and whether something is left of each.

    Args:
        values: The values.
        shortest: Minimum length of a part.
    """
    values = list(values)
    if _BORDER not in "".join(values):
        return values, True  # the common case
    parts: list[str] = []
    complete = True
    for value in values:
        found = [part for part in value.split(_BORDER) if len(part) >= shortest] if _BORDER in value else [value]
        complete = complete and bool(found)
        parts += found
    return parts, complete


def _number(value: float) -> str:
    try:
        return str(value)
    except ValueError:  # an integer of more digits than Python writes
        return ""


def _occurs(values: Collection[str], whole: str) -> bool:
    """Return whether any of these values occurs in a text; in linear time for any text."""
    if len(whole) * len(values) > _FEW:
        whole = whole.ljust(_LINEAR)
    return any(map(whole.__contains__, values))


def _occurring(values: Collection[str], whole: str) -> list[str]:
    """Return those of these values that occur in a text; in linear time for any text."""
    if len(whole) * len(values) > _FEW:
        whole = whole.ljust(_LINEAR)
    return list(filter(whole.__contains__, values))


def _replace_each(whole: str, head: str, values: Sequence[str], block: bool = False) -> str:
    """Replace each part of a text that begins like a value, as far as it agrees with the value.

    Args:
        whole: The text.
        head: The beginning of the values.
        values: The values, sorted.
        block: Whether all that follows in the same text is replaced, too.
    """
    parts: list[str] = []
    end = 0
    start = whole.find(head)
    while start >= 0:
        parts += (whole[end:start], SUBSTITUTE)
        end = _end_of(whole, start, len(head), values, block)
        start = whole.find(head, end)
    return "".join((*parts, whole[end:]))


def _end_of(whole: str, start: int, length: int, values: Sequence[str], block: bool) -> int:
    """Return where a value ends that begins somewhere in a text, and of which the text may have a part only."""
    if block:
        end = whole.find(_SEPARATOR, start)
        return end if end >= 0 else len(whole)
    if not values:
        return start + length
    if len(values) == 1:
        return start + _common(whole, start, values[0], length)
    # Of sorted values, those that have most in common with the text stand beside its place among them.
    index = bisect_right(values, whole[start : start + max(map(len, values))])
    return start + max([_common(whole, start, value, length) for value in values[max(index - 1, 0) : index + 1]])


def _common(whole: str, start: int, value: str, known: int) -> int:
    """Return how many characters of a value stand in a text, of which some are known to."""
    if whole.startswith(value, start):
        return len(value)
    low, high = known, len(value)
    while low < high - 1:
        middle = (low + high) // 2
        if whole.startswith(value[:middle], start):
            low = middle
        else:
            high = middle
    return low


def _replace_aligned(
    text: str, present: Sequence[str], forms: Mapping[str, tuple[list[str], bool]], left: int
) -> tuple[str, int]:
    """Replace what occurs in the canonical form of a text; return the text, and how many escapes may still be undone.

    The text is replaced as a whole if it has too many escapes.
    """
    if _escapes_in(text) > left:
        return SUBSTITUTE, left
    try:
        aligned = Aligned(text, left)
    except ValueError:
        return SUBSTITUTE, 0
    whole = aligned.canonical
    if whole != canonical(text):
        return SUBSTITUTE, aligned.left
    spans: list[tuple[int, int]] = []
    for form in present:
        wholes, block = forms[form]
        wholes = sorted(wholes)
        start = whole.find(form)
        while start >= 0:
            end = len(whole) if block else _end_of(whole, start, len(form), wholes, block)
            spans.append(aligned.span(start, end))
            start = whole.find(form, end)
    parts: list[str] = []
    end = 0
    for first, last in sorted(spans):
        if first >= end:
            parts += (text[end:first], SUBSTITUTE)
        end = max(end, last)
    return "".join((*parts, text[end:])), aligned.left


def _within_bound(texts: list[str]) -> list[str]:
    """Return the texts, those with the most escapes replaced if there are more escapes than are undone."""
    escapes = list(map(_escapes_in, texts))
    if sum(escapes) <= _MOST_UNDONE:
        return texts
    texts, left = texts.copy(), _MOST_UNDONE
    for index in sorted(range(len(texts)), key=escapes.__getitem__):
        left -= escapes[index]
        if left < 0:
            texts[index] = SUBSTITUTE
    return texts


def _escapes_in(text: str) -> int:
    """Return how many escapes may begin in a text, not counting those of characters beyond latin-1."""
    return sum(map(text.count, _ESCAPES))


def _replace_cut(whole: str, beginnings: Mapping[str, list[str]]) -> str:
    """Replace the beginning of a value at the end of a text that was cut off with dots, as Sentry's are."""
    present = {beginning: beginnings[beginning] for beginning in _occurring(beginnings, whole)}
    texts = whole.split(_SEPARATOR)
    left = _MOST_COMPARISONS
    for index, text in enumerate(texts):
        if text.endswith("..."):
            tail = text[-BEGINNING - 256 : -3]
            for beginning, values in present.items():
                start = tail.rfind(beginning)
                left -= 1 if start < 0 else len(values)
                if start >= 0 and any(value.startswith(tail[start:]) for value in values):
                    texts[index] = f"{text[: start - len(tail) - 3]}{SUBSTITUTE}..."
                    break
            if left < 0:
                texts[index] = SUBSTITUTE
    return _SEPARATOR.join(texts)


def _has_surrogates(text: str) -> bool:
    """Return whether a text has lone surrogates, which no encoding of Unicode can write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _key(key: Any, changed: Mapping[str, str]) -> Any:
    text = key if isinstance(key, str) else str(key)
    replaced = changed.get(text, text)
    return key if replaced == text else replaced


def _pairs(container: Any) -> Iterable[tuple[Any, Any]]:
    """Return the keys and values of a container; the keys of a list are its indexes."""
    return container.items() if isinstance(container, dict) else enumerate(container)
