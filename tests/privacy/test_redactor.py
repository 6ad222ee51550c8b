"""``redactor``: one expression for a value in all its escapes, linear; see ``test_secrets.py`` for the rest."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentry_web._privacy.policy import SUBSTITUTE
from sentry_web._privacy.redactor import Redactor, pattern_of

ESCAPES: dict[str, Any] = {
    "repr": repr,
    "JSON": json.dumps,
    "percent": lambda text: quote(text, safe=""),
    "bytes": lambda text: repr(text.encode("utf-8", "surrogatepass")),
}
#: No lone surrogates for ``quote``, which cannot write them.
TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12)


@given(TEXTS, st.lists(st.sampled_from(["repr", "JSON", "bytes"]), max_size=3), st.booleans())
def test_escapes_around_escapes(value: str, escapes: list[str], percent: bool) -> None:
    text = ESCAPES["percent"](value) if percent else value
    for name in escapes:
        text = ESCAPES[name](text)
    assert re.search(pattern_of(value), text)


@pytest.mark.parametrize("value", ["\ud800 secret", "a\ud83e\udd9ab"])
def test_lone_surrogates_of_json(value: str) -> None:
    assert re.search(pattern_of(value), json.dumps(value))
    assert re.search(pattern_of(value), repr(value))


def redacted(value: Any, *values: str, blocks: tuple[str, ...] = ()) -> Any:
    redactor = Redactor(values, repr, blocks)
    return redactor.redact(value) if redactor.search(value) else value


@given(TEXTS)
@example("BBBBBBBB\x80Â\x80BBBBBBBB")  # its last two bytes but eight are one character of UTF-8: found by a nightly run
@example("BBBBBBBBÂ\x80ĀBBBBBBBB")  # so are these two, and the third is none of latin-1's: found by the next one
def test_latin_1_bytes_that_are_read_as_utf_8(value: str) -> None:
    text = value.encode("latin-1", "replace").decode("utf-8", "replace")
    redactor = Redactor([value], repr)
    assert redactor.search(text)
    assert redactor.redact(text) == SUBSTITUTE


def test_a_text_is_cut_where_private_content_begins() -> None:
    assert redacted("body: %PDF-1.7 secret text", blocks=("%PDF-1.7",)) == f"body: {SUBSTITUTE}"
    assert redacted({"body": repr(b"\x89PNG\r\n\x1a\n\x00rest")}, blocks=("\x89PNG\r\n\x1a\n",)) == {
        "body": f"b'{SUBSTITUTE}"
    }


def test_a_value_that_was_cut_off_with_dots() -> None:
    assert redacted("it is Hunter2-Zx...", "Hunter2-Zx81") == f"it is {SUBSTITUTE}..."
    assert redacted("it is Hunte...", "Hunter2-Zx81") == "it is Hunte..."  # too short to say
    assert redacted("it is Hunter3...", "Hunter2-Zx81") == "it is Hunter3..."


def test_a_value_without_letters_is_found_too() -> None:
    assert redacted(["it is '!!-!!-!!'"], "!!-!!-!!") == [f"it is '{SUBSTITUTE}'"]
    assert redacted("-+-" * 9, *(f"-{'+' * number}-" * 3 for number in range(2, 40))) == "-+-" * 9


class Counting:
    """How far a search went: the steps that ``re`` takes are not to be seen, the time is; so compare two sizes."""

    @staticmethod
    def seconds(value: str, text: str) -> float:
        pattern = re.compile(pattern_of(value))
        best = 1e9
        for _ in range(3):
            started = time.thread_time()
            pattern.search(text)
            best = min(best, time.thread_time() - started)
        return best


@pytest.mark.parametrize(
    ("value", "hostile"),
    [
        ("\\" * 40 + "x", "\\"),
        ('\\"' * 40 + "x", '\\"'),
        ("é" * 40 + "x", "?"),
        ("é" * 40 + "x", "\\xc3\\xa9"),
        ("%" * 40 + "x", "%25"),
        ("% " * 40 + "x", "%2520"),
        ("a+ " * 40 + "x", "a++"),
        ("'\\'" * 40, "\\'"),
    ],
)
def test_no_expression_takes_more_than_linear_time(value: str, hostile: str) -> None:
    def is_linear() -> bool:
        small = Counting.seconds(value, hostile * 2_000)
        large = Counting.seconds(value, hostile * 16_000)
        return large < 0.001 or large / small < 8 * 3

    assert any(is_linear() for _ in range(5))  # a busy machine may disturb some; what is quadratic never is
