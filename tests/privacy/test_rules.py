"""``_privacy.rules``: which keys hide their values."""

from __future__ import annotations

import re

import pytest

from sentry_web._privacy.rules import Rule, _holds, normalise


@pytest.mark.parametrize("key", ["password", "X-Api-Key", "sig", "my_TOKEN_2", "authorization"])
def test_telling_names(key: str) -> None:
    assert Rule().hides(key)
    assert Rule().is_sensitive(key)


@pytest.mark.parametrize("key", ["page", "signal", "accept", ""])
def test_plain_names(key: str) -> None:
    assert not Rule().hides(key)
    assert Rule(mode="allowlist").hides(key)
    assert not Rule(mode="allowlist", terms=("page", "signal", "accept")).hides(key) or not key


def test_a_users_terms_and_patterns() -> None:
    assert Rule(terms=("Shoe-Size",)).hides("x_shoe_size")
    assert not Rule(terms=("shoe",)).hides("page")
    assert Rule(patterns=[re.compile("^pa")]).is_sensitive("page")
    assert Rule(sensitive=("Shoe-Size",)).is_sensitive("shoe_size")
    assert normalise("X-A") == "x_a"


def test_long_keys_fill_no_cache() -> None:
    before = _holds.cache_info().currsize
    for number in range(10):
        assert Rule().is_sensitive(f"{number}" * 64 + "password")
    assert _holds.cache_info().currsize == before
