"""Sends a transaction as ``Scope.capture_event`` does, in a fifth of its time.

The same steps in the same order, so that the same envelope arrives (a property, tests/sentry/test_delivery.py):
scopes, processors, the client's own data, scrubbing, serializing, session, transport. What is saved: the SDK merges
three scopes into a fourth, and its serializer takes each value for an unknown one (see ``plain``). What is not known to
be simple is left to the SDK: all of it, before a processor has run; from then on the serializing.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.serializer import global_repr_processors, serialize
from sentry_sdk.utils import disable_capture_event

from .._core.guard import call
from . import innards, plain
from .client_facts import Client, client_facts
from .private import AnnotatedValue

#: What only the SDK's way knows: a profile, spans that were dropped or go elsewhere; and before it, all that ``plain``
#: does not know.
_UNKNOWN = plain.SPECIAL | {"profile", "_dropped_spans", "_has_gen_ai_span", "_metrics_summary"}
#: Scrubbers that are the SDK's; without one nothing is scrubbed.
_THEIR_SCRUBBERS = (EventScrubber, type(None))
#: Contexts that we make, of plain values, where only we make the event.
_OUR_CONTEXTS = ("trace", "response")
#: The other parts that we make so; to tags scopes may have added theirs.
_OUR_FIRST_PARTS = frozenset(("type", "event_id", "transaction", "transaction_info", "spans", "measurements"))
_OUR_PARTS = _OUR_FIRST_PARTS | {"tags"}
#: What each transaction has when it is captured.
_PARTS = ("transaction", "transaction_info", "contexts", "spans", "timestamp")


class Delivery:
    """One transaction on its way."""

    __slots__ = ("_client", "_facts", "_scopes", "_hint")

    def __init__(self, client: Any, facts: Client, scopes: innards.Scopes) -> None:
        self._client = client
        self._facts = facts
        self._scopes = scopes
        self._hint: dict[str, Any] = {}

    def send(self, captured: dict[str, Any]) -> Any:
        """Send it; its id, unless a processor dropped it."""
        client, hint = self._client, self._hint
        event_id = _identified(captured)
        event, all_spans = self._completed(captured)
        if event is None:
            return None
        envelope = call(self._envelope, event, all_spans)
        if envelope is None:  # a fault of ours: the SDK does the rest
            return client.capture_event(event, hint)
        session = self._scopes.session()
        if session is not None:
            innards.update_session(client, session, captured)
        client.transport.capture_envelope(envelope)
        return event_id

    def envelope(self, captured: dict[str, Any]) -> Envelope | None:
        """What :meth:`send` would send; ``None``: nothing. The event counts in no session."""
        _identified(captured)
        event, all_spans = self._completed(captured)
        return None if event is None else self._envelope(event, all_spans)

    def _completed(self, captured: dict[str, Any]) -> tuple[Any, int | None]:
        """The event as scopes and processors leave it; and what is told of its spans, where they took some away.

        ``None``: one of them dropped it.
        """
        hint = self._hint
        self._scopes.apply_to(captured)
        hint["attachments"] = self._scopes.attachments()
        spans = len(captured["spans"])
        processed = self._scopes.process(captured, hint)
        if processed is None:
            self._count_lost(1 + spans, whole=True)
            return None, None
        missing = spans - len(processed.get("spans", ()))
        if missing > 0:
            self._count_lost(missing)
        # As the SDK has it, which adds what is missing to what was there before
        return processed, spans + missing if missing > 0 else None

    @property
    def settled(self) -> bool:
        """Whether the same would be sent later, and from another thread: it asks nobody but the SDK."""
        return self._scopes.settled and type(self._client.options["event_scrubber"]) in _THEIR_SCRUBBERS

    def _count_lost(self, spans: int, whole: bool = False) -> None:
        lost = self._client.transport.record_lost_event
        if whole:
            lost("event_processor", data_category="transaction")
        lost("event_processor", data_category="span", quantity=spans)

    def _envelope(self, event: dict[str, Any], all_spans: int | None) -> Envelope:
        """What is sent of an event that all processors have seen.

        :param all_spans: their number before processors took some away.
        """
        self._scrub(event)
        if all_spans is not None:
            event["spans"] = AnnotatedValue(event.get("spans", []), {"len": all_spans})
        written = self._write(event)
        trace = (written.get("contexts") or {}).get("trace") or {}
        sampling = trace.pop("dynamic_sampling_context", None)
        headers = {"event_id": written["event_id"], "sent_at": plain.timestamp(datetime.now(timezone.utc))}
        if sampling:
            headers["trace"] = sampling
        envelope = Envelope(headers=headers)
        envelope.add_transaction(written)
        for attachment in self._hint.get("attachments") or ():
            envelope.add_item(attachment.to_envelope_item())
        return envelope

    def _write(self, event: Any) -> Any:
        """The event and what the client adds to it, as plain values."""
        facts = self._facts
        options = self._client.options
        longest = options["max_value_length"]
        try:
            if longest is None and self._scopes.only_ours:
                written = plain.write_known(
                    event, _OUR_CONTEXTS, _OUR_PARTS if self._scopes.settled else _OUR_FIRST_PARTS
                )
            else:
                written = plain.write(event, longest)
        except plain.NotPlain:
            written = serialize(
                event,
                max_request_body_size=options.get("max_request_body_size"),
                max_value_length=longest,
            )
        for key, text in facts.stamp.items():
            if event.get(key) is None:
                written[key] = text
        if event.get("sdk") is None:
            written["sdk"] = facts.sdk(self._client)
        if event.get("platform") is None:
            written["platform"] = "python"
        return written

    def _scrub(self, event: Any) -> None:
        """Filter by key as the client's scrubber does; where it is the SDK's plain one, without searching a list."""
        scrubber = self._client.options["event_scrubber"]
        if not scrubber:
            return
        request, user, extra = event.get("request", {}), event.get("user", {}), event.get("extra", {})
        if (
            type(scrubber) is not EventScrubber
            or scrubber.recursive
            or not plain.SPECIAL.isdisjoint(event)
            or (type(request), type(user), type(extra)) != (dict, dict, dict)
            or "data" in request
        ):
            scrubber.scrub_event(event)
            return
        denied = self._facts.denied(scrubber)
        if _DROPS_ADDRESSES and "ip_address" in denied:
            user.pop("ip_address", None)
        for part in (user, extra, request.get("headers"), request.get("cookies")):
            if part:
                _scrub_keys(part, denied)
        for span in event.get("spans", ()):
            if isinstance(span, dict) and "data" in span:
                _scrub_keys(span["data"], denied)


def _identified(event: dict[str, Any]) -> Any:
    """The event's id, which it gets where it has none."""
    event_id = event.get("event_id")
    if event_id is None:
        event_id = event["event_id"] = innards.new_id()
    return event_id


def _drops_addresses() -> bool:
    """Whether this release's scrubber takes the user's address out; older ones leave a remark in its place."""
    event: Any = {"user": {"ip_address": "192.0.2.1"}}
    EventScrubber(denylist=["ip_address"]).scrub_event(event)
    return "ip_address" not in event["user"]


_DROPS_ADDRESSES = _drops_addresses()


def _scrub_keys(part: Any, denied: frozenset[str]) -> None:
    """Filter the values of denied keys, in place."""
    if isinstance(part, dict) and not _holds_none(part, denied):
        for key in part:
            if isinstance(key, str) and key.lower() in denied:
                part[key] = AnnotatedValue.substituted_because_contains_sensitive_data()


def _holds_none(part: dict[Any, Any], denied: frozenset[str]) -> bool:
    """Whether none of the keys is denied, without a loop; the answer where it is one is not as sure."""
    try:
        return denied.isdisjoint(map(str.lower, part))
    except TypeError:
        return False


def delivery_of(scope: Any, event: dict[str, Any]) -> Delivery | None:
    """The way to deliver a transaction that this scope is asked to capture; ``None``: the SDK's own."""
    if not _UNKNOWN.isdisjoint(event) or None in map(event.get, _PARTS) or event["contexts"].get("trace") is None:
        return None
    scopes = innards.Scopes()
    return delivery_by(sentry_sdk.get_client(), scopes) if scopes.include(scope) else None


def delivery_by(client: Any, scopes: innards.Scopes) -> Delivery | None:
    """The way to deliver a transaction with what is on these scopes; ``None``: the SDK's own."""
    if (
        not innards.untouched(client)
        or client.transport is None
        or client.spotlight
        or global_repr_processors
        or disable_capture_event.get(False)
    ):
        return None
    facts = client_facts(client)
    return Delivery(client, facts, scopes) if facts.simple and scopes.plain() else None
