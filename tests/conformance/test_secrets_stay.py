"""Secrets that public reports and trials found leaving, and reports that were blanked without need.

Each test is one kind of input, through WSGI and ASGI where both can express it: what is sent contains no planted value,
and whatever is no secret arrives.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import (
    ASGI3,
    WSGI,
    CaptureMessage,
    Driver,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.drivers import make_environ
from sentry_web.testing.sdk import HAS_TRANSACTIONS
from sentry_web.testing.steps import Act
from sentry_web.testing.transcript import TranscriptWriter

pytestmark = pytest.mark.filterwarnings("ignore:The send_default_pii option is deprecated")

SECRET = "Hunter2-Zx81"
#: sentry-sdk 3 has no ``send_default_pii``, and sends personal data unless it is told not to.
SINCE_3 = not HAS_TRANSACTIONS
PRIVATE: dict[str, Any] = (
    {
        "data_collection": {"user_info": False, "cookies": {"mode": "off"}, "frame_context_lines": 0},
        "attach_stacktrace": False,  # messages have no stack: the frames of pytest hold the parameters of each test
    }
    if SINCE_3
    else {}
)
PERSONAL: dict[str, Any] = {"send_default_pii": True}
READS = Script((ReadBody(), StartResponse(), SendChunk(b"hello"), CaptureMessage("here"), Raise()))
both = pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def sent(driver: Driver, request: RequestSpec, sdk: dict[str, Any] | None = None, **options: Any) -> Any:
    """What was sent for a request whose body is read, and which fails."""
    with recording(traces_sample_rate=1.0, **(PRIVATE if sdk is None else sdk)) as events:
        driver.run(READS, request, Wrap.ours(**options))
        assert len(events.errors) == 1
        return events


def posted(body: bytes, *headers: tuple[str, str]) -> RequestSpec:
    return RequestSpec("POST", "/orders/7", headers=headers, body=(body,))


BODY = json.dumps({"book": "Dune", "password": SECRET}).encode()
#: Bodies that are called something else, or nothing.
MISLABELLED: dict[str, RequestSpec] = {
    "curl -d": posted(BODY, FORM),
    "SNS": posted(BODY, ("Content-Type", "text/plain; charset=UTF-8")),
    "text/json": posted(BODY, ("Content-Type", "text/json")),
    "no type": posted(BODY),
    "NDJSON": posted(b'{"a": 1}\n' + BODY + b"\n", ("Content-Type", "application/x-ndjson")),
    "gzip": posted(gzip.compress(BODY, mtime=0), ("Content-Type", "application/json"), ("Content-Encoding", "gzip")),
    "latin-1 form": posted(f"name=J%F6rg&password={SECRET}".encode(), FORM),
    "form without a type": posted(f"name=maria&password={SECRET}".encode()),
    "raw, called a form": posted(SECRET.encode(), FORM),
    "broken, called a form": posted(BODY[:-1], FORM),
}


def fails_with(value: Any, driver: Driver) -> Any:
    """An application that reads its request and fails, with a value in a local variable."""

    def wsgi(environ: Any, start_response: Any) -> Any:
        environ["wsgi.input"].read()
        event = value
        raise RuntimeError(f"out of {len(event)}")

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        event = value
        raise RuntimeError(f"out of {len(event)}")

    return wsgi if driver is WSGI else asgi


@both
@pytest.mark.parametrize("name", MISLABELLED)
def test_mislabelled_bodies_keep_their_secrets(driver: Driver, name: str) -> None:
    assert SECRET.encode() not in sent(driver, MISLABELLED[name]).all_bytes
    if name.startswith("broken"):  # nobody can take it apart
        return
    with recording(**PRIVATE) as events:
        driver.run_app(fails_with({"found": SECRET}, driver), MISLABELLED[name], Wrap.ours())
        assert events.errors
        assert SECRET.encode() not in events.all_bytes


@both
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"fill": "x" * 70_000, "password": SECRET}).encode(),
        gzip.compress(json.dumps({"fill": "x" * 70_000, "password": SECRET}).encode(), mtime=0),
        json.dumps({**{f"key{number}": 1 for number in range(3_000)}, "password": SECRET}).encode(),
        json.dumps({"fill": [{"a": 1}] * 4_000, "password": SECRET}).encode(),
        json.dumps({"fill": ['{"a": 1}'] * 400, "password": SECRET}).encode(),
        json.dumps({"fill": ["https://shop.example/?page=2"] * 700, "password": SECRET}).encode(),
    ],
    ids=["long", "long, compressed", "many keys", "many objects", "many texts of JSON", "many URLs"],
)
def test_oversized_bodies_cost_the_event_its_variables(driver: Driver, body: bytes) -> None:
    events = sent(driver, posted(body, ("Content-Type", "application/json")))
    assert SECRET.encode() not in events.all_bytes
    frames = [frame for error in events.errors[0]["exception"]["values"] for frame in error["stacktrace"]["frames"]]
    assert frames
    assert not any("vars" in frame for frame in frames)


@both
@pytest.mark.parametrize(
    "header",
    [
        ("Sec-WebSocket-Protocol", f"graphql-transport-ws, bearer, {SECRET}"),
        ("X-Amzn-Oidc-Data", SECRET),
        ("DPoP", SECRET),
        ("Cookie", f"{SECRET}f8a9"),
        ("X-Forwarded-Email", SECRET),
        ("X-MS-CLIENT-PRINCIPAL", SECRET),
        ("Referer", f"https://shop.example/?X-Amz-Credential={SECRET}&page=2"),
        ("Referer", f"https://shop.example/?X-Goog-Signature={SECRET}&page=2"),
    ],
    ids=lambda header: f"{header[0]}",
)
def test_unusual_headers_keep_their_secrets(driver: Driver, header: tuple[str, str]) -> None:
    assert SECRET.encode() not in sent(driver, RequestSpec(headers=(header,))).all_bytes


@both
@pytest.mark.parametrize("name", ["CloudFront-Viewer-Address", "X-Azure-SocketIP", "X-Azure-ClientIP", "Fly-Client-IP"])
def test_unusual_headers_keep_their_addresses(driver: Driver, name: str) -> None:
    assert b"81.2.69.160" not in sent(driver, RequestSpec(headers=((name, "81.2.69.160"),))).all_bytes


@both
@pytest.mark.parametrize(
    "query",
    [
        f"next=https%3A%2F%2Fshop.example%2F%3Ftoken%3D{SECRET}",
        f"filter=%7B%22password%22%3A%22{SECRET}%22%7D",
        f"X-Amz-Credential={SECRET}",
        f"accessToken={SECRET}",
    ],
)
def test_values_within_values_keep_their_secrets(driver: Driver, query: str) -> None:
    assert SECRET.encode() not in sent(driver, RequestSpec(query=f"page=2&{query}")).all_bytes


@both
@pytest.mark.parametrize(
    "content", [BODY, f"user=maria&password={SECRET}".encode(), f"password={SECRET}&fill={'x' * 99}".encode()]
)
def test_gateway_bodies_in_base64_are_replaced(driver: Driver, content: bytes) -> None:
    """Mangum puts API Gateway's event, with the body in base64, into ``scope["aws.event"]``."""
    encoded = base64.b64encode(content).decode()
    app = fails_with({"body": encoded, "isBase64Encoded": True}, driver)
    with recording() as events:
        driver.run_app(app, posted(content, ("Content-Type", "application/json")), Wrap.ours())
        assert len(events.errors) == 1
        assert encoded[16:56].encode() not in events.all_bytes


@both
@pytest.mark.parametrize(
    "encode", [lambda text: base64.b64encode(text).decode(), bytes.hex], ids=["base64", "hexadecimal"]
)
def test_percent_encoded_secrets_are_replaced_in_base64_and_hexadecimal(driver: Driver, encode: Any) -> None:
    """The application encodes what its framework has decoded."""
    encoded = encode(f"{SECRET}/ and more".encode())
    steps = Script((StartResponse(), SendChunk(b"hello"), CaptureMessage(f"it is {encoded}")))
    with recording(**PRIVATE) as events:
        driver.run(steps, RequestSpec(query=f"token={SECRET}%2F%20and+more"), Wrap.ours())
        assert events.messages[0].message.startswith("it is [Filtered]")


@both
@pytest.mark.parametrize("encode", [base64.b64encode, bytes.hex], ids=["base64", "hexadecimal"])
def test_uploaded_files_are_cut_off_in_base64_and_hexadecimal(driver: Driver, encode: Any) -> None:
    """Also those of which the beginning alone is known."""
    content = f"{SECRET}\n".encode() * 9
    body = b'--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n' + content + b"\r\n--b--\r\n"
    encoded = encode(content)
    text = encoded if isinstance(encoded, str) else encoded.decode()
    app = fails_with({"file": f"it is {text}"}, driver)
    with recording() as events:
        driver.run_app(app, posted(body, ("Content-Type", "multipart/form-data; boundary=b")), Wrap.ours())
        assert len(events.errors) == 1
        assert text[:64].encode() not in events.all_bytes


@both
@pytest.mark.parametrize("character", ["\x1f", "\x1e", "\x1d", "\x00", "\x7f"])
def test_secrets_with_control_characters_are_replaced(driver: Driver, character: str) -> None:
    """Also where escapes of other texts have to be undone."""
    value = f"Hunter2{character}Zx81Gabriela"
    body = f"book=Dune&password=Hunter2%{ord(character):02X}Zx81Gabriela".encode()
    app = fails_with([value, "100%", {"a&b": repr(value)}], driver)
    with recording() as events:
        driver.run_app(app, posted(body, ("Content-Type", "application/x-www-form-urlencoded")), Wrap.ours())
        assert len(events.errors) == 1
        assert b"Gabriela" not in events.all_bytes


@both
@pytest.mark.parametrize("escape", ["%0A", "%2541", "\\\\u0041", "&amp;#65;", "\\n"])
def test_bodies_of_another_type_are_known_where_their_beginning_ends_within_an_escape(
    driver: Driver, escape: str
) -> None:
    """Of a long text that is not understood, the first bytes are known, and where these end is anywhere."""
    for fill in range(50, 56):
        body = f"é Gabriela{'x' * fill}{escape}and more".encode()
        app = fails_with([body, repr(body)], driver)
        with recording() as events:
            driver.run_app(app, posted(body, ("Content-Type", "text/plain")), Wrap.ours())
            assert len(events.errors) == 1
            assert b"Gabriela" not in events.all_bytes, fill


@both
def test_cookies_that_a_bridge_has_joined_with_a_comma_are_replaced(driver: Driver) -> None:
    header = f"session={SECRET},9f86d081884c7d659a2f,theme=dark; csrftoken={SECRET[::-1]}"
    app = fails_with([SECRET, SECRET[::-1], "9f86d081884c7d659a2f", "theme=dark"], driver)
    with recording(**PRIVATE) as events:
        driver.run_app(app, RequestSpec(headers=(("Cookie", header),)), Wrap.ours())
        assert len(events.errors) == 1
        for secret in (SECRET, SECRET[::-1], "9f86d081884c7d659a2f"):
            assert secret.encode() not in events.all_bytes
        assert b"theme=dark" in events.all_bytes


def test_bodies_without_a_length_on_http_2_are_seen_in_wsgi() -> None:
    """hypercorn passes an HTTP/2 request on with neither a length nor a transfer coding."""
    environ = make_environ(posted(BODY, ("Content-Type", "application/json")))
    environ.pop("CONTENT_LENGTH", None)
    environ["SERVER_PROTOCOL"] = "HTTP/2"
    app = SentryWsgiMiddleware(fails_with("", WSGI))
    with recording() as events:
        with pytest.raises(RuntimeError):
            app(environ, lambda *args: None)
        (error,) = events.errors
    assert error["request"]["data"] == {"book": "Dune", "password": "[Filtered]"}
    assert SECRET.encode() not in events.all_bytes


# --- what is no secret stays -----------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("key", ["shippingMethod", "author", "className", "Idempotency-Key", "X-Cache-Key", "side"])
def test_harmless_names_keep_their_values(driver: Driver, key: str) -> None:
    value = "Ulysses-Tower-9"
    events = sent(driver, RequestSpec(query=f"{key}={value}", headers=((key, value),)))
    request = events.messages[0]["request"]
    assert request["query_string"] == f"{key}={value}"
    assert {name.lower(): text for name, text in request["headers"].items()}[key.lower()] == value


@both
@pytest.mark.parametrize("mode", ["allowlist", "off"])
def test_what_data_collection_omits_does_not_blank_the_report(driver: Driver, mode: str) -> None:
    collection = {"http_headers": {"request": {"mode": mode}}, "url_query_params": {"mode": mode}}
    headers = (("Host", "shop-7a3f.example:8000"), ("X-Section", "/orders/7"))
    request = RequestSpec(path="/orders/7", query="section=/orders/7", headers=headers)
    events = sent(driver, request, sdk={"data_collection": collection})
    event = events.messages[0]
    assert event["request"]["url"] == "http://shop-7a3f.example:8000/orders/7"
    assert event["transaction"] == "/orders/7"


@both
def test_cookies_of_words_do_not_blank_the_report(driver: Driver) -> None:
    """A stranger writes the names of routes, keywords of SQL and the runtime's name into cookies."""
    cookie = "a=shop.order; b={{ default }}; c=/orders/7; d=SELECT * FROM orders; e=CPython; last_section=orders"
    events = sent(driver, RequestSpec(path="/orders/7", headers=(("Cookie", cookie),)))
    event = events.messages[0]
    assert event["transaction"] == "/orders/7"
    assert event["request"]["url"].endswith("/orders/7")
    assert "[Filtered]" not in json.dumps(event["contexts"])


@both
def test_a_strangers_forwarded_is_not_believed_beside_the_proxys_own(driver: Driver) -> None:
    headers = (
        ("Host", "shop.example"),
        ("Forwarded", "for=9.9.9.9;host=evil.example;proto=http"),
        ("X-Forwarded-For", "8.8.8.8"),
        ("X-Forwarded-Proto", "https"),
    )
    request = RequestSpec(headers=headers, client=("10.0.0.1", 1234))
    events = sent(driver, request, sdk=PERSONAL)
    assert events.messages[0]["user"]["ip_address"] == "8.8.8.8"
    assert events.messages[0]["request"]["url"] == "https://shop.example/"


@both
def test_documentation_networks_are_not_trusted_as_proxies(driver: Driver) -> None:
    """``ipaddress.is_private`` is true for them, on some releases of Python."""
    request = RequestSpec(headers=(("X-Forwarded-For", "8.8.8.8"),), client=("203.0.113.9", 1234))
    events = sent(driver, request, sdk=PERSONAL)
    assert events.messages[0]["user"]["ip_address"] == "203.0.113.9"


# --- where it is searched --------------------------------------------------------------------------------------------


class Shown:
    """An object in charge of its own text."""

    def __sentry_repr__(self) -> str:
        return f"Shown({SECRET})"


def raises_with(value: Any) -> None:
    try:
        raise RuntimeError("out of it")
    except RuntimeError:
        sentry_sdk.capture_exception()


def with_mechanism() -> None:
    sentry_sdk.capture_event(
        {"exception": {"values": [{"type": "E", "value": "v", "mechanism": {"type": "m", "data": {"a": SECRET}}}]}}
    )


def in_span_op() -> None:
    with sentry_sdk.start_span(op=f"op {SECRET}", name="span"):
        pass


WAYS: dict[str, Callable[[], None]] = {
    "__sentry_repr__": lambda: raises_with(Shown()),
    "mechanism.data": with_mechanism,
    "breadcrumb category": lambda: (
        sentry_sdk.add_breadcrumb(category=SECRET, message="crumb"),
        sentry_sdk.capture_message("here"),
        None,
    )[-1],
    "logger": lambda: (sentry_sdk.capture_event({"message": "here", "logger": f"log.{SECRET}"}), None)[-1],
    "span op": in_span_op,
}


@both
@pytest.mark.parametrize("way", WAYS)
def test_every_searched_part_of_a_report_is_clean(driver: Driver, way: str) -> None:
    def wsgi(environ: Any, start_response: Any) -> Any:
        WAYS[way]()
        start_response("200 OK", [])
        return [b""]

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        WAYS[way]()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    request = RequestSpec(query=f"token={SECRET}")
    with recording(traces_sample_rate=1.0) as events:
        driver.run_app(wsgi if driver is WSGI else asgi, request, Wrap.ours())
        assert SECRET.encode() not in events.all_bytes
        assert events.roots


#: A value of several lines, and one with quotes and blanks.
LONG = {
    "PEM": "-----BEGIN KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQ/+\n" * 20 + "-----END KEY-----",
    "JSON": json.dumps({"id": 17, "MIIEvQ": [{"name": "a, b; c", "note": 'MIIEvQ "hi"\n'}] * 20}),
    "over 4 KB": "%C3%A9 MIIEvQ\n" * 500,
}


@both
@pytest.mark.parametrize("name", LONG)
def test_long_secrets_with_breaks_are_replaced(driver: Driver, name: str) -> None:
    body = json.dumps({"book": "Dune", "password": LONG[name]}).encode()
    assert b"MIIEvQ" not in sent(driver, posted(body, ("Content-Type", "application/json"))).all_bytes


@both
def test_processors_get_plain_strings(driver: Driver) -> None:
    """What the user's own scrubbing finds in place of a secret is a string; the remark is added after it."""
    found: set[bool] = set()

    def scrub(event: Any, hint: Any) -> Any:
        asked = event["request"]
        found.update(isinstance(text, str) for text in (asked["query_string"], *asked["headers"].values()))
        event["request"]["query_string"] = event["request"]["query_string"].replace("Rex", "a pet")
        return event

    class Integrate(Act):
        def act(self, recorder: TranscriptWriter) -> None:
            sentry_sdk.get_isolation_scope().add_event_processor(scrub)

    steps = Script((Integrate(), StartResponse(), SendChunk(b"hello"), CaptureMessage("here")))
    request = RequestSpec(query=f"token={SECRET}&pet=Rex", headers=(("X-Auth-Token", SECRET),))
    with recording(**PRIVATE) as events:
        driver.run(steps, request, Wrap.ours())
        event = events.messages[0]
    assert found == {True}
    assert event["request"]["query_string"] == "token=[Filtered]&pet=a pet"
    assert event["_meta"]["request"]["headers"]


def test_access_logs_that_are_written_within_the_request_are_searched() -> None:
    """Uvicorn's, in ``send``, which the SDK sends as a log: the client's address, and the path with its query."""

    def logs(app: Any) -> Any:
        ours = SentryAsgiMiddleware(app)

        async def server(scope: Any, receive: Any, send: Any) -> None:
            async def log_and_send(message: Any) -> None:
                if message["type"] == "http.response.start":
                    path = f"{scope['path']}?{scope['query_string'].decode()}"
                    logging.getLogger("uvicorn.access").info(
                        '%s - "%s" %d', scope["client"][0], path, message["status"]
                    )
                await send(message)

            await ours(scope, receive, log_and_send)

        return server

    request = RequestSpec(query=f"token={SECRET}&page=2", client=("81.2.69.160", 1234))
    with recording(**PRIVATE, enable_logs=True, integrations=[LoggingIntegration()]) as events:
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
        ASGI3.run(Script((StartResponse(), SendChunk(b"hello"))), request, Wrap(asgi=logs))
        sent = events.all_bytes
    assert b"token=[Filtered]&page=2" in sent
    assert SECRET.encode() not in sent
    assert b"81.2.69.160" not in sent


@both
def test_a_search_that_fails_sends_nothing_of_the_request(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("sentry_web._privacy.redactor.Redactor.redact", fails)
    app = fails_with({"found": SECRET}, driver)
    with recording(**PRIVATE) as events:
        driver.run_app(app, RequestSpec(query=f"token={SECRET}"), Wrap.ours())
        assert SECRET.encode() not in events.all_bytes
        assert len(events.errors) == 1


@both
def test_lone_surrogates_do_not_cost_the_report(driver: Driver) -> None:
    steps = Script((StartResponse(), SendChunk(b"hello"), CaptureMessage("a \udc80 b")))
    with recording(**PRIVATE) as events:
        driver.run(steps, RequestSpec(query=f"token={SECRET}"), Wrap.ours())
        assert ascii(events.messages[0].message).count("udc80") == 0
