"""``_sentry.inner_segments``: streamed spans made without the SDK's constructor are what that makes.

That they are sent alike is a property in ``test_delivery`` and ``test_untouched``.
"""

from __future__ import annotations

import re
from typing import Any
from unittest import mock

import pytest
import sentry_sdk

from sentry_web._sentry import inner_segments
from sentry_web.testing import recording

from .test_inner_spans import slots

needs_streams = pytest.mark.skipif(
    not inner_segments.STREAM_KNOWN, reason="not with this sentry-sdk: its spans were not compared"
)


@needs_streams
@pytest.mark.parametrize("dist", [None, " d1 "])
def test_a_segment_is_what_its_constructor_makes(dist: str | None) -> None:
    from sentry_sdk import traces

    with recording(traces_sample_rate=1.0, trace_lifecycle="stream", dist=dist):
        client, scope = sentry_sdk.get_client(), sentry_sdk.get_current_scope()
        scope.set_new_propagation_context()
        assert scope.get_active_propagation_context().trace_id  # a trace that is known has a number of its own
        attributes = {"sentry.op": "http.server", "sentry.origin": "manual", "sentry.segment.name.source": "url"}
        made = inner_segments.segment_by_rate(client, scope, "/books", attributes)
        made_slots = slots(made)
        assert scope.streamed_span is made
        made._end()
        theirs = traces.start_span(name="/books", attributes=attributes, parent_span=None)  # type: ignore[arg-type]
        assert made_slots == slots(theirs)
        assert (made._segment, theirs._segment) == (made, theirs)
        theirs.end()


@needs_streams
@pytest.mark.parametrize(
    "options",
    [
        {"traces_sampler": lambda context: 1.0},
        {"traces_sample_rate": 0.0},
        {"traces_sample_rate": 1e-12},
        {"traces_sample_rate": 2},
        {"before_send_span": lambda span, hint: span},
        {"ignore_spans": ["/x"]},
        {"debug": True},
        {"profile_session_sample_rate": 0.5},
    ],
    ids=lambda value: re.sub(r" at 0x\w+", "", repr(value)),
)
def test_a_segment_that_more_than_the_rate_decides_is_left_to_the_sdk(options: dict[str, Any]) -> None:
    with recording(**{"traces_sample_rate": 1.0, "trace_lifecycle": "stream", **options}):
        client, scope = sentry_sdk.get_client(), sentry_sdk.get_current_scope()
        scope.set_new_propagation_context()
        assert inner_segments.segment_by_rate(client, scope, "/books", {}) is None


@needs_streams
def test_a_release_whose_spans_were_not_compared_is_not_known() -> None:
    with mock.patch.object(inner_segments, "_SEGMENT_SLOTS", frozenset()):
        assert not inner_segments._stream_known()
    with mock.patch.object(inner_segments, "_FIRST_STREAMING", (9, 0)):
        assert not inner_segments._stream_known()
    with mock.patch.object(inner_segments, "_stream_getter", side_effect=AttributeError):
        assert not inner_segments._stream_known()
