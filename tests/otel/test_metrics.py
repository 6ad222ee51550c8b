"""``_otel.metrics``: the instruments, their bounds, and that what is begun is finished."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentry_web._otel.metrics import DURATION_BUCKETS, Metrics
from sentry_web._request import Outcome, Request
from sentry_web.testing import DRIVERS, ReadBody, Script, SendChunk, StartResponse
from sentry_web.testing import RequestSpec as Sent
from sentry_web.testing.strategies import odd_scripts, scripts

KNOWN = {"http.request.method": "GET", "url.scheme": "http"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_happens_no_request_stays_active(new_telemetry: Any, data: Any) -> None:
    driver = data.draw(st.sampled_from(DRIVERS))
    each = st.one_of(scripts(protocols=[driver.protocol]), odd_scripts(driver.protocol))
    telemetry = new_telemetry()
    driver.run_interleaved([(script, Sent()) for script in data.draw(st.lists(each, max_size=3))], telemetry.wrap())
    assert telemetry.active() == 0


def test_durations_have_the_bounds_of_the_conventions(telemetry: Any) -> None:
    metrics = Metrics(telemetry.meter_provider.get_meter("test"))
    request, outcome = Request(protocol="wsgi"), Outcome(0.0)
    outcome.ended = 0.03
    metrics.begin(request, KNOWN)
    metrics.finish(request, outcome, KNOWN, KNOWN)
    (scope,) = telemetry.reader.get_metrics_data().resource_metrics[0].scope_metrics
    by_name = {metric.name: metric for metric in scope.metrics}
    duration = by_name["http.server.request.duration"]
    assert duration.unit == "s"
    assert duration.data.data_points[0].explicit_bounds == DURATION_BUCKETS
    assert duration.data.data_points[0].bucket_counts[3] == 1
    assert by_name["http.server.active_requests"].unit == "{request}"


def test_an_instrument_that_fails_leaves_no_request_active(telemetry: Any) -> None:
    metrics = Metrics(telemetry.meter_provider.get_meter("test"))
    request = Request(protocol="wsgi")
    metrics.begin(request, KNOWN)
    with pytest.raises(AttributeError):
        metrics.finish(request, None, KNOWN, KNOWN)  # type: ignore[arg-type]
    assert telemetry.active() == 0


def test_an_api_without_advice_on_buckets_has_a_histogram_all_the_same() -> None:
    made: list[tuple[str, ...]] = []

    class Old:
        """A meter of the API before 1.30."""

        def create_histogram(self, *arguments: str) -> None:
            made.append(arguments)

        create_counter = create_up_down_counter = lambda *_: None

    Metrics(Old())
    assert ("http.server.request.duration", "s", "Duration of HTTP server requests.") in made


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_bodies_are_counted_by_their_actual_bytes(driver: Any, telemetry: Any) -> None:
    script = Script((ReadBody(), StartResponse(headers=(("Content-Length", "4711"),)), SendChunk(b"12345")))
    driver.run(script, Sent(method="PUT", body=(b"abc", b"d"), headers=(("Content-Length", "4"),)), telemetry.wrap())
    driver.run(Script((StartResponse(204),)), Sent(method="PUT"), telemetry.wrap())
    counted = telemetry.metrics()
    assert [value for _, value in counted["http.server.request.body.size"]] == [(1, 4)]
    assert [value for _, value in counted["http.server.response.body.size"]] == [(1, 5), (1, 0)]


def test_routes_are_told_and_paths_are_not(telemetry: Any) -> None:
    from sentry_web.testing import ASGI3

    ASGI3.run(Script((StartResponse(),)), Sent(path="/a/1"), telemetry.wrap(route_resolver=lambda request: "/a/{b}"))
    ASGI3.run(Script((StartResponse(),)), Sent(path="/a/1"), telemetry.wrap())
    labels = [labels for labels, _ in telemetry.metrics()["http.server.request.duration"]]
    assert [each.get("http.route") for each in labels] == ["/a/{b}", None]
    assert "/a/1" not in str(labels)
