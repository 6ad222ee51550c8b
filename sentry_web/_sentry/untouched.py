"""Sends the root span of a request that nothing has touched: neither its scopes nor the span itself were ever made.

What a delivery does (see ``delivery``), or a streamed span at its end, is done here with what the scopes would have
been made of. The same envelope arrives (a property, tests/sentry/test_untouched.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from sentry_sdk.session import Session
from sentry_sdk.tracing import get_span_status_from_http_code

from .._guard import call
from .._request import Name, Outcome
from . import inner_segments
from .delivery import client_facts, delivery_by
from .innards import Scopes, ScopesAround
from .late import Late, LateSegment
from .scopes import Opening
from .streamed import StreamedRoot


def send(opening: Opening, outcome: Outcome, name: Name, attributes: dict[str, Any]) -> bool:
    """Send it; ``False``: nothing has been done, and the scopes have to be made for it.

    :param attributes: what it tells of the request.
    """
    late = opening.late
    if late is None or outcome.status in opening.settings.ignored_statuses:
        return False
    build, way = (_segment, _way_of_segment) if isinstance(late, LateSegment) else (_event, _way_of_event)
    send_it = way(opening)
    ended = late.began.time + timedelta(seconds=outcome.duration or 0.0)
    if send_it is None or not opening.end(name, ended):
        return False
    built = call(build, late, opening, outcome, attributes)
    if built is None:
        opening.reopen()
        return False
    call(send_it, built)
    return True


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


def _way_of_event(opening: Opening) -> Callable[[Any], Any] | None:
    request, redaction = opening.last_processors()
    request.begin_with(opening.naming.initial())
    ours = request.complete_untouched, redaction
    delivery = delivery_by(opening.client, ScopesAround(opening.around, opening.tags, ours))
    return None if delivery is None else delivery.send


def _event(late: Late, opening: Opening, outcome: Outcome, attributes: dict[str, Any]) -> dict[str, Any]:
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


def _way_of_segment(opening: Opening) -> Callable[[Any], Any] | None:
    if not inner_segments.sends_untouched(opening.client):
        return None
    return partial(_send_segment, opening)


def _segment(late: LateSegment, opening: Opening, outcome: Outcome, attributes: dict[str, Any]) -> Any:
    """The segment as its ``end()`` would leave it."""
    made = late.segment(Name(late.name, late.source), opening.client)
    root = StreamedRoot(made, None, ())
    root.set_attributes(attributes)
    root.conclude(outcome)
    inner_segments.end(made, late.ended)
    return made


def _send_segment(opening: Opening, made: Any) -> None:
    _, redaction = opening.last_processors()
    Scopes(opening.around).complete(made, opening.client)
    redaction.redact_span(made)
    inner_segments.send(made, opening.client)
