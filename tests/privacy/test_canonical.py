"""``canonical``: one form for all escapes, its positions, and the time that it takes."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sentry_web._privacy.canonical import Aligned, canonical, forms_of

#: What code does to a text.
ESCAPES: dict[str, Callable[[str], str]] = {
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode("utf-8", "replace")),
    "JSON": json.dumps,
    "JSON with Unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "percent": lambda text: quote(text.encode("utf-8", "replace"), safe=""),
    "form": lambda text: quote_plus(text.encode("utf-8", "replace")),
    "HTML": html.escape,
    "XML": lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
}
NESTED = st.lists(st.sampled_from(sorted(ESCAPES)), max_size=4)
TEXTS = st.text(
    st.one_of(
        st.sampled_from("abcXYZ019\"'\\%&+=/;#<>é中😀 \n\t\x1f\x80?xu"), st.characters(exclude_categories=["Cs"])
    ),
    max_size=12,
)


def escaped(text: str, names: list[str]) -> str:
    for name in names:
        text = ESCAPES[name](text)
    return text


@given(TEXTS, NESTED)
@example("\x80中", ["repr", "percent"])
@example("%é", ["percent", "JSON"])
@example("%%41", ["JSON", "percent"])
@example("a\x1fb", ["percent"])
def test_a_value_is_in_the_canonical_form_of_every_text_that_contains_it(value: str, names: list[str]) -> None:
    value = f"Q7{value}Z7"
    found = canonical(escaped(f"before {value} after", names))
    assert any(form in found for form in forms_of(value))


@given(TEXTS)
def test_json_with_capital_letters_in_its_escapes_is_a_form(value: str) -> None:
    capitals = re.sub(r"\\u[0-9a-f]{4}", lambda match: "\\u" + match[0][2:].upper(), json.dumps(value))
    assert any(form in canonical(capitals) for form in forms_of(value))


@given(TEXTS, NESTED)
def test_positions_lead_back_to_the_escaped_value(value: str, names: list[str]) -> None:
    text = escaped(f"before Q7{value}Z7 after", names)
    aligned = Aligned(text, 10_000)
    assert aligned.canonical == canonical(text)
    form = next(form for form in forms_of(f"Q7{value}Z7") if form in aligned.canonical)
    first = aligned.canonical.index(form)
    start, end = aligned.span(first, first + len(form))
    assert (text[start : start + 2], text[end - 2 : end]) == ("Q7", "Z7")
    assume(value)
    assert end - start > 4


@given(st.text())
def test_every_text_has_positions(text: str) -> None:
    aligned = Aligned(text, 10_000)
    assert aligned.canonical == canonical(text)
    if aligned.canonical:
        start, end = aligned.span(0, len(aligned.canonical))
        assert 0 <= start < end <= len(text)


def test_escapes_are_undone_one_by_one_only_up_to_a_number() -> None:
    assert Aligned("%20" * 10, 10).canonical == " " * 10
    with pytest.raises(ValueError, match="too many"):
        Aligned("%20" * 11, 10)


@pytest.mark.parametrize("value", ["\ud800 secret", "a\ud83e\udd9ab"])
def test_lone_surrogates_of_json(value: str) -> None:
    assert any(form in canonical(json.dumps(value)) for form in forms_of(value))
    assert any(form in canonical(repr(value)) for form in forms_of(value))


@pytest.mark.parametrize("entity", ["&#99999999;", "&#x110000;", "&#0;", "&#;", "&;", "&amp"])
def test_odd_entities_are_left(entity: str) -> None:
    assert canonical(f"a {entity} b").startswith("a ")
    assert Aligned(f"a {entity} b", 10).canonical == canonical(f"a {entity} b")
