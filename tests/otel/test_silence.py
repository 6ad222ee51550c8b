"""``_otel.silence``: the context of an excluded request; see also ``tests/conformance/test_excluded_urls``."""

from __future__ import annotations

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry import trace

from sentry_web._otel.propagation import is_suppressed
from sentry_web._otel.silence import SilentRecording
from sentry_web._request.scope import ScopeRequest
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_scope

TRACE = "a" * 32


@pytest.mark.parametrize("headers", [(), (("traceparent", f"00-{TRACE}-1234567890abcdef-01"),)])
def test_inside_the_trace_goes_on_unsampled_and_instrumentation_is_suppressed(
    headers: tuple[tuple[str, str], ...],
) -> None:
    recording = SilentRecording(ScopeRequest(make_scope(RequestSpec(headers=headers))))
    with recording.running():
        place = trace.get_current_span().get_span_context()
        assert is_suppressed()
        assert place.is_valid
        assert not place.trace_flags.sampled
        assert not headers or f"{place.trace_id:032x}" == TRACE
    assert not is_suppressed()
