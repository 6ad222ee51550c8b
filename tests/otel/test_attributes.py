"""``_otel.attributes``: what a span begins with is there for who looks, and costs nothing where nobody does."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

from sentry_web import instrument_wsgi
from sentry_web._otel import build_settings
from sentry_web._otel.attributes import FirstAttributes
from sentry_web._privacy.policy import Policy
from sentry_web._request.scope import ScopeRequest
from sentry_web.testing import DRIVERS, Script, SendChunk, StartResponse
from sentry_web.testing.strategies import requests

ANSWER = Script((StartResponse(), SendChunk(b"hello")))


def first(method: str = "GET", more: Any = None, **options: Any) -> FirstAttributes:
    request = ScopeRequest({"type": "http", "method": "GET", "path": "/books", "headers": [(b"x-shelf", b"7")]})
    return FirstAttributes(build_settings(**options), request, method, more)


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


def test_it_is_a_mapping_whoever_reads_it() -> None:
    attributes = first()
    expected = {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/books",
        "url.full": "/books",
        "network.protocol.name": "http",
    }
    assert dict(attributes) == dict(attributes.items()) == {key: attributes[key] for key in attributes} == expected
    assert len(attributes) == 5
    assert "url.path" in attributes
    assert attributes.get("url.fragment") is None
    assert repr(attributes) == repr(dict(attributes))
    assert attributes.copy() == dict(attributes)


def test_what_the_user_adds_wins() -> None:
    assert first(more={"url.path": "/mine"})["url.path"] == "/mine"


def test_a_method_that_nobody_knows_is_told_beside() -> None:
    told = first("_OTHER")
    assert (told["http.request.method"], told["http.request.method_original"]) == ("_OTHER", "GET")


def test_captured_headers_are_among_them() -> None:
    assert first(capture_headers=True)["http.request.header.x-shelf"] == ["7"]


def test_who_looks_never_sees_us_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Policy, "span_attributes", lambda *_: 1 / 0)
    assert dict(first()) == {}


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
def test_where_nobody_looks_nothing_is_made(driver: Any, new_telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(Policy, "span_attributes", lambda *args, **more: made.append(args) or {})
    driver.run(ANSWER, wrap=new_telemetry(ALWAYS_OFF).wrap())
    assert made == []
    driver.run(ANSWER, wrap=new_telemetry().wrap())
    assert len(made) == 1


class Some(Looks):
    """Records these of the spans."""

    def __init__(self, recorded: list[bool]) -> None:
        super().__init__(lambda attributes: (type(attributes), dict(attributes)))
        self.recorded = recorded

    def should_sample(self, *args, **more):  # type: ignore[no-untyped-def]
        result = super().should_sample(*args, **more)
        return result if self.recorded[len(self.seen) - 1] else SamplingResult(Decision.DROP)


def test_the_attributes_are_a_dict_at_once_where_the_last_spans_were_recorded() -> None:
    """And say the same, whatever they are."""
    sampler = Some([*[True] * 9, False, True])
    app = instrument_wsgi(
        lambda environ, start: [start("200 OK", []), b""][1:], tracer_provider=TracerProvider(sampler)
    )
    for _ in sampler.recorded:
        list(app({"REQUEST_METHOD": "GET", "PATH_INFO": "/books", "QUERY_STRING": "a=b"}, lambda *args: None))
    kinds = [kind for kind, _ in sampler.seen]
    assert kinds == [*[FirstAttributes] * 8, dict, dict, FirstAttributes]
    assert all(told == sampler.seen[0][1] for _, told in sampler.seen)
