"""Transactions for Spotlight: streamed spans, which it does not show yet, and what the visitor itself would report.

Spotlight 4.11 keeps the envelopes of streamed spans, and shows errors, transactions, profiles and logs only. What is
made here is for the demo's eyes: a root span with its children under the keys that a transaction has for them.
"""

from __future__ import annotations

import json
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

from sentry_sdk.envelope import Envelope, Item

from sentry_web.cli.readings import attributes_of

if TYPE_CHECKING:
    from sentry_web.demo.visitor import Answer, Visit

__all__ = ["as_transactions", "of_visitor", "post"]

Json = dict[str, Any]


def as_transactions(spans: list[Json]) -> list[Json]:
    """Return a transaction for each segment among the spans, with the spans of its tree."""
    by_segment: dict[str, list[Json]] = {}
    for span in spans:
        if not span["is_segment"]:
            by_segment.setdefault(str(attributes_of(span).get("sentry.segment.id")), []).append(span)
    return [_transaction(span, by_segment.get(span["span_id"], [])) for span in spans if span["is_segment"]]


def of_visitor(visit: Visit, answer: Answer, start: float, end: float) -> Json:
    """Return the transaction that the visitor would send of a visit, as an instrumented browser does.

    Args:
        visit: The visit; its trace header names the span.
        answer: The answer to it.
        start: The time of the first request, in seconds since the epoch.
        end: The time of the last answer.
    """
    trace_id, span_id, _ = visit.sentry_trace.split("-")
    failed = answer.broke_off or answer.status >= 500
    status = "internal_error" if failed else "not_found" if answer.status == 404 else "ok"
    return {
        "type": "transaction",
        "event_id": uuid.uuid4().hex,
        "platform": "javascript",
        "transaction": f"reader: {visit.method} {visit.target.partition('?')[0]}",
        "transaction_info": {"source": "custom"},
        "start_timestamp": start,
        "timestamp": end,
        "contexts": {"trace": {"trace_id": trace_id, "span_id": span_id, "op": "http.client", "status": status}},
        "spans": [],
    }


def post(url: str, transactions: list[Json]) -> None:
    """Send transactions to Spotlight, each in an envelope of its own."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for loopback
    for transaction in transactions:
        envelope = Envelope(headers={"event_id": transaction["event_id"]})
        envelope.add_item(Item(json.dumps(transaction), type="transaction"))
        headers = {"Content-Type": "application/x-sentry-envelope"}
        opener.open(urllib.request.Request(url, envelope.serialize(), headers), timeout=5).close()  # noqa: S310


def _transaction(segment: Json, children: list[Json]) -> Json:
    data = attributes_of(segment)
    address = "{}://{}{}".format(*(data.get(key, "") for key in ("url.scheme", "server.address", "url.path")))
    return {
        "type": "transaction",
        "event_id": uuid.uuid4().hex,
        "platform": "python",
        "transaction": segment["name"],
        "transaction_info": {"source": data.get("sentry.segment.name.source")},
        "start_timestamp": segment["start_timestamp"],
        "timestamp": segment["end_timestamp"],
        "contexts": {"trace": {**_common(segment), "status": _status(segment), "data": data}},
        "tags": {"protocol": data.get("protocol")},
        "request": {"method": data.get("http.request.method"), "url": data.get("url.full") or address},
        "spans": [
            {
                **_common(child),
                "description": child["name"],
                "status": _status(child),
                "start_timestamp": child["start_timestamp"],
                "timestamp": child["end_timestamp"],
                "data": attributes_of(child),
            }
            for child in children
        ],
    }


def _common(span: Json) -> Json:
    ids = {key: span[key] for key in ("trace_id", "span_id", "parent_span_id") if span.get(key)}
    return {**ids, "op": attributes_of(span).get("sentry.op")}


def _status(span: Json) -> str:
    return "ok" if span["status"] == "ok" else "internal_error"
