"""``_privacy.header_kinds``: what a header holds, by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._privacy import header_kinds
from sentry_web._privacy.header_kinds import HeaderKinds
from sentry_web._privacy.rules import Rule


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Cookie", "cookie"),
        ("set-cookie", "cookie"),
        ("X-Forwarded-For", "address"),
        ("Authorization", "secret"),
        ("X-Api-Key", "secret"),
        ("Host", "host"),
        ("referer", "url"),
        ("Accept", "other"),
    ],
)
def test_each_kind(name: str, kind: str) -> None:
    kinds = HeaderKinds(Rule())
    assert kinds.of(name) == kind
    assert set(kinds.of_each([(name, "x"), ("Accept", "y")])) == {kind, "other"}


def test_a_users_term_makes_an_address_a_secret_one() -> None:
    assert HeaderKinds(Rule("denylist", ["x-real-ip"])).of("X-Real-IP") == "secret address"


@given(st.lists(st.sampled_from(["Cookie", "Host", "Accept", "Via", "Origin", "X-Token", ""]) | st.text(max_size=80)))
def test_all_at_once_or_one_by_one_and_twice(names: list[str]) -> None:
    kinds = HeaderKinds(Rule())
    expected = {HeaderKinds(Rule()).of(name) for name in names}
    for _ in range(2):  # the second time from memory
        assert set(kinds.of_each([(name, "") for name in names])) == expected


def test_strangers_do_not_fill_the_memory() -> None:
    kinds = HeaderKinds(Rule())
    for number in range(header_kinds._MOST_NAMES + 10):
        assert kinds.of(f"x-{number}") == "other"
    kinds.of("x" * 1000)
    assert len(kinds._known) == header_kinds._MOST_NAMES
