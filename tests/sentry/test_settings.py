"""``_sentry.settings``: the client's options, read as policy and switches; and what comes of them on every driver."""

from __future__ import annotations

import gc
from importlib.util import find_spec
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS

from sentry_web import SentryWsgiMiddleware
from sentry_web._privacy.header_kinds import ADDRESS_HEADERS
from sentry_web._privacy.policy import Rule
from sentry_web._privacy.rules import Keys
from sentry_web._request.forwarding import Forwarding
from sentry_web._sentry import compat
from sentry_web._sentry import settings as settings_module
from sentry_web._sentry.settings import ClientSettings, SettingsCache, build_policy
from sentry_web.testing import (
    CaptureMessage,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    recording,
)
from sentry_web.testing.drivers import make_environ

SECRET = "Hunter2-Zx81"
FILTERED = "[Filtered]"
pytestmark = pytest.mark.filterwarnings("ignore:.*send_default_pii:DeprecationWarning")


def settings(**options: Any) -> ClientSettings:
    return ClientSettings(options, Forwarding())


# --- switches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "tracing"),
    [
        ({}, False),
        ({"traces_sample_rate": 0.0}, True),  # spans are made, for the sake of their trace, and not sampled
        ({"traces_sample_rate": 1.0}, True),
        ({"traces_sampler": lambda context: 1.0}, True),
        ({"enable_tracing": True}, False),  # the SDK itself sets the rate to 1.0 then
        ({"enable_tracing": False, "traces_sample_rate": 1.0}, False),
    ],
)
def test_root_spans_are_made_where_traces_are_asked_for(options: dict[str, Any], tracing: bool) -> None:
    assert settings(**options).tracing is tracing


@pytest.mark.skipif(not compat.HAS_STREAMED_SPANS, reason="not with this sentry-sdk: it has no streamed spans")
@pytest.mark.parametrize(
    ("options", "streaming"),
    [
        ({}, False),
        ({"trace_lifecycle": None}, False),
        ({"trace_lifecycle": "static"}, False),
        ({"trace_lifecycle": "stream"}, True),
        ({"_experiments": {"trace_lifecycle": "stream"}}, True),
        ({"_experiments": None}, False),
        ({"trace_lifecycle": "static", "_experiments": {"trace_lifecycle": "stream"}}, False),
    ],
)
def test_the_lifecycle_is_an_option_and_was_an_experiment(options: dict[str, Any], streaming: bool) -> None:
    """Without transactions it is accepted, and says nothing."""
    assert settings(**options).streaming is (streaming or not compat.HAS_TRANSACTIONS)


@pytest.mark.parametrize(
    ("options", "sessions"),
    [
        ({"auto_session_tracking": True, "release": "shop@1"}, True),
        ({"auto_session_tracking": False, "release": "shop@1"}, False),
        ({"auto_session_tracking": True, "release": None}, False),
        ({}, False),
    ],
)
def test_sessions_need_a_release(options: dict[str, Any], sessions: bool) -> None:
    assert settings(**options).sessions is sessions


@pytest.mark.parametrize(
    ("size", "limit"), [("never", 0), ("small", 1_000), ("medium", 10_000), (None, 0), ("huge", 0), ([], 0)]
)
def test_body_sizes_are_the_sdks(size: Any, limit: int) -> None:
    assert settings(max_request_body_size=size).body_limit == limit
    assert settings(max_request_body_size="always").body_limit > 10**9


@pytest.mark.parametrize("pii", [True, False, None])
def test_personal_data_is_sent_with_the_users_leave_only(pii: Any) -> None:
    policy = build_policy({"send_default_pii": pii, "data_collection": {"provided_by_user": False}}, Forwarding())
    assert policy.user_info is bool(pii)
    assert (policy.cookies is not None) is bool(pii)
    assert policy.bodies
    for rule in (policy.headers, policy.query, policy.fields):
        assert rule.mode == "denylist"
        assert rule.hides("X-Api-Key")


def test_a_data_collection_goes_before_send_default_pii() -> None:
    collection = {
        "provided_by_user": True,
        "user_info": False,
        "cookies": {"mode": "allowlist", "terms": ["theme"]},
        "http_headers": {"request": {"mode": "off"}},
        "url_query_params": {"mode": "denylist", "terms": ["page"]},
        "http_bodies": [],
    }
    policy = build_policy({"send_default_pii": True, "data_collection": collection}, Forwarding())
    assert not policy.user_info
    assert isinstance(policy.cookies, Rule)
    assert not policy.cookies.hides("theme")
    assert policy.cookies.hides("language")
    assert policy.headers.mode == "off"
    assert policy.query.hides("page")
    assert not policy.bodies
    assert not policy.fields.hides("page")


def test_what_a_data_collection_leaves_out_has_no_rule_of_the_users() -> None:
    policy = build_policy({"data_collection": {"provided_by_user": True}}, Forwarding())
    assert (policy.user_info, policy.bodies) == (False, False)
    assert policy.headers.mode == policy.query.mode == "denylist"


def test_where_nothing_is_set_the_sdks_default_counts() -> None:
    """sentry-sdk 2 sends personal data where ``send_default_pii`` says so; 3 does, unless it is switched off."""
    personal = "send_default_pii" not in DEFAULT_OPTIONS
    client = sentry_sdk.Client(default_integrations=False, auto_enabling_integrations=False)
    policy = build_policy(client.options, Forwarding())
    assert policy.user_info is personal
    assert (policy.cookies is not None) is personal
    assert policy.bodies
    assert policy.headers.mode == policy.query.mode == policy.fields.mode == "denylist"


def test_the_sdks_own_terms_are_sensitive_but_for_addresses() -> None:
    policy = build_policy({"send_default_pii": True}, Forwarding())
    for key in ("mysql_pwd", "PHPSESSID", "X_Api_Key", "aiohttp_session", "private_key"):
        assert policy.fields.hides(key)
    for key in ADDRESS_HEADERS - {"forwarded"}:
        assert not policy.headers.hides(key)


# --- the cache -------------------------------------------------------------------------------------------------------


class Client:
    """Options."""

    def __init__(self, **options: Any) -> None:
        self.options = self.given = options


def test_settings_are_made_once_a_client() -> None:
    cache = SettingsCache(Forwarding())
    first, second = Client(release="a", auto_session_tracking=True), Client()
    assert cache.get(first) is cache.get(first)
    assert cache.get(first).sessions
    assert not cache.get(second).sessions
    assert cache.get(first).sessions


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ({}, {"send_default_pii": True}),
        ({}, {"traces_sample_rate": 1.0}),
        ({"traces_sample_rate": 1.0}, {"traces_sample_rate": None}),
        ({}, {"traces_sampler": lambda context: 1.0}),
        ({"traces_sample_rate": 1.0}, {"enable_tracing": False}),
        ({}, {"trace_lifecycle": "stream"}),
        ({}, {"_experiments": {"trace_lifecycle": "stream"}}),
        ({"auto_session_tracking": True}, {"release": "a"}),
        ({}, {"max_request_body_size": "always"}),
        ({}, {"data_collection": {"provided_by_user": True}}),
    ],
    ids=lambda options: ", ".join(options) or "nothing",
)
def test_an_option_that_is_changed_later_is_in_force(given: dict[str, Any], change: dict[str, Any]) -> None:
    cache, client = SettingsCache(Forwarding()), Client(**given)
    before = cache.get(client)
    client.given.update(change)
    assert cache.get(client) is not before
    assert cache.get(client) is cache.get(client)


def test_an_option_that_is_changed_in_place_is_in_force() -> None:
    collection = {"provided_by_user": True, "user_info": False, "http_bodies": ["incoming_request"]}
    cache, client = SettingsCache(Forwarding()), Client(data_collection=collection)
    assert cache.get(client).policy.bodies
    collection["user_info"] = True
    assert cache.get(client).policy.user_info
    collection["http_bodies"].clear()  # type: ignore[attr-defined]
    assert not cache.get(client).policy.bodies


def test_no_client_is_kept_alive_and_none_mistaken_for_a_dead_one() -> None:
    cache = SettingsCache(Forwarding())
    client = Client(traces_sample_rate=1.0)
    kept = cache.get(client)
    del client
    gc.collect()
    assert cache._cached is not None
    assert cache._cached[0]() is None
    assert cache.get(Client()) is not kept


def test_a_second_init_is_in_force_from_the_next_request_on() -> None:
    def report(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        sentry_sdk.capture_message("here")
        return []

    app = SentryWsgiMiddleware(report)
    with recording(send_default_pii=True, traces_sample_rate=1.0) as personal:
        app(make_environ(RequestSpec(headers=(("Cookie", "theme=dark"),))), lambda *args: None)
        with recording(traces_sample_rate=1.0) as plain:
            app(make_environ(RequestSpec(headers=(("Cookie", "theme=dark"),))), lambda *args: None)
    assert personal.messages[0]["request"]["cookies"] == {"theme": "dark"}
    assert "cookies" not in plain.messages[0]["request"]
    assert len(personal.roots) == len(plain.roots) == 1


@pytest.mark.skipif(find_spec("sentry_sdk.scrubber") is None, reason="not with this sentry-sdk: it has no scrubber")
def test_a_release_without_scrubber_terms_would_be_noticed() -> None:
    assert {"password", "token"} & set(settings_module._OF_SDK)


def test_the_terms_of_the_sdks_scrubber_are_sensitive_without_it() -> None:
    """sentry-sdk 3 has none."""
    keys = Keys()
    assert [term for term in settings_module._OF_SDK if not keys.is_sensitive(term)] == []


# --- on every driver -------------------------------------------------------------------------------------------------

SPEAKS = Script((StartResponse(), CaptureMessage("here"), SendChunk(b"hello")))
PERSON = RequestSpec(
    path="/books/7",
    query=f"page=2&token={SECRET}&sort=up",
    headers=(
        ("Cookie", f"theme=dark; session={SECRET}; language=de"),
        ("X-Shop", "north"),
        ("X-Auth-Token", SECRET),
        ("X-Forwarded-For", "203.0.113.9"),
        ("User-Agent", "probe/1.0"),
    ),
    client=("10.0.0.2", 50000),
)


def told(run: Any, driver: Any, **sdk: Any) -> tuple[dict[str, Any], Any, Any]:
    """Return the message's request, with header names in lower case, the message and the root span; all agree."""
    events = run(driver, SPEAKS, PERSON, sdk=sdk)
    (message,), (root,) = events.messages, events.roots
    assert SECRET.encode() not in events.all_bytes
    request = dict(message["request"])
    request["headers"] = {name.lower(): value for name, value in request.get("headers", {}).items()}
    if root.kind == "transaction":
        assert {**message["request"], "data": None} == {**root["request"], "data": None}
    else:
        assert {**headers_of(root), "cookie": None} == {**request["headers"], "cookie": None}
        assert root.data.get("http.query") == request.get("query_string")
        assert root.data["url.full"] == "?".join([request["url"], *filter(None, [request.get("query_string")])])
    return request, message, root


def headers_of(segment: Any) -> dict[str, str]:
    """Return the headers among the attributes of a segment; sentry-sdk 3 has lists of values."""
    named = {
        key.removeprefix("http.request.header."): value for key, value in segment.data.items() if ".header." in key
    }
    return {name: value if isinstance(value, str) else value[0] for name, value in named.items()}


def address_of(root: Any) -> str | None:
    """Return the user's address on a root span."""
    user: dict[str, Any] = root.get("user") or {}
    address: str | None = user.get("ip_address") or root.data.get("user.ip_address")
    return address


@pytest.mark.parametrize("sdk", [{}, {"send_default_pii": False}])
def test_pii_off(driver: Any, run: Any, sdk: dict[str, Any]) -> None:
    request, message, root = told(run, driver, **sdk)
    assert request["query_string"] == "page=2&token=[Filtered]&sort=up"
    assert request["headers"]["x-shop"] == "north"
    for name in ("cookie", "x-auth-token", "x-forwarded-for"):
        assert request["headers"][name] == FILTERED
    assert "cookies" not in request
    assert "REMOTE_ADDR" not in request["env"]
    assert "ip_address" not in message.get("user", {})
    assert "client.address" not in root.data
    assert address_of(root) is None
    remarks = message["_meta"]["request"]
    assert remarks["query_string"] == {"": {"rem": [["!config", "s"]]}}
    assert {name.lower() for name in remarks["headers"]} == {"cookie", "x-auth-token", "x-forwarded-for"}


def test_pii_on(driver: Any, run: Any) -> None:
    request, message, root = told(run, driver, send_default_pii=True)
    assert request["headers"]["x-forwarded-for"] == "203.0.113.9"
    assert request["headers"]["cookie"] == request["headers"]["x-auth-token"] == FILTERED
    assert request["cookies"] == {"theme": "dark", "session": FILTERED, "language": "de"}
    assert request["env"]["REMOTE_ADDR"] == message["user"]["ip_address"] == "203.0.113.9"
    assert address_of(root) == root.data["client.address"] == "203.0.113.9"


@pytest.mark.parametrize("user_info", [True, False])
def test_a_collection_of_user_info(driver: Any, run: Any, user_info: bool) -> None:
    request, message, _ = told(run, driver, data_collection={"user_info": user_info})
    assert (request["env"].get("REMOTE_ADDR") == "203.0.113.9") is user_info
    assert (message.get("user", {}).get("ip_address") == "203.0.113.9") is user_info
    assert request["headers"]["x-forwarded-for"] == ("203.0.113.9" if user_info else FILTERED)


def test_a_collection_wins_over_pii(driver: Any, run: Any) -> None:
    request, message, _ = told(run, driver, data_collection={"user_info": False}, send_default_pii=True)
    assert "REMOTE_ADDR" not in request["env"]
    assert "ip_address" not in message.get("user", {})


def test_everything_off(driver: Any, run: Any) -> None:
    off = {"mode": "off"}
    collection = {"http_headers": {"request": off}, "cookies": off, "url_query_params": off, "user_info": False}
    request, _, root = told(run, driver, data_collection=collection)
    assert {"cookies", "query_string"}.isdisjoint(request)
    assert request["headers"] == {}
    assert {"url.query", "user_agent.original"}.isdisjoint(root.data)


def test_a_denylist_has_terms_of_the_users(driver: Any, run: Any) -> None:
    denied = {"mode": "denylist", "terms": ["SHOP", "page", "lang"]}
    collection = {"http_headers": {"request": denied}, "cookies": denied, "url_query_params": denied}
    request, _, _ = told(run, driver, data_collection=collection)
    assert request["headers"]["x-shop"] == FILTERED
    assert request["headers"]["user-agent"] == "probe/1.0"
    assert request["cookies"] == {"theme": "dark", "session": FILTERED, "language": FILTERED}
    assert request["query_string"] == "page=[Filtered]&token=[Filtered]&sort=up"


def test_an_allowlist_lets_nothing_else_through_and_no_secret_either(driver: Any, run: Any) -> None:
    allowed = {"mode": "allowlist", "terms": ["shop", "sort", "theme", "token", "session"]}
    collection = {"http_headers": {"request": allowed}, "cookies": allowed, "url_query_params": allowed}
    request, _, _ = told(run, driver, data_collection=collection)
    assert request["headers"]["x-shop"] == "north"
    assert set(request["headers"].values()) == {"north", FILTERED}
    assert request["cookies"] == {"theme": "dark", "session": FILTERED, "language": FILTERED}
    assert request["query_string"] == "page=[Filtered]&token=[Filtered]&sort=up"


@pytest.mark.parametrize(
    ("bodies", "sent"), [(None, True), (["incoming_request"], True), (["outgoing_request"], False), ([], False)]
)
def test_a_collection_of_bodies(driver: Any, run: Any, bodies: Any, sent: bool) -> None:
    request = RequestSpec("POST", headers=(("Content-Type", "application/json"),), body=(b'{"book": 7}',))
    script = Script((ReadBody(), StartResponse(), CaptureMessage("here"), SendChunk()))
    collection = {} if bodies is None else {"http_bodies": bodies}
    (message,) = run(driver, script, request, sdk={"data_collection": collection}).messages
    assert message["request"].get("data") == ({"book": 7} if sent else None)


def test_the_client_in_force_is_asked_at_each_request(driver: Any, run: Any) -> None:
    assert not sentry_sdk.get_client().is_active()
    assert run(driver).roots
    assert not run(driver, sdk={"traces_sample_rate": None}).roots
