"""``_request.http``: the rules of HTTP on primitives, each against its RFC."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._request import http

segments = st.text(st.characters(exclude_characters="/", codec="utf-8"), min_size=1, max_size=8)
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
queries = st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=60)


@pytest.mark.parametrize(
    ("root_path", "path", "whole"),
    [
        ("", "", "/"),
        ("", "/a", "/a"),
        ("/api", "", "/api/"),
        ("/api", "/users", "/api/users"),
        ("/api/", "/users", "/api/users"),
        ("/api", "/api/users", "/api/users"),  # #6577: joined once
        ("/api", "/api", "/api"),
        ("/api", "/apis", "/api/apis"),  # a prefix ends at a slash
        ("/", "/a", "/a"),
        ("/a", "b", "/a/b"),
    ],
)
def test_prefix_and_path_are_joined_once(root_path: str, path: str, whole: str) -> None:
    assert http.join_path(root_path, path) == whole


@given(root_path=paths, path=paths)
def test_joining_again_changes_nothing(root_path: str, path: str) -> None:
    once = http.join_path(root_path, path)
    assert http.join_path(root_path, once) == once


@given(paths)
def test_an_encoded_path_is_ascii_and_decodes_to_itself(path: str) -> None:
    encoded = http.encode_path(path)
    assert encoded.isascii()
    assert not set(encoded) & set(' ?#"<>\\^`{|}')
    assert unquote(encoded) == path


def test_a_percent_sign_in_a_decoded_path_is_itself() -> None:
    assert http.encode_path("/100%/a b/é") == "/100%25/a%20b/%C3%A9"


@pytest.mark.parametrize(
    ("scheme", "server", "host"),
    [
        ("http", None, None),
        ("http", ("shop.example", 80), "shop.example"),
        ("https", ("shop.example", 443), "shop.example"),
        ("wss", ("shop.example", 443), "shop.example"),
        ("http", ("shop.example", 443), "shop.example:443"),
        ("http", ("::1", 8000), "[::1]:8000"),
        ("http", ("[::1]", 80), "[::1]"),
        ("http", ("/run/shop.sock", None), None),  # uvicorn's unix socket
        ("http", ("/run/shop.sock", 0), None),
        ("http", ("", 80), None),
    ],
)
def test_a_server_address_as_an_authority(scheme: str, server: tuple[str, int | None] | None, host: str | None) -> None:
    assert http.host_from_server(scheme, server) == host


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        ("shop.example", ("shop.example", None)),
        ("shop.example:8080", ("shop.example", 8080)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
        ("[2001:db8::1]:443", ("2001:db8::1", 443)),
        ("shop.example:", ("shop.example:", None)),
        ("shop.example:http", ("shop.example:http", None)),
        ("::1", ("::1", None)),
    ],
)
def test_an_authority_is_split_into_name_and_port(host: str, parts: tuple[str, int | None]) -> None:
    assert http.split_host(host) == parts


def test_a_port_of_superscript_digits_is_no_port() -> None:
    assert http.split_host("shop.example:\xb2") == ("shop.example:\xb2", None)


@pytest.mark.parametrize(
    ("scheme", "host", "address"),
    [
        ("https", "shop.example", ("shop.example", 443)),
        ("https", "me:pw@shop.example:8443", ("shop.example", 8443)),
        ("gopher", "shop.example", ("shop.example", None)),
        ("http", "a" * 100, ("a" * 100, 80)),
    ],
)
def test_the_address_of_a_server(scheme: str, host: str, address: tuple[str, int | None]) -> None:
    remembered = http._server_address.cache_info().currsize
    assert http.server_address(scheme, host) == address
    if len(host) > 64:
        assert http._server_address.cache_info().currsize == remembered


@given(st.text(max_size=20))
def test_any_text_is_split_or_left(host: str) -> None:
    try:
        name, port = http.split_host(host)
    except ValueError:  # the test above
        return
    assert name in host
    assert port is None or str(port) in host.replace("0", "") or port >= 0


def test_credentials_are_no_part_of_an_address() -> None:
    assert http.without_credentials("reader:pa@ss@shop.example:1") == "shop.example:1"
    assert http.build_url("https", "reader:secret@shop.example", "/a%20b") == "https://shop.example/a%20b"
    assert http.build_url("https", None, "/a") == "/a"


@given(path=paths, host=st.sampled_from(["shop.example", "shop.example:81", "[::1]:8000"]))
def test_a_built_url_is_read_back_by_the_standard_library(path: str, host: str) -> None:
    parts = urlsplit(http.build_url("https", host, http.encode_path(path)))
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", host, "", "")
    assert unquote(parts.path) == path


def test_a_path_without_a_slash_never_runs_into_the_host() -> None:
    assert urlsplit(http.build_url("http", "shop.example", "*")).hostname == "shop.example"


@given(queries)
def test_a_split_query_is_joined_to_the_same_text(query: str) -> None:
    assert "&".join(raw_key + raw_value for _, raw_key, raw_value in http.split_query(query)) == query


def test_a_query_is_never_unquoted_as_a_whole() -> None:
    assert http.split_query("q=a%26b&to%6ben=1&flag&=v") == [
        ("q", "q", "=a%26b"),
        ("token", "to%6ben", "=1"),
        ("flag", "flag", ""),
        ("", "", "=v"),
    ]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, 200),
        (HTTPStatus.NOT_FOUND, 404),
        ("200 OK", 200),
        ("200", 200),  # common, though PEP 3333 asks for a reason
        (" 404 Not Found", 404),
        ("OK", None),
        ("", None),
        ("²00 OK", None),
        (None, None),
        (b"200 OK", None),
        (2.5, None),
    ],
)
def test_a_status_is_read_or_absent(status: object, code: int | None) -> None:
    assert http.parse_status(status) == code
    assert type(http.parse_status(status)) in (int, type(None))


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ([("Content-Type", "text/plain"), ("content-length", "12")], 12),
        ([(b"Content-Length", b"12")], 12),
        ([("Content-Length", "-1")], 0),
        ([("Content-Length", "\u0663")], 0),  # RFC 9110, 8.6: ASCII digits
        ([], 0),
    ],
)
def test_the_length_of_a_response_is_read_or_nought(headers: list[tuple[object, object]], length: int) -> None:
    assert http.content_length(headers) == length


def test_repeated_headers_are_joined_and_keep_their_first_spelling() -> None:
    headers = [("Accept", "a"), ("Cookie", "x=1"), ("accept", "b"), ("COOKIE", "y=2"), ("Host", "h")]
    assert http.combine_headers(headers) == [("Accept", "a, b"), ("Cookie", "x=1; y=2"), ("Host", "h")]


@given(st.lists(st.tuples(st.sampled_from(["A", "a", "B", "cookie", "Cookie"]), st.text("xyz", max_size=3))))
def test_no_name_is_left_twice_and_no_value_lost(headers: list[tuple[str, str]]) -> None:
    combined = http.combine_headers(headers)
    names = [name.lower() for name, _ in combined]
    assert len(set(names)) == len(names)
    assert http.combine_headers(combined) == combined
    for name, value in headers:
        assert value in {key.lower(): joined for key, joined in combined}[name.lower()]


@given(st.lists(st.tuples(st.sampled_from(["host", "Host", "cookie", "Cookie", "accept", "x"]), st.text(max_size=3))))
def test_an_index_has_each_combined_header_once(headers: list[tuple[str, str]]) -> None:
    combined, index = http.index_headers(headers)
    assert combined == http.combine_headers(headers)
    assert index == {name.lower(): value for name, value in combined}
    assert len(index) == len(combined)
