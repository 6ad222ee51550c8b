"""``_conventions``: names, attributes and failures of requests, as OpenTelemetry's HTTP conventions have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._conventions import (
    KNOWN_METHODS,
    OTHER_METHOD,
    class_name,
    error_type,
    known_method,
    outcome_attributes,
    span_name,
)
from sentry_web._request import Name, Outcome, Request


def outcome(status: int | None = None, failed: bool = False, close_code: int | None = None) -> Outcome:
    made = Outcome(0.0)
    made.status, made.failed, made.close_code = status, failed, close_code
    return made


@given(st.text())
def test_a_stranger_cannot_make_up_methods(method: str) -> None:
    assert known_method(method) in KNOWN_METHODS | {OTHER_METHOD}
    assert known_method(method, None) == method
    assert known_method(method, frozenset((method,))) == method


@given(st.none() | st.text(min_size=1))
def test_a_span_is_named_by_its_route_and_never_by_a_path(route: str | None) -> None:
    assert span_name("GET", route) == (f"GET {route}" if route else "GET")


def test_an_unknown_method_is_called_http() -> None:
    assert span_name(OTHER_METHOD, None) == "HTTP"
    assert span_name(OTHER_METHOD, "/a/{b}") == "HTTP /a/{b}"


def test_a_chosen_name_stays_as_it_is() -> None:
    assert span_name("GET", "/books/{number}", "buy a book") == "buy a book"


@given(st.none() | st.integers(100, 599), st.none() | st.just("ValueError"))
def test_what_did_not_fail_is_an_error_by_its_status_alone(status: int | None, exception: str | None) -> None:
    expected = str(status) if status is not None and status >= 500 else None
    assert error_type(outcome(status), exception) == expected


@pytest.mark.parametrize(
    ("ended", "exception", "expected"),
    [
        (outcome(500, failed=True), "shop.NoBook", "shop.NoBook"),
        (outcome(200, failed=True), "shop.NoBook", "shop.NoBook"),
        (outcome(500, failed=True), None, "500"),
        (outcome(101, failed=True, close_code=1011), None, "1011"),
        (outcome(failed=True), None, "_OTHER"),
    ],
)
def test_what_failed_says_of_what_kind_the_error_is(ended: Outcome, exception: str | None, expected: str) -> None:
    assert error_type(ended, exception) == expected


def test_a_class_is_called_by_its_full_name() -> None:
    class InnerError(ValueError):
        """Of this test."""

    assert class_name(ValueError) == "ValueError"
    assert class_name(InnerError).endswith("test_a_class_is_called_by_its_full_name.<locals>.InnerError")
    assert class_name(InnerError).startswith(__name__)


def test_the_route_is_told_where_a_name_is_given() -> None:
    request = Request(protocol="wsgi", method="GET", path="/a")
    assert "http.route" not in outcome_attributes(request, outcome(200))
    assert outcome_attributes(request, outcome(200), Name("/{a}", "route", "/{a}"))["http.route"] == "/{a}"
