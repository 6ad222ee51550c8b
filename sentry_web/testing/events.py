"""Events that would have been sent to Sentry, as typed objects that are readable in a failing assertion.

Everything here is parsed from serialised envelopes, the bytes that leave the process. This module knows no client,
scope or transport.
"""

from __future__ import annotations

import json
import pprint
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from sentry_sdk.envelope import Envelope

from sentry_web.testing.request import RequestSpec

SPAN_CONTENT_TYPE = "application/vnd.sentry.items.span.v2+json"
#: The statuses of a transaction that sentry-sdk derives from a 5xx; a streamed span has only ``ok`` and ``error``.
_ERRORS = frozenset(("internal_error", "unimplemented", "unavailable", "deadline_exceeded"))


@dataclass(frozen=True, repr=False)
class Reported:
    """One reported item: an error event, a message, a transaction, a span or a session.

    Attributes:
        kind: The envelope item's type, such as ``event``, ``transaction``, ``span`` or ``sessions``.
        payload: The item as Sentry receives it. ``reported["key"]`` is short for ``reported.payload["key"]``.
    """

    kind: str
    payload: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.payload[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return an entry of the payload, or ``default``, like ``dict.get``."""
        return self.payload.get(key, default)

    @property
    def exception(self) -> tuple[str, str] | None:
        """The type and value of the exception (the outermost of a chain), or ``None``."""
        last = self._last_exception
        return (last["type"], last["value"]) if last else None

    @property
    def mechanism(self) -> Mapping[str, Any]:
        """The mechanism by which the exception was captured; empty without an exception."""
        return self._last_exception.get("mechanism") or {}

    @property
    def _last_exception(self) -> dict[str, Any]:
        values: list[dict[str, Any]] = (self.get("exception") or {}).get("values") or [{}]
        return values[-1]

    @property
    def message(self) -> str | None:
        """The text of a message event."""
        text: str | None = self.get("message") or (self.get("logentry") or {}).get("message")
        return text

    @property
    def name(self) -> str | None:
        """The transaction's or the span's name."""
        text: str | None = self.get("transaction") or self.get("name") or self.get("description")
        return text

    @property
    def tags(self) -> dict[str, str]:
        """The tags."""
        return dict(self.get("tags") or {})

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of a streamed span, with plain values."""
        return {key: item["value"] for key, item in (self.get("attributes") or {}).items()}

    @property
    def trace(self) -> Mapping[str, Any]:
        """The trace context; for a span of either shape, the span itself."""
        return self.payload if self.kind == "span" else (self.get("contexts") or {}).get("trace") or {}

    @property
    def status(self) -> str | None:
        """The status of the root span, or of a streamed span."""
        return self.trace.get("status")

    @property
    def outcome(self) -> str | None:
        """How a span ended, in either shape: ``"ok"`` (also a 4xx), ``"error"``, ``"cancelled"``, or ``None``."""
        status: str | None = self.attributes.get("sentry.status") or self.status
        if status is None or status == "cancelled":
            return status
        return "error" if status == "error" or status in _ERRORS else "ok"

    @property
    def data(self) -> dict[str, Any]:
        """The attributes of a span: the trace data of a transaction, or those of a streamed span."""
        return self.attributes or dict(self.trace.get("data") or {})

    @property
    def op(self) -> str | None:
        """The operation of a span, in either shape."""
        text: str | None = self.attributes.get("sentry.op") or self.trace.get("op")
        return text

    @property
    def origin(self) -> str | None:
        """What has made a span, in either shape."""
        text: str | None = self.attributes.get("sentry.origin") or self.trace.get("origin")
        return text

    @property
    def source(self) -> str | None:
        """What the name of a root span or of an event is made of, in either shape."""
        info = self.get("transaction_info") or {}
        text: str | None = info.get("source") or self.attributes.get("sentry.segment.name.source")
        return text

    @property
    def method_and_path(self) -> tuple[str | None, str | None]:
        """The method and path of the request to which the item belongs, each ``None`` if unknown."""
        request = self.get("request")
        if request:
            return request.get("method"), urlsplit(request.get("url") or "").path
        attributes = self.attributes
        return attributes.get("http.request.method"), attributes.get("url.path")

    def __repr__(self) -> str:
        text = self.exception or self.message or self.name or ""
        method, path = self.method_and_path
        where = f" in {method} {path}" if method else ""
        return f"<{self.kind} {text!r}{where} status={self.status} tags={self.tags}>"


class Events:
    """All items that have been reported so far, or some of them.

    It is iterable, has a length, and is readable in a failing assertion.

    Args:
        source: Returns the serialised envelopes so far, oldest first.
        keep: Selects the items.
    """

    def __init__(self, source: Callable[[], Iterable[bytes]], keep: Callable[[Reported], bool] | None = None) -> None:
        self._source = source
        self._keep = keep

    @property
    def envelopes(self) -> list[bytes]:
        """All serialised envelopes, including those without a selected item."""
        return list(self._source())

    @property
    def all_bytes(self) -> bytes:
        """All bytes that would have left the process."""
        return b"".join(self.envelopes)

    @property
    def all(self) -> list[Reported]:
        """All items, in order."""
        found = [reported for envelope in self.envelopes for reported in parse(envelope)]
        return found if self._keep is None else [reported for reported in found if self._keep(reported)]

    @property
    def errors(self) -> list[Reported]:
        """The events with an exception."""
        return [event for event in self.all if event.kind == "event" and event.exception is not None]

    @property
    def messages(self) -> list[Reported]:
        """The events without an exception."""
        return [event for event in self.all if event.kind == "event" and event.exception is None]

    @property
    def transactions(self) -> list[Reported]:
        """The transactions, in the SDK's transaction mode."""
        return [event for event in self.all if event.kind == "transaction"]

    @property
    def spans(self) -> list[Reported]:
        """The spans, in the SDK's stream mode."""
        return [event for event in self.all if event.kind == "span"]

    @property
    def segments(self) -> list[Reported]:
        """The root spans, in the SDK's stream mode, in the order of their ends.

        The SDK sends the traces that wait for its next batch in no order: it keeps them in a set.
        """
        return sorted(
            (span for span in self.spans if span["is_segment"]), key=lambda span: float(span["end_timestamp"])
        )

    @property
    def roots(self) -> list[Reported]:
        """The root spans in whichever shape the SDK sends them, as transactions or as segments."""
        return self.transactions + self.segments

    @property
    def children(self) -> list[Reported]:
        """The child spans in whichever shape the SDK sends them, those of a transaction as spans of their own.

        A transaction has them in the order of their starts; streamed spans come in the order of their ends.
        """
        found: list[Reported] = []
        for event in self.all:
            if event.kind == "transaction":
                found.extend(Reported("span", span) for span in event["spans"])
            elif event.kind == "span" and not event["is_segment"]:
                found.append(event)
        return found

    @property
    def sessions(self) -> list[Reported]:
        """The sessions and session aggregates."""
        return [event for event in self.all if event.kind in ("session", "sessions")]

    def of(self, which: RequestSpec | Callable[[Reported], bool]) -> Events:
        """Return the items of a request (by method and path; spans by their segment), or those matching a predicate."""
        if not isinstance(which, RequestSpec):
            return Events(self._source, lambda reported: self._kept(reported) and which(reported))
        expected = (which.method, which.wire_path)

        def keep(reported: Reported) -> bool:
            return self._kept(reported) and (
                reported.method_and_path == expected
                or reported.attributes.get("sentry.segment.id") in self._segment_ids(expected)
            )

        return Events(self._source, keep)

    def _kept(self, reported: Reported) -> bool:
        return self._keep is None or self._keep(reported)

    def _segment_ids(self, expected: tuple[str, str]) -> set[str]:
        return {span["span_id"] for span in self.segments if span.method_and_path == expected}

    def __iter__(self) -> Iterator[Reported]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def __repr__(self) -> str:
        found = self.all
        return f"<Events: {len(found)}>" + "".join(f"\n  {reported!r}" for reported in found)

    def describe(self) -> str:
        """Return all items with their whole payloads, as readable text."""
        return "\n".join(f"{reported!r}\n{pprint.pformat(reported.payload, width=120)}" for reported in self.all)


@lru_cache(maxsize=256)
def parse(envelope: bytes) -> tuple[Reported, ...]:
    """Return the items of a serialised envelope.

    The payload of an item that is not JSON (an attachment) is its size. Results are cached, since each access to
    ``Events`` reads all envelopes.
    """
    found: list[Reported] = []
    for item in Envelope.deserialize(envelope).items:
        kind, content = str(item.type), item.get_bytes()
        if item.headers.get("content_type") == SPAN_CONTENT_TYPE:
            found.extend(Reported(kind, span) for span in json.loads(content)["items"])
        else:
            found.append(Reported(kind, _payload(content)))
    return tuple(found)


def _payload(content: bytes) -> Mapping[str, Any]:
    try:
        loaded = json.loads(content)
    except ValueError:
        loaded = None
    return loaded if isinstance(loaded, dict) else {"size": len(content)}
