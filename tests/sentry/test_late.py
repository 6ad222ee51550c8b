"""``_sentry.late``: what a root span is that was decided on early and made late, or never."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
import sentry_sdk
from sentry_sdk.tracing import Transaction

from sentry_web._request import Name, Request
from sentry_web._request.forwarding import Forwarding
from sentry_web._sentry import innards, inner_segments, inner_spans
from sentry_web._sentry.late import LateSegment, LateTransaction
from sentry_web._sentry.settings import Settings
from sentry_web.testing import recording

needs_known = pytest.mark.skipif(
    not inner_spans.TRANSACTION_KNOWN, reason="not with this sentry-sdk: its transactions were not compared"
)
needs_streams = pytest.mark.skipif(
    not inner_segments.STREAM_KNOWN, reason="not with this sentry-sdk: its spans were not compared"
)
needs_numbers = pytest.mark.skipif(
    not hasattr(Transaction, "_sample_rand"), reason="not with this sentry-sdk: it draws its numbers late"
)
REQUEST = Request(protocol="wsgi", method="GET", path="/books")
NAME = Name("/books", "url")


def late(kind: Any = LateTransaction, rate: float = 1.0) -> Any:
    client = sentry_sdk.get_client()
    return kind(REQUEST, "manual", rate, Settings(client.options, Forwarding(None)), client)


def scopes() -> Any:
    isolation, current = sentry_sdk.get_isolation_scope(), sentry_sdk.get_current_scope()
    isolation.set_new_propagation_context()
    current._propagation_context = isolation._propagation_context
    return isolation, current


@needs_known
def test_a_transaction_made_late_began_with_its_request() -> None:
    with recording(traces_sample_rate=1.0):
        decided = late()
        assert (decided.sampled, decided.left_out, decided.may_wait) == (True, False, True)
        isolation, current = scopes()
        decided.make(isolation, current, NAME, sentry_sdk.get_client())
        made: Any = current.span
        assert made.start_timestamp is decided.began.time
        assert made._data["thread.id"] == decided.began.thread["thread.id"]
        assert made.trace_id == isolation.get_active_propagation_context().trace_id
        assert made._span_recorder is not None


@needs_known
def test_one_that_was_sent_has_ended_and_keeps_its_ids() -> None:
    with recording(traces_sample_rate=1.0):
        decided = late()
        ended = datetime.now(timezone.utc) + timedelta(seconds=1)
        decided.end(Name("/books/<id>", "route"), ended)
        isolation, current = scopes()
        decided.make(isolation, current, NAME, sentry_sdk.get_client())
        made: Any = current.span
        assert (made.trace_id, made.span_id, made.timestamp) == (decided.trace_id, decided.span_id, ended)
        assert (made.name, made._span_recorder) == ("/books/<id>", None)


@needs_numbers
def test_one_that_is_left_out_is_there_for_those_who_ask() -> None:
    with recording(traces_sample_rate=0.5):
        decided = late(rate=0.0)
        assert (decided.sampled, decided.left_out, decided.may_wait) == (False, True, True)
        isolation, current = scopes()
        decided.make(isolation, current, NAME, sentry_sdk.get_client())
        assert (current.span.sampled, current.span.sample_rate) == (False, 0.0)


@needs_known
def test_a_profiler_is_told_when_the_request_begins() -> None:
    with recording(traces_sample_rate=1.0), mock.patch.object(inner_spans, "get_profiler_id", return_value="x"):
        assert not late().may_wait


@needs_numbers
def test_a_decision_stands_though_it_cannot_wait() -> None:
    with recording(traces_sample_rate=0.5), mock.patch.object(inner_spans, "TRANSACTION_KNOWN", False):
        decided = late(rate=1.0)
        assert (decided.sampled, decided.may_wait) == (True, False)
        isolation, current = scopes()
        decided.make(isolation, current, NAME, sentry_sdk.get_client())
        assert current.span.sampled


@needs_streams
def test_a_segment_made_late_began_with_its_request() -> None:
    with recording(traces_sample_rate=1.0, trace_lifecycle="stream"):
        decided = late(LateSegment)
        assert decided.may_wait
        isolation, current = scopes()
        decided.make(isolation, current, NAME, sentry_sdk.get_client())
        made = current.streamed_span
        assert made.start_timestamp is decided.began.time
        assert made.trace_id == decided.trace_id == isolation.get_active_propagation_context().trace_id
        made.end()


@needs_streams
@pytest.mark.parametrize("ended", [False, True])
def test_a_segment_is_not_made_where_the_sdk_decides_or_it_was_sent(ended: bool) -> None:
    with recording(traces_sample_rate=1.0, trace_lifecycle="stream"):
        decided = late(LateSegment, rate=1.0 if ended else 0.0)
        if ended:
            decided.end(NAME, datetime.now(timezone.utc))
        isolation, current = scopes()
        assert decided.make(isolation, current, NAME, sentry_sdk.get_client()) is None
        assert isolation.get_active_propagation_context().trace_id == decided.trace_id


@needs_streams
@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_the_sdk_comes_to_the_same_decision(rate: float) -> None:
    with recording(traces_sample_rate=rate, trace_lifecycle="stream"):
        for _ in range(50):
            decided = late(LateSegment, rate=rate)
            assert decided.sampled is (rate == 1.0 or inner_spans.sample_rand(decided.trace_id) < rate)


def test_backpressure_halves_the_rate() -> None:
    with recording(traces_sample_rate=1.0):
        client: Any = sentry_sdk.get_client()
        with mock.patch.object(client, "monitor", mock.Mock(downsample_factor=2)):
            assert innards.damped(1.0, client) == 0.25
            assert late().sample_rate == 0.25
