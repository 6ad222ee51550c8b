"""``_request``: the values that say what the package knows of one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sentry_web import Outcome, Request
from sentry_web._request import Name


class Counted(Request):
    """A request that counts how often its headers are read."""

    __slots__ = ("given", "reads")

    def __init__(self, *headers: tuple[str, str], **values: Any) -> None:
        super().__init__(**{"protocol": "wsgi", **values})
        self.given, self.reads = headers, 0

    def _read_headers(self) -> Sequence[tuple[str, str]]:
        self.reads += 1
        return self.given


def test_a_request_of_which_nothing_is_known_has_values_all_the_same() -> None:
    request = Request(protocol="asgi")
    assert (request.kind, request.method, request.path, request.query) == ("http", "", "/", "")
    assert request.headers == []
    assert request.host is None
    assert request.url == "/"
    assert repr(request) == "<Request asgi http />"


def test_headers_are_read_once_and_when_asked_for() -> None:
    request = Counted(("Host", "shop.example"), ("Accept", "a"), ("accept", "b"))
    assert request.reads == 0
    assert request.header("accept") == "a, b"
    assert request.header("host") == request.host == "shop.example"
    assert request.headers == [("Host", "shop.example"), ("Accept", "a, b")]
    assert request.header("cookie") is None
    assert request.reads == 1


def test_the_method_is_in_capitals_and_the_path_joined() -> None:
    request = Request(protocol="wsgi", method="get", root_path="/api", path="/users", query="a=1")
    assert (request.method, request.path) == ("GET", "/api/users")
    assert repr(request) == "<Request wsgi GET /api/users>"


def test_the_host_is_the_header_else_the_server() -> None:
    server = ("127.0.0.1", 8000)
    assert Counted(("host", "shop.example"), server=server).url == "http://shop.example/"
    assert Counted(server=server).url == "http://127.0.0.1:8000/"
    assert Counted(("host", ""), server=server).url == "http://127.0.0.1:8000/"
    assert Counted(("host", "me:secret@shop.example")).url == "http://shop.example/"


def test_a_bridge_changes_the_spelling_of_headers_only() -> None:
    arrived = Counted(("x-a_b", "1, 2"), ("host", "h"), method="GET", path="/a", query="q=1")
    carried = Counted(("X-A-B", "1,2"), ("Host", "h"), method="GET", path="/a", query="q=1")
    assert arrived.same_as(carried)
    assert carried.same_as(arrived)


@pytest.mark.parametrize("other", [{"method": "POST"}, {"path": "/b"}, {"query": ""}])
def test_another_request_is_not_the_same(other: dict[str, str]) -> None:
    values = {"method": "GET", "path": "/a", "query": "q=1"}
    assert not Counted(**values).same_as(Counted(**{**values, **other}))


def test_other_headers_make_another_request() -> None:
    assert not Counted(("host", "a")).same_as(Counted(("host", "b")))


def test_a_name_says_how_it_was_found() -> None:
    name = Name("/u/{id}", "route", "/u/{id}")
    assert (name.value, name.source, name.route) == ("/u/{id}", "route", "/u/{id}")
    assert Name("/u/1", "url").route is None


def test_an_outcome_tells_its_times_once_they_are_known() -> None:
    outcome = Outcome(10.0)
    assert outcome.duration is None
    assert outcome.time_to_first_byte is None
    outcome.first_byte, outcome.ended = 10.5, 12.0
    assert outcome.time_to_first_byte == 0.5
    assert outcome.duration == 2.0
