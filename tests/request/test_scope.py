"""``_request.scope``: ASGI scope → ``Request``. That it equals the one of an environ is in ``test_environ``."""

from __future__ import annotations

from typing import Any

import pytest

from sentry_web._request.scope import ScopeRequest
from sentry_web.testing import RequestSpec as Sent
from sentry_web.testing.drivers import make_scope


def test_an_http_scope_is_read() -> None:
    request = ScopeRequest(
        {
            "type": "http",
            "method": "POST",
            "scheme": "https",
            "http_version": "2",
            "root_path": "/shop",
            "path": "/shop/bücher",
            "query_string": b"q=a%26b",
            "headers": [(b"Host", b"shop.example"), (b"x-caf\xe9", b"\xe9")],
            "server": ("127.0.0.1", 8000),
            "client": ["192.0.2.7", 4711],
        }
    )
    assert (request.protocol, request.kind, request.method, request.scheme) == ("asgi", "http", "POST", "https")
    assert (request.path, request.query, request.http_version) == ("/shop/bücher", "q=a%26b", "2")
    assert (request.server, request.peer) == (("127.0.0.1", 8000), "192.0.2.7")
    assert request.headers == [("host", "shop.example"), ("x-café", "é")]
    assert request.url == "https://shop.example/shop/b%C3%BCcher"


def test_a_websocket_has_a_scheme_and_a_method() -> None:
    request = ScopeRequest({"type": "websocket"})
    assert (request.kind, request.scheme, request.method) == ("websocket", "ws", "GET")
    assert ScopeRequest({"type": "websocket", "scheme": "wss"}).scheme == "wss"


@pytest.mark.parametrize("kind", ["lifespan", "channel", ""])
def test_a_scope_of_another_kind_has_no_method(kind: str) -> None:
    request = ScopeRequest({"type": kind})
    assert (request.kind, request.method, request.path, request.headers) == (kind, "", "/", [])


# What headers may be, is below.
@pytest.mark.parametrize("key", [key for key in make_scope(Sent()) if key != "headers"])
@pytest.mark.parametrize("value", [None, 5.5, b"bytes", "", (), object()])
def test_odd_values_are_read_as_absent(key: str, value: Any) -> None:
    scope = make_scope(Sent())
    scope[key] = value
    request = ScopeRequest(scope)
    assert isinstance(request.url, str)
    del scope[key]
    assert isinstance(ScopeRequest(scope).url, str)


@pytest.mark.parametrize("odd", [5, object(), [(b"a",)], [None], [(b"a", b"b", b"c")], b"bytes"])
def test_odd_headers_are_left_out(odd: Any) -> None:
    good = [(b"host", b"shop.example")]
    headers = [*odd, *good] if isinstance(odd, list) else odd
    assert ScopeRequest({"type": "http", "headers": headers}).header("host") in ("shop.example", None)


def test_headers_of_any_collection_are_read() -> None:
    pairs = ([b"host", "shop.example"],)
    assert ScopeRequest({"type": "http", "headers": pairs}).headers == [("host", "shop.example")]
    assert ScopeRequest({"type": "http", "headers": {b"host": b"h"}.items()}).headers == [("host", "h")]
    assert ScopeRequest({"type": "http", "headers": [(None, 5)]}).headers == [("", "")]


def test_headers_that_can_be_read_once_are_left_to_the_application() -> None:
    headers = iter([(b"host", b"shop.example")])
    assert ScopeRequest({"type": "http", "headers": headers}).headers == []
    assert list(headers) == [(b"host", b"shop.example")]


@pytest.mark.parametrize(
    ("server", "read"),
    [
        (("h", 80), ("h", 80)),
        (["h", 80], ("h", 80)),
        (("/run/shop.sock", None), None),
        (("h", "80"), None),
        ((None, 80), None),
        (("h",), None),
        ("h:80", None),
        (None, None),
    ],
)
def test_a_server_on_a_unix_socket_has_no_address(server: Any, read: Any) -> None:
    assert ScopeRequest({"type": "http", "server": server}).server == read


@pytest.mark.parametrize(
    ("client", "peer"),
    [(("192.0.2.7", 1), "192.0.2.7"), (["192.0.2.7", None], "192.0.2.7"), (("", 0), None), ((), None), ((None,), None)],
)
def test_a_peer_on_a_unix_socket_has_no_address(client: Any, peer: str | None) -> None:
    assert ScopeRequest({"type": "http", "client": client}).peer == peer


def test_the_scope_is_never_held() -> None:
    scope = make_scope(Sent(path="/before", headers=(("X-A", "b"),)))
    request = ScopeRequest(scope)
    scope["path"] = "/rewritten"
    scope["headers"] = []
    assert request.path == "/before"
    assert request.header("x-a") == "b"
    assert ("x-a", "b") in request.headers
    slots = [name for kind in type(request).__mro__ for name in getattr(kind, "__slots__", ())]
    assert all(getattr(request, name) is not scope for name in slots)
    assert request._raw_headers is None


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"shop.example"), (b"x-a", b"b\xe4")],
        [(b"x-a", b"b"), (b"x-a", b"c")],
        [(b"X-A", b"b")],
        [(b"x-a", "b"), (b"host", b"shop.example")],
        [("x-a", b"b")],
        [(b"x-a", b"b"), 7],
        ["ab", "cd"],
        [(b"x-\xe4", b"b")],
        [],
        7,
        None,
    ],
)
def test_a_header_asked_for_alone_is_that_among_all(headers: Any) -> None:
    def read() -> ScopeRequest:
        return ScopeRequest({"type": "http", "headers": headers})

    for name in ("x-a", "host", "X-A", "x_a", "x-\xe4", "x-\u20ac", ""):
        every = read()
        assert every.headers is not None
        assert read().header(name) == every.header(name)


def test_what_is_asked_for_alone_leaves_the_others_undecoded() -> None:
    request = ScopeRequest({"type": "http", "headers": [(b"host", b"shop.example"), (b"x-a", b"b")]})
    assert (request.header("x-a"), request.header("x-b"), request.header("host")) == ("b", None, "shop.example")
    assert request._headers is None
