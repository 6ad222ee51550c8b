"""An excluded URL is silent: neither the request nor what it opens is recorded. What it reports by itself is sent."""

from __future__ import annotations

from typing import Any

import pytest
import sentry_sdk

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry import context as context_api
from opentelemetry import propagate

from sentry_web.testing import (
    ASGI3,
    WSGI,
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
from sentry_web.testing.sdk import is_streaming
from sentry_web.testing.steps import Act

from .properties import MODES
from .telemetry import OwnSpan, Telemetry, nothing_current

DRIVERS = pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
SDK_MODES = ["sampled", "errors only", *(["stream"] if "stream" in MODES else [])]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = (
    ("traceparent", f"00-{TRACE}-{SPAN}-01"),
    ("sentry-trace", f"{TRACE}-{SPAN}-1"),
    ("Content-Type", "application/json"),
)
REQUESTS = pytest.mark.parametrize(
    "request_",
    [
        RequestSpec(path="/health"),
        RequestSpec("POST", "/health", headers=HEADERS, body=(b'{"password": "hunter2-17"}',)),
    ],
    ids=["a new trace", "a trace"],
)


ANSWER = (StartResponse(), SendChunk())


class Calls(Act):
    """What the application would send to a server that it calls."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def act(self, recorder: Any) -> None:
        self.seen.append(str(sentry_sdk.get_traceparent()))


@DRIVERS
@REQUESTS
@pytest.mark.parametrize("mode", SDK_MODES)
@pytest.mark.parametrize("sampler", [False, True])
def test_excluded_urls_are_silent_in_sentry(driver: Any, mode: str, request_: RequestSpec, sampler: bool) -> None:
    seen: list[str] = []
    script = Script(
        (
            ReadBody(),
            ChildSpan("query"),
            Calls(seen),
            SetTag("a", "b"),
            CaptureMessage("m"),
            StartResponse(),
            SendChunk(),
        )
    )
    options = {**MODES[mode], **({"traces_sampler": lambda context: 1.0} if sampler else {})}
    wrap = Wrap.ours(excluded_urls="/health")
    with recording(**options) as events:
        expected = driver.run(script, request_)
        seen.clear()
        assert len(events.messages) == 1
    with recording(**options) as events:
        assert driver.run(script, request_, wrap) == expected
        (message,) = events.messages
        assert events.roots == events.spans == events.sessions == []
        assert message["request"]["url"].endswith("/health")
        assert b"hunter2-1" not in events.all_bytes
        # With streamed spans, a span of the application is a root, and what it is called names what is reported in it
        assert message["transaction"] in (("/health", "query") if is_streaming() else ("/health",))
    assert seen[0].endswith("-0") or mode == "errors only"  # where nothing is sampled the SDK says nothing of it
    assert not request_.headers or seen[0].startswith(TRACE)


@DRIVERS
@REQUESTS
def test_excluded_urls_are_silent_in_opentelemetry(driver: Any, request_: RequestSpec) -> None:
    telemetry, carriers = Telemetry(), []

    class Injects(Act):
        def act(self, recorder: Any) -> None:
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            carriers.append((carrier, bool(context_api.get_value("suppress_instrumentation"))))

    script = Script((OwnSpan(telemetry, "own"), Injects(), StartResponse(), SendChunk()))
    driver.run(script, request_, telemetry.wrap(excluded_urls="/health"))
    assert telemetry.spans == []
    assert telemetry.metrics() == {}
    ((carrier, suppressed),) = carriers
    assert suppressed
    assert carrier["traceparent"].endswith("-00")
    assert not request_.headers or carrier["traceparent"][3:35] == TRACE
    assert nothing_current()


@DRIVERS
def test_excluded_urls_are_silent_for_an_inner_middleware_too(driver: Any) -> None:
    telemetry = Telemetry()
    script = Script((StartResponse(), SendChunk()))
    wrap = Wrap.ours(excluded_urls="/health").around(Wrap(hiding, hiding)).around(Wrap.ours())
    with recording(traces_sample_rate=1.0) as events:
        driver.run(script, RequestSpec(path="/health"), wrap.around(telemetry.wrap()))
        assert events.roots == []
    assert len(telemetry.requests) == 1  # another output, which does not exclude it


def hiding(app: Any) -> Any:
    """A layer of somebody else, which hides the middleware that it wraps."""

    def layer(*given: Any) -> Any:
        return app(*given)

    return layer


@DRIVERS
def test_excluded_urls_raise_as_without_us_and_nothing_is_reported(driver: Any) -> None:
    script = Script((Raise(),))
    request_ = RequestSpec(path="/health")
    with recording(traces_sample_rate=1.0) as events:
        expected = driver.run(script, request_)
        assert driver.run(script, request_, Wrap.ours(excluded_urls="/health")) == expected
        assert list(events) == []
