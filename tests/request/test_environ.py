"""``environ``: WSGI environ → ``Request``; and that it is the request which ``scope`` reads from a scope."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentry_web._request import Request
from sentry_web._request import environ as environ_module
from sentry_web._request.environ import EnvironRequest, decode, header_name, native
from sentry_web._request.scope import ScopeRequest
from sentry_web.testing import RequestSpec as Sent
from sentry_web.testing.drivers import make_environ, make_scope


def test_an_environ_of_pep_3333_is_read() -> None:
    request = EnvironRequest(
        {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "/shop",
            "PATH_INFO": "/b\xc3\xbccher",
            "QUERY_STRING": "q=a%26b",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.7",
            "HTTP_HOST": "shop.example",
            "HTTP_X_AUTH_TOKEN": "t",
            "HTTP_CONTENT_TYPE": "a header of that very name, which CGI does not pass so",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "",
            "wsgi.url_scheme": "https",
            "wsgi.input": object(),
        }
    )
    assert (request.protocol, request.kind, request.method, request.scheme) == ("wsgi", "http", "POST", "https")
    assert (request.path, request.query, request.http_version) == ("/shop/bücher", "q=a%26b", "1.1")
    assert (request.server, request.peer) == (("127.0.0.1", 8000), "192.0.2.7")
    assert request.headers == [("Host", "shop.example"), ("X-Auth-Token", "t"), ("Content-Type", "text/plain")]
    assert request.url == "https://shop.example/shop/b%C3%BCcher"


def test_an_empty_environ_is_a_request_without_anything() -> None:
    request = EnvironRequest({})
    assert (request.method, request.path, request.scheme, request.server, request.peer) == ("", "/", "http", None, None)
    assert request.headers == []
    assert request.url == "/"


KEYS = [*make_environ(Sent(headers=(("X-A", "b"),), body=(b"x",))), "CONTENT_TYPE", 5]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [None, 5, b"bytes", "", object()])
def test_odd_values_are_read_as_absent(key: str, value: object) -> None:
    environ: dict[Any, Any] = make_environ(Sent(headers=(("X-A", "b"),)))
    environ[key] = value
    request = EnvironRequest(environ)
    assert isinstance(request.url, str)
    assert all(isinstance(name, str) and isinstance(held, str) for name, held in request.headers)
    del environ[key]
    assert isinstance(EnvironRequest(environ).url, str)


@pytest.mark.parametrize(
    ("name", "port", "server"),
    [
        ("h", "80", ("h", 80)),
        ("h", 80, ("h", 80)),
        ("h", "", None),
        ("h", None, None),
        ("h", "²", None),
        ("h", "http", None),
        ("", "80", None),
        ("/run/shop.sock", "80", None),
        ("unix:/run/shop.sock", "80", None),
        (None, "80", None),
    ],
)
def test_a_server_on_a_unix_socket_has_no_address(name: object, port: object, server: object) -> None:
    assert EnvironRequest({"SERVER_NAME": name, "SERVER_PORT": port}).server == server


def test_the_environ_is_never_held() -> None:
    environ = make_environ(Sent(headers=(("X-A", "b"),)))
    request = EnvironRequest(environ)
    environ["PATH_INFO"] = "/rewritten"
    environ.clear()
    assert request.path == "/"
    assert request.header("x-a") == "b"
    assert not any(referent is environ for referent in gc.get_referents(request))


def test_names_are_spelled_as_wsgis_users_know_them() -> None:
    assert header_name("X_AUTH_TOKEN") == "X-Auth-Token"
    assert header_name("HOST") == "Host"


@pytest.mark.parametrize(
    ("native", "meant"),
    [
        ("/b\xc3\xbccher", "/bücher"),
        ("/b\xfccher", "/b�cher"),  # bytes that are no UTF-8
        ("/bücher→", "/bücher→"),  # a server that decoded by itself, against the PEP
        (None, ""),
        (b"/a", ""),
    ],
)
def test_the_latin_1_dance(native: object, meant: str) -> None:
    assert decode(native) == meant


@given(st.text(st.characters(codec="utf-8")))
def test_decoding_undoes_what_a_server_does(path: str) -> None:
    assert decode(path.encode().decode("latin-1")) == path


def test_only_a_native_string_is_text() -> None:
    assert native("a") == "a"
    assert native(b"a") == native(None) == ""


segments = st.text(st.characters(exclude_characters="/?#%", codec="utf-8"), min_size=1, max_size=5)
prefixes = st.lists(segments, max_size=2).map(lambda parts: "".join("/" + part for part in parts))
header_values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=10)
sent_requests = st.builds(
    Sent,
    method=st.sampled_from(["GET", "POST", "get", "QUERY"]),
    path=st.lists(segments, max_size=3).map(lambda parts: "/" + "/".join(parts)),
    root_path=prefixes,
    query=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=20),
    headers=st.lists(
        st.tuples(st.sampled_from(["Accept", "Cookie", "X-Auth-Token", "Referer", "Content-Type"]), header_values),
        max_size=4,
        unique_by=lambda header: header[0] == "Content-Type" or object(),
    ).map(tuple),
    scheme=st.sampled_from(["http", "https"]),
    port=st.one_of(st.none(), st.integers(1, 65535)),
    client=st.one_of(st.none(), st.tuples(st.ip_addresses().map(str), st.integers(1, 65535))),
    http_version=st.sampled_from(["1.0", "1.1", "2"]),
    exact_headers=st.booleans(),
)


def facts(request: Request) -> dict[str, Any]:
    """All that a request says, header names without case (RFC 9110, 5.1)."""
    names = ("kind", "method", "scheme", "path", "query", "http_version", "server", "peer", "host", "url")
    # WSGI servers leave out the empty ones of these two, which is no header there (PEP 3333)
    headers = {
        name.lower(): value
        for name, value in request.headers
        if value or name.lower() not in ("content-type", "content-length")
    }
    return {**{name: getattr(request, name) for name in names}, "headers": headers}


def differ_by_mount(sent: Sent) -> bool:
    """The requests of the next test but one."""
    return bool(sent.root_path) and (sent.path + "/").startswith(sent.root_path + "/")


@given(sent_requests)
@example(Sent(root_path="/api", path="/users", headers=(("Cookie", "a=1"), ("Cookie", "b=2"))))
def test_one_request_is_read_the_same_from_environ_and_from_scope(sent: Sent) -> None:
    if not differ_by_mount(sent):
        assert facts(EnvironRequest(make_environ(sent))) == facts(ScopeRequest(make_scope(sent)))


def test_a_path_below_a_mount_that_begins_like_the_mount() -> None:
    sent = Sent(root_path="/api", path="/api/users")
    assert EnvironRequest(make_environ(sent)).path == "/api/api/users" == ScopeRequest(make_scope(sent)).path


def test_a_header_asked_for_alone_is_that_among_all() -> None:
    environ: dict[Any, Any] = make_environ(Sent(headers=(("X-A", "b"), ("X-Empty", "")), body=(b"x",)))
    for more in (
        {},
        {"CONTENT_TYPE": ""},
        {"CONTENT_TYPE": "text/plain", "HTTP_CONTENT_TYPE": "none"},
        {"HTTP_X_A": 5},
    ):
        for name in ("x-a", "X-A", "x_a", "x-empty", "content-type", "content-length", "host", "\u20ac", ""):
            every = EnvironRequest({**environ, **more})
            assert every.headers is not None
            assert EnvironRequest({**environ, **more}).header(name) == every.header(name), (more, name)


def test_what_is_asked_for_alone_leaves_the_others_undecoded() -> None:
    request = EnvironRequest(make_environ(Sent(headers=(("X-A", "b"),))))
    assert (request.header("x-a"), request.header("x-b")) == ("b", None)
    assert request._headers is None


def test_what_strangers_send_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(environ_module, "_HEADERS", {})
    long = "HTTP_" + "X" * 100
    environ = {f"HTTP_X_{number}": "x" for number in range(environ_module._MOST + 10)} | {long: "y"}
    names = [name for name, _ in EnvironRequest(environ).headers]
    assert names == [name for name, _ in EnvironRequest(environ).headers]
    assert len(names) == len(environ)
    assert len(environ_module._HEADERS) <= environ_module._MOST
    assert long not in environ_module._HEADERS


@pytest.mark.parametrize(
    ("script_name", "path_info", "path"),
    [
        ("/woof/woof", "bark/", "/woof/woof/bark/"),
        ("/woof/woof/", "/bark/", "/woof/woof/bark/"),
        ("/woof/woof", "", "/woof/woof"),
        ("", "*", "*"),
        ("/caf\xc3\xa9", "\xc3\xa9", "/café/é"),
        ("", "", "/"),
    ],
)
def test_prefix_and_path_are_joined_by_one_slash(script_name: str, path_info: str, path: str) -> None:
    assert EnvironRequest({"SCRIPT_NAME": script_name, "PATH_INFO": path_info}).path == path
