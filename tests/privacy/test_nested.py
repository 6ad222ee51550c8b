"""``_privacy.nested``: values within values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._privacy.nested import TOO_LARGE, Budget, hides_value, nested_json, nested_queries
from sentry_web._privacy.rules import Rule


@pytest.mark.parametrize(
    ("pair", "hidden"),
    [
        ({"name": "password", "value": "x"}, {"value"}),
        ({"Key": "x-api-key", "Value": "x", "enabled": True}, {"Value"}),
        ({"id": "pin", "v": 1, "value": 2}, {"v", "value"}),
        ({"name": "colour", "value": "red"}, None),
        ({"name": "password"}, None),
        ({"value": "password"}, None),
        ({"name": ["password"], "value": "x"}, None),
        ({f"field{number}": 1 for number in range(20)} | {"name": "password", "value": "x"}, None),  # a record
    ],
)
def test_the_value_of_a_pair_with_a_sensitive_name_is_hidden(pair: dict[str, Any], hidden: set[str] | None) -> None:
    assert hides_value(pair, Rule()) == hidden


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)) | st.lists(st.integers()))
def test_json_in_a_text_is_read(value: Any) -> None:
    assert nested_json(f" {json.dumps(value)}\n", Budget()) == value


@pytest.mark.parametrize("text", ["", "{", "{}x", "[1", "12", '"text"', "null", "{not json}", "[1] and [2}"])
def test_any_other_text_is_none(text: str) -> None:
    assert nested_json(text, Budget()) is None


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, "[" + "1," * 30_000 + "1]"])
def test_too_large_is_neither(text: str) -> None:
    assert nested_json(text, Budget()) is TOO_LARGE


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("https://h/a?b=1&c=2#top", ["b=1&c=2"]),
        ("/a#b=1", ["b=1"]),
        ("/a?b=1#c=2", ["b=1", "c=2"]),
        ("/a?b", []),
        ("text", []),
    ],
)
def test_queries_of_a_url(text: str, queries: list[str]) -> None:
    assert nested_queries(text) == queries
