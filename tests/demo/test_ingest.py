from __future__ import annotations

import gzip
import http.client
import json
import sys
import threading
import zlib
from types import SimpleNamespace

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope, Item

from sentry_web.demo import ingest as ingest_module
from sentry_web.demo.ingest import Ingest, decode

SPANS = "application/vnd.sentry.items.span.v2+json"


@pytest.fixture
def ingest():
    with Ingest() as running:
        yield running


def envelope() -> bytes:
    made = Envelope(headers={"event_id": "e" * 32})
    made.add_event({"event_id": "e" * 32, "message": "hello"})
    made.add_item(Item(json.dumps({"transaction": "/", "type": "transaction"}), type="transaction"))
    made.add_item(Item(json.dumps({"items": [{"name": "a"}, {"name": "b"}]}), type="span", content_type=SPANS))
    made.add_item(Item(json.dumps({"sid": "1"}), type="session"))
    made.add_item(Item(json.dumps({"aggregates": []}), type="sessions"))
    made.add_item(Item(json.dumps({"discarded_events": []}), type="client_report"))
    made.add_item(Item(b"\xff\x00", type="attachment"))
    return made.serialize()


def post(ingest: Ingest, body: bytes, path: str = "/api/1/envelope/", **headers: str) -> tuple[int, dict]:
    port = int(ingest.dsn.rpartition(":")[2].partition("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_envelopes_are_decoded_into_items(ingest):
    assert post(ingest, envelope()) == (200, {})

    assert [event["message"] for event in ingest.errors] == ["hello"]
    assert [event["transaction"] for event in ingest.transactions] == ["/"]
    assert [span["name"] for span in ingest.spans] == ["a", "b"]
    assert ingest.sessions == [{"sid": "1"}, {"aggregates": []}]
    assert ingest.client_reports == [{"discarded_events": []}]
    assert ingest.items[-1].type == "attachment"
    assert ingest.items[-1].payload == b"\xff\x00"
    assert ingest.items[0].envelope_headers == {"event_id": "e" * 32}
    assert ingest.items[2].headers["content_type"] == SPANS
    assert ingest.raw_bytes == envelope()
    assert ingest.rejected == []


def test_what_was_received_can_be_forgotten(ingest):
    post(ingest, envelope())
    post(ingest, b"", "/elsewhere")
    ingest.clear()
    assert (ingest.items, ingest.envelopes, ingest.raw_bytes, ingest.rejected) == ([], [], b"", [])


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", lambda body: body[::-1]),
    ],
)
def test_content_encodings(ingest, monkeypatch, encoding, encode):
    # Brotli itself is no dependency of anything here; it is enough that it is asked.
    monkeypatch.setitem(sys.modules, "brotli", SimpleNamespace(decompress=lambda body: body[::-1]))
    assert post(ingest, encode(envelope()), Content_Encoding=encoding) == (200, {})
    assert ingest.raw_bytes == envelope()


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ValueError, match="Content-Encoding 'zstd' is not supported"):
        decode(b"", "zstd")


@pytest.mark.parametrize(
    ("request_of", "status", "reason"),
    [
        ({"path": "/api/1/store/"}, 404, "no such endpoint: /api/1/store/"),
        ({"body": b"not an envelope"}, 400, "not an envelope: "),
        ({"Content_Encoding": "gzip"}, 400, "not an envelope: error"),
        ({"body": b"", "Content_Length": "-7"}, 413, "a Content-Length of 0 to"),
        ({"body": b"", "Content_Length": str(1 << 40)}, 413, "a Content-Length of 0 to"),
        ({"body": b"", "Content_Length": "much"}, 413, "invalid literal"),
    ],
)
def test_what_is_no_envelope_is_refused_and_remembered(ingest, request_of, status, reason):
    answer, document = post(ingest, **{"body": envelope(), **request_of})
    assert answer == status
    assert reason in document["detail"]
    assert ingest.rejected == [document["detail"]]
    assert ingest.items == []


def test_it_receives_from_sentry_sdk(ingest):
    client = sentry_sdk.Client(dsn=ingest.dsn, default_integrations=False, http_proxy="")
    client.capture_event({"message": "over the wire"})
    client.flush(timeout=5)
    (event,) = ingest.wait_for(lambda: ingest.errors)
    client.close()
    assert event["message"] == "over the wire"


def test_waiting_ends_when_it_arrives(ingest):
    sender = threading.Timer(0.05, post, (ingest, envelope()))
    sender.start()
    assert ingest.wait_for(lambda: len(ingest.spans), timeout=5) == 2
    sender.join()


def test_waiting_ends_when_it_does_not_arrive(ingest):
    post(ingest, envelope())
    post(ingest, b"", "/elsewhere")
    with pytest.raises(TimeoutError) as caught:
        ingest.wait_for(lambda: len(ingest.errors) > 1, timeout=0.05)
    assert str(caught.value) == (
        "not received within 0.05 s; so far: 1 attachment, 1 client_report, 1 event, 1 session, 1 sessions,"
        " 1 span, 1 transaction, no such endpoint: /elsewhere"
    )


def test_an_arrival_while_the_predicate_is_asked_is_not_missed(ingest):
    def post_and_deny_once() -> bool:
        if not ingest.errors:
            post(ingest, envelope())
            return False
        return True

    assert ingest.wait_for(post_and_deny_once, timeout=5)


def test_waiting_ends_though_other_things_keep_arriving(ingest):
    with pytest.raises(TimeoutError, match=r"not received within 0\.2 s"):
        ingest.wait_for(lambda: post(ingest, envelope()) == "never", timeout=0.2)


def test_nothing_is_a_summary_too(ingest):
    with pytest.raises(TimeoutError, match="so far: nothing"):
        ingest.wait_for(lambda: False, timeout=0.01)


def test_it_listens_on_loopback_only(ingest):
    assert ingest._server.server_address[0] == "127.0.0.1"


def test_the_port_is_free_afterwards():
    with Ingest() as running:
        address = running._server.server_address
    server = ingest_module._Server(address, ingest_module._Handler)
    server.server_close()
