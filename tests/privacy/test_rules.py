"""``_privacy.rules``: which keys hide their values."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._privacy import rules
from sentry_web._privacy.rules import (
    HARMLESS_TERMS,
    JOINED_TERMS,
    LONG_TERMS,
    SHORT_TERMS,
    Keys,
    Rule,
    is_plausible,
    normalise,
    split_words,
)


@pytest.mark.parametrize("key", ["password", "X-Api-Key", "sig", "my_TOKEN_2", "authorization", "passphrase", "pw"])
def test_telling_names(key: str) -> None:
    assert Rule().hides(key)
    assert Rule().is_sensitive(key)


@pytest.mark.parametrize("key", ["page", "signal", "accept", ""])
def test_plain_names(key: str) -> None:
    assert not Rule().hides(key)
    assert Rule(mode="allowlist").hides(key)
    assert not Rule(mode="allowlist", terms=("page", "signal", "accept")).hides(key) or not key


@pytest.mark.parametrize(
    "key",
    "shippingMethod mapping topping className discard author keyword monkey side residence typing Idempotency-Key "  # noqa: SIM905
    "X-Cache-Key maxTokens max_tokens passenger compass bypass assignment design authored president consider cardinal "
    "keyboard pinned opinion option adoption Sec-WebSocket-Key X-OAuth-Scopes cache_key sortKey publickey".split(),
)
def test_a_word_that_only_contains_a_short_term_is_not_sensitive(key: str) -> None:
    assert not Rule().hides(key)


@pytest.mark.parametrize(
    "key",
    "userPin PIN user_pin user-pin user.pin user[pin] pin2 XPinCode cardCVC card[cvc] connect.sid AUTH_KEY x.sig "  # noqa: SIM905
    "loginOtp2 PHPSESSID JSESSIONID jsessionid SESSIONID PassWord DPoP dpop AWSAccessKeyId awsaccesskeyid".split(),
)
def test_a_short_term_is_found_as_a_word_in_every_spelling(key: str) -> None:
    assert Rule().is_sensitive(key)


word = st.text(string.ascii_lowercase, min_size=1, max_size=6)


@given(word, st.sampled_from(sorted(LONG_TERMS)), word, st.sampled_from(["", "-", "_", ".", "[", "2"]))
def test_a_long_term_is_found_anywhere(before: str, term: str, behind: str, mark: str) -> None:
    for key in (f"{before}{mark}{term}{mark}{behind}", f"{before}{mark}{term.title()}{behind.title()}"):
        assert Keys().is_sensitive(key) or any(one.replace(" ", "") in key.lower() for one in _squeezed(HARMLESS_TERMS))


def _squeezed(terms: frozenset[str]) -> list[str]:
    return [term.replace(" ", "") for term in terms]


@given(st.sampled_from(sorted(SHORT_TERMS | JOINED_TERMS)), st.sampled_from("-_. 7["), word, word)
def test_a_term_of_whole_words_is_found_between_any_separators(term: str, mark: str, before: str, behind: str) -> None:
    words = term.split()
    sentence = f" {before} {term} {behind} "
    harmless = any(f" {one} " in sentence for one in HARMLESS_TERMS)
    for key in (mark.join([before, *words, behind]), before + "".join(map(str.title, words)) + behind.title()):
        assert Keys().is_sensitive(key) or harmless


@pytest.mark.parametrize("term", sorted(HARMLESS_TERMS))
def test_each_harmless_name_holds_a_term_and_is_harmless(term: str) -> None:
    keys = Keys()
    words = term.split()
    assert keys._holds_term(f" {term} ")
    camel = words[0] + "".join(map(str.title, words[1:]))
    for key in ("-".join(words), "_".join(words), camel, f"x_{'_'.join(words)}"):
        assert not keys.is_sensitive(key)
    assert keys.is_sensitive(f"{'_'.join(words)}_password")


def test_a_user_adds_names_and_exempts_names() -> None:
    keys = Keys(["Shoe-Size", "pony"], ["session_kind", "X-Sort-Token"])
    for key in ("shoe_size", "x-shoe-size", "shoeSize", "my_pony"):
        assert keys.is_sensitive(key)
    for key in ("session_kind", "Session-Kind", "x-sort-token", "ponytail", "shoes_sizes"):
        assert not keys.is_sensitive(key)
    assert keys.is_sensitive("session_kinds")
    assert Rule(keys=keys).hides("shoe_size")


def test_a_users_terms_and_patterns() -> None:
    assert Rule(terms=("Shoe-Size",)).hides("x_shoe_size")
    assert not Rule(terms=("shoe",)).hides("page")
    assert Rule(patterns=[re.compile("^pa")]).is_sensitive("page")
    assert normalise("X-A") == "x_a"


def test_what_an_allowlist_omits_is_not_sent_and_is_no_secret() -> None:
    rule = Rule("allowlist", ["page"])
    assert (rule.hides("host"), rule.is_sensitive("host")) == (True, False)
    assert (rule.hides("page"), rule.hides("page_token")) == (False, True)


def test_what_a_denylist_names_is_a_secret() -> None:
    assert Rule("denylist", ["shoe"]).is_sensitive("Shoe-Size")


def test_strangers_keys_fill_no_memory() -> None:
    keys = Keys()
    for number in range(rules._MOST_KEYS + 10):
        keys.is_sensitive(f"key-{number}")
    keys.is_sensitive("a" * 65)
    assert len(keys._known) == rules._MOST_KEYS


def test_a_key_that_is_too_long_for_a_name_is_taken_for_sensitive() -> None:
    assert not Keys().is_sensitive("a" * 100)
    assert Keys().is_sensitive("a" * 101)
    assert Keys().is_sensitive("a" * 90 + "_password")


@pytest.mark.parametrize("key", ["user.name", "items[0][id]", "Größe", "a b", "@type", "$ref", "data-x:y", "/orders/7"])
def test_names_are_plausible(key: str) -> None:
    assert is_plausible(key)


@pytest.mark.parametrize(
    "key", ['{"password": "x"}', "a<b", "a>b", "a=b", "line\nbreak", "https://x", "x" * 101, "a\\b"]
)
def test_content_is_no_plausible_name(key: str) -> None:
    assert not is_plausible(key)


@given(st.text(max_size=120))
def test_any_text_is_a_key(key: str) -> None:
    assert Keys().is_sensitive(key) in (True, False)
    assert all(one.isascii() and one.islower() for one in split_words(key))
