"""Defects in the reported request: name, URL, query, headers, address.

Rows of the table of incumbents' faults: 5, 14–18, 41, 44–48, 50, 53, 60.
"""

from __future__ import annotations

from typing import Any

import pytest

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    BRIDGE_INSIDE,
    BRIDGE_OUTSIDE,
    WSGI,
    CaptureMessage,
    Raise,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.sdk import STREAM

# Older settings than ``data_collection``, and still the ones in use.
pytestmark = pytest.mark.filterwarnings("ignore:The send_default_pii option is deprecated")

SPEAKS = Script((StartResponse(200), CaptureMessage("here"), SendChunk(b"hello")))
FAILS = Script((*SPEAKS.steps, Raise()))
PII = {"send_default_pii": True}
ASGI = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)


def reported(events: Any) -> list[Any]:
    """The message and the transaction of one request, which say the same of it."""
    assert len(events.messages) == len(events.roots) == 1
    return events.messages + events.transactions


# Addresses of the networks for documentation (RFC 5737) count as private in Python's ipaddress, and so as proxies.
PEER, PROXY = ("9.9.9.9", 4711), ("10.0.0.1", 4711)

#: peer, X-Forwarded-For, and the client's address.
FORWARDED = [
    (PEER, "81.2.69.160", "9.9.9.9"),  # a stranger's claim
    (PROXY, "81.2.69.160", "81.2.69.160"),
    (PROXY, "1.1.1.1, 81.2.69.160", "81.2.69.160"),  # the client wrote the first itself
    (PROXY, "81.2.69.160, 10.0.0.2", "81.2.69.160"),
    (PROXY, "<script>", "10.0.0.1"),
    (PROXY, "", "10.0.0.1"),
]


@pytest.mark.parametrize(("peer", "claim", "expected"), FORWARDED)
def test_defect_05_forwarding_headers_count_as_far_as_proxies_vouch(driver, peer, claim, expected, run):
    request = RequestSpec(client=peer, headers=(("X-Forwarded-For", claim),))
    _, events = run(driver, SPEAKS, request, sdk=PII)
    assert {event["user"]["ip_address"] for event in reported(events)} == {expected}


def _check_path_is_the_name(driver: Any, run: Any) -> None:
    _, events = run(driver, SPEAKS, RequestSpec(path="/orders/17", root_path="/shop", port=8000))
    for event in reported(events):
        assert (event.name, event["transaction_info"]) == ("/shop/orders/17", {"source": "url"})


@pytest.mark.parametrize("driver", [WSGI, BRIDGE_INSIDE], ids=repr)
def test_defect_14_wsgi_name_is_no_constant(driver, run):
    _check_path_is_the_name(driver, run)


@pytest.mark.parametrize("driver", [ASGI3, ASGI2, BRIDGE_OUTSIDE], ids=repr)
def test_defect_15_asgi_name_holds_no_address(driver, run):
    _check_path_is_the_name(driver, run)


def _flask_app() -> Any:
    flask = pytest.importorskip("flask")
    app = flask.Flask("shop")
    app.add_url_rule("/orders/<int:number>", "order", lambda number: "hello")
    return app


def _starlette_app() -> Any:
    starlette = pytest.importorskip("starlette")
    if int(starlette.__version__.partition(".")[0]) < 1:
        pytest.skip("not on this Python: Starlette 1.0, the first to leave the route in the scope")
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def order(request: Any) -> Any:
        return PlainTextResponse("hello")

    route = Route("/orders/{number}", order)
    return Starlette(routes=[route, Mount("/mounted", routes=[route])])


@pytest.mark.parametrize(
    ("style", "name", "source"),
    [("url", "/orders/<int:number>", "route"), ("endpoint", f"{__name__}._flask_app.<locals>.<lambda>", "component")],
)
def test_defect_14_wsgi_name_is_the_frameworks(style, name, source):
    with recording(traces_sample_rate=1.0) as events:
        WSGI.run_app(_flask_app(), RequestSpec(path="/orders/17"), Wrap.ours(transaction_style=style))
    assert [(event.name, event.source) for event in events.roots] == [(name, source)]


@pytest.mark.parametrize(
    ("style", "name", "source"),
    [("url", "/orders/{number}", "route"), ("endpoint", f"{__name__}._starlette_app.<locals>.order", "component")],
)
def test_defect_15_asgi_name_is_the_frameworks(style, name, source):
    with recording(traces_sample_rate=1.0) as events:
        ASGI3.run_app(_starlette_app(), RequestSpec(path="/orders/17"), Wrap.ours(transaction_style=style))
    assert [(event.name, event.source) for event in events.roots] == [(name, source)]


@pytest.mark.parametrize(
    ("driver", "make", "name"),
    [(WSGI, _flask_app, "/orders/<int:number>"), (ASGI3, _starlette_app, "/orders/{number}")],
    ids=["WSGI", "ASGI3"],
)
def test_defect_16_streamed_span_is_named_by_its_route(driver, make, name):
    with recording(traces_sample_rate=1.0, **STREAM) as events:
        driver.run_app(make(), RequestSpec(path="/orders/17"), Wrap.ours(transaction_style="url"))
    assert [segment.name for segment in events.segments] == [name]


def test_defect_17_root_path_is_joined_once(driver, run, altered):
    request = RequestSpec(root_path="/api", path="/users")
    _, events = run(driver, SPEAKS, request)
    assert {event["request"]["url"] for event in reported(events)} == {"http://shop.example/api/users"}


@ASGI
def test_defect_17_root_path_is_joined_where_the_server_left_it_out(driver, run, altered):
    altered(lambda scope: scope.update(path="/users"))  # uvicorn before 0.26
    _, events = run(driver, SPEAKS, RequestSpec(root_path="/api", path="/users"))
    assert {event["request"]["url"] for event in reported(events)} == {"http://shop.example/api/users"}


def test_defect_18_mounted_route_keeps_its_prefix():
    with recording(traces_sample_rate=1.0) as events:
        ASGI3.run_app(_starlette_app(), RequestSpec(path="/mounted/orders/17"), Wrap.ours(transaction_style="url"))
    assert [event.name for event in events.roots] == ["/mounted/orders/{number}"]


class _Counted(bytes):
    """A header's bytes that count how often they are decoded."""

    times = 0

    def decode(self, *args: Any) -> str:
        self.times += 1
        return super().decode(*args)


@pytest.mark.parametrize("sdk", [{}, {"traces_sample_rate": None}], ids=["traced", "errors only"])
@ASGI
def test_defect_41_headers_are_decoded_at_most_once(driver, sdk, run, altered):
    headers = [(_Counted(name), _Counted(b"value")) for name in (b"accept", b"x-note", b"referer")]
    altered(lambda scope: scope.update(headers=headers))
    _, events = run(driver, FAILS, sdk=sdk)
    assert events.errors[0]["request"]["headers"] == {"accept": "value", "x-note": "value", "referer": "value"}
    assert {text.times for pair in headers for text in pair} == {1}


@ASGI
def test_defect_41_headers_are_not_decoded_for_nothing(driver, altered):
    headers = [(_Counted(b"accept"), _Counted(b"value"))]
    altered(lambda scope: scope.update(headers=headers))
    driver.run(SPEAKS, wrap=Wrap.ours())  # without a client
    assert {text.times for pair in headers for text in pair} == {0}


@pytest.mark.parametrize(
    ("peer", "expected"),
    [(PROXY, "https://public.example/a"), (None, "https://public.example/a"), (PEER, "http://shop.example/a")],
    ids=["proxy", "unix socket", "stranger"],
)
def test_defect_44_scheme_and_host_come_from_trusted_proxies(driver, peer, expected, run):
    claims = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "public.example"))
    _, events = run(driver, SPEAKS, RequestSpec(path="/a", client=peer, headers=claims))
    assert {event["request"]["url"] for event in reported(events)} == {expected}


@pytest.mark.parametrize(("sdk", "expected"), [(PII, "192.0.2.7"), ({}, None)], ids=["PII", "no PII"])
def test_defect_45_client_address_is_the_users(driver, sdk, expected, run):
    _, events = run(driver, SPEAKS, sdk=sdk)
    assert {(event.get("user") or {}).get("ip_address") for event in reported(events)} == {expected}


@ASGI
def test_defect_46_header_names_not_in_lower_case(driver, run, altered):
    altered(lambda scope: scope.update(headers=[(b"Host", b"other.example"), (b"X-NOTE", b"1"), (b"Cookie", b"a=1")]))
    _, events = run(driver, SPEAKS, RequestSpec(path="/a"))
    for event in reported(events):
        assert event["request"]["url"] == "http://other.example/a"
        assert event["request"]["headers"] == {"host": "other.example", "x-note": "1", "cookie": "[Filtered]"}


def test_defect_46_host_is_found_in_any_case(driver, run):
    _, events = run(driver, SPEAKS, RequestSpec(path="/a", headers=(("HOST", "other.example"),)))
    assert {event["request"]["url"] for event in reported(events)} == {"http://other.example/a"}
    # Asked for once more when the headers have been read for the message
    assert events.roots[0].data["server.address"] == "other.example"


@pytest.mark.parametrize("query", ["q=a%26b", "q=%20a+b&q=%C3%A4&empty=", "%zz=%", "q=a%3Db%23c"])
def test_defect_47_query_stays_raw(driver, query, run):
    _, events = run(driver, SPEAKS, RequestSpec(query=query))
    for event in reported(events):
        assert event["request"]["query_string"] == query
    assert events.roots[0].data["url.query"] == query


def test_defect_48_unix_socket_is_no_host(driver, run, altered):
    altered(lambda mapping: mapping.update(server=("/run/u.sock", None), SERVER_NAME="/run/u.sock", SERVER_PORT=""))
    _, events = run(driver, SPEAKS, RequestSpec(path="/a", client=None, exact_headers=True))
    for event in reported(events):
        assert event["request"]["url"] == "/a"
        assert "SERVER_PORT" not in event["request"].get("env", {})
    # Streamed spans have the SDK's own attribute of that name, its server_name
    assert events.roots[0].data.get("server.address") != "/run/u.sock"


def test_defect_50_streamed_path_is_joined_and_keeps_its_encoding(driver, run):
    request = RequestSpec(root_path="/shop", path="/caf%C3%A9")
    _, events = run(driver, SPEAKS, request, sdk=STREAM)
    (segment,) = events.segments
    assert segment.attributes["url.path"] == "/shop/caf%C3%A9"
    assert segment.name == "/shop/café"
    assert events.messages[0]["request"]["url"] == "http://shop.example/shop/caf%C3%A9"


def test_defect_53_header_values_are_latin_1_and_no_escapes(driver, run):
    value = "café \\x41 \\u0041"
    _, events = run(driver, SPEAKS, RequestSpec(headers=(("X-Note", value),)))
    for event in reported(events):
        found = {name.lower(): value for name, value in event["request"]["headers"].items()}
        assert found["x-note"] == value


def test_defect_60_one_address_in_every_place(driver, run):
    request = RequestSpec(client=PROXY, headers=(("X-Forwarded-For", "81.2.69.160"),))
    _, events = run(driver, SPEAKS, request, sdk=PII)
    for event in reported(events):
        assert event["user"]["ip_address"] == event["request"]["env"]["REMOTE_ADDR"] == "81.2.69.160"
    assert events.roots[0].data["client.address"] == "81.2.69.160"
