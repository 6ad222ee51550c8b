"""``_naming``: the name of a transaction."""

from __future__ import annotations

from typing import Any

import pytest

from sentry_web._naming.frameworks import Found
from sentry_web._naming.naming import Naming
from sentry_web._request import Request


def view() -> None: ...


class Route:
    path = "/u/{id}"


VIEW = f"{__name__}.view"


def named(naming: Naming) -> tuple[str, str, str | None]:
    name = naming.find()
    return name.value, name.source, name.route


def naming_of(scope_or_environ: Any, style: str = "endpoint") -> Naming:
    return Naming(Request(protocol="asgi", path="/u/1"), style, scope_or_environ, None)


@pytest.mark.parametrize(
    ("scope_or_environ", "style", "name"),
    [
        ({}, "endpoint", ("/u/1", "url", None)),
        ({}, "url", ("/u/1", "url", None)),
        ({"endpoint": view}, "endpoint", (VIEW, "component", None)),
        ({"endpoint": view}, "url", ("/u/1", "url", None)),
        ({"endpoint": view, "route": Route}, "endpoint", (VIEW, "component", "/u/{id}")),
        ({"endpoint": view, "route": Route}, "url", ("/u/{id}", "route", "/u/{id}")),
        ({"route": Route}, "endpoint", ("/u/{id}", "route", "/u/{id}")),
    ],
)
def test_the_frameworks_word_in_the_style_asked_for_else_the_path(
    scope_or_environ: Any, style: str, name: tuple[str, str, str | None]
) -> None:
    assert named(naming_of(scope_or_environ, style)) == name


def test_a_name_that_was_chosen_wins() -> None:
    naming = naming_of({"endpoint": view, "route": Route})
    naming.choose("Checkout")
    assert named(naming) == ("Checkout", "custom", "/u/{id}")


def test_a_route_resolved_early_serves_until_the_framework_speaks() -> None:
    scope_or_environ: dict[str, Any] = {}
    naming = naming_of(scope_or_environ, "url")
    naming.resolve_early("/u/{early}")
    assert named(naming) == ("/u/{early}", "route", "/u/{early}")
    scope_or_environ["route"] = Route
    assert named(naming) == ("/u/{id}", "route", "/u/{id}")
    naming.resolve_early("")
    scope_or_environ.clear()
    assert named(naming) == ("/u/1", "url", None)


def test_what_was_observed_outlives_the_context_it_was_seen_in() -> None:
    scope_or_environ: dict[str, Any] = {"endpoint": view}
    naming = naming_of(scope_or_environ)
    naming.observe()
    scope_or_environ.clear()
    assert named(naming) == (VIEW, "component", None)
    naming.observe()  # nothing to see any more
    assert named(naming) == (VIEW, "component", None)


def test_a_bridges_second_dict_goes_first() -> None:
    naming = naming_of({"endpoint": Route})
    naming.also_in({"endpoint": view})
    assert named(naming)[0] == VIEW


def test_a_frozen_name_is_final_and_holds_nothing() -> None:
    scope_or_environ = {"endpoint": view}
    naming = naming_of(scope_or_environ)
    naming.freeze()
    naming.also_in({"endpoint": Route})
    naming.choose("late")
    scope_or_environ.clear()
    assert named(naming) == (VIEW, "component", None)
    assert naming._scope_or_environ is None
    assert naming._wrapped is None
    assert naming._reported == ()


def test_what_a_framework_tells_counts_if_it_is_of_this_request() -> None:
    scope_or_environ: dict[str, Any] = {"endpoint": view, "path": "/u/1"}
    naming = naming_of(scope_or_environ, "url")
    naming.report_route(
        {"path": "/elsewhere"}, lambda base: Found("/elsewhere")
    )  # a request inside this one, in process
    assert named(naming) == ("/u/1", "url", None)
    naming.report_route(scope_or_environ, lambda base: Found("/u/{id}"))
    assert named(naming)[0] == "/u/{id}"
    naming.report_route(
        dict(scope_or_environ), lambda base: Found("/u/{number}")
    )  # middlewares copy scopes; the latest word counts
    assert named(naming)[0] == "/u/{number}"
    naming.report_route(scope_or_environ, lambda base: None)
    assert named(naming)[0] == "/u/{number}"
    naming.freeze()
    naming.report_route(scope_or_environ, lambda base: Found("/late"))
    assert named(naming)[0] == "/u/{number}"


def test_the_output_of_another_middleware_has_names_as_that_one_was_told() -> None:
    naming = Naming(Request(protocol="asgi", path="/u/1"), "endpoint", {})
    assert naming.styled("endpoint", None) is naming
    other = naming.styled("url", 5)
    naming.resolve_early("/u/{id}")
    assert other.initial().value == other.find().value == "/u/{id}"
    other.choose("mine")
    naming.freeze()
    assert naming.find().value == other.find().value == "mine"


def test_who_needs_no_name_made_of_the_path_asks_for_the_parts() -> None:
    naming = naming_of({"route": Route, "endpoint": view})
    other = naming.styled("url", 5)
    for each in (naming, other):
        assert (each.early_route, each.find_route(), each.chosen) == (None, "/u/{id}", None)
    naming.resolve_early("/u/{number}")
    naming.choose("a user")
    for each in (naming, other):
        assert (each.early_route, each.find_route(), each.chosen) == ("/u/{number}", "/u/{id}", "a user")
    assert naming_of({}).find_route() is None
