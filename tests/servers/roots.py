"""The root span of a request as these tests read it: from a transaction, or from the segment of streamed spans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sentry_web.cli.readings import attributes_of
from sentry_web.testing.sdk import HAS_TRANSACTIONS

#: The statuses of a root span by what a transaction says. A segment is ``ok`` or ``error``, and a request that the
#: server refused is no error of the server.
INTERNAL_ERROR = "internal_error" if HAS_TRANSACTIONS else "error"
PERMISSION_DENIED = "permission_denied" if HAS_TRANSACTIONS else "ok"


@dataclass(frozen=True)
class Root:
    """What both shapes say of a request; ``data`` holds the attributes."""

    trace_id: str
    name: str
    op: str
    status: str
    protocol: str
    url: str
    seconds: float
    data: dict[str, Any]


def roots_of(ingest: Any) -> list[Root]:
    """Every root span that an ingest has received, in either shape."""
    segments = [span for span in ingest.spans if span["is_segment"]]
    return [of_transaction(one) for one in ingest.transactions] + [of_segment(one) for one in segments]


def of_transaction(transaction: Any) -> Root:
    trace, request = transaction["contexts"]["trace"], transaction["request"]
    begin, end = (
        datetime.fromisoformat(transaction[key].replace("Z", "+00:00")) for key in ("start_timestamp", "timestamp")
    )
    query = f"?{request['query_string']}" if request.get("query_string") else ""
    return Root(
        trace["trace_id"],
        transaction["transaction"],
        trace["op"],
        trace["status"],
        transaction["tags"]["protocol"],
        request.get("url", "") + query,
        (end - begin).total_seconds(),
        trace["data"],
    )


def of_segment(segment: Any) -> Root:
    data = attributes_of(segment)
    parts = data.get("url.scheme"), data.get("server.address"), data.get("url.path"), data.get("url.query")
    return Root(
        segment["trace_id"],
        segment["name"],
        data["sentry.op"],
        data.get("sentry.status", segment["status"]),
        data["protocol"],
        data.get("url.full") or "{}://{}{}?{}".format(*parts),
        segment["end_timestamp"] - segment["start_timestamp"],
        data,
    )
