"""``_privacy``: the one decision about what may be sent."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._privacy.header_kinds import ADDRESS_HEADERS
from sentry_web._privacy.policy import REDACTED, SUBSTITUTE, Filtered, Policy
from sentry_web._privacy.rules import LONG_TERMS, Keys, Rule, normalise
from sentry_web._request.body import Body
from sentry_web._request.forwarding import Forwarding
from sentry_web._request.http import build_url
from sentry_web._request.scope import ScopeRequest

SECRET = "hunter2-secret"
terms = st.sampled_from(sorted(LONG_TERMS))
words = st.text("abxyz019", min_size=1, max_size=5)


def policy(*, user_info: bool = False, trusted: object = None, bodies: bool = True, **rules: Rule | None) -> Policy:
    plain = Rule()
    return Policy(
        user_info=user_info,
        headers=rules.get("headers") or plain,
        query=rules.get("query") or plain,
        cookies=rules.get("cookies"),
        fields=rules.get("fields") or plain,
        bodies=bodies,
        forwarding=Forwarding(trusted),
    )


def scope_request(**scope: Any) -> ScopeRequest:
    return ScopeRequest({"type": "http", "method": "GET", "path": "/", **scope})


# --- rules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["X-Auth-Token", "X-CSRF-Token", "Cf-Access-Jwt-Assertion", "x-api-key", "PASSWORD"])
def test_sensitive_keys_are_known_in_any_spelling(key: str) -> None:
    assert Rule().hides(key)


@pytest.mark.parametrize("key", ["Host", "Accept", "q", "page", "User-Agent", ""])
def test_ordinary_keys_are_shown(key: str) -> None:
    assert not Rule().hides(key)


@given(words, terms, words)
def test_a_term_anywhere_in_a_key_hides_it_in_every_mode(before: str, term: str, behind: str) -> None:
    key = before + term.upper() + behind
    for mode in ("denylist", "allowlist", "off"):
        assert Rule(mode, [key]).hides(key)


def test_the_users_terms_deny_or_allow() -> None:
    assert Rule("denylist", ["X-Shop"]).hides("x_shop_id")
    assert not Rule("denylist", ["X-Shop"]).hides("Accept")
    assert not Rule("allowlist", ["X-Shop", ""]).hides("x_shop_id")
    assert Rule("allowlist", ["X-Shop", ""]).hides("Accept")
    assert Rule("denylist", ["", ""]).hides("Accept") is False
    assert Rule(keys=Keys(["Shoe-Size", ""])).hides("shoe_size")


def test_keys_are_compared_in_one_form() -> None:
    assert normalise("X-Api-Key") == "x_api_key"


# --- headers ---------------------------------------------------------------------------------------------------------


def test_headers_of_secrets_cookies_and_addresses_are_replaced() -> None:
    headers = [("host", "h"), ("cookie", "a=1"), ("x-auth-token", SECRET), ("x-forwarded-for", "8.8.8.8")]
    reported = policy().report_headers(headers)
    assert reported == {"host": "h", "cookie": SUBSTITUTE, "x-auth-token": SUBSTITUTE, "x-forwarded-for": SUBSTITUTE}
    assert [type(value) for value in reported.values()] == [str, Filtered, Filtered, Filtered]


@pytest.mark.parametrize("name", sorted(ADDRESS_HEADERS))
def test_an_address_header_is_sent_with_the_users_leave_only(name: str) -> None:
    header = (name.replace("_", "-"), "8.8.8.8")
    assert policy().report_headers([header])[header[0]] == SUBSTITUTE
    assert policy(user_info=True).report_headers([header])[header[0]] == "8.8.8.8"


def test_headers_switched_off_are_not_sent_at_all() -> None:
    off = policy(headers=Rule("off"))
    assert off.report_headers([("host", "h")]) == {}
    assert "user_agent.original" not in off.span_attributes(scope_request(headers=[(b"user-agent", b"curl")]))


@pytest.mark.parametrize(
    ("value", "reported"),
    [
        ("https://shop.example/a?page=1", "https://shop.example/a?page=1"),
        ("https://shop.example/a", "https://shop.example/a"),
        ("https://shop.example/a?token=x&page=1#top", "https://shop.example/a?token=[Filtered]&page=1#top"),
        ("/cb?code=1&access_token=x", "/cb?code=1&access_token=[Filtered]"),
        ("?token=x", "?token=[Filtered]"),
        ("https://me:pw@shop.example/a", "https://shop.example/a"),
        ("https://me:p@w@shop.example/a?page=1", "https://shop.example/a?page=1"),
        ("text/html;q=0.9", "text/html;q=0.9"),
        ("is it?token=x", "is it?token=x"),  # no URL
        ("see https://me:pw@h/", "see https://me:pw@h/"),  # nor this
    ],
)
def test_a_header_that_is_a_url_loses_its_secrets(value: str, reported: str) -> None:
    scrubbed = policy().report_headers([("x-note", value)])["x-note"]
    assert scrubbed == reported
    assert isinstance(scrubbed, Filtered) is (value != reported)


def test_a_url_loses_its_query_where_queries_are_not_sent() -> None:
    assert policy(query=Rule("off")).scrub_url("https://h/a?page=1#x") == "https://h/a#x"
    assert policy().scrub_url("/a?") == "/a"


def test_a_token_in_a_fragment_is_replaced() -> None:
    assert SECRET not in policy().scrub_url(f"https://shop.example/cb#access_token={SECRET}")


def test_a_relative_referer_is_a_url() -> None:
    assert SECRET not in policy().report_headers([("referer", f"cart?token={SECRET}")])["referer"]


def test_credentials_in_a_url_without_a_scheme_are_removed() -> None:
    assert SECRET not in policy().report_headers([("location", f"//me:{SECRET}@shop.example/?a=1")])["location"]


def test_tokens_among_subprotocols_are_replaced() -> None:
    value = "graphql-transport-ws, ocpp1.6, bearer, short, eyJhbGciOiJIUzI1NiJ9.e30.c2ln"
    reported = policy().report_headers([("sec-websocket-protocol", value)])["sec-websocket-protocol"]
    assert reported == "graphql-transport-ws, ocpp1.6, bearer, [Filtered], [Filtered]"
    assert policy().report_headers([("sec-websocket-protocol", "soap, wamp.2.json")]) == {
        "sec-websocket-protocol": "soap, wamp.2.json"
    }


@pytest.mark.parametrize(("allowed", "shown"), [(["host", "accept"], True), ([], False)])
def test_what_an_allowlist_omits_is_not_sent_and_the_url_stays(allowed: list[str], shown: bool) -> None:
    rules = policy(headers=Rule("allowlist", allowed), user_info=True)
    headers = [(b"host", b"shop.example"), (b"accept", b"*/*"), (b"x-real-ip", b"8.8.8.8"), (b"user-agent", b"curl")]
    request = scope_request(headers=headers, client=("127.0.0.1", 1))
    reported = rules.report_headers(request.headers)
    assert reported["host"] == ("shop.example" if shown else SUBSTITUTE)
    assert reported["x-real-ip"] == SUBSTITUTE
    attributes = rules.span_attributes(request)
    assert attributes["server.address"] == "shop.example"
    assert "user_agent.original" not in attributes


# --- query and cookies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "reported"),
    [
        ("q=a%26b&page=2", "q=a%26b&page=2"),
        ("token=x", "token=[Filtered]"),
        ("to%6Ben=x&q=1", "to%6Ben=[Filtered]&q=1"),
        ("api+key=x&x-api-key=y", "api+key=[Filtered]&x-api-key=[Filtered]"),
        ("token", "token"),  # a key without a value keeps no secret
        ("token=", "token=[Filtered]"),
        ("", None),
    ],
)
def test_a_query_keeps_its_raw_form_and_loses_its_secrets(query: str, reported: str | None) -> None:
    assert policy().report_query(query) == reported


@given(words, terms, st.booleans(), st.lists(st.tuples(words.map("q_".__add__), words), max_size=3))
def test_no_value_of_a_sensitive_key_is_left(before: str, term: str, plus: bool, others: list[tuple[str, str]]) -> None:
    key = (quote_plus if plus else quote)(before + term)
    plain = [f"{name}={value}" for name, value in others if not Rule().hides(name)]
    reported = policy().report_query("&".join([*plain, f"{key}={SECRET}", *plain]))
    assert reported == "&".join([*plain, f"{key}={SUBSTITUTE}", *plain])


pairs = st.tuples(
    st.sampled_from(["q", "page", "token", "to%6ben", "", "a+b"]), st.sampled_from(["", "=", "=1", "=me@h"])
)
queries = st.lists(pairs.map("".join), max_size=4).map("&".join)


@given(st.lists(queries | st.sampled_from(["u=//me:pw@h", "u=%2f%2fme:pw%40h", "u=1"]), max_size=20))
def test_what_is_remembered_of_queries_changes_no_answer(asked: list[str]) -> None:
    remembering = policy()
    for query in asked:
        reported, expected = remembering.report_query(query), policy().report_query(query)
        assert (reported, type(reported)) == (expected, type(expected))


def test_of_queries_little_is_remembered_and_no_value() -> None:
    remembering = policy()
    for number in range(1500):
        remembering.report_query(f"shelf{number}=value&q=1")
    remembering.report_query("q" * 100 + "=value")
    assert len(remembering._harmless) == 1000
    assert "shelf7&q" in remembering._harmless


def test_credentials_of_a_url_in_a_query_are_removed() -> None:
    assert SECRET not in (policy().report_query(f"next=http://me:{SECRET}@shop.example/") or "")


def test_cookies_are_sent_with_the_users_leave_only() -> None:
    header = "theme=dark; sessionid=abc; lang=de"
    assert policy().report_cookies(header) is None
    assert policy(cookies=Rule("off")).report_cookies(header) is None
    assert policy(cookies=Rule()).report_cookies(None) is None
    cookies = policy(cookies=Rule("denylist", ["lang"])).report_cookies(header)
    assert cookies == {"theme": "dark", "sessionid": SUBSTITUTE, "lang": SUBSTITUTE}
    assert policy(cookies=Rule("allowlist", ["lang"])).report_cookies(header) == {
        "theme": SUBSTITUTE,
        "sessionid": SUBSTITUTE,
        "lang": "de",
    }


def test_a_cookie_without_a_name_is_replaced() -> None:
    assert policy(cookies=Rule()).report_cookies("3f8a9c") == {"": SUBSTITUTE}


@pytest.mark.parametrize("query", ["a=1&" * 1000, "a=" + "x" * 16_385])
def test_a_query_beyond_the_bounds_is_not_sent(query: str) -> None:
    assert policy().report_query(query) == SUBSTITUTE
    assert not policy().is_searchable(scope_request(query_string=query.encode()))
    assert policy().is_searchable(scope_request(query_string=b"a=1"))


@pytest.mark.parametrize("value", ["%7B%22a%22:1%7D", "/?a=%2540", "/%3Fa=%7B%7D"])
def test_a_query_with_too_much_within_its_values_is_not_sent(value: str) -> None:
    query = "&".join(f"k{number}={value}" for number in range(400))
    assert policy().report_query(query) == SUBSTITUTE
    assert policy().scrub_url(f"/a?{query}#b") == f"/a?{SUBSTITUTE}#b"
    short = query[: query.index("&k20=")]
    assert policy().report_query(short) == short


def test_all_urls_of_the_headers_together_are_looked_at_for_a_bounded_time() -> None:
    query = "&".join(f"k{number}=/?a=%2540" for number in range(200))
    headers = [(f"x-{number}", f"/a?{query}") for number in range(9)]
    assert list(policy().report_headers(headers).values())[2:] == [f"/a?{SUBSTITUTE}"] * 7


def test_the_keys_of_opentelemetrys_conventions_are_redacted() -> None:
    query = "AWSAccessKeyId=a&Signature=b&sig=c&X-Goog-Signature=d&X-Amz-Credential=e&token=f&Sig=g&page=2"
    expected = (
        "AWSAccessKeyId=REDACTED&Signature=REDACTED&sig=REDACTED&X-Goog-Signature=REDACTED&X-Amz-Credential=REDACTED"
        "&token=[Filtered]&Sig=[Filtered]&page=2"
    )
    assert Policy.plain(user_info=False, forwarding=Forwarding()).report_query(query) == expected
    assert REDACTED not in str(policy().report_query(query))


def test_path_parameters_with_a_sensitive_name_are_replaced() -> None:
    assert policy().scrub_path("/a;jsessionid=3F8A/b;v=1;token=x") == "/a;jsessionid=[Filtered]/b;v=1;token=[Filtered]"
    assert policy().scrub_path("/a;b/c") == "/a;b/c"


# --- address, URL, attributes ----------------------------------------------------------------------------------------


def test_the_clients_address_is_sent_with_the_users_leave_only() -> None:
    request = scope_request(client=("127.0.0.1", 1), headers=[(b"x-forwarded-for", b"8.8.8.8")])
    assert policy().client_address(request) is None
    assert policy(user_info=True).client_address(request) == "8.8.8.8"
    assert policy(user_info=True, trusted=()).client_address(request) == "127.0.0.1"


@pytest.mark.parametrize(
    ("kind", "scheme", "forwarded", "url"),
    [
        ("http", "http", b"https", "https://shop.example/a"),
        ("http", "http", b"", "http://shop.example/a"),
        ("websocket", "ws", b"https", "wss://shop.example/a"),  # proxies speak of the handshake
        ("websocket", "wss", b"http", "ws://shop.example/a"),
        ("websocket", "ws", b"wss", "wss://shop.example/a"),
    ],
)
def test_the_url_is_the_one_the_client_used(kind: str, scheme: str, forwarded: bytes, url: str) -> None:
    headers = [(b"host", b"shop.example"), (b"x-forwarded-proto", forwarded)]
    request = ScopeRequest({"type": kind, "scheme": scheme, "path": "/a", "headers": headers})
    assert build_url(*policy().address(request)[:3]) == url


def test_a_forwarded_host_counts_from_a_trusted_peer() -> None:
    request = scope_request(headers=[(b"host", b"inner"), (b"x-forwarded-host", b"me:pw@shop.example")])
    assert build_url(*policy().address(request)[:3]) == "http://shop.example/"
    assert build_url(*policy(trusted=()).address(request)[:3]) == "http://inner/"


def test_a_request_has_opentelemetrys_attributes() -> None:
    request = scope_request(
        path="/a b",
        query_string=b"token=x&q=1",
        http_version="1.1",
        client=("8.8.8.8", 1),
        headers=[(b"host", b"shop.example:8000"), (b"user-agent", b"curl")],
    )
    assert policy(user_info=True).span_attributes(request) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/a%20b",
        "url.query": "token=[Filtered]&q=1",
        "server.address": "shop.example",
        "server.port": 8000,
        "client.address": "8.8.8.8",
        "network.peer.address": "8.8.8.8",
        "network.peer.port": 1,
        "user_agent.original": "curl",
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
    }


def test_what_is_not_known_is_no_attribute() -> None:
    assert policy().span_attributes(ScopeRequest({"type": "http"})) == {
        "url.scheme": "http",
        "url.path": "/",
        "network.protocol.name": "http",
    }


def test_credentials_in_the_host_are_no_part_of_the_servers_address() -> None:
    attributes = policy().span_attributes(scope_request(headers=[(b"host", f"me:{SECRET}@shop.example".encode())]))
    assert attributes["server.address"] == "shop.example"


# --- bodies ----------------------------------------------------------------------------------------------------------


def with_body(content_type: str, *parts: bytes, limit: int = 1000) -> Any:
    request = scope_request(headers=[(b"content-type", content_type.encode())])
    request.body = Body(limit)
    for part in parts:
        request.body.feed(part)
    return request


def test_a_body_is_sent_by_its_fields() -> None:
    content = b'{"title": "Dune", "user": [{"password": "x"}, 1]}'
    reported = policy().report_body(with_body("application/json", content))
    assert reported == {"title": "Dune", "user": [{"password": SUBSTITUTE}, 1]}
    assert isinstance(reported["user"][0]["password"], Filtered)


def test_a_key_that_is_no_name_is_not_echoed() -> None:
    reported = policy().report_body(with_body("application/json", b'{"https://me:pw@h": 1, "a<b": "x", "ok": 2}'))
    assert reported == {SUBSTITUTE: SUBSTITUTE, "ok": 2}


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        ({"name": "password", "value": "x"}, {"name": "password", "value": SUBSTITUTE}),
        ({"name": "colour", "value": "red"}, {"name": "colour", "value": "red"}),
        ({"name": "pin", "value": "1", "token": "2"}, {"name": "pin", "value": SUBSTITUTE, "token": SUBSTITUTE}),
        ({"a": '{"token": "x", "b": 1}'}, {"a": '{"token": "[Filtered]", "b": 1}'}),
        ({"a": '{"b":  1}'}, {"a": '{"b":  1}'}),
        ({"a": "{no json}"}, {"a": "{no json}"}),
        ({"a": "/in?token=x&b=1"}, {"a": "/in?token=[Filtered]&b=1"}),
        ({"a": "/is this a URL?token=x"}, {"a": "/is this a URL?token=x"}),
    ],
)
def test_values_within_values_are_scrubbed(content: Any, reported: Any) -> None:
    assert policy().report_body(with_body("application/json", json.dumps(content).encode(), limit=20_000)) == reported


@pytest.mark.parametrize("text", ['{"a": 1}', "/?a=%7B%7D", "/?a=1"])
def test_a_body_with_too_much_within_its_texts_is_not_sent(text: str) -> None:
    request = with_body("application/json", json.dumps([text] * 700).encode(), limit=20_000)
    reported = policy().report_body(request)
    assert reported == ""
    assert reported.remark == ("!config", "x")
    assert policy().report_body(with_body("application/json", json.dumps([text] * 20).encode())) == [text] * 20


def test_a_body_too_large_to_be_searched_is_known_as_such() -> None:
    request = with_body("application/json", b'["' + b"x" * 70_000 + b'"]')
    assert not policy().is_searchable(request)
    assert policy().is_searchable(with_body("application/json", b"[1]"))
    assert policy().is_searchable(with_body("application/json"))


def test_what_is_no_form_and_no_json_is_told_by_its_size() -> None:
    assert policy().report_body(with_body("text/plain; charset=x", b"abc")) == "[text/plain: 3 bytes read]"
    assert policy().report_body(with_body("", b"abc")) == "[no content type: 3 bytes read]"


def test_a_body_over_the_limit_is_removed() -> None:
    reported = policy().report_body(with_body("application/json", b"[1, 2, 3]", limit=3))
    assert reported == ""
    assert reported.remark == ("!config", "x")


def test_no_body_no_report() -> None:
    assert policy().report_body(scope_request()) is None
    assert policy().report_body(with_body("application/json")) is None
    assert policy(bodies=False).report_body(with_body("application/json", b"{}")) is None


def test_an_uploaded_file_is_told_without_its_content() -> None:
    content = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'
        b"secret content\r\n--b--\r\n"
    )
    reported = policy().report_body(with_body("multipart/form-data; boundary=b", content))
    assert reported == {"f": "[file a.txt, text/plain, 14 bytes]"}


def test_nesting_ends_somewhere() -> None:
    depth = 60
    reported = policy().report_body(with_body("application/json", b"[" * depth + b"]" * depth))
    for _ in range(51):
        (reported,) = reported
    assert reported == "[nested too deep]"
