"""``_otel.attributes``: the attributes of a span at its start."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from sentry_web._otel import build_settings
from sentry_web._otel.attributes import encodable, first_attributes
from sentry_web._privacy.policy import Policy
from sentry_web._request.scope import ScopeRequest
from sentry_web.testing import DRIVERS, Script, SendChunk, StartResponse
from sentry_web.testing.strategies import requests

ANSWER = Script((StartResponse(), SendChunk(b"hello")))


def first(method: str = "GET", more: Any = None, sent: str = "GET", **options: Any) -> dict[str, Any]:
    request = ScopeRequest({"type": "http", "method": sent, "path": "/books", "headers": [(b"x-shelf", b"7")]})
    return first_attributes(build_settings(**options), request, method, more)


class Looks(Sampler):
    """Notes what it is shown, and records everything."""

    def __init__(self, read: Any) -> None:
        self.read = read
        self.seen: list[Any] = []

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *rest, **more):  # type: ignore[no-untyped-def]
        self.seen.append(self.read(attributes))
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        return "looks"


def test_the_first_attributes_are_those_of_the_request() -> None:
    assert first() == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/books",
        "network.protocol.name": "http",
    }


def test_what_the_user_adds_wins() -> None:
    assert first(more={"url.path": "/mine"})["url.path"] == "/mine"


@pytest.mark.parametrize(("known", "sent"), [("_OTHER", "foo"), ("GET", "get"), ("_OTHER", "GET")])
def test_a_method_that_differs_from_what_was_sent_is_recorded_beside_it(known: str, sent: str) -> None:
    made = first(known, sent=sent)
    assert (made["http.request.method"], made["http.request.method_original"]) == (known, sent)


def test_captured_headers_are_among_them() -> None:
    assert first(capture_headers=True)["http.request.header.x-shelf"] == ["7"]


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_attributes_that_cannot_be_found_cost_the_attributes_alone(
    driver: Any, telemetry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Policy, "span_attributes", lambda *_: 1 / 0)
    telemetry.judge.active = False  # what is required is missing
    driver.run(ANSWER, wrap=telemetry.wrap())
    (span,) = telemetry.requests
    assert "url.path" not in span.attributes


@given(st.text())
def test_text_becomes_encodable(text: str) -> None:
    made = encodable(text)
    assert made.encode("utf-8").decode("utf-8") == made
    assert made == text or any("\ud800" <= character <= "\udfff" for character in text)


def test_lists_become_encodable_and_numbers_stay() -> None:
    assert encodable(["a\ud800", "\ud83d\ude00"]) == ["a\ufffd", "\U0001f600"]
    assert encodable(7) == 7


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_sampler_sees_what_the_span_begins_with(new_telemetry: Any, data: Any) -> None:
    driver, request = data.draw(st.sampled_from(DRIVERS)), data.draw(requests())
    sampler = Looks(dict)
    telemetry = new_telemetry(sampler)
    driver.run(ANSWER, request, telemetry.wrap(capture_headers=True))
    (span,) = telemetry.requests
    (seen,) = sampler.seen
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in seen.items()}
    assert told
    assert told.items() <= dict(span.attributes).items()


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_sampler_always_gets_a_plain_dict(driver: Any, new_telemetry: Any) -> None:
    sampler = Looks(type)
    telemetry = new_telemetry(sampler)
    for _ in range(10):
        driver.run(ANSWER, wrap=telemetry.wrap())
    assert sampler.seen == [dict] * 10
