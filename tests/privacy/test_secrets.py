"""``secrets``: which values of a request are secret, in which forms they turn up, and how they are replaced."""

from __future__ import annotations

import base64
import json
import string
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sentry_web._privacy.header_kinds import ADDRESS_HEADERS
from sentry_web._privacy.policy import SUBSTITUTE, Policy, Rule
from sentry_web._privacy.redactor import MINIMUM, Redactor
from sentry_web._privacy.secrets import COMMON, Secrets, counts
from sentry_web._request import Request
from sentry_web._request.body import Body
from sentry_web._request.forwarding import Forwarding
from sentry_web._request.scope import ScopeRequest

SECRET = "Hunter2-Zx81"
RANDOM = "3f8a12bc77d90e41"
FORM = "application/x-www-form-urlencoded"


def policy(*, user_info: bool = False, **rules: Rule | None) -> Policy:
    plain = Rule()
    return Policy(
        user_info=user_info,
        headers=rules.get("headers") or plain,
        query=rules.get("query") or plain,
        cookies=rules.get("cookies"),
        fields=rules.get("fields") or plain,
        bodies=True,
        forwarding=Forwarding(None),
    )


def request_of(*headers: tuple[str, str], query: str = "", peer: str | None = None, body: Any = None) -> Request:
    """A request; ``body`` is given as a media type and content."""
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    if body is not None:
        pairs.append((b"content-type", body[0].encode()))
    client = None if peer is None else (peer, 1)
    scope = {"type": "http", "path": "/", "query_string": query.encode(), "client": client, "headers": pairs}
    request = ScopeRequest(scope)
    if body is not None:
        request.body = Body(10_000)
        request.body.feed(body[1])
    return request


def found(*headers: tuple[str, str], rules: Policy | None = None, response: Any = (), **values: Any) -> set[str]:
    """The secrets of a request, without their other forms."""
    secrets = Secrets(request_of(*headers, **values), rules or policy(), response)
    return set(secrets._values)


# --- what is secret: headers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Authorization", "X-Auth-Token", "x-api-key", "X-CSRF-Token", "Proxy-Authorization"])
def test_the_value_of_a_sensitive_header_is_secret(name: str) -> None:
    assert found((name, SECRET)) == {SECRET}


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        (f"Bearer {SECRET}", {SECRET}),
        (f"bearer   {SECRET} ", {SECRET}),
        ("Basic " + base64.b64encode(b"maria-77:Hunter2:Zx81").decode(), {"maria-77", "Hunter2:Zx81"}),
        ("basic " + base64.b64encode("maria:pässwörd".encode()).decode(), {"pässwörd"}),
        ("Basic not!base64", {"not!base64"}),
        ("Basic dGVzdA", {"dGVzdA"}),  # without padding
        (
            f'Digest username="maria-77", realm="shop", nonce="{SECRET}"',
            {"maria-77", SECRET},  # the realm is too short
        ),
        (f"AWS4-HMAC-SHA256 Credential=AKID/x, Signature={SECRET}", {f"Credential=AKID/x, Signature={SECRET}"}),
    ],
)
def test_a_credential_is_secret_as_a_whole_and_in_its_parts(value: str, secrets: set[str]) -> None:
    assert found(("Authorization", value)) >= secrets


def test_addresses_in_headers_lose_credentials_and_secrets_of_their_query_and_fragment() -> None:
    secrets = found(
        ("Referer", f"https://maria-77:{SECRET}@shop.example/a?page=2000000&token={SECRET}2#access_token={SECRET}3"),
        ("Host", "shop.example"),
        ("X-Original-Url", f"/a?signature={SECRET}4"),
    )
    assert secrets == {"maria-77", SECRET, SECRET + "2", SECRET + "3", SECRET + "4"}


def test_a_sensitive_header_that_holds_an_address_is_taken_apart_too() -> None:
    assert SECRET in found(("X-Auth-Redirect", f"https://shop.example/?token={SECRET}"))


def test_the_headers_of_the_response_count_too() -> None:
    response = [
        ("Set-Cookie", f"session={SECRET}; Path=/private-area; HttpOnly"),
        ("Location", f"/next?token={SECRET}2"),
        ("Content-Type", "text/html; charset=utf-8"),
    ]
    assert found(response=response) == {SECRET, SECRET + "2"}


def test_no_cookie_that_is_not_sent_is_told() -> None:
    header = ("Cookie", f'theme=darkness; session={SECRET}; quoted="{RANDOM}"; empty=; lonely-word; short=abc')
    assert found(header) == {SECRET, RANDOM}
    assert found(header, rules=policy(cookies=Rule("off"))) == {SECRET, RANDOM}
    assert found(header, rules=policy(cookies=Rule())) == {SECRET}
    assert found(header, rules=policy(cookies=Rule("allowlist", ["theme"]))) == {SECRET, RANDOM}


@pytest.mark.parametrize(
    "value",
    [
        "3f8a12bc77d90e41",
        "550e8400-e29b-41d4-a716-446655440000",
        "GA1.2.1234567890.1234567890",
        "eyJhbGciOiJIUzI1NiJ9",
        "sess.WXRTZPLK.x",
        "aGVsbG8Gd29YbGQhISmW",
    ],
)
def test_a_cookie_that_looks_random_is_secret_by_any_name(value: str) -> None:
    assert found(("Cookie", f"basket={value}")) == {value}
    assert found(("Cookie", value)) == {value}, "and without a name"


@pytest.mark.parametrize(
    "value",
    [
        "orders",
        "shop.order",
        "{{ default }}",
        "/orders/7",
        "SELECT * FROM orders",
        "north-by-northwest",
        "2026-11-21T10:20:30Z",
        "CPython",
        "3.11.7",
        "OrderConfirmationView",
        "Europe/Berlin",
        "internationalization",
    ],
)
def test_a_cookie_of_words_is_no_secret(value: str) -> None:
    assert found(("Cookie", f"last_section={value}")) == set()


def test_a_quoted_cookie_is_secret_as_frameworks_read_it() -> None:
    """Python's ``http.cookies`` writes odd characters as octal numbers."""
    assert found(("Cookie", r'session="Hunter\0542\"Zx81"')) == {'Hunter,2"Zx81', r"Hunter\0542\"Zx81"}


# --- what is secret: query, addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "secrets"),
    [
        (f"page=2000000&token={SECRET}", {SECRET}),
        (f"to%6Ben={SECRET}", {SECRET}),
        ("password=a%26b%3Dc%2Bd", {"a%26b%3Dc%2Bd"}),
        ("password=hunter+two", {"hunter+two"}),
        ("password", set()),
        (f"next=https://maria-77:{SECRET}@shop.example/", {"maria-77", SECRET}),
        (f"next=https%3A%2F%2Fmaria-77%3A{SECRET}%40shop.example", {"maria-77", SECRET}),
        ("", set()),
    ],
)
def test_the_values_of_sensitive_query_keys_are_secret(query: str, secrets: set[str]) -> None:
    assert found(query=query) == secrets


@pytest.mark.parametrize("rule", [Rule("off"), Rule("allowlist", ["page"])])
def test_what_is_merely_not_sent_is_no_secret(rule: Rule) -> None:
    query = f"page=2000000&sort=ascending-ly&token={SECRET}"
    assert found(query=query, rules=policy(query=rule)) == {SECRET}
    headers = (("Host", "shop.example"), ("X-Shop", "north-by-northwest"), ("X-Auth-Token", SECRET))
    assert found(*headers, rules=policy(headers=rule)) == {SECRET}


def test_what_the_user_denies_is_secret() -> None:
    assert found(query="pet=Rex-2019", rules=policy(query=Rule("denylist", ["pet"]))) == {"Rex-2019"}


def test_tokens_among_subprotocols_and_personal_headers_are_secret() -> None:
    headers = (
        ("Sec-WebSocket-Protocol", "graphql-transport-ws, bearer, hunter2-secret, 0d4f1b2c9a8e7d6c5b4a"),
        ("X-Forwarded-Email", "maria@shop.example"),
    )
    tokens = {"hunter2-secret", "0d4f1b2c9a8e7d6c5b4a"}
    assert found(*headers) == {*tokens, "maria@shop.example"}
    assert found(*headers, rules=policy(user_info=True)) == tokens


@pytest.mark.parametrize("name", sorted(ADDRESS_HEADERS - {"forwarded"}))
def test_the_address_in_any_header_for_addresses_is_secret(name: str) -> None:
    assert "203.0.113.9" in found((name.replace("_", "-"), "203.0.113.9"))


def test_the_clients_addresses_are_secret_unless_they_may_be_sent() -> None:
    headers = (
        ("X-Forwarded-For", "203.0.113.9, 10.0.0.2"),
        ("Forwarded", 'for="[2001:db8:0:0::17]:4711";proto=https'),
    )
    secrets = found(*headers, peer="192.0.2.7")
    assert {"203.0.113.9", "10.0.0.2", "2001:db8::17", "192.0.2.7"} <= secrets
    assert found(*headers, peer="192.0.2.7", rules=policy(user_info=True)) == set()


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "0.0.0.0", "unix:", "testclient", None])
def test_loopback_is_nobodys_address(peer: str | None) -> None:
    assert found(peer=peer) == set()


# --- what is secret: the body ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "content", "secrets"),
    [
        ("application/json", json.dumps({"book": "a long title", "password": SECRET}), {SECRET}),
        (
            "application/json",
            json.dumps([{"user": {"api-key": [SECRET, {"any": SECRET + "2"}]}}]),
            {SECRET, SECRET + "2"},
        ),
        ("application/json", json.dumps({"pin": 12345678, "otp": 1234.5678}), {"12345678", "1234.5678"}),
        ("application/json", json.dumps({"token": None, "secret": True, "auth": ""}), set()),
        ("application/json", json.dumps(SECRET), set()),
        (FORM, f"book=a+long+title&password={SECRET}&password={SECRET}2", {SECRET, SECRET + "2"}),
        ("text/plain", SECRET, {SECRET}),  # of an unknown kind: never sent, whoever holds it
        ("application/json", '{"password": "' + SECRET, {'{"password": "' + SECRET}),
        (
            "multipart/form-data; boundary=b",
            '--b\r\nContent-Disposition: form-data; name="private"; filename="my-diary.txt"\r\n\r\n.\r\n--b--\r\n',
            {"my-diary.txt"},
        ),
    ],
)
def test_the_values_of_sensitive_fields_are_secret_at_any_depth(
    content_type: str, content: str, secrets: set[str]
) -> None:
    encoded = base64.b64encode(content.encode()).decode()  # as a gateway passes it on
    assert found(body=(content_type, content.encode())) - {encoded} == secrets


@pytest.mark.parametrize("content", [f'{{"password": "{SECRET}"}}', f'{{"password": "{SECRET}", "a": "{"x" * 99}"}}'])
def test_a_body_with_a_secret_is_known_in_base64_too(content: str) -> None:
    request = request_of(body=("application/json", b""))
    request.body = Body(10**6)
    request.body.feed(content.encode())
    secrets = Secrets(request, policy())
    redactor = Redactor(secrets.values(), Show(), secrets.blocks)
    event = {"body": base64.b64encode(content.encode()).decode(), "isBase64Encoded": True}
    assert redactor.redact(event) == {"body": SUBSTITUTE, "isBase64Encoded": True}


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", json.dumps({"name": "password", "value": SECRET})),
        ("application/json", json.dumps([{"Key": "x-api-key", "Value": [SECRET]}])),
        ("application/json", json.dumps({"payload": json.dumps({"user": {"password": SECRET}})})),
        ("application/json", json.dumps({"next": f"https://shop.example/?token={SECRET}"})),
        ("application/json", json.dumps({"next": f"/in;jsessionid={SECRET}?a=1"})),
        ("application/json", json.dumps({"next": f"/cb#access_token={SECRET}&state=1"})),
        ("text/plain", '{"a": 1}\n' + json.dumps({"token": SECRET})),
        (FORM, f"payload=%7B%22password%22%3A%22{SECRET}%22%7D"),
        (FORM, f"next=https%3A%2F%2Fshop.example%2F%3Ftoken%3D{SECRET}"),
        (FORM, json.dumps({"password": SECRET})),
        ("", f"password={SECRET}"),
    ],
)
def test_secrets_within_values_are_known_and_not_reported(content_type: str, content: str) -> None:
    assert SECRET in found(body=(content_type, content.encode()))
    request = request_of(body=(content_type, content.encode()))
    assert SECRET not in str(policy().report_body(request))


@pytest.mark.parametrize(
    "query",
    [
        f"next=https%3A%2F%2Fshop.example%2F%3Fpage%3D2%26token%3D{SECRET}",
        f"next=/in?token={SECRET}",
        f"next=%2Fa%3Fnext%3D%252Fb%253Ftoken%253D{SECRET}",  # a URL in a URL in a URL
        f"next=/cb%23id_token={SECRET}",
        f"filter=%7B%22password%22%3A%20%22{SECRET}%22%7D",
        f'filter=[{{"name":"otp","value":"{SECRET}"}}]',
    ],
)
def test_secrets_within_the_values_of_a_query_are_known_and_not_reported(query: str) -> None:
    assert SECRET in found(query=f"page=2&{query}")
    assert SECRET not in str(policy().report_query(f"page=2&{query}"))
    assert "page=2" in str(policy().report_query(f"page=2&{query}"))


def collected(*headers: tuple[str, str], **values: Any) -> Secrets:
    secrets = Secrets(request_of(*headers, **values), policy())
    secrets.values()
    return secrets


@pytest.mark.parametrize(
    "values",
    [
        {"query": "&".join(f"token{number}=Hunter2-{number}" for number in range(100))},
        {"query": "&".join(f"k{number}=1" for number in range(1_001))},
        {"query": "token=" + "x1" * 50_000},
        {"body": ("application/json", json.dumps({f"k{number}": 1 for number in range(1_501)}).encode())},
        {"body": ("application/json", ("[" + ",".join(["[]"] * 21_000) + "]").encode())},
        {"body": ("application/json", json.dumps(["//u:p@h/?k=v"] * 700).encode())},
        {"body": ("application/json", json.dumps(['{"a": 1}'] * 200).encode())},
        {"body": ("application/json", json.dumps([{"name": "a", "value": number} for number in range(400)]).encode())},
        {"body": (FORM, "&".join(f"k{number}=[1]" for number in range(200)).encode())},
        {"query": "&".join(f"k{number}=%7B%22a%22:1%7D" for number in range(200))},
        {"query": "&".join(f"k{number}=/?a=%40" for number in range(400))},
    ],
)
def test_what_exceeds_a_bound_is_told(values: dict[str, Any]) -> None:
    assert not collected(**values).complete


@pytest.mark.parametrize(
    "header",
    [
        ("Cookie", "; ".join(f"c{number}={RANDOM}{number}" for number in range(100))),
        ("Cookie", "; ".join(f"c{number}=1" for number in range(1_000))),
        ("X-Forwarded-For", ", ".join(["81.2.69.142"] * 6_000)),
    ],
)
def test_what_exceeds_a_bound_in_a_header_is_told(header: tuple[str, str]) -> None:
    assert not collected(header).complete


def test_an_ordinary_request_is_known_completely() -> None:
    headers = (("Cookie", f"a={RANDOM}; theme=dark"), ("Authorization", f"Bearer {SECRET}"), ("Host", "x"))
    body = ("application/json", json.dumps({"items": list(range(10_000)), "password": SECRET}).encode())
    secrets = Secrets(request_of(*headers, query="page=2", peer="81.2.69.142", body=body), policy())
    assert {RANDOM, SECRET, "81.2.69.142"} <= set(secrets.values())
    assert secrets.complete
    assert secrets.words == set()


def test_objects_of_one_kind_are_all_looked_at() -> None:
    """What is known of the keys of one object is used for others with the same keys, in the same order."""
    objects: list[dict[str, Any]] = [{"id": number, "value": f"{SECRET}-{number}"} for number in range(100)]
    objects[50]["id"] = "password"
    objects += [{"id": 1, "token": f"{SECRET}-a"}, {"token": f"{SECRET}-b", "id": 2}, {"n": ["/?token=Hunter2-c1"]}]
    known = found(body=("application/json", json.dumps(objects).encode()))
    assert known == {f"{SECRET}-50", f"{SECRET}-a", f"{SECRET}-b", "Hunter2-c1"}


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("password=gabriela", {"gabriela"}),
        ("card=gold-member", set()),
        ("pin=orders", set()),
        ("access_token=orders", {"orders"}),
        ("secret=123456", {"123456"}),
    ],
)
def test_a_word_is_secret_only_under_a_name_that_is_certain(query: str, words: set[str]) -> None:
    secrets = Secrets(request_of(query=query), policy())
    assert set(secrets._values) == secrets.words == words


def test_the_name_of_a_user_is_no_secret() -> None:
    basic = base64.b64encode(b"gabriela:Hunter2-Zx81").decode()
    assert "gabriela" not in found(("Authorization", f"Basic {basic}"))
    assert "sk3live9a8b" in found(("Authorization", "Basic " + base64.b64encode(b"sk3live9a8b:").decode()))


# --- what counts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "a", "x" * (MINIMUM - 1), "enabled", "Anonymous", "LOCALHOST", SUBSTITUTE])
def test_short_and_common_words_are_no_secrets(value: str) -> None:
    assert not counts(value)
    assert found(("X-Auth-Token", value)) == set()


def test_the_list_of_common_words_holds_only_words_that_would_count() -> None:
    assert {word for word in COMMON if len(word) < MINIMUM} <= {word for word in COMMON if not counts(word)}
    assert all(word == word.lower() for word in COMMON)


# --- forms -----------------------------------------------------------------------------------------------------------


def known(*values: str) -> list[str]:
    """What is looked for where these values came under a sensitive name."""
    request = request_of(body=("application/json", b""))
    request.body = Body(10**6)
    request.body.feed(json.dumps({"token": values}).encode())
    return Secrets(request, policy()).values()


#: How code writes a value in a text.
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "quote": quote,
    "quote, slash too": lambda value: quote(value, safe=""),
    "quote_plus": quote_plus,
    "json": lambda value: json.dumps(value)[1:-1],
    "json, unicode": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "repr": lambda value: repr(value)[1:-1],
    "repr of json": lambda value: repr(json.dumps(value))[2:-2],
    "repr of bytes": lambda value: repr(value.encode())[2:-1],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        "p&ss w/rd+1%",
        "quo\"te'd\\slash",
        "it's-secret",
        'say "friend"',
        "p\xe4ss\u2028w\xf6rd",
        "tab\tnew\nline",
        "emoji\U0001f600!",
    ],
)
def test_a_value_is_found_however_it_is_written(value: str, form: str) -> None:
    text = FORMS[form](value)
    assert redacted(f"before {text} after", known(value)) == f"before {SUBSTITUTE} after"


@given(
    st.text(string.ascii_letters + string.digits + "äß€\U0001f600\"'\\%&=+/?#<>{}", min_size=MINIMUM, max_size=40),
    st.sampled_from(sorted(FORMS)),
)
def test_no_value_is_left_in_whatever_form(value: str, form: str) -> None:
    assume(counts(value))
    text = FORMS[form](value)
    replaced = redacted(f"before {text} after", known(value))
    assert value not in replaced
    assert text not in replaced
    assert replaced.startswith("before ")
    assert replaced.endswith(" after")


def test_a_value_that_came_percent_encoded_is_found_decoded() -> None:
    secrets = Secrets(request_of(query="token=a%2Fb%3Dc+d%C3%A4"), policy()).values()
    for text in ("a%2Fb%3Dc+d%C3%A4", "a/b=c dä", "a/b=c+dä", "a%2Fb%3Dc%20d%E4"):
        assert redacted(text, secrets) == SUBSTITUTE


@pytest.mark.parametrize(
    "form",
    [
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
        lambda value: value.encode().hex(),
    ],
)
def test_encoded_forms_of_a_value_are_known(form: Callable[[str], str]) -> None:
    value = "Hunter2?>~Zx81"
    replaced = redacted(f"it is {form(value)}, there", known(value))
    assert replaced.startswith(f"it is {SUBSTITUTE}")
    assert len(replaced) <= len(f"it is {SUBSTITUTE}, there") + 4, "but for the last, which depends on what follows"


@pytest.mark.parametrize("raw", ["Hunter2-%2F+Zx81-%0ABX", "Hunter2-/%20Zx81-%0aBX"])
def test_encoded_forms_of_a_percent_encoded_value_are_those_of_the_decoded_one(raw: str) -> None:
    decoded = "Hunter2-/ Zx81-\nBX"
    secrets = Secrets(request_of(query=f"token={raw}"), policy()).values()
    for encoded in (base64.b64encode(decoded.encode()).decode(), decoded.encode().hex()):
        assert redacted(f"it is {encoded}", secrets).startswith(f"it is {SUBSTITUTE}")


def test_the_parts_of_a_json_web_token_are_known() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
    for part in token.split("."):
        assert redacted(f"it is {part}", known(token)) == f"it is {SUBSTITUTE}"


def test_a_header_in_utf_8_is_known_as_applications_decode_it() -> None:
    value = "pässwörd".encode().decode("latin-1")
    secrets = Secrets(request_of(("x-auth-token", value)), policy()).values()
    for text in (value, "pässwörd", repr(value.encode("latin-1"))[2:-1]):
        assert redacted(text, secrets) == SUBSTITUTE
    assert redacted("pässwörd", Secrets(request_of(("x-auth-token", "pässwörd")), policy()).values()) == SUBSTITUTE


def test_values_are_bounded_in_number_and_the_longest_count() -> None:
    tokens = [f"{SECRET}-{'x' * (number // 100)}-{number}" for number in range(1_500)]
    secrets = known(*tokens)
    assert len(secrets) <= 10_000
    assert redacted(tokens[-1], secrets) == SUBSTITUTE


def test_a_long_value_is_known_by_its_beginning() -> None:
    token = "".join(string.ascii_letters[number * 7 % 52] + str(number) for number in range(800))
    secrets = known(token)
    assert redacted(f"a {token} b", secrets) == f"a {SUBSTITUTE} b"
    assert redacted(f"a {token[:600]}... b", secrets) == f"a {SUBSTITUTE}... b"
    assert redacted({"vars": token[:1024]}, secrets) == {"vars": SUBSTITUTE}


# --- replacing -------------------------------------------------------------------------------------------------------


class Show:
    """How an output writes an object: its ``repr``."""

    def __call__(self, value: Any) -> str:
        return repr(value)


def redacted(value: Any, secrets: list[str] | None = None) -> Any:
    return Redactor(secrets or [SECRET], Show()).redact(value)


class Holder:
    """An object whose ``repr`` holds the secret."""

    def __repr__(self) -> str:
        return f"Holder(token={SECRET!r})"


class Slow(Mapping[str, Any]):
    """A mapping of its own kind, such as werkzeug's and Starlette's headers."""

    def __getitem__(self, key: str) -> Any:
        return {"token": SECRET, "page": 2}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("token", "page"))

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: SECRET, SUBSTITUTE),
        (lambda: f"a {SECRET} b {SECRET}{SECRET}", f"a {SUBSTITUTE} b {SUBSTITUTE}{SUBSTITUTE}"),
        (SECRET.encode, SUBSTITUTE),
        (lambda: bytearray(b"a " + SECRET.encode() + b"\xff"), f"a {SUBSTITUTE}\ufffd"),
        (lambda: (1, SECRET), [1, SUBSTITUTE]),
        (lambda: {SECRET}, [SUBSTITUTE]),
        (lambda: frozenset([SECRET]), [SUBSTITUTE]),
        (lambda: [b"cookie", (b"a=" + SECRET.encode(), None)], [b"cookie", [f"a={SUBSTITUTE}", None]]),
        (lambda: {"deep": {"er": [{"est": SECRET}]}}, {"deep": {"er": [{"est": SUBSTITUTE}]}}),
        (lambda: {SECRET: 1, "other": 2}, {SUBSTITUTE: 1, "other": 2}),
        (lambda: {1: SECRET, None: 2}, {1: SUBSTITUTE, None: 2}),
        (lambda: OrderedDict(a=SECRET), {"a": SUBSTITUTE}),
        (lambda: MappingProxyType({"a": SECRET}), {"a": SUBSTITUTE}),
        (Slow, {"token": SUBSTITUTE, "page": 2}),
        (Holder, f"Holder(token='{SUBSTITUTE}')"),
        (lambda: [1, 2.5, True, None], [1, 2.5, True, None]),
    ],
)
def test_a_secret_is_replaced_wherever_it_stands(make: Callable[[], Any], expected: Any) -> None:
    assert redacted([make()]) == [expected]


def test_a_secret_as_a_number_is_replaced() -> None:
    """A card's number may come as a JSON number, and stand in a variable as an ``int``."""
    assert "4111111111111111" not in repr(redacted({"vars": {"card": 4111111111111111}}, ["4111111111111111"]))


@pytest.mark.parametrize("kind", ["key of bytes", "key in a tuple"])
def test_a_secret_in_a_key_that_is_no_text_is_replaced(kind: str) -> None:
    value: dict[Any, Any] = {"key of bytes": {SECRET.encode(): 1}, "key in a tuple": {(SECRET, 1): 2}}[kind]
    assert SECRET not in repr(redacted(value))


def test_what_holds_itself_is_looked_at_once() -> None:
    value: dict[str, Any] = {"a": SECRET}
    value["self"] = value
    value["list"] = [value, SECRET]
    replaced = redacted(value)
    assert replaced["a"] == replaced["list"][1] == replaced["self"]["a"] == SUBSTITUTE
    assert replaced["self"]["list"][0]["list"][1] == SUBSTITUTE


def test_the_applications_own_objects_are_left_alone() -> None:
    inner = [SECRET, (SECRET, 1)]
    value: dict[str, Any] = {"a": inner, "mapping": Slow(), SECRET: {SECRET}, "clean": {"b": (1, b"c")}}
    value["self"] = value
    before = (dict(value), list(inner), dict(value["clean"]))
    assert SECRET not in repr(redacted(value))
    assert (value, inner, value["clean"]) == before


def test_nothing_is_changed_where_there_is_nothing_to_hide() -> None:
    clean = {"a": ("b", b"c"), "holder": object()}
    before = dict(clean)
    assert redacted(clean) == before
    assert Redactor([SECRET], Show()).redact(clean) is clean
    assert Redactor([], Show()).redact_text(SECRET) == SECRET


def test_what_is_too_much_to_look_at_is_not_sent() -> None:
    value = {"first": {"token": SECRET}, "many": [[] for _ in range(60_000)], "last": {"token": SECRET}}
    assert SECRET not in repr(redacted(value))


def test_a_container_that_cannot_be_read_is_shown_as_text() -> None:
    class Broken(Slow):
        def __iter__(self) -> Iterator[str]:
            raise ValueError("broken")

        def __repr__(self) -> str:
            return f"<Broken {SECRET}>"

    assert redacted([Broken(), SECRET]) == [f"<Broken {SUBSTITUTE}>", SUBSTITUTE]


def test_what_is_nested_very_deep_is_reached_without_recursion() -> None:
    value: Any = [SECRET]
    for _ in range(20_000):
        value = [value]
    value = redacted(value)
    for _ in range(20_000):
        (value,) = value
    assert value == [SUBSTITUTE]


def test_a_part_of_a_secret_does_not_leave_the_rest_of_a_longer_one() -> None:
    assert redacted(f"{SECRET}-and-more", [f"{SECRET}-and-more", SECRET]) == SUBSTITUTE


def test_nothing_of_a_secret_means_anything_as_a_regular_expression() -> None:
    assert redacted("x (a+)+$.* y", ["(a+)+$.*"]) == f"x {SUBSTITUTE} y"


def test_one_redactor_serves_texts_too() -> None:
    redactor = Redactor([SECRET], Show())
    assert redactor.redact([SECRET]) == [SUBSTITUTE]
    assert redactor.redact_text(f"a {SECRET}") == f"a {SUBSTITUTE}"


def test_ordinary_words_around_a_secret_stay() -> None:
    text = "ValueError in shop.views.order: user 42 ordered book 7 at /orders/7?page=2"
    assert redacted({"text": text, "token": SECRET}) == {"text": text, "token": SUBSTITUTE}
