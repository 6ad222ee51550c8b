"""``_request.forwarding``: who the client is, and whose word counts for it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._request.forwarding import (
    Forwarding,
    claimed_addresses,
    forwarded_addresses,
    parse_address,
    parse_forwarded,
)

CLIENT, STRANGER, PROXY = "8.8.8.8", "9.9.9.9", "10.0.0.1"
addresses = st.ip_addresses().map(str)


def client(trusted: object, peer: str | None, **headers: str) -> str | None:
    """The client's address; ``x_forwarded_for="…"`` is the header ``x-forwarded-for``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Forwarding(trusted).client_address(peer, named.get)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (CLIENT, CLIENT),
        (" 8.8.8.8 ", CLIENT),
        ("8.8.8.8:4711", CLIENT),
        ('"[2001:db8::1]:4711"', "2001:db8::1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:8.8.8.8", CLIENT),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        (None, None),
        ("8.8.8", None),
        ("localhost", None),
    ],
)
def test_addresses_are_read_as_proxies_write_them(text: str | None, address: str | None) -> None:
    found = parse_address(text)
    assert (found.compressed if found else None) == address


@given(addresses, st.integers(1, 65535))
def test_an_address_with_a_port_is_the_address(address: str, port: int) -> None:
    written = f'"[{address}]:{port}"' if ":" in address else f"{address}:{port}"
    assert parse_address(written) == parse_address(address)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = parse_address(text)
    assert found is None or ipaddress.ip_address(found.compressed) == found


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("", []),
        ("for=8.8.8.8", [[("for", "8.8.8.8")]]),
        (
            'For="[2001:db8::1]:1" ; Proto=https;by=10.0.0.1, for=9.9.9.9',
            [[("for", "[2001:db8::1]:1"), ("proto", "https"), ("by", "10.0.0.1")], [("for", "9.9.9.9")]],
        ),
        (r'for="a\"b"', [[("for", 'a"b')]]),
        ("for=1;", [[("for", "1")]]),
        ("for=;host=h", [[("for", ""), ("host", "h")]]),
    ],
)
def test_a_forwarded_header_is_read_by_the_rfc(value: str, elements: list[Any]) -> None:
    assert parse_forwarded(value) == elements


@pytest.mark.parametrize("value", ["garbage", 'for="8.8.8.8', ";;;", "for=8.8.8.8 9.9.9.9,for=1"])
def test_reading_stops_at_what_is_no_pair(value: str) -> None:
    assert len(parse_forwarded(value)) <= 1


tokens = st.text("abcdef.0123456789", min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=10)


@given(st.lists(st.lists(st.tuples(tokens, values), min_size=1, max_size=3), min_size=1, max_size=3))
def test_what_is_written_as_quoted_strings_is_read_back(elements: list[list[tuple[str, str]]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(";".join(f"{name}={quoted(value)}" for name, value in element) for element in elements)
    assert parse_forwarded(header) == elements


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_complaint(value: str) -> None:
    parse_forwarded(value)
    forwarded_addresses({"forwarded": value, "x-forwarded-for": value}.get)


def test_x_forwarded_for_goes_before_forwarded() -> None:
    """A proxy that writes X-Forwarded-* passes on a stranger's Forwarded."""
    both = {"forwarded": f"for={STRANGER}", "x-forwarded-for": CLIENT}
    assert forwarded_addresses(both.get) == [CLIENT]
    assert forwarded_addresses({"x-forwarded-for": f"{CLIENT},, {PROXY}"}.get) == [CLIENT, f" {PROXY}"]
    assert forwarded_addresses({"forwarded": f"for={STRANGER}", "x-forwarded-proto": "https"}.get) == []
    assert forwarded_addresses({"forwarded": f"for={CLIENT}"}.get) == [CLIENT]
    assert claimed_addresses(both.get) == [CLIENT, STRANGER]


@pytest.mark.parametrize("trusted", [None, "*", 1, ["10.0.0.0/8"]])
def test_a_strangers_forwarded_does_not_count_beside_what_the_proxy_writes(trusted: object) -> None:
    headers = {
        "forwarded": f"for={STRANGER};proto=https;host=evil.example",
        "x-forwarded-for": CLIENT,
        "x-forwarded-proto": "http",
    }
    assert Forwarding(trusted).client_address(PROXY, headers.get) == CLIENT
    assert Forwarding(trusted).scheme_and_host(PROXY, headers.get) == ("http", None)


@pytest.mark.parametrize(
    ("header", "address", "scheme", "host"),
    [
        ("forwarded", "1.1.1.1", "https", "a.example"),
        ("x-forwarded-for", "2.2.2.2", "http", "b.example"),
        ("cf-connecting-ip", "3.3.3.3", "http", "b.example"),
        ("x-real-ip", "4.4.4.4", "http", "b.example"),
        ("fly-client-ip", PROXY, "http", "b.example"),  # not there: the peer
    ],
)
def test_the_user_names_the_header(header: str, address: str, scheme: str, host: str) -> None:
    headers = {
        "forwarded": "for=1.1.1.1;proto=https;host=a.example",
        "x-forwarded-for": "2.2.2.2",
        "cf-connecting-ip": "3.3.3.3",
        "x-real-ip": "4.4.4.4",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "b.example",
    }
    named = Forwarding(None, header)
    assert named.client_address(PROXY, headers.get) == address
    assert named.scheme_and_host(PROXY, headers.get) == (scheme, host)
    assert named.client_address(STRANGER, headers.get) == STRANGER
    assert named.scheme_and_host(STRANGER, headers.get) == (None, None)


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        *((peer, True) for peer in ("127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "172.31.255.255", "192.168.0.1")),
        *((peer, True) for peer in ("169.254.1.1", "fe80::1", "fd00::1", "100.64.0.1", "::ffff:10.0.0.1")),
        # Documentation (RFC 5737, RFC 3849), benchmarks (RFC 2544), reserved, "this network", translation (RFC 6052)
        *((peer, False) for peer in ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "198.18.0.1")),
        *((peer, False) for peer in ("240.0.0.1", "0.0.0.0", "255.255.255.255", "192.0.0.1", "64:ff9b:1::1")),
        *((peer, False) for peer in ("172.32.0.1", "100.128.0.1", "11.0.0.1", "::", CLIENT)),
    ],
)
def test_who_is_trusted_by_default_is_an_explicit_list(peer: str, trusted: bool) -> None:
    assert Forwarding().trusts(peer) is trusted


@pytest.mark.parametrize(
    ("trusted", "peer", "headers", "found"),
    [
        # By default proxies on private networks are believed, and strangers are not.
        (None, STRANGER, {"x_forwarded_for": CLIENT}, STRANGER),
        (None, PROXY, {"x_forwarded_for": CLIENT}, CLIENT),
        (None, "127.0.0.1", {"x_forwarded_for": CLIENT}, CLIENT),
        (None, "fe80::1%eth0", {"x_forwarded_for": CLIENT}, CLIENT),
        (None, None, {"x_forwarded_for": CLIENT}, CLIENT),  # a unix socket
        (None, None, {}, None),
        # The rightmost address that nobody trusted vouches for; what stands left of it is a stranger's claim.
        (None, PROXY, {"x_forwarded_for": f"1.1.1.1, {CLIENT}, 10.0.0.2"}, CLIENT),
        (None, PROXY, {"x_forwarded_for": "10.0.0.3, 10.0.0.2"}, "10.0.0.3"),
        (None, PROXY, {"forwarded": f'for=1.1.1.1, for="{CLIENT}:99";proto=https'}, CLIENT),
        (None, PROXY, {"x_real_ip": CLIENT}, CLIENT),
        # Nothing good is said: the peer.
        (None, PROXY, {"x_forwarded_for": ""}, PROXY),
        (None, PROXY, {"x_forwarded_for": "unknown"}, PROXY),
        (None, PROXY, {"x_forwarded_for": f"{CLIENT}, garbage"}, PROXY),
        (None, PROXY, {"x_real_ip": "garbage"}, PROXY),
        (None, "localhost", {"x_forwarded_for": CLIENT}, CLIENT),  # waitress's word for a unix socket
        ((), "localhost", {"x_forwarded_for": CLIENT}, None),
        # Networks, each as CIDR.
        (["10.0.0.0/8"], PROXY, {"x_forwarded_for": f"1.1.1.1, {CLIENT}"}, CLIENT),
        (("10.0.0.1/8",), PROXY, {"x_forwarded_for": CLIENT}, CLIENT),
        ({"2001:db8::/32"}, PROXY, {"x_forwarded_for": CLIENT}, PROXY),
        (["10.0.0.0/8"], None, {"x_forwarded_for": CLIENT}, None),
        (["9.9.9.9"], STRANGER, {"x_forwarded_for": CLIENT}, CLIENT),
        # Hops, counted from the server.
        (1, STRANGER, {"x_forwarded_for": f"1.1.1.1, {CLIENT}"}, CLIENT),
        (2, STRANGER, {"x_forwarded_for": f"1.1.1.1, {CLIENT}, 10.0.0.9"}, CLIENT),
        (5, STRANGER, {"x_forwarded_for": f"{CLIENT}, 10.0.0.9"}, CLIENT),
        (1, None, {"x_forwarded_for": CLIENT}, CLIENT),
        (0, PROXY, {"x_forwarded_for": CLIENT}, PROXY),
        # Everyone, nobody.
        ("*", STRANGER, {"x_forwarded_for": f"{CLIENT}, 1.1.1.1"}, CLIENT),
        ((), PROXY, {"x_forwarded_for": CLIENT}, PROXY),
        ((), "127.0.0.1", {"x_real_ip": CLIENT}, "127.0.0.1"),
    ],
)
def test_the_client_is_found(trusted: object, peer: str | None, headers: Mapping[str, str], found: str | None) -> None:
    assert client(trusted, peer, **headers) == found


def test_a_servers_word_for_a_unix_socket_is_trusted_by_default() -> None:
    """gunicorn has an empty REMOTE_ADDR there; ``_request.environ`` and ``_request.scope`` read it as None."""
    assert Forwarding().trusts(None)
    assert not Forwarding(()).trusts(None)
    assert not Forwarding(["10.0.0.0/8"]).trusts(None)


def test_a_strangers_broken_element_does_not_hide_the_proxys_own() -> None:
    assert client(None, PROXY, forwarded=f"for=1.1.1.1, !!, for={CLIENT}") in (CLIENT, PROXY)


@given(
    claims=st.lists(st.text(st.characters(exclude_characters=",", codec="ascii"), max_size=15), max_size=3),
    client_address=st.sampled_from([CLIENT, STRANGER, "2a00::1"]),
)
def test_no_claim_of_a_stranger_changes_what_trusted_proxies_say(claims: list[str], client_address: str) -> None:
    chain = ", ".join([*claims, client_address, "10.0.0.7"])
    assert client(None, PROXY, x_forwarded_for=chain) == client_address


@given(peer=addresses, header=st.text(max_size=40), trusted=st.sampled_from([None, (), "*", 1, ["10.0.0.0/8"]]))
def test_the_answer_is_an_address_whatever_is_claimed(peer: str, header: str, trusted: object) -> None:
    for name in ("x_forwarded_for", "x_real_ip", "forwarded"):
        found = client(trusted, peer, **{name: header})
        assert found is not None
        assert ipaddress.ip_address(found).compressed == found


@pytest.mark.parametrize("value", ["10.0.0.0/8", True, -1, 1.5, object()])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a list of networks, a number of hops"):
        Forwarding(value)


def test_a_network_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        Forwarding(["10.0.0.0/99"])


@pytest.mark.parametrize(
    ("trusted", "peer", "headers", "found"),
    [
        (None, STRANGER, {"x-forwarded-proto": "https", "x-forwarded-host": "a"}, (None, None)),
        (None, PROXY, {}, (None, None)),
        (None, PROXY, {"x-forwarded-proto": "https", "x-forwarded-host": "a.example"}, ("https", "a.example")),
        (None, PROXY, {"x-forwarded-proto": "http, https", "x-forwarded-host": "b, a"}, ("https", "a")),
        (None, PROXY, {"x-forwarded-proto": "gopher"}, (None, None)),
        (None, PROXY, {"forwarded": "for=1;host=z;proto=http, for=2;proto=https;host=a"}, ("https", "a")),
        (None, PROXY, {"forwarded": "for=2", "x-forwarded-proto": "wss"}, ("wss", None)),
        (None, PROXY, {"forwarded": "host=;proto=https"}, ("https", None)),
        ((), PROXY, {"x-forwarded-proto": "https"}, (None, None)),
    ],
)
def test_scheme_and_host_are_what_the_trusted_peer_says(
    trusted: object, peer: str, headers: Mapping[str, str], found: tuple[str | None, str | None]
) -> None:
    assert Forwarding(trusted).scheme_and_host(peer, headers.get) == found


def test_a_scheme_in_capitals_is_the_same_scheme() -> None:
    assert Forwarding().scheme_and_host(PROXY, {"x-forwarded-proto": "HTTPS"}.get) == ("https", None)
