"""``_sentry.redaction``: in which places of an event, and of a streamed span, known secrets are looked for."""

from __future__ import annotations

import base64
import json
import logging
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web import SentryWsgiMiddleware
from sentry_web._request import Outcome
from sentry_web._request.forwarding import Forwarding
from sentry_web._request.scope import ScopeRequest
from sentry_web._sentry import redaction
from sentry_web._sentry.redaction import RedactingProcessor, RedactingScope
from sentry_web._sentry.settings import build_policy
from sentry_web.testing import (
    ChildSpan,
    Driver,
    Events,
    Raise,
    ReadBody,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.drivers import make_environ
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, STATIC, STREAM, is_streaming
from sentry_web.testing.steps import Act
from sentry_web.testing.transcript import TranscriptWriter

if HAS_STREAMED_SPANS:
    from sentry_sdk import traces

SECRET = "Hunter2-Zx81"
PIN = "12345678"
FILTERED = "[Filtered]"
BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
CARRIES = RequestSpec(
    "POST",
    "/books/7",
    query="page=2",
    headers=(("X-Auth-Token", SECRET), ("Content-Type", "text/plain"), ("X-Shop", "north-by-northwest")),
)
LOGGER = logging.getLogger("redaction")  # a name of its own: the coexistence tests switch "shop" off


class Do(Act):
    """Do something with the secret, in the application."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def act(self, recorder: TranscriptWriter) -> None:
        self.action()


def doing(action: Callable[[], Any], *after: Any) -> Script:
    return Script((Do(action), StartResponse(), SendChunk(), *after))


def message() -> None:
    sentry_sdk.capture_message("here")


class Holder:
    """An object whose ``repr`` holds the secret, and whose name does not."""

    def __repr__(self) -> str:
        return f"<Holder of {SECRET}>"


class Headers(Mapping[str, str]):
    """A mapping of its own kind."""

    def __getitem__(self, key: str) -> str:
        return SECRET

    def __iter__(self) -> Iterator[str]:
        return iter(["x-any"])

    def __len__(self) -> int:
        return 1


def in_frame_variables() -> None:
    text, raw, listed, keyed = f"a {SECRET}", SECRET.encode(), [(b"h", SECRET.encode())], {SECRET: 1}
    objects = (Holder(), Headers(), {SECRET}, frozenset([SECRET]), bytearray(SECRET.encode()))
    escaped = json.dumps({"token": SECRET}), repr([SECRET]), base64.b64encode(b"other")
    assert text, (raw, listed, keyed, objects, escaped)
    sentry_sdk.capture_exception(ValueError("plain"))
    raise LookupError("plain")


def in_exceptions() -> None:
    try:
        raise ValueError(f"bad token {SECRET}")
    except ValueError as error:
        raise LookupError({"token": SECRET}) from error


def in_logs() -> None:
    LOGGER.error("token %s of %s", SECRET, {"token": SECRET}, extra={"token_used": SECRET})
    try:
        raise ValueError(SECRET)
    except ValueError:
        LOGGER.exception("failed with %r", SECRET)


def in_breadcrumbs() -> None:
    sentry_sdk.add_breadcrumb(message=f"sent {SECRET}", data={"seen": [SECRET, (SECRET,)]}, category="shop")
    LOGGER.warning("sent %s", SECRET)
    message()


def in_extra() -> None:
    scope = sentry_sdk.get_isolation_scope()
    scope.set_extra("seen", {"deep": [SECRET, {SECRET: SECRET}, Headers(), Holder(), SECRET.encode()]})
    sentry_sdk.get_current_scope().set_extra("more", SECRET)
    message()


def in_tags() -> None:
    sentry_sdk.set_tag("seen", SECRET)
    sentry_sdk.set_user({"id": SECRET, "username": f"of {SECRET}"})
    message()


def in_contexts() -> None:
    sentry_sdk.set_context("shop", {"seen": SECRET, "list": [SECRET]})
    message()


def in_messages() -> None:
    sentry_sdk.capture_message(f"sent {SECRET}")
    sentry_sdk.capture_event({"logentry": {"message": "sent %s", "params": [SECRET]}, "fingerprint": ["x", SECRET]})


def in_threads() -> None:
    frame = {"function": "f", "lineno": 1, "vars": {"seen": SECRET}}
    sentry_sdk.capture_event(
        {
            "message": "here",
            "threads": [{"stacktrace": {"frames": [frame]}}, None],
            "breadcrumbs": [{"message": SECRET}],
        }
    )


def in_names() -> None:
    sentry_sdk.get_current_scope().set_transaction_name(f"of {SECRET}")
    message()


WAYS = (
    in_frame_variables,
    in_exceptions,
    in_logs,
    in_breadcrumbs,
    in_extra,
    in_tags,
    in_contexts,
    in_messages,
    in_threads,
    in_names,
)


@BOTH_MODES
@pytest.mark.parametrize("way", WAYS)
def test_nowhere_in_an_event_a_secret_is_left(driver: Driver, run: Any, sdk: dict[str, Any], way: Any) -> None:
    options = {**sdk, "integrations": [LoggingIntegration()]}
    events: Events = run(driver, doing(way), CARRIES, sdk=options)
    assert SECRET.encode() not in events.all_bytes
    assert FILTERED.encode() in events.all_bytes
    assert len(events.roots) == 1
    assert b"north-by-northwest" in events.all_bytes, "what is no secret is left"


def spans_of_an_application() -> None:
    if is_streaming():
        with traces.start_span(name=f"of {SECRET}", attributes={"seen": SECRET}) as span:
            span.set_attribute("more", f"more {SECRET}")
            span.set_attribute("number", 5)
    else:
        with sentry_sdk.start_span(name=f"of {SECRET}", op="shop") as old:
            old.set_data("seen", [SECRET, {"deep": SECRET}])
            old.set_tag("seen", SECRET)


@BOTH_MODES
def test_nowhere_in_a_span_a_secret_is_left(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    def hook(record: Any, *rest: Any) -> None:
        record.set_attribute("seen", SECRET)

    script = doing(spans_of_an_application, ChildSpan("inside", (SendChunk(),)))
    events: Events = run(driver, script, CARRIES, sdk=sdk, on_request=hook)
    assert SECRET.encode() not in events.all_bytes
    assert f"of {FILTERED}".encode() in events.all_bytes
    assert events.errors == []
    (root,) = events.roots
    assert root.data["seen"] == FILTERED


@pytest.mark.parametrize("fails", [False, True], ids=["redacted", "blanked"])
@pytest.mark.skipif(
    not HAS_STREAMED_SPANS or not hasattr(traces.StreamedSpan, "add_link"),
    reason="not with this sentry-sdk: spans have no links",
)
def test_what_a_link_of_a_span_says_is_redacted(
    driver: Driver, run: Any, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    other = {"trace_id": "0123456789abcdef0123456789abcdef", "span_id": "0123456789abcdef"}
    said = {"seen": f"of {SECRET}", "listed": [SECRET], "number": 5}

    def link() -> None:
        with traces.start_span(name="linked", links=[{**other, "attributes": said}, other]):
            traces.get_current_span().add_link({**other, "attributes": said})

    if fails:
        monkeypatch.setattr(redaction, "Secrets", broken)
    events: Events = run(driver, doing(link), CARRIES, sdk=STREAM)
    assert SECRET.encode() not in events.all_bytes
    assert said["seen"] == f"of {SECRET}", "the application's own"
    first, plain, added = events.children[0]["links"]
    for each in (first, plain, added):
        assert (each["trace_id"], each["span_id"]) == tuple(other.values())
    if fails:
        assert "attributes" not in first.keys() | plain.keys() | added.keys()
    else:
        assert first["attributes"] == added["attributes"]
        assert first["attributes"]["seen"]["value"] == f"of {FILTERED}"
        assert first["attributes"]["number"]["value"] == 5


@pytest.mark.skipif(not HAS_STREAMED_SPANS, reason="not with this sentry-sdk: no streamed spans")
def test_a_secret_in_the_name_of_an_attribute_is_replaced(driver: Driver, run: Any) -> None:
    def start() -> None:
        with traces.start_span(name="named", attributes={f"of {SECRET}": f"it is {SECRET}", "books": 2}):
            pass

    events: Events = run(driver, doing(start), CARRIES, sdk=STREAM)
    assert SECRET.encode() not in events.all_bytes
    (child,) = events.children
    assert child.data[f"of {FILTERED}"] == f"it is {FILTERED}"
    assert child.data["books"] == 2


def test_the_servers_own_dicts_in_the_frames_are_clean(driver: Driver, run: Any) -> None:
    """The application's frame holds scope or environ: raw headers, cookies, the query, the peer's address."""
    request = RequestSpec(
        query=f"token={SECRET}-q",
        headers=(
            ("Cookie", f'session={SECRET}-c; quoted="{SECRET}-d"'),
            ("Authorization", "Basic " + base64.b64encode(f"maria-77:{SECRET}-b".encode()).decode()),
            ("Referer", f"https://shop.example/?token={SECRET}-r"),
            ("X-Forwarded-For", "81.2.69.142"),
        ),
        client=("81.2.69.160", 50000),
    )
    events: Events = run(driver, Script((Raise(),), Returns.LAZY_GENERATOR), request)
    (error,) = events.errors
    sent = events.all_bytes
    for secret in (SECRET.encode(), b"81.2.69.1", b"maria-77"):
        assert secret not in sent
    frames = error["exception"]["values"][-1]["stacktrace"]["frames"]
    assert any(frame.get("vars") for frame in frames), "variables are sent all the same"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", json.dumps({"user": {"password": SECRET}, "pin": int(PIN)})),
        ("application/x-www-form-urlencoded", f"password={SECRET}&pin={PIN}"),
        (
            "multipart/form-data; boundary=b",
            f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b--\r\n',
        ),
        ("text/plain", f"{SECRET} in a text"),
    ],
)
def test_what_the_body_held_is_clean_in_the_frames(driver: Driver, run: Any, content_type: str, body: str) -> None:
    request = RequestSpec("POST", headers=(("Content-Type", content_type),), body=(body.encode(),))
    parsed: list[Any] = []

    def parse() -> None:
        content, pin = body, int(PIN)
        parsed.append((content, pin))
        raise ValueError(f"bad body {content!r}")

    events: Events = run(driver, Script((ReadBody(), Do(parse))), request)
    assert len(events.errors) == 1
    assert SECRET.encode() not in events.all_bytes
    assert PIN.encode() not in events.all_bytes or "pin" not in body


@BOTH_MODES
def test_secrets_of_the_response_are_known_as_well(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    headers = (("Set-Cookie", f"session={SECRET}; HttpOnly"), ("Location", f"/x?token={SECRET}-l"))
    script = Script((StartResponse(302, headers), SendChunk(), Do(lambda: sentry_sdk.capture_message(SECRET)), Raise()))
    events: Events = run(driver, script, sdk=sdk)
    assert SECRET.encode() not in events.all_bytes


def test_the_applications_own_objects_are_left_alone(driver: Driver, run: Any) -> None:
    order: dict[str, Any] = {"items": (1, 2), "deep": {"list": [SECRET, {SECRET}]}}
    crumb = {"seen": [SECRET]}

    def hand_over() -> None:
        sentry_sdk.get_isolation_scope().set_extra("order", order)
        sentry_sdk.set_context("order", order)
        sentry_sdk.add_breadcrumb(message="here", data=crumb)
        message()

    events: Events = run(driver, doing(hand_over), CARRIES)
    assert order == {"items": (1, 2), "deep": {"list": [SECRET, {SECRET}]}}
    assert crumb == {"seen": [SECRET]}
    assert SECRET.encode() not in events.all_bytes


# --- too much is not redacted ----------------------------------------------------------------------------------------


def test_what_is_no_value_stays_even_where_it_is_a_secret(driver: Driver, run: Any) -> None:
    """Ids, functions, modules, exception types: an event without them is of no use."""

    def runtime() -> None:
        raise RuntimeError("plain")

    request = RequestSpec(headers=(("X-Auth-Token", "RuntimeError"), ("X-Api-Key", "runtime"), ("X-Csrf", "default")))
    (error,) = run(driver, Script((Do(runtime),)), request).errors
    assert error.exception == ("RuntimeError", "plain")
    assert "runtime" in {frame["function"] for frame in error["exception"]["values"][-1]["stacktrace"]["frames"]}
    assert len(error["event_id"]) == len(error.trace["trace_id"]) == 32


@pytest.mark.parametrize("value", ["abc", "12345", "true", "enabled", "default", "password", "Chrome"])
def test_common_and_short_words_stay(driver: Driver, run: Any, value: str) -> None:
    request = RequestSpec(headers=(("X-Auth-Token", value), ("Cookie", f"state={value}")))
    said = doing(lambda: sentry_sdk.capture_message(f"it is {value}"))
    assert [event.message for event in run(driver, said, request).messages] == [f"it is {value}"]


def test_nothing_is_redacted_outside_of_the_request(driver: Driver) -> None:
    with recording() as events:
        driver.run(doing(message), CARRIES, Wrap.ours())
        sentry_sdk.capture_message(f"outside, {SECRET} is any word")
    assert events.messages[-1].message == f"outside, {SECRET} is any word"


def test_what_an_integration_leaves_without_a_name_gets_ours(driver: Driver, run: Any) -> None:
    """As Bottle's does where no route was found."""

    def unname(event: dict[str, Any], hint: Any) -> dict[str, Any]:
        return {**event, "transaction": ""}

    def integrate() -> None:
        sentry_sdk.get_isolation_scope().add_event_processor(unname)  # type: ignore[arg-type]
        message()

    events: Events = run(driver, doing(integrate), CARRIES)
    assert [event.name for event in events.messages + events.roots] == ["/books/7", "/books/7"]


def test_an_address_with_the_query_is_filtered_though_its_token_is_made_of_words(driver: Driver, run: Any) -> None:
    """As Quart's integration writes it. Words in an address are no secrets by themselves, but parts of names."""
    request = RequestSpec(path="/books/7", query="token=very-secret&page=2")

    def address(event: dict[str, Any], hint: Any) -> dict[str, Any]:
        url = "https://shop.example/books/very-secret?token=very-secret&page=2"
        return {**event, "request": {**event.get("request", {}), "url": url}}

    def integrate() -> None:
        sentry_sdk.get_isolation_scope().add_event_processor(address)  # type: ignore[arg-type]
        message()

    events: Events = run(driver, doing(integrate), request)
    reports = [event for event in events.all if event.get("request")]
    assert {report["request"]["url"] for report in reports} == {
        "https://shop.example/books/very-secret?token=[Filtered]&page=2"
    }


# --- failing closed --------------------------------------------------------------------------------------------------


def processor(*headers: tuple[bytes, bytes]) -> RedactingProcessor:
    scope = {"type": "http", "path": "/", "headers": [*headers, (b"x-auth-token", SECRET.encode())]}
    return RedactingProcessor(ScopeRequest(scope), build_policy({}, Forwarding()), Outcome(0.0), lambda event: None)


def broken(*args: Any) -> Any:
    raise ValueError("our own fault")


def test_what_cannot_be_redacted_is_blanked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "Secrets", broken)
    event = {
        "message": SECRET,
        "extra": {"a": SECRET},
        "exception": {
            "values": [{"type": "ValueError", "value": SECRET, "stacktrace": {"frames": [{"vars": {"a": SECRET}}]}}]
        },
        "event_id": "id",
    }
    sent = processor()(event, {})
    assert sent is event
    assert SECRET not in repr(sent)
    assert event["event_id"] == "id"
    assert event["exception"]["values"][0]["type"] == "ValueError"  # type: ignore[index]


def test_what_cannot_be_blanked_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_places", broken)
    assert processor()({"message": SECRET}, {}) is None


def test_a_span_that_cannot_be_redacted_keeps_neither_name_nor_attributes(
    driver: Driver, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "Secrets", broken)
    events: Events = run(driver, doing(spans_of_an_application), CARRIES, sdk=STREAM)
    assert len(events.spans) == 2
    assert SECRET.encode() not in events.all_bytes
    for span in events.spans:
        assert span.name == FILTERED
        assert {"seen", "more", "url.path", "http.request.method"}.isdisjoint(span.attributes)
        assert span.attributes["sentry.segment.name"] == FILTERED


@pytest.mark.parametrize(
    "event",
    [
        {"exception": None, "threads": None, "breadcrumbs": None, "spans": None, "contexts": None},
        {"exception": {"values": None}, "threads": {}, "breadcrumbs": 5, "contexts": {"shop": None, "trace": {}}},
        {"exception": [None, {"value": SECRET, "stacktrace": None}, {"stacktrace": {"frames": None}}]},
    ],
)
def test_events_of_any_shape_are_bearable(event: dict[str, Any]) -> None:
    sent = processor()(event, {})
    assert sent is event
    assert SECRET not in repr(sent)


def test_odd_response_headers_are_no_reason_to_fail() -> None:
    redact = processor()
    redact.outcome.headers = [(b"x-token", b"Another-1"), "odd", (b"a",), None]  # type: ignore[list-item]
    with recording():  # without attach_stacktrace, a default of sentry-sdk 3
        sent = redact({"message": f"{SECRET} Another-1"}, {})
    assert sent == {"message": f"{FILTERED} {FILTERED}"}


def test_a_message_with_its_stack_is_clean(driver: Driver, run: Any) -> None:
    def local() -> None:
        token = SECRET
        assert token
        message()

    events: Events = run(driver, doing(local), CARRIES, sdk={"attach_stacktrace": True})
    assert events.messages[0]["threads"]["values"][0]["stacktrace"]["frames"]
    assert SECRET.encode() not in events.all_bytes


@pytest.mark.skipif(
    not hasattr(redaction.Scope, "apply_to_telemetry"),
    reason="not with this sentry-sdk: scopes complete no spans",
)
def test_what_a_merged_scope_completes_is_redacted() -> None:
    record = {"body": f"of {SECRET}", "attributes": {"seen": SECRET}, "name": None, "trace_id": None, "span_id": None}
    scope = RedactingScope()
    scope.add_event_processor(lambda event, hint: event)
    scope.add_event_processor(processor())  # type: ignore[arg-type]
    with recording():
        scope._merge_scopes().apply_to_telemetry(record)
    assert (record["body"], record["attributes"]["seen"]) == (f"of {FILTERED}", FILTERED)  # type: ignore[index]


def test_a_record_that_cannot_be_redacted_keeps_neither_text_nor_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "Secrets", broken)
    record = {"body": SECRET, "attributes": {"seen": SECRET}, "severity_text": "info"}
    scope = RedactingScope()
    scope.add_event_processor(processor())  # type: ignore[arg-type]
    scope.redact_telemetry(record)
    assert record == {"body": FILTERED, "attributes": {}, "severity_text": "info"}


# --- time ------------------------------------------------------------------------------------------------------------

SECRETS = [f"Secret-{number:02d}-of-twenty" for number in range(20)]


def large_event(kilobytes: int) -> dict[str, Any]:
    """An event of about this size: frames with variables, in which some of the secrets stand."""
    frames = [
        {
            "function": f"f{number}",
            "vars": {
                "text": f"plain text {number} " * 20,
                "list": [f"item {number}", SECRETS[number % 20]],
                "number": "5",
            },
        }
        for number in range(kilobytes * 1024 // 500)
    ]
    return {"exception": {"values": [{"type": "E", "value": "plain", "stacktrace": {"frames": frames}}]}}


def seconds(kilobytes: int, rounds: int) -> float:
    """Median of redacting one event, with the secrets collected anew each time."""
    cookies = "; ".join(f"name{number}={secret}" for number, secret in enumerate(SECRETS))
    taken = []
    for _ in range(rounds):
        redact, event = processor((b"cookie", cookies.encode())), large_event(kilobytes)
        begun = time.perf_counter()
        redact(event, {})
        taken.append(time.perf_counter() - begun)
        assert "of-twenty" not in repr(event)
    return statistics.median(taken)


def test_work_grows_with_the_event_and_no_faster(record_property: Callable[[str, object], None]) -> None:
    small, large = seconds(50, 9), seconds(200, 5)
    record_property("ms for 50 kB", small * 1000)
    record_property("ms for 200 kB", large * 1000)
    assert large < 4 * small * 4 + 0.05, "four times the size, and a generous factor for a busy machine"


def test_a_request_that_sends_nothing_collects_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "Secrets", broken)
    app = SentryWsgiMiddleware(lambda environ, start_response: [start_response("200 OK", []), b""][1:])
    with recording() as events:
        assert app(make_environ(CARRIES), lambda *args: None) == [b""]
    assert events.errors == events.messages == []


# --- what others find in an event ------------------------------------------------------------------------------------


def test_processors_of_the_user_find_plain_strings(driver: Driver, run: Any) -> None:
    """Their own scrubbing must not fail at a text that ours has replaced; the remarks are there all the same."""
    request = RequestSpec(
        "POST",
        query=f"token={SECRET}&pet=Rex",
        headers=(("X-Auth-Token", SECRET), ("Content-Type", "application/json")),
        body=(json.dumps({"password": SECRET, "pet": "Rex"}).encode(),),
    )

    def scrub(event: Any, hint: Any) -> Any:
        asked = event["request"]
        asked["query_string"] = asked["query_string"].replace("Rex", "a pet")
        asked["data"]["password"] = asked["data"]["password"].lower().title()
        asked["headers"] = {name: value.replace("Rex", "") for name, value in asked["headers"].items()}
        return event

    def integrate() -> None:
        sentry_sdk.get_isolation_scope().add_event_processor(scrub)
        message()

    events: Events = run(driver, Script((ReadBody(), Do(integrate), StartResponse(), SendChunk())), request)
    asked = events.messages[0]["request"]
    assert asked["query_string"] == f"token={FILTERED}&pet=a pet"
    assert asked["data"] == {"password": FILTERED, "pet": "Rex"}


def test_remarks_are_added_by_the_last_processor(driver: Driver, run: Any) -> None:
    request = RequestSpec(query=f"token={SECRET}", headers=(("X-Auth-Token", SECRET),))
    events: Events = run(driver, doing(message), request)
    remarks = events.messages[0]["_meta"]["request"]
    assert remarks["query_string"][""]["rem"] == [["!config", "s"]]
    assert len(remarks["headers"]) == 1


@pytest.mark.parametrize(
    "header",
    [
        ("Cookie", "last_section=orders"),
        ("Cookie", "a=shop.order; b={{ default }}; c=/orders/7; d=SELECT * FROM orders; e=CPython"),
        ("Authorization", "Basic " + base64.b64encode(b"gabriela:orders").decode()),
        ("X-Auth-Token", "orders"),
    ],
)
def test_words_of_a_request_do_not_blank_names(driver: Driver, run: Any, header: tuple[str, str]) -> None:
    def chosen() -> None:
        scope = sentry_sdk.get_isolation_scope()
        scope.set_user({"username": "gabriela"})
        scope.set_tag("section", "orders")
        scope.set_context("runtime", {"name": "CPython"})
        sentry_sdk.get_current_scope().fingerprint = ["{{ default }}", "orders"]
        message()

    events: Events = run(driver, doing(chosen), RequestSpec(path="/orders/7", headers=(header,)))
    event = events.messages[0]
    assert event["transaction"] == "/orders/<int:number>" or event["transaction"] == "/orders/7"
    assert event["request"]["url"].endswith("/orders/7")
    assert event["user"]["username"] == "gabriela"
    assert event["tags"]["section"] == "orders"
    assert event["fingerprint"] == ["{{ default }}", "orders"]
    assert event["contexts"]["runtime"]["name"] == "CPython"


def test_what_is_more_than_is_searched_leaves_variables_and_bodies_out(driver: Driver, run: Any) -> None:
    cookies = "; ".join(f"session{number}={SECRET}-{number}" for number in range(100))
    request = RequestSpec(headers=(("Cookie", cookies),))

    def fails() -> None:
        several = [f"{SECRET}-{number}" for number in range(100)]
        sentry_sdk.get_isolation_scope().set_extra("several", several)
        sentry_sdk.add_breadcrumb(message="here", data={"several": several})
        raise LookupError(f"not among {len(several)}")

    events: Events = run(driver, doing(fails), request)
    assert SECRET.encode() not in events.all_bytes
    (error,) = events.errors
    assert error.exception == ("LookupError", "not among 100")
    assert not any("vars" in frame for frame in error["exception"]["values"][-1]["stacktrace"]["frames"])


def test_lone_surrogates_lose_no_event(driver: Driver, run: Any) -> None:
    events: Events = run(driver, doing(lambda: sentry_sdk.capture_message("colour \ud800")), RequestSpec())
    assert [event.message for event in events.messages] == ["colour \ufffd"]
