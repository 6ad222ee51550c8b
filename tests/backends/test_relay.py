"""Relay's own code as a second oracle: what Sentry's ingestion would find fault with, or scrub, in what is sent.

``sentry-relay`` is the library that Sentry itself runs events through. Nothing is sent anywhere.
"""

from __future__ import annotations

import sys
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
    Request,
    Script,
    SendChunk,
    SetTag,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.places import PLACES

if sys.version_info < (3, 10):
    pytest.skip("not on this Python: sentry-relay needs 3.10", allow_module_level=True)

processing = pytest.importorskip("sentry_relay.processing", reason="sentry-relay is not installed")

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
    found = []
    for place in PLACES:
        value = "81.123.134.145" if place.holds == "address" else "WXRTZPLKMNBVCXQS"
        request = place.plant(Request(path="/orders/17", query="page=2", headers=(("User-Agent", "agent/1.0"),)), value)
        with recording(traces_sample_rate=1.0, integrations=[LoggingIntegration()], **options) as events:
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
    assert len(events) >= 2 * len(PLACES)
    for event in events:
        normal = normalizer.normalize_event(event)
        assert list(faults(normal.get("_meta") or {})) == []


#: Why Relay's default scrubbing may differ: by what stands in the text that it replaces.
REASONS = {
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
