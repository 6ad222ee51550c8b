"""Sends the root span of a request that nothing has touched: neither its scopes nor the span itself were ever made.

What a delivery does (see ``delivery``), or a streamed span at its end, is done here with what the scopes would have
been made of. The same envelope arrives (a property, tests/sentry/test_untouched.py). Mostly it is written later, on the
transport's thread (see ``unwritten``): where nothing is asked then that only the request's own thread can tell.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from sentry_sdk.session import Session
from sentry_sdk.tracing import get_span_status_from_http_code

from .._core.guard import call
from .._request import Name, Outcome
from . import inner_segments
from .client_facts import client_facts
from .delivery import Delivery, delivery_by
from .innards import Scopes, ScopesAround, add_missing
from .late import LateSegment
from .root_attributes import root_attributes
from .scopes import Opening
from .streamed import StreamedRoot
from .unwritten import UnwrittenEnvelope


def send(opening: Opening, outcome: Outcome, name: Name) -> bool:
    """Send it; ``False``: nothing has been done, and the scopes have to be made for it."""
    late = opening.late
    if late is None or outcome.status in opening.settings.ignored_statuses:
        return False
    make_report = _segment_report if isinstance(late, LateSegment) else _transaction_report
    report = make_report(late, opening, outcome, name)
    ended = late.began.time + timedelta(seconds=outcome.duration or 0.0)
    if report is None or not opening.end(name, ended):
        return False
    if report.settled and _settle(outcome):
        client = opening.client
        unwritten = UnwrittenEnvelope(report.envelope, report.holds, client, opening.around[1])
        call(client.transport.capture_envelope, unwritten)
        return True
    built = call(report.build)
    if built is None:
        opening.reopen()
        return False
    call(report.send, built)
    return True


def _settle(outcome: Outcome) -> bool:
    """Let nobody change the response's headers any more; whether that is so."""
    headers = outcome.headers = tuple(outcome.headers)
    return _PAIRS.issuperset(map(type, headers))


_PAIRS = frozenset((tuple,))


def count_session(opening: Opening) -> None:
    """Count the request among the healthy ones, where sessions are tracked: what fails touches the scopes."""
    began, client = opening.session_began, opening.client
    if began is not None:
        options = client.options
        session = Session(
            release=options.get("release"),
            environment=options.get("environment"),
            session_mode="request",
            started=began,
        )
        session.close()
        client.capture_session(session)


class _TransactionReport:
    """A transaction, on its way by a delivery."""

    __slots__ = ("_late", "_opening", "_outcome", "_name", "_delivery", "settled")

    #: In Sentry's categories.
    holds = ("transaction", "span")

    def __init__(self, late: Any, opening: Opening, outcome: Outcome, name: Name, delivery: Delivery) -> None:
        self._late = late
        self._opening = opening
        self._outcome = outcome
        self._name = name
        self._delivery = delivery
        #: Whether it may be written later.
        self.settled = delivery.settled

    def build(self) -> dict[str, Any]:
        """The event."""
        opening, outcome = self._opening, self._outcome
        _ = opening.request.headers  # all are wanted; to look for each before they are decoded takes twice the time
        return _event(self._late, opening, outcome, root_attributes(opening, outcome, self._name))

    def send(self, event: dict[str, Any]) -> None:
        """Send it."""
        self._delivery.send(event)

    def envelope(self) -> Any:
        """What would be sent."""
        return self._delivery.envelope(self.build())


def _transaction_report(late: Any, opening: Opening, outcome: Outcome, name: Name) -> _TransactionReport | None:
    """``None``: the delivery is left to the SDK."""
    delivery = delivery_by(opening.client, ScopesAround(opening.around, opening.tags, partial(_processors, opening)))
    return None if delivery is None else _TransactionReport(late, opening, outcome, name, delivery)


def _processors(opening: Opening) -> tuple[Any, Any]:
    """The request's own."""
    request, redaction = opening.last_processors()
    request.begin_with(opening.naming.initial())
    return request.complete_untouched, redaction


def _event(late: Any, opening: Opening, outcome: Outcome, attributes: dict[str, Any]) -> dict[str, Any]:
    """The event that ``Transaction.finish`` would make."""
    data = {**late.began.thread, **attributes}
    tags: dict[str, str] = {}
    trace: dict[str, Any] = {
        "trace_id": late.trace_id,
        "span_id": late.span_id,
        "parent_span_id": None,
        "op": late.op,
        "description": None,
        "origin": late.origin,
        "dynamic_sampling_context": client_facts(opening.client).trace_header(late),
        "data": data,
    }
    contexts: dict[str, Any] = {"trace": trace}
    if outcome.status is not None:
        tags["http.status_code"] = str(outcome.status)
        data["http.response.status_code"] = outcome.status
        contexts["response"] = {"status_code": outcome.status}
        trace["status"] = get_span_status_from_http_code(outcome.status)
    if outcome.failed:
        trace["status"] = "internal_error"
    elif outcome.cancelled:
        trace["status"] = "cancelled"
    return {
        "type": "transaction",
        "transaction": late.name,
        "transaction_info": {"source": late.source},
        "contexts": contexts,
        "tags": tags,
        "timestamp": late.ended,
        "start_timestamp": late.began.time,
        "spans": [],
        "measurements": {},
    }


class _SegmentReport:
    """A streamed segment, on its way past the batcher."""

    __slots__ = ("_late", "_opening", "_outcome", "_name", "_around")

    #: In Sentry's categories.
    holds = ("span",)
    #: Whether it may be written later.
    settled = True

    def __init__(self, late: Any, opening: Opening, outcome: Outcome, name: Name) -> None:
        self._late = late
        self._opening = opening
        self._outcome = outcome
        self._name = name
        #: What the scopes hold for it.
        self._around = Scopes(opening.around).attributes(opening.client)

    def build(self) -> Any:
        """The segment as its ``end()`` would leave it."""
        late, opening, outcome = self._late, self._opening, self._outcome
        made = late.segment(Name(late.name, late.source), opening.client)
        root = StreamedRoot(made, None, ())
        root.set_attributes(root_attributes(opening, outcome, self._name))
        root.conclude(outcome)
        inner_segments.end(made, late.ended)
        return made

    def send(self, made: Any) -> None:
        """Send it."""
        self._opening.client.transport.capture_envelope(self._written(made))

    def envelope(self) -> Any:
        """What would be sent."""
        return self._written(self.build())

    def _written(self, made: Any) -> Any:
        _, redaction = self._opening.last_processors()
        add_missing(made, self._around)
        redaction.redact_span(made)
        return inner_segments.envelope(made)


def _segment_report(late: Any, opening: Opening, outcome: Outcome, name: Name) -> _SegmentReport | None:
    """``None``: its end is left to the SDK."""
    return _SegmentReport(late, opening, outcome, name) if inner_segments.sends_untouched(opening.client) else None
