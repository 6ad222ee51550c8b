"""What is sent in stream mode beside what sentry-sdk's own middlewares send, attribute by attribute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as SdkAsgi
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as SdkWsgi

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web._request.forwarding import Forwarding
from sentry_web._request.scope import ScopeRequest
from sentry_web._sentry.attributes import is_local
from sentry_web._sentry.settings import build_policy
from sentry_web.testing import Reported, RequestSpec, recording
from sentry_web.testing.drivers.asgi import make_scope
from sentry_web.testing.drivers.wsgi import make_environ
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS

pytestmark = pytest.mark.filterwarnings("ignore:.*send_default_pii:DeprecationWarning")
IS_3 = not HAS_TRANSACTIONS

SECRET = "s3cr3t-value-8f3a"
REQUEST = RequestSpec(
    path="/books/7",
    query=f"page=2&token={SECRET}",
    client=("203.0.113.9", 4711),
    headers=(
        ("User-Agent", "curl/8.0"),
        ("Accept", "text/plain"),
        ("Authorization", f"Bearer {SECRET}"),
        ("Cookie", f"theme=dark; sessionid={SECRET}"),
    ),
)

#: Attributes of the SDK's that have another value here, each with the reason.
DIFFERENT = {
    "sentry.segment.id": "an id",
    "sentry.segment.name": "the path where there is no route; the SDK's is the same for every request, or has the host",
    "sentry.segment.name.source": "with the name",
    "sentry.origin": "says who has made the span",
    "server.address": "the host that the client asked for; the SDK's is the name of the machine",
    "http.request.header.authorization": "scrubbed",
    "http.request.header.cookie": "scrubbed by the names of the cookies",
    "http.query": "scrubbed; the SDK's is unquoted",
    "url.full": "scrubbed",
    "network.protocol.name": "the protocol; the SDK's is the scheme in WSGI, and the kind of scope in ASGI",
}
#: Attributes that the SDK's middlewares do not set, each with the reason.
ADDED = {
    "protocol": "wsgi or asgi",
    "url.scheme": "OpenTelemetry's conventions",
    "url.path": "OpenTelemetry's conventions; the SDK has it with PII on only",
    "url.query": "OpenTelemetry's conventions",
    "url.full": "scrubbed, so that it is sent in any case, as events have it; the SDK has it with PII on only",
    "http.query": "as url.full",
    "server.address": "OpenTelemetry's conventions",
    "server.port": "OpenTelemetry's conventions",
    "network.protocol.version": "OpenTelemetry's conventions",
    "network.peer.address": "OpenTelemetry's conventions, with PII on",
    "network.peer.port": "OpenTelemetry's conventions, with PII on",
    "client.address": "the older SDKs do not set it",
    "http.response.body.size": "OpenTelemetry's conventions",
    "sentry_web.time_to_first_byte": "when the response began",
    "user_agent.original": "the older SDKs do not set it",
    "sentry.is_localhost": "the older SDKs do not set it",
    "user.ip_address": "the older SDKs do not set it",
}


def work() -> None:
    """What an application sends in the course of a request, other than its root span."""
    with sentry_sdk.traces.start_span(name="child") if not IS_3 else sentry_sdk.start_span(name="child"):
        pass
    sentry_sdk.logger.info("a log line")  # type: ignore[attr-defined]
    sentry_sdk.metrics.count("orders", 1)  # type: ignore[attr-defined]


def serve_wsgi(middleware: Callable[[Any], Any]) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        work()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    response = middleware(app)(make_environ(REQUEST), lambda *args: None)
    assert list(response) == [b"hello"]
    getattr(response, "close", list)()


def serve_asgi(middleware: Callable[[Any], Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        work()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None: ...

    asyncio.run(middleware(app)(make_scope(REQUEST), receive, send))


def sent(serve: Any, middleware: Any, personal: bool) -> dict[str, dict[str, Any]]:
    """Return the attributes of all that is sent, by its kind."""
    options: dict[str, Any] = {"trace_lifecycle": "stream", "enable_logs": True, "send_default_pii": personal}
    with recording(
        traces_sample_rate=1.0, **({"data_collection": {"user_info": personal}} if IS_3 else options)
    ) as all_:
        serve(middleware)
        spans = {"segment" if each["is_segment"] else "child": each.attributes for each in all_ if each.kind == "span"}
        batches = {"log": "log", "trace_metric": "metric"}
        records = {
            batches[batch.kind]: Reported(batch.kind, item).attributes
            for batch in all_
            if batch.kind in batches
            for item in batch["items"]
        }
    return {**spans, **records}


NEEDS_STREAM = pytest.mark.skipif(not HAS_STREAMED_SPANS, reason="not with this sentry-sdk: no streamed spans")
BOTH = pytest.mark.parametrize(
    ("serve", "theirs", "ours"),
    [
        pytest.param(serve_wsgi, SdkWsgi, SentryWsgiMiddleware, marks=NEEDS_STREAM, id="WSGI"),
        pytest.param(serve_asgi, SdkAsgi, SentryAsgiMiddleware, marks=NEEDS_STREAM, id="ASGI"),
    ],
)


@BOTH
@pytest.mark.parametrize("personal", [False, True], ids=["plain", "personal"])
@pytest.mark.parametrize("kind", ["segment", "child", "log", "metric"])
def test_everything_has_the_attributes_that_it_has_with_the_sdks_middlewares(
    serve: Any, theirs: Any, ours: Any, personal: bool, kind: str
) -> None:
    expected, found = sent(serve, theirs, personal)[kind], sent(serve, ours, personal)[kind]
    assert expected.keys() - found.keys() == set()
    different = {key for key in expected if found[key] != expected[key]}
    assert different - DIFFERENT.keys() == set()
    assert found.keys() - expected.keys() - ADDED.keys() == set()
    assert SECRET not in repr(found)


@BOTH
@pytest.mark.parametrize("personal", [False, True], ids=["plain", "personal"])
def test_a_segment_has_the_request(serve: Any, theirs: Any, ours: Any, personal: bool) -> None:
    segment = sent(serve, ours, personal)["segment"]
    of = {key.removeprefix("http.request.header."): value for key, value in segment.items() if ".header." in key}
    headers = {name: value[0] if isinstance(value, list) else value for name, value in of.items()}
    assert headers["user-agent"] == segment["user_agent.original"] == "curl/8.0"
    assert headers["authorization"] == "[Filtered]"
    assert headers["cookie"] == ("theme=dark; sessionid=[Filtered]" if personal or IS_3 else "[Filtered]")
    assert segment["url.full"] == "http://shop.example/books/7?page=2&token=[Filtered]"
    assert segment["url.query"] == segment["http.query"] == "page=2&token=[Filtered]"


@BOTH
@pytest.mark.parametrize("personal", [False, True], ids=["plain", "personal"])
def test_the_clients_address_is_on_everything_where_it_may_be_sent(
    serve: Any, theirs: Any, ours: Any, personal: bool
) -> None:
    addresses = {kind: attributes.get("user.ip_address") for kind, attributes in sent(serve, ours, personal).items()}
    assert set(addresses) == {"segment", "child", "log", "metric"}
    assert set(addresses.values()) == {"203.0.113.9" if personal else None}


@BOTH
def test_what_the_application_sets_itself_stays(serve: Any, theirs: Any, ours: Any, monkeypatch: Any) -> None:
    work_before = work

    def set_and_work() -> None:
        sentry_sdk.get_current_scope().set_attribute("user_agent.original", "own")
        work_before()

    monkeypatch.setitem(globals(), "work", set_and_work)
    agents = {kind: attributes["user_agent.original"] for kind, attributes in sent(serve, ours, False).items()}
    assert agents == {"segment": "curl/8.0", "child": "own", "log": "own", "metric": "own"}


@BOTH
def test_a_secret_in_the_user_agent_is_not_sent(serve: Any, theirs: Any, ours: Any, monkeypatch: Any) -> None:
    headers = (("User-Agent", f"bot {SECRET}"), ("Authorization", f"Bearer {SECRET}"))
    monkeypatch.setitem(globals(), "REQUEST", RequestSpec(headers=headers))
    assert {each["user_agent.original"] for each in sent(serve, ours, False).values()} == {"bot [Filtered]"}


@pytest.mark.parametrize(
    ("host", "peer", "headers", "local"),
    [
        ("shop.example", "203.0.113.9", (), False),
        ("localhost", "203.0.113.9", (), True),
        ("localhost:8000", "203.0.113.9", (), True),
        ("shop.localhost", "203.0.113.9", (), True),
        ("[::1]:8000", "203.0.113.9", (), True),
        ("notlocalhost", "203.0.113.9", (), False),
        ("shop.example", "127.0.0.1", (), True),
        ("shop.example", "127.0.0.1", (("X-Forwarded-For", "198.51.100.3"),), False),
        ("shop.example", "203.0.113.9", (("X-Forwarded-Host", "localhost"),), True),
        ("", None, (), False),
    ],
)
def test_a_request_is_local_by_its_address_or_by_its_host(host: str, peer: Any, headers: Any, local: bool) -> None:
    client = None if peer is None else (peer, 1)
    scope = make_scope(RequestSpec(client=client, headers=(("Host", host), *headers)))
    assert is_local(ScopeRequest(scope), build_policy({}, Forwarding())) is local
