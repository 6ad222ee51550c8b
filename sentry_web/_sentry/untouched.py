"""Sends the transaction of a request that nothing has touched: neither its scopes nor its root span were ever made.

What a delivery does (see ``delivery``) is done here with what the scopes would have been made of. The same envelope
arrives (a property, tests/sentry/test_untouched.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sentry_sdk.tracing import get_span_status_from_http_code

from .._guard import call
from .._request import Name, Outcome
from . import inner_spans
from .delivery import delivery_around
from .late import Late
from .scopes import Opening


def send(opening: Opening, outcome: Outcome, name: Name, attributes: dict[str, Any]) -> bool:
    """Send it; ``False``: nothing has been done, and the scopes have to be made for it.

    :param attributes: what its root span tells of the request.
    """
    late, client = opening.late, opening.client
    if late is None or outcome.status in opening.settings.ignored_statuses:
        return False
    request, redaction = opening.last_processors()
    request.begin_with(opening.naming.initial())
    delivery = delivery_around(client, opening.around, opening.tags, (request.complete_untouched, redaction))
    if delivery is None:
        return False
    ended = late.start_timestamp + timedelta(seconds=outcome.duration or 0.0)
    if not opening.end(name, ended):
        return False
    event = call(_event, late, opening, outcome, attributes)
    if event is None:
        late.reopen()
        return False
    event["timestamp"] = ended
    call(delivery.send, event)
    return True


def _event(late: Late, opening: Opening, outcome: Outcome, attributes: dict[str, Any]) -> dict[str, Any]:
    """The event that ``Transaction.finish`` would make."""
    data: dict[str, Any] = late.thread_data()
    data.update(attributes)
    tags: dict[str, str] = {}
    contexts: dict[str, Any] = {}
    status = None
    if outcome.status is not None:
        tags["http.status_code"] = str(outcome.status)
        data["http.response.status_code"] = outcome.status
        contexts["response"] = {"status_code": outcome.status}
        status = get_span_status_from_http_code(outcome.status)
    if outcome.failed:
        status = "internal_error"
    elif outcome.cancelled:
        status = "cancelled"
    trace = {
        "trace_id": late.trace_id,
        "span_id": late.span_id,
        "parent_span_id": None,
        "op": opening.op,
        "description": None,
        "origin": opening.config.span_origin,
        "dynamic_sampling_context": inner_spans.trace_header(late),
        "data": data,
    }
    if status:
        trace["status"] = status
    contexts["trace"] = trace
    return {
        "type": "transaction",
        "transaction": late.name,
        "transaction_info": {"source": late.source},
        "contexts": contexts,
        "tags": tags,
        "start_timestamp": late.start_timestamp,
        "spans": [],
        "measurements": {},
    }
