"""``_sentry.inner_spans``: transactions made without the SDK's constructor are what that makes.

That they are sent alike is a property in ``test_delivery``.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import sentry_sdk
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk.tracing import Span, Transaction

from sentry_web._sentry import inner_spans
from sentry_web.testing import recording

needs_known = pytest.mark.skipif(
    not inner_spans.TRANSACTION_KNOWN, reason="not with this sentry-sdk: its transactions were not compared"
)
ENDED = datetime(2024, 1, 1, tzinfo=timezone.utc)
KNOWN = {"op": "http.server", "name": "/books", "source": "url", "origin": "manual"}
#: What differs between any two.
_OWN = {"_span_id", "start_timestamp", "_start_timestamp_monotonic_ns", "_start_timestamp", "_segment"}

headers = st.sampled_from(
    [
        {},
        {"sentry-trace": f"{'a' * 32}-{'b' * 16}-1"},
        {"sentry-trace": f"{'a' * 32}-{'b' * 16}-0", "baggage": "sentry-sample_rand=0.25,sentry-sample_rate=0.5"},
        {"sentry-trace": f"{'a' * 32}-{'b' * 16}", "baggage": "other=1"},
    ]
)


def context(incoming: dict[str, str]) -> Any:
    scope = sentry_sdk.get_isolation_scope()
    scope.generate_propagation_context(incoming)
    return scope._propagation_context


def slots(span: Any) -> dict[str, Any]:
    names = [name for kind in type(span).__mro__ for name in getattr(kind, "__slots__", ()) if name not in _OWN]
    values = {name: getattr(span, name, "no such") for name in names}
    return {name: value.copy() if isinstance(value, dict) else value for name, value in values.items()}


@needs_known
@given(headers)
def test_a_transaction_is_what_its_constructor_makes(incoming: dict[str, str]) -> None:
    with recording(traces_sample_rate=1.0):
        known = context(incoming)
        assert known.trace_id  # a trace that is known has a number of its own
        made = inner_spans.transaction(known, **KNOWN)
        theirs = Transaction(
            baggage=known.baggage,
            parent_sampled=known.parent_sampled,
            trace_id=known.trace_id,
            parent_span_id=known.parent_span_id,
            same_process_as_parent=False,
            **KNOWN,
        )
        assert type(made) is Transaction
        assert slots(made) == slots(theirs)
        assert len(made.span_id) == 16
        assert abs(made.start_timestamp - theirs.start_timestamp) < timedelta(seconds=30)
        assert made._start_timestamp_monotonic_ns <= theirs._start_timestamp_monotonic_ns


@needs_known
@given(st.text("0123456789abcdef", min_size=32, max_size=32))
def test_the_number_that_decides_is_the_sdks(trace_id: str) -> None:
    assert inner_spans.sample_rand(trace_id) == Transaction(trace_id=trace_id)._sample_rand


@pytest.mark.parametrize(("owner", "name"), [(Span, "__init__"), (Transaction, "__init__")])
def test_a_constructor_that_a_tool_has_patched_is_used(owner: Any, name: str) -> None:
    with recording(traces_sample_rate=1.0), mock.patch.object(owner, name, autospec=True):
        assert inner_spans.transaction(context({}), **KNOWN) is None


def _started() -> Any:
    transaction = inner_spans.transaction(context({}), **KNOWN)
    assert transaction is not None
    transaction.sampled = True
    transaction.init_span_recorder(1000)
    return transaction


@needs_known
def test_an_ended_transaction_lets_go_of_its_spans() -> None:
    with recording(traces_sample_rate=1.0):
        transaction = _started()
        transaction.start_child(op="db", name="SELECT 1").finish()
        event = inner_spans.finish(transaction, ENDED, sentry_sdk.get_client())
        assert event is not None
        assert [span["description"] for span in event["spans"]] == ["SELECT 1"]
        assert transaction.timestamp == ENDED
        assert transaction._span_recorder is None
        assert inner_spans.finish(transaction, ENDED, sentry_sdk.get_client()) is None  # it has ended


@needs_known
@pytest.mark.parametrize(
    "change",
    [
        lambda transaction: setattr(transaction, "sampled", False),
        lambda transaction: setattr(transaction, "name", ""),
        lambda transaction: setattr(transaction, "_profile", SimpleNamespace()),
        lambda transaction: setattr(transaction, "_span_recorder", None),
        lambda transaction: setattr(transaction._span_recorder, "dropped_spans", 1),
        lambda transaction: transaction.set_data("profiler_id", "x"),
        lambda transaction: transaction.set_data("gen_ai.operation.name", "chat"),
        lambda transaction: transaction.set_http_status(404),
        lambda transaction: transaction.start_child(op="db"),
        lambda transaction: transaction.start_child(op="gen_ai.chat").finish(),
    ],
    ids=range(10),
)
def test_what_only_the_sdk_knows_to_end_is_left_to_it_untouched(change: Any) -> None:
    with recording(traces_sample_rate=1.0, trace_ignore_status_codes={404}):
        transaction = _started()
        change(transaction)
        assert inner_spans.finish(transaction, ENDED, sentry_sdk.get_client()) is None
        assert transaction.timestamp is None
