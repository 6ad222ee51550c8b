"""The root span of a request in the SDK's two modes: a transaction, or a streamed segment (see ``streamed``).

Both take the same calls, so that the same facts arrive in both. Everything here runs inside the recording's scopes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Protocol

import sentry_sdk
from sentry_sdk import Scope
from sentry_sdk.tracing import Span, Transaction

from .._core.guard import call
from .._request import Name, Outcome, Request
from .._request.http import outgoing_trace
from . import inner_spans, private


class RootSpan(Protocol):
    """What a recording asks of its root span."""

    @property
    def name(self) -> str:
        """The name as it is now: ours, or what somebody set meanwhile."""
        ...

    @property
    def source(self) -> str | None:
        """How the name was found, in Sentry's words."""

    def set_name(self, name: Name) -> None:
        """Name the span and say how the name was found."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Set a datum of the span."""

    def set_attributes(self, attributes: dict[str, Any]) -> None:
        """Set several."""

    def trace_headers(self) -> dict[str, str]:
        """The span's identity as response headers."""
        ...

    def message_span(self, op: str) -> ChildSpan:
        """Begin a child span that nothing else becomes a child of."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Set the status and end at the time of the last body byte."""


class StartParameters:
    """What starting a root span takes."""

    __slots__ = ("client", "request", "name", "origin", "trace_headers", "sampling")

    def __init__(
        self,
        request: Request,
        name: Name,
        origin: str,
        *,
        client: Any,
        trace_headers: dict[str, str],
        sampling: dict[str, Any],
    ) -> None:
        self.client = client
        self.request = request
        self.name = name
        self.origin = origin
        self.trace_headers = trace_headers
        self.sampling = sampling

    @property
    def op(self) -> str:
        """``http.server`` or ``websocket.server``."""
        return self.request.kind + ".server"


class ChildSpan:
    """A child span of either mode."""

    __slots__ = ("_span",)

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, name: str, message: Any = None) -> None:
        """Name and end the span (see ``recorder.MessageSpan``)."""
        if isinstance(self._span, Span):
            self._span.description = name
            self._span.finish()
        else:
            self._span.name = name
            self._span.end()


class RequestTransaction(Transaction):
    """The transaction of a request, which may have ended while something it started goes on.

    A finished transaction takes no more spans. What the application then starts itself becomes a transaction of its own
    in the same trace; what the SDK's integrations start on their own (``origin="auto.…"``) does not, or a task that
    polls a database for days would send a transaction for each query.
    """

    __slots__ = ()

    def start_child(self, *args: Any, **kwargs: Any) -> Any:
        """Start a span below the request, or after it a transaction beside it."""
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


class TransactionSpan:
    """Transaction mode: the root span is sent with its children in one event, when it ends."""

    __slots__ = ("_transaction", "_client")

    def __init__(self, transaction: Transaction, client: Any) -> None:
        self._client = client
        self._transaction: Any = transaction

    @classmethod
    def of(cls, parameters: StartParameters, isolation: Scope) -> TransactionSpan:
        """One that is to be started."""
        transaction = private.transaction_in(
            isolation,
            parameters.trace_headers,
            op=parameters.op,
            name=parameters.name.value,
            source=parameters.name.source,
            origin=parameters.origin,
        )
        return cls(transaction, parameters.client)

    def start(self, parameters: StartParameters, running: AbstractContextManager[Any], current: Scope) -> bool:
        """Sample and start it; whether it is left out, which is counted already, and so need not be finished."""
        transaction = self._transaction
        if not private.started_by_rate(transaction, parameters.client):
            with running:
                sentry_sdk.start_transaction(transaction, custom_sampling_context=parameters.sampling)
                private.start_profile(transaction)
        if transaction.sampled:
            transaction.__class__ = RequestTransaction
        current.span = transaction
        return transaction.sampled is False and private.count_left_out(parameters.client)

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
        for key, value in attributes.items():
            self._transaction.set_data(key, value)

    def trace_headers(self) -> dict[str, str]:
        transaction = self._transaction
        return outgoing_trace(transaction.trace_id, transaction.span_id, bool(transaction.sampled))

    def message_span(self, op: str) -> ChildSpan:
        return ChildSpan(self._transaction.start_child(op=op, name=op))

    def finish(self, outcome: Outcome) -> None:
        transaction = self._transaction
        if outcome.status is not None:
            transaction.set_http_status(outcome.status)
        if outcome.failed:
            transaction.set_status("internal_error")
        elif outcome.cancelled:
            transaction.set_status("cancelled")
        ended = transaction.start_timestamp + timedelta(seconds=outcome.duration or 0.0)
        event: Any = inner_spans.finish(transaction, ended, self._client)
        if event is not None:
            sentry_sdk.get_current_scope().capture_event(event)
            return
        private.stop_profile(transaction)
        transaction.finish(end_timestamp=ended)


#: What a 4xx or 5xx status says of ``mechanism``-less failures, for ``failed_request_status_codes``.
def failure_message(request: Request, outcome: Outcome, name: Name) -> str:
    """The message of an event for a response nobody raised for; by name, so that Sentry groups by route."""
    return f"{request.method} {name.value} answered {outcome.status}"
