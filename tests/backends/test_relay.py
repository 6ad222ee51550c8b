"""Relay's own code as a second oracle: what Sentry's ingestion would find fault with, or scrub, in what is sent.

``sentry-relay`` is the library that Sentry itself runs events through. Nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web.testing import (
    ASGI3,
    WSGI,
    Breadcrumb,
    CaptureMessage,
    ChildSpan,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    SetTag,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.places import PROMISED
from sentry_web.testing.sdk import HAS_STREAMED_SPANS

processing = pytest.importorskip("sentry_relay.processing", reason="sentry-relay is not installed")
sentry_relay_consts = pytest.importorskip("sentry_relay.consts", reason="sentry-relay is not installed")

#: What a project has where nobody changed its settings.
DEFAULT_SCRUBBING = {
    "scrubData": True,
    "scrubDefaults": True,
    "scrubIpAddresses": False,
    "sensitiveFields": [],
    "excludeFields": [],
}
SCRIPT = Script(
    (
        ReadBody(),
        SetTag("shop", "books"),
        Breadcrumb("looked for a book"),
        CaptureMessage("here"),
        StartResponse(200),
        ChildSpan("SELECT book", (), "db"),
        SendChunk(b"hello"),
        Raise(),
    )
)


def corpus(driver: Any, **options: Any) -> list[dict[str, Any]]:
    """Events and transactions of requests with a secret in each of the places."""
    # sentry-sdk 3 gives messages a stack trace by default, which would hold the variables of these tests.
    options = {"integrations": [LoggingIntegration()], "attach_stacktrace": False, **options}
    found = []
    for place in PROMISED:
        value = "81.123.134.145" if place.holds == "address" else "WXRTZPLKMNBVCXQS"
        request = place.plant(
            RequestSpec(path="/orders/17", query="page=2", headers=(("User-Agent", "agent/1.0"),)), value
        )
        with recording(traces_sample_rate=1.0, **options) as events:
            driver.run(SCRIPT, request, Wrap.ours(capture_body="always", capture_response_headers=["."]))
            found += [dict(event.payload) for event in events.all if event.kind in ("event", "transaction")]
    return found


def faults(value: Any, path: str = "") -> Iterator[str]:
    """Where ``_meta`` says that something was wrong."""
    if isinstance(value, dict):
        errors = value.get("", {}).get("err") if isinstance(value.get(""), dict) else None
        if errors:
            yield f"{path}: {errors}"
        for key, item in value.items():
            if key:
                yield from faults(item, f"{path}.{key}")


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Where the values differ, but for ``_meta``."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted((before.keys() | after.keys()) - {"_meta"}):
            yield from differences(before.get(key), after.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after)):
            yield from differences(one, other, f"{path}.{number}")
    elif before != after and not (before in (None, {}, []) and after in (None, {}, [])):
        yield f"{path}: {before!r} -> {after!r}"


PII = pytest.mark.parametrize("options", [{}, {"data_collection": {"user_info": True}}], ids=["default", "user_info"])


@PII
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_relay_finds_no_fault(driver, options):
    normalizer = processing.StoreNormalizer(project_id=1, protocol_version="7", remove_other=True)
    events = corpus(driver, **options)
    assert len(events) >= 2 * len(PROMISED)
    for event in events:
        normal = normalizer.normalize_event(event)
        assert list(faults(normal.get("_meta") or {})) == []


#: Why Relay's default scrubbing may differ: by what stands in the text that it replaces.
REASONS = {
    ".name: 'password'": "the name of a pair, of which we have replaced the value; Relay replaces the name",
    "[Filtered]": "a text in which we have replaced a part, and kept what is no secret; Relay replaces all of it",
    "Recorder(": "a local variable of the application whose text names a sensitive key, without its value",
}


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_what_relay_scrubs_more_is_listed_with_its_reason(driver):
    config = processing.convert_datascrubbing_config(DEFAULT_SCRUBBING)
    normalizer = processing.StoreNormalizer(project_id=1, protocol_version="7", remove_other=True)
    for event in corpus(driver):
        normal = normalizer.normalize_event(event)
        found = differences(normal, processing.pii_strip_event(config, normal))
        assert [text for text in found if not any(known in text.rpartition(" -> ")[0] for known in REASONS)] == []


# --- the other kinds of item: the library has no function for them, so each goes in the form that it knows ------------

#: The types of a streamed span's attributes, and what a value of each is (Sentry's span v2 protocol).
ATTRIBUTE_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "double": (int, float),
    "boolean": bool,
    "array": list,
}


def streamed(driver: Any) -> list[dict[str, Any]]:
    """The streamed spans of a failing request with a secret in each of the places."""
    found = []
    for place in PROMISED:
        value = "81.123.134.145" if place.holds == "address" else "WXRTZPLKMNBVCXQS"
        request = place.plant(RequestSpec(path="/orders/17", query="page=2"), value)
        with recording(traces_sample_rate=1.0, trace_lifecycle="stream", release="shop@1.0") as events:
            driver.run(SCRIPT, request, Wrap.ours(capture_body="always", capture_response_headers=["."]))
            found += [dict(event.payload) for event in events.all if event.kind == "span"]
    return found


def as_transaction(segment: dict[str, Any], children: list[dict[str, Any]]) -> dict[str, Any]:
    """A streamed segment and its spans as the transaction that they would have been."""

    def data(span: dict[str, Any]) -> dict[str, Any]:
        return {name: attribute["value"] for name, attribute in span["attributes"].items()}

    def as_span(span: dict[str, Any]) -> dict[str, Any]:
        kept = {key: span[key] for key in ("trace_id", "span_id", "parent_span_id", "start_timestamp")}
        return {**kept, "timestamp": span["end_timestamp"], "op": data(span).get("sentry.op"), "data": data(span)}

    trace = {key: segment[key] for key in ("trace_id", "span_id")}
    return {
        "type": "transaction",
        "transaction": segment["name"],
        "transaction_info": {"source": data(segment)["sentry.segment.name.source"]},
        "start_timestamp": segment["start_timestamp"],
        "timestamp": segment["end_timestamp"],
        "platform": "python",
        "contexts": {"trace": {**trace, "op": data(segment)["sentry.op"], "data": data(segment)}},
        "spans": [as_span(child) for child in children],
    }


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_relay_finds_no_fault_with_streamed_spans(driver):
    if not HAS_STREAMED_SPANS:
        pytest.skip("not with this sentry-sdk: it has no stream mode")
    normalizer = processing.StoreNormalizer(project_id=1, protocol_version="7", remove_other=True)
    config = processing.convert_datascrubbing_config(DEFAULT_SCRUBBING)
    spans = streamed(driver)
    segments = [span for span in spans if span["is_segment"]]
    assert len(segments) == len(PROMISED)
    for segment in segments:
        children = [span for span in spans if span["trace_id"] == segment["trace_id"] and not span["is_segment"]]
        assert len(children) == 1
        normal = normalizer.normalize_event(as_transaction(segment, children))
        assert list(faults(normal.get("_meta") or {})) == []
        assert len(normal["spans"]) == 1
        found = differences(normal, processing.pii_strip_event(config, normal))
        assert [text for text in found if "[Filtered]" not in text.rpartition(" -> ")[0]] == []


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_streamed_attributes_are_of_the_types_that_they_say(driver):
    if not HAS_STREAMED_SPANS:
        pytest.skip("not with this sentry-sdk: it has no stream mode")
    for span in streamed(driver):
        for name, attribute in span["attributes"].items():
            assert isinstance(attribute["value"], ATTRIBUTE_TYPES[attribute["type"]]), (name, attribute)


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_sessions_and_client_reports_are_such_as_relay_takes(driver):
    with recording(traces_sample_rate=0.0, release="shop@1.0", environment="shelf") as events:
        driver.run(SCRIPT, RequestSpec(path="/orders/17"), Wrap.ours())
        items = [(event.kind, dict(event.payload)) for event in events.all]
    (session,) = (payload for kind, payload in items if kind == "sessions")
    assert processing.parse_release(session["attrs"]["release"])["package"] == "shop"
    assert session["attrs"]["environment"] == "shelf"
    (aggregate,) = session["aggregates"]
    assert aggregate.keys() - {"started"} == {"crashed"}
    for payload in (payload for kind, payload in items if kind == "client_report"):
        for discarded in payload["discarded_events"]:
            assert sentry_relay_consts.DataCategory.parse(discarded["category"]) is not None
