"""The root span as a transaction, which the SDK sends in one event together with its child spans.

This is the default of sentry-sdk 2.x and does not exist in 3.0; no other module depends on it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sentry_sdk
from sentry_sdk import Scope
from sentry_sdk.tracing import Transaction

from .._core.guard import call
from .._request import Name, Outcome
from .._request.http import outgoing_trace
from . import _speedups, compat
from .root_span import Start


class RequestTransaction(Transaction):
    """The transaction of a request, which may end before the request's background work does.

    A finished transaction accepts no more spans. A span that the application then starts becomes a transaction of its
    own in the same trace. A span of the SDK's integrations (``origin="auto.…"``) does not: a task that polls a database
    for days would send a transaction for each query.
    """

    __slots__ = ()

    def start_child(self, *args: Any, **kwargs: Any) -> Any:
        """Start a child span, or a transaction in the same trace if the request has ended."""
        ended = self.timestamp is not None and self.sampled and kwargs.get("origin", "manual") == "manual"
        follow_up = call(self._follow_up, kwargs) if ended else None
        return super().start_child(*args, **kwargs) if follow_up is None else follow_up

    def _follow_up(self, kwargs: dict[str, Any]) -> Any:
        follow_up = Transaction(
            name=kwargs.get("name") or kwargs.get("description") or kwargs.get("op") or "background work",
            op=kwargs.get("op") or "task",
            source="task",
            trace_id=self.trace_id,
            parent_span_id=self.span_id,
            parent_sampled=True,
            baggage=self.get_baggage(),
        )
        return sentry_sdk.start_transaction(follow_up)


class TransactionRoot:
    """The root span of a request as a transaction.

    Args:
        transaction: The transaction, which has been started.
        client: The client that it began with.
        profile: Its profiler, where one runs.
    """

    __slots__ = ("_transaction", "_client", "_profile")

    def __init__(self, transaction: Any, client: Any, profile: Any = None) -> None:
        self._transaction = transaction
        self._client = client
        self._profile = profile

    @classmethod
    def start(cls, start: Start, scope: Scope) -> TransactionRoot:
        """Sample and start a transaction in the trace that is on the request's current scope."""
        trace: Any = scope.get_active_propagation_context()
        transaction = RequestTransaction(
            name=start.name.value,
            op=start.op,
            source=start.name.source,
            origin=start.origin,
            baggage=compat.baggage_of(trace),
            parent_sampled=trace.parent_sampled,
            trace_id=trace.trace_id,
            parent_span_id=trace.parent_span_id,
            same_process_as_parent=False,
        )
        if not _speedups.start_transaction(transaction, start.client):
            sentry_sdk.start_transaction(transaction, custom_sampling_context=start.sampling_context)
        scope.span = transaction
        return cls(transaction, start.client, compat.start_profile(transaction))

    @property
    def recording(self) -> bool:
        return bool(self._transaction.sampled)

    @property
    def name(self) -> str:
        return str(self._transaction.name)

    @property
    def source(self) -> str | None:
        return str(self._transaction.source)

    def set_name(self, name: Name) -> None:
        sentry_sdk.get_current_scope().set_transaction_name(name.value, source=name.source)
        self._transaction.name = name.value
        self._transaction.source = name.source

    def set_attribute(self, key: str, value: Any) -> None:
        self._transaction.set_data(key, value)

    def set_attributes(self, attributes: dict[str, Any]) -> None:
        self._transaction.update_data(attributes)

    def link(self, trace: str) -> None:
        self._transaction.set_data("sentry.previous_trace", trace)

    def trace_headers(self) -> dict[str, str]:
        transaction = self._transaction
        return outgoing_trace(transaction.trace_id, transaction.span_id, bool(transaction.sampled))

    def message_span(self, op: str) -> MessageChildSpan:
        return MessageChildSpan(self._transaction.start_child(op=op, name=op))

    def finish(self, outcome: Outcome) -> None:
        transaction = self._transaction
        if not transaction.sampled:
            if not _speedups.discard_transaction(self._client):
                transaction.finish()  # so that the SDK counts it in its client report
            return
        if outcome.status is not None:
            transaction.set_http_status(outcome.status)
        if outcome.failed and (outcome.status or 0) < 500:  # else the status says which error it is
            transaction.set_status("internal_error")
        elif outcome.cancelled and not outcome.failed:
            transaction.set_status("cancelled")
        compat.stop_profiles(transaction, self._profile)
        transaction.finish(end_timestamp=transaction.start_timestamp + timedelta(seconds=outcome.duration or 0.0))


class MessageChildSpan:
    """A child span for one ASGI message."""

    __slots__ = ("_span",)

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, name: str, message: Any = None) -> None:
        """Set the span's name and end it."""
        self._span.description = name
        self._span.finish()


start_transaction = TransactionRoot.start
