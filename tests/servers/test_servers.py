"""Errors and traces from real servers, over real HTTP, through sentry-sdk's own transport, to a real ingest.

One scenario list, each server; what is expected stands once.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.demo.ingest import Ingest
from sentry_web.testing.transport import isolated

from .serving import Client, serve_asgi, serve_wsgi
from .shop import CHUNKS, PAUSE, asgi_shop, wsgi_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS = {
    "werkzeug": lambda: serve_wsgi(SentryWsgiMiddleware(wsgi_shop())),
    "uvicorn": lambda: serve_asgi(SentryAsgiMiddleware(asgi_shop())),
}
PROTOCOL = {"werkzeug": "wsgi", "uvicorn": "asgi"}
SECRETS = ("s3cr3t-cookie", "s3cr3t-bearer", "s3cr3t-token", "203.0.113.7")


class Site:
    """A served application with the ingest its events go to."""

    def __init__(self, server: str, client: Client, ingest: Ingest) -> None:
        self.protocol = PROTOCOL[server]
        self.client = client
        self._ingest = ingest

    def transaction(self) -> Any:
        """The one transaction there is."""
        return self._the_one("transactions")

    def error(self) -> Any:
        """The one error event there is."""
        return self._the_one("errors")

    def errors(self) -> Any:
        """All error events, known to be all once the transaction has come."""
        self.transaction()
        return self._ingest.errors

    def _the_one(self, kind: str) -> Any:
        def arrived() -> bool:
            sentry_sdk.flush(1)
            return bool(getattr(self._ingest, kind))

        self._ingest.wait_for(arrived, 10)
        items = getattr(self._ingest, kind)
        assert len(items) == 1, items
        return items[0].payload if hasattr(items[0], "payload") else items[0]

    def sent(self) -> bytes:
        """Every byte that left the process."""
        return b"".join(self._ingest.raw_bytes) if isinstance(self._ingest.raw_bytes, list) else self._ingest.raw_bytes


@pytest.fixture(params=sorted(SERVERS))
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """The shop behind each server."""
    with Ingest() as ingest, isolated():
        sentry_sdk.init(
            dsn=ingest.dsn, traces_sample_rate=1.0, release="shop@1", auto_enabling_integrations=False, debug=False
        )
        with SERVERS[request.param]() as client:
            yield Site(request.param, client, ingest)


def test_page(site: Site) -> None:
    answer = site.client.request("GET", "/")
    assert (answer.status, answer.body) == (200, b"welcome")
    transaction = site.transaction()
    assert transaction["contexts"]["trace"]["op"] == "http.server"
    assert transaction["contexts"]["trace"]["status"] == "ok"
    assert transaction["contexts"]["trace"]["data"]["http.response.body.size"] == 7
    assert transaction["tags"]["protocol"] == site.protocol
    assert transaction["transaction"].endswith("_shop.<locals>.home")
    assert site.errors() == []


def test_parametrised_route_has_one_name(site: Site) -> None:
    site.client.request("GET", "/books/42")
    transaction = site.transaction()
    assert transaction["transaction"].endswith("_shop.<locals>.book")
    assert transaction["transaction_info"] == {"source": "component"}
    assert "42" not in transaction["transaction"]
    assert transaction["request"]["url"] == f"http://127.0.0.1:{site.client.port}/books/42"


def test_json_post(site: Site) -> None:
    answer = site.client.request("POST", "/orders", b'{"count": 3}', {"Content-Type": "application/json"})
    assert json.loads(answer.body) == {"count": 3}
    assert site.transaction()["request"]["method"] == "POST"


def test_error_arrives_once_with_its_frame_and_without_secrets_in_the_request(site: Site) -> None:
    answer = site.client.request(
        "GET",
        "/fails?token=s3cr3t-token&page=2",
        headers={
            "Cookie": "basket=s3cr3t-cookie",
            "Authorization": "Bearer s3cr3t-bearer",
            "X-Forwarded-For": "203.0.113.7",
            "X-Shelf": "7",
        },
    )
    assert answer.status == 500
    event = site.error()
    exception = event["exception"]["values"][-1]
    assert (exception["type"], exception["value"]) == ("OutOfStockError", "none left")
    assert exception["mechanism"]["handled"] is False
    assert exception["mechanism"]["type"] == site.protocol
    assert exception["stacktrace"]["frames"][-1]["function"] == "fails"
    headers = {name.lower(): value for name, value in event["request"]["headers"].items()}
    assert headers["x-shelf"] == "7"
    assert event["request"]["query_string"] == "token=[Filtered]&page=2"
    assert not [secret for secret in SECRETS if secret in json.dumps(event["request"])]
    transaction = site.transaction()
    assert transaction["contexts"]["trace"]["status"] == "internal_error"
    assert transaction["contexts"]["trace"]["trace_id"] == event["contexts"]["trace"]["trace_id"]
    assert transaction["transaction"] == event["transaction"]
    assert len(site.errors()) == 1


def test_stream_lasts_as_long_as_it_takes(site: Site) -> None:
    answer = site.client.request("GET", "/stream")
    assert len(answer.body.split()) == CHUNKS
    transaction = site.transaction()
    assert transaction["timestamp"] > transaction["start_timestamp"]
    data = transaction["contexts"]["trace"]["data"]
    assert data["http.response.body.size"] == len(answer.body)
    assert data["http.server.time_to_first_byte"] >= PAUSE
    assert duration(transaction) >= CHUNKS * PAUSE


def test_stream_that_breaks_is_an_error_with_the_status_it_had(site: Site) -> None:
    answer = site.client.request("GET", "/breaks")
    assert answer.status == 200
    assert answer.broken or len(answer.body.split()) == 3
    event = site.error()
    assert event["exception"]["values"][-1]["value"] == "torn"
    trace = site.transaction()["contexts"]["trace"]
    assert trace["status"] == "internal_error"
    assert trace["data"]["http.response.status_code"] == 200


def test_client_that_leaves_is_no_error(site: Site) -> None:
    site.client.leave_after("/stream", 60)
    transaction = site.transaction()
    assert transaction["contexts"]["trace"]["status"] == "cancelled"
    assert transaction["contexts"]["trace"]["data"]["http.client.gone"] is True
    assert site.errors() == []


def test_unknown_path_is_named_by_its_path(site: Site) -> None:
    assert site.client.request("GET", "/nowhere").status == 404
    transaction = site.transaction()
    assert (transaction["transaction"], transaction["transaction_info"]) == ("/nowhere", {"source": "url"})
    assert transaction["contexts"]["trace"]["status"] == "not_found"


def test_incoming_trace_is_continued(site: Site) -> None:
    trace_id, parent = "a" * 32, "b" * 16
    site.client.request("GET", "/", headers={"sentry-trace": f"{trace_id}-{parent}-1"})
    trace = site.transaction()["contexts"]["trace"]
    assert (trace["trace_id"], trace["parent_span_id"]) == (trace_id, parent)


def duration(transaction: Any) -> float:
    """Seconds from start to end, of RFC 3339 times or numbers."""
    times = [transaction["start_timestamp"], transaction["timestamp"]]
    if isinstance(times[0], str):
        from datetime import datetime

        times = [datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() for text in times]
    return float(times[1] - times[0])


def test_websocket() -> None:
    from websockets.sync.client import connect

    with Ingest() as ingest, isolated():
        sentry_sdk.init(dsn=ingest.dsn, traces_sample_rate=1.0, auto_enabling_integrations=False)
        with serve_asgi(SentryAsgiMiddleware(asgi_shop())) as client:  # noqa: SIM117 - the socket ends before the server
            with connect(f"ws://127.0.0.1:{client.port}/echo", proxy=None) as socket:
                socket.send("hello")
                assert socket.recv() == "HELLO"
                time.sleep(0.05)
        sentry_sdk.flush(2)
        ingest.wait_for(lambda: ingest.transactions, 10)
        (item,) = ingest.transactions
        trace = getattr(item, "payload", item)["contexts"]["trace"]
        assert trace["op"] == "websocket.server"
        assert trace["status"] == "internal_error"
        assert trace["data"]["websocket.close_code"] == 1011
        assert trace["data"]["websocket.closed_by"] == "server"
        assert trace["data"]["http.response.status_code"] == 101
        assert (trace["data"]["websocket.messages.received"], trace["data"]["websocket.bytes.sent"]) == (1, 5)
