"""``redactor``: what is replaced in texts, and what is not; see ``test_secrets.py`` for values and containers."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentry_web._privacy import redactor as module
from sentry_web._privacy.policy import SUBSTITUTE
from sentry_web._privacy.redactor import Redactor
from sentry_web._privacy.shapes import may_have_shapes

from .test_canonical import ESCAPES, NESTED, escaped

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
LINES = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQ+/EFAASCBKc"] * 30)
PEM = f"-----BEGIN PRIVATE KEY-----\n{LINES}\n-----END PRIVATE KEY-----"


def redacted(value: Any, *values: str, blocks: tuple[str, ...] = (), words: tuple[str, ...] = ()) -> Any:
    return Redactor(values, repr, blocks, words).redact(value)


@given(TEXTS, NESTED)
@example("\U00011fc0\U00018d09", ["repr", "JSON"])  # Python prints the first only: found by a nightly run
def test_a_value_is_replaced_in_any_escaping_and_nothing_else(value: str, names: list[str]) -> None:
    text = escaped(f"before BCDFGH{value}JKLMNP after", names)
    replaced = redacted(text, f"BCDFGH{value}JKLMNP")
    assert SUBSTITUTE in replaced
    assert "BCDFGH" not in replaced
    assert "JKLMNP" not in replaced
    assert "before" in replaced
    assert "after" in replaced


@given(TEXTS)
@example("BBBBBBBB\x80Â\x80BBBBBBBB")  # its last two bytes but eight are one character of UTF-8: found by a nightly run
@example("BBBBBBBBÂ\x80ĀBBBBBBBB")  # so are these two, and the third is none of latin-1's: found by the next one
def test_latin_1_bytes_that_are_read_as_utf_8(value: str) -> None:
    value = f"BBBBBB{value}BBBBBB"
    text = value.encode("latin-1", "replace").decode("utf-8", "replace")
    replaced = redacted(text, value)
    assert "BBBBBB" not in replaced
    assert replaced == SUBSTITUTE or "\x1e" in value  # whose parts are replaced one by one


def test_a_text_is_cut_where_private_content_begins() -> None:
    assert redacted("body: %PDF-1.7 secret text", blocks=("%PDF-1.7",)) == f"body: {SUBSTITUTE}"
    assert redacted(["body: %PDF-1.7 secret", "other"], blocks=("%PDF-1.7",)) == [f"body: {SUBSTITUTE}", "other"]
    assert redacted({"body": repr(b"\x89PNG\r\n\x1a\n\x00rest")}, blocks=("\x89PNG\r\n\x1a\n",)) == {
        "body": f"b'{SUBSTITUTE}"
    }


def test_a_value_that_was_cut_off_with_dots() -> None:
    assert redacted("it is Hunter2-Zx...", "Hunter2-Zx81") == f"it is {SUBSTITUTE}..."
    assert redacted(["it is Hunter2-Zx...", "x"], "Hunter2-Zx81") == [f"it is {SUBSTITUTE}...", "x"]
    assert redacted("it is Hunte...", "Hunter2-Zx81") == "it is Hunte..."  # too short to say
    assert redacted("it is Hunter3...", "Hunter2-Zx81") == "it is Hunter3..."


def test_a_value_within_another_one_does_not_hide_it() -> None:
    longer, shorter = 'WXRTZP"=MNBVCX', "MNBVCX"
    assert redacted(repr(longer + "'"), longer, shorter) == f"'{SUBSTITUTE}\\''"
    assert redacted(json.dumps([longer, shorter]), longer, shorter) == f'["{SUBSTITUTE}", "{SUBSTITUTE}"]'


def test_a_value_without_letters_is_found_too() -> None:
    assert redacted(["it is '!!-!!-!!'"], "!!-!!-!!") == [f"it is '{SUBSTITUTE}'"]
    assert redacted("-+-" * 9, *(f"-{'+' * number}-" * 3 for number in range(2, 40))) == "-+-" * 9


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize(
    "value",
    [PEM, json.dumps({"id": 17, "items": [{"name": "a, b; c", "note": 'say "hi"\n'}] * 20})],
    ids=["PEM", "JSON"],
)
def test_a_long_value_with_breaks_is_replaced_as_a_whole(value: str, name: str) -> None:
    text = escaped(f"before {value} after", [name])
    replaced = redacted(["unrelated", text], value)[1]
    assert len(replaced) < 60
    assert "before" in replaced
    assert "after" in replaced
    assert "MIIE" not in replaced
    assert "items" not in replaced


@pytest.mark.parametrize("name", ESCAPES)
def test_a_long_value_that_was_cut_off_is_replaced_as_far_as_it_goes(name: str) -> None:
    text = escaped(f"before {PEM[:500]}", [name])
    assert "MIIE" not in redacted(text, PEM)


def test_what_begins_like_a_long_value_is_replaced_as_far_as_they_agree() -> None:
    value = "".join(f"{number:03d}" for number in range(100))
    assert redacted(f"a {value[:100]}-other b", value) == f"a {SUBSTITUTE}-other b"
    other = value[:80] + "X" * 100
    assert redacted(f"a {value[:100]}-{other[:90]}. b", value, other) == f"a {SUBSTITUTE}-{SUBSTITUTE}. b"


def test_a_text_with_very_many_escapes_and_a_value_is_replaced_as_a_whole() -> None:
    texts = ["%20" * 1_500 + "one%20secret", "one%20secret", "%20" * 1_500]
    assert redacted(texts, "one secret") == [SUBSTITUTE, SUBSTITUTE, "%20" * 1_500]


@pytest.mark.parametrize("escape", ["%20", "&#65;", "\\n"])
def test_the_texts_with_the_most_escapes_are_replaced_where_there_are_too_many(escape: str) -> None:
    texts = [escape * 4_000, "a one%20secret", escape * 4_001 + "one%20secret", "b &lt; c", escape * 4_002]
    assert redacted(texts, "one secret") == [texts[0], "a [Filtered]", SUBSTITUTE, "b &lt; c", SUBSTITUTE]
    assert redacted(texts, "secret")[::2] == [texts[0], escape * 4_001 + "one%20[Filtered]", texts[4]]


def test_many_texts_that_are_cut_off_are_compared_for_a_bounded_time() -> None:
    values = [f"Secret-{number}-abcdef" for number in range(60)]
    texts = [f"{number} Secret-1-ab..." for number in range(500)] + ["and so on..."] * 5_000 + ["whole"]
    replaced = redacted(texts, *values)
    assert replaced[0] == f"0 {SUBSTITUTE}..."
    assert set(replaced[100:]) == {SUBSTITUTE, "whole"}


def test_values_of_too_many_forms_are_told() -> None:
    assert Redactor(["one secret"], repr).complete
    assert not Redactor([f"sécret {number}" for number in range(100)], repr).complete
    assert Redactor([f"{number} sécret" * 200 for number in range(2)], repr).complete
    assert not Redactor([f"{number} sécret" * 200 for number in range(4)], repr).complete


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer mF_9.B5f-4.1JqM-abc~+/==",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "a1B2_" * 9,
        "glpat-" + "a1B2-" * 5,
        "xoxb-1234567890-abcdef",
        "sk_live_" + "a1B2" * 6,
        "rk_test_" + "a1B2" * 6,
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        PEM,
        PEM.replace("PRIVATE", "RSA PRIVATE"),
    ],
    ids=lambda secret: secret[:12],
)
def test_a_secret_is_known_by_its_shape_though_no_request_has_it(secret: str) -> None:
    assert redacted(f"before {secret}, after") == f"before {SUBSTITUTE}, after"
    assert redacted(["a", {"b": f"before {secret}"}, "c"]) == ["a", {"b": f"before {SUBSTITUTE}"}, "c"]
    assert redacted([f"a line\n{secret}"]) == [f"a line\n{SUBSTITUTE}"]  # in whose JSON no word begins there


@pytest.mark.parametrize(
    "text",
    ["through the night", "bearer of bad news", "Bearer authentication", "a xox b", "AKIA and ASIA", "my_live_data"],
)
def test_what_has_only_a_part_of_such_a_shape_is_left(text: str) -> None:
    assert redacted(text) is text
    assert not may_have_shapes(text)  # so it is not searched any further


@pytest.mark.parametrize("text", ["\ud800", "a \udfff b", "é\ud83d"])
def test_lone_surrogates_are_replaced(text: str) -> None:
    replaced = redacted({"colour": text, "other": "é"})
    assert replaced["colour"].encode().decode() == replaced["colour"]
    assert replaced["other"] == "é"


def test_words_are_left_where_the_user_or_code_has_chosen_them() -> None:
    known = Redactor(["gabriela", "Hunter2-Zx81"], repr, (), ["gabriela"])
    assert known.has_words
    assert known.redact("gabriela Hunter2-Zx81") == f"{SUBSTITUTE} {SUBSTITUTE}"
    assert known.redact("gabriela Hunter2-Zx81", chosen=True) == f"gabriela {SUBSTITUTE}"
    assert not Redactor(["Hunter2-Zx81"], repr, (), ["gabriela"]).has_words


@pytest.mark.parametrize("part", ["Filter", "ilterd", "[Filtered]", "iltere"])
def test_a_part_of_the_substitute_is_no_secret(part: str) -> None:
    assert redacted(f"it is Hunter2-Zx81, {part}", "Hunter2-Zx81", part).count(SUBSTITUTE) <= 2


def test_an_integer_of_very_many_digits_is_no_reason_to_fail() -> None:
    value = [10**5000, "Hunter2-Zx81", {"a": (10**5000,)}]
    assert redacted(value, "Hunter2-Zx81") == [10**5000, SUBSTITUTE, {"a": [10**5000]}]


@pytest.mark.parametrize("character", [*"0123456789abcdef", "\x1e", "\x1e0", "0\x1e"], ids=ascii)
@pytest.mark.parametrize("text", ["/books/7", "Dune-1965"])
def test_nothing_is_found_across_the_border_of_two_texts(character: str, text: str) -> None:
    """Else a client that tries what may stand between two texts has its own events blanked."""
    secrets = f"{character}{text}", f"{text}{character}"
    found = SUBSTITUTE if "\x1e" in character else text  # of which the part that is left is searched for
    assert redacted(["first", text, "last"], *secrets) == ["first", found, "last"]
    assert redacted(["Gabriela-Q", text, "Gabriela-Q."], *secrets, "Gabriela-Q") == [
        *(SUBSTITUTE, found, SUBSTITUTE + "."),
    ]


@pytest.mark.parametrize(
    ("value", "block", "complete"),
    [
        ("Hunter2\x1eZx81", "", True),
        ("Hun\x1eter\x1e2", "", False),
        ("Hun%1Eter%1E2", "", False),
        ("", "x" * 40 + "\x1e" + "y" * 23, True),
        ("", "some 20 and some 20.\x1e" * 3, False),
    ],
)
def test_of_a_value_with_the_border_of_texts_some_part_must_be_left(value: str, block: str, complete: bool) -> None:
    redactor = Redactor([value or "Hunter2-Zx81"], repr, [block] if block else [])
    assert redactor.complete is complete
    if block:
        replaced = redactor.redact([f"it is {block}, and more", "some 20 and some 20."])
        assert replaced[1] == "some 20 and some 20."
        assert (replaced[0] == f"it is {SUBSTITUTE}") is complete


def test_what_all_spans_have_in_common_is_searched_once() -> None:
    redactor = Redactor(["Hunter2-Zx81"], repr)
    common = {"thread.name": "MainThread", "environment": "production"}
    assert redactor._texts_of_attributes(common) == [*common, *common.values()]
    first = {**common, None: "SELECT 1", "ids": ["a", "b"], "count": 3}
    assert redactor.redact(first) is first
    assert redactor._texts_of_attributes({**first, None: "SELECT 2"}) == ["None", "SELECT 2", "3"]
    second = {**common, "Hunter2-Zx81": "Hunter2-Zx81"}
    assert redactor.redact(second) == {**common, SUBSTITUTE: SUBSTITUTE}
    assert redactor.redact({**common, "a": "see Hunter2-Zx81"}) == {**common, "a": f"see {SUBSTITUTE}"}


def test_words_that_are_left_in_one_place_are_replaced_in_the_others() -> None:
    redactor = Redactor(["gabriela", "Hunter2-Zx81"], repr, (), ["gabriela"])
    assert redactor.redact({"a": "gabriela"}, chosen=True) == {"a": "gabriela"}
    assert redactor.redact({"a": "gabriela"}) == {"a": SUBSTITUTE}


def test_what_is_remembered_is_bounded() -> None:
    redactor = Redactor(["Hunter2-Zx81"], repr)
    for number in range(2000):
        redactor.redact({"a": f"text number {number}, which is rather long"})
    assert sum(map(len, redactor._harmless)) <= module._MOST_REMEMBERED
    assert redactor.redact({"a": "Hunter2-Zx81"}) == {"a": SUBSTITUTE}


def test_names_that_come_from_code_are_left() -> None:
    redactor = Redactor(["http.route", "Hunter2-Zx81"], repr, names=frozenset(("http.route",)))
    value = {"http.route": "it is http.route", "Hunter2-Zx81": {"http.route": ["Hunter2-Zx81"]}}
    expected = {"http.route": f"it is {SUBSTITUTE}", SUBSTITUTE: {"http.route": [SUBSTITUTE]}}
    assert redactor.redact(value) == expected
    assert redactor.redact({"http.route": 1}) == {"http.route": 1}


def test_nobody_knows_the_separator() -> None:
    assert len(module._SEPARATOR) > 6
    text = f"\x1e \\x1e {quote(chr(30))} {base64.b64encode(b'x').decode()}"
    assert redacted([text, "one%20secret", text], "one secret") == [text, SUBSTITUTE, text]
