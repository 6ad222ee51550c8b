from __future__ import annotations

import pytest

from sentry_web.testing import Raise, RequestSpec, StartResponse
from sentry_web.testing.drivers import make_environ, make_scope
from sentry_web.testing.request import encode_header


def test_url_leaves_out_the_default_port() -> None:
    assert RequestSpec(path="/a b/ü").url == "http://shop.example/a%20b/%C3%BC"
    assert RequestSpec(scheme="https", port=8443, root_path="/api").url == "https://shop.example:8443/api/"


def test_percent_escapes_are_sent_as_written() -> None:
    assert RequestSpec(path="/a%2Fb/%zz").wire_path == "/a%2Fb/%zz"


def test_path_in_both_dicts() -> None:
    request = RequestSpec(root_path="/r", path="/caf%C3%A9/日本", query="q=ü")
    environ, scope = make_environ(request), make_scope(request)
    assert environ["SCRIPT_NAME"] == "/r"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/café/日本"
    assert (scope["root_path"], scope["path"]) == ("/r", "/r/café/日本")
    assert environ["QUERY_STRING"].encode("latin-1") == scope["query_string"] == "q=ü".encode()


def test_host_and_length_are_added_only_where_missing() -> None:
    assert RequestSpec(body=(b"ab", b"c")).wire_headers() == ((b"Host", b"shop.example"), (b"Content-Length", b"3"))
    given = (("HOST", "other"), ("Transfer-Encoding", "chunked"))
    assert RequestSpec(headers=given, body=(b"a",)).wire_headers() == (
        (b"HOST", b"other"),
        (b"Transfer-Encoding", b"chunked"),
    )
    assert RequestSpec(headers=(("A", "1"),), body=(b"a",), exact_headers=True).wire_headers() == ((b"A", b"1"),)


def test_repeated_headers_in_the_environ() -> None:
    headers = (("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"), ("Cookie", "b=2"), ("Content-Type", "text/plain"))
    environ = make_environ(RequestSpec(headers=headers))
    assert environ["HTTP_X_A"] == "1, 2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["CONTENT_TYPE"] == "text/plain"


def test_a_client_behind_a_unix_socket_has_no_address() -> None:
    assert "REMOTE_ADDR" not in make_environ(RequestSpec(client=None))
    assert make_scope(RequestSpec(client=None))["client"] is None


def test_websocket_scope() -> None:
    scope = make_scope(RequestSpec(scheme="https"), kind="websocket")
    assert (scope["type"], scope["scheme"]) == ("websocket", "wss")
    assert "method" not in scope


@pytest.mark.parametrize(("text", "wire"), [("é", b"\xe9"), ("日", "日".encode())])
def test_header_encoding(text: str, wire: bytes) -> None:
    assert encode_header(text) == wire


def test_repr_is_short_and_runnable() -> None:
    for value in (RequestSpec(path="/x"), Raise(KeyError, cause=ValueError), StartResponse()):
        assert eval(repr(value)) == value
    assert repr(RequestSpec()) == "RequestSpec()"
    assert repr(Raise(KeyError)) == "Raise(kind=KeyError)"
