"""``_naming.paths``: however many paths are asked for, the number of names stays bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._naming.paths import REST, PathNames, shape_of


@given(st.lists(st.text(max_size=30).map("/".__add__), max_size=60), st.integers(0, 8))
def test_the_number_of_names_is_bounded(paths: list[str], most: int) -> None:
    names = PathNames()
    assert len({names.name(path, most) for path in paths}) <= 2 * most + 1


def test_the_first_are_taken_as_they_are_then_their_shapes_then_the_rest() -> None:
    names = PathNames()
    assert names.name("/a/1", 1) == "/a/1"
    assert names.name("/a/2", 1) == "/a/*"
    assert names.name("/a/3", 1) == "/a/*"
    assert names.name("/b/3", 1) == REST
    assert names.name("/a/1", 1) == "/a/1"
    names.clear()
    assert names.name("/b/3", 1) == "/b/3"


def test_without_a_bound_every_path_is_a_name_of_bounded_length() -> None:
    names = PathNames()
    assert {names.name(f"/{number}", None) for number in range(3000)} == {f"/{number}" for number in range(3000)}
    assert len(names.name("/" + "x" * 5000, None)) == 200


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/users/42/orders", "/users/*/orders"),
        ("/about-us/team.html", "/about-us/team.html"),
        ("/wp-admin/%2e", "/wp-admin/*"),
        ("/" + "x" * 25, "/*"),
        ("/straße", "/*"),
        ("/", "/"),
    ],
)
def test_values_become_stars(path: str, shape: str) -> None:
    assert shape_of(path) == shape
