"""What a client's options make of every transaction, worked out once for a client (see ``delivery``)."""

from __future__ import annotations

import weakref
from operator import itemgetter
from typing import Any

from sentry_sdk.client import SDK_INFO
from sentry_sdk.tracing import LOW_QUALITY_TRANSACTION_SOURCES

from . import inner_spans, plain

#: What goes onto each event that has it not, from the option of this name.
_STAMPED = ("release", "environment", "server_name", "dist")
_OPTIONS = (*_STAMPED, "before_send_transaction", "custom_repr", "max_value_length", "event_scrubber")
_read = itemgetter(*_OPTIONS)
#: With a ``max_value_length`` below this, which nobody has, the SDK cuts what the client itself adds.
_TIGHT = 500
#: What the trace's header says of the transaction, and not of the client.
_OF_TRANSACTION = ("trace_id", "sample_rand", "sample_rate", "sampled", "transaction")


class Client:
    """What a client's options make of every transaction, worked out once."""

    __slots__ = (
        "_client",
        "_options",
        "_integrations",
        "_sdk",
        "_sdk_info",
        "_denied",
        "_denylist",
        "_header",
        "stamp",
        "simple",
    )

    def __init__(self, client: Any, options: tuple[Any, ...]) -> None:
        self._client = weakref.ref(client)
        self._options = options
        known = dict(zip(_OPTIONS, options))
        #: The options that are told, as the SDK writes them.
        self.stamp = {key: str(known[key]).strip() for key in _STAMPED if known[key] is not None}
        #: Whether the options leave to nobody but us what is sent.
        self.simple = known["before_send_transaction"] is None and known["custom_repr"] is None
        self.simple = self.simple and self._fits(known["max_value_length"])
        self._integrations: list[str] = []
        self._sdk: dict[str, Any] | None = None
        self._sdk_info: dict[str, Any] = {}
        self._denied: frozenset[str] = frozenset()
        self._denylist: list[str] = []
        self._header: dict[str, str] | None = None

    def _fits(self, longest: Any) -> bool:
        """Whether the SDK would cut none of this."""
        return longest is None or (
            type(longest) is int and longest >= _TIGHT > max(map(len, self.stamp.values()), default=0)
        )

    def is_of(self, client: Any, options: tuple[Any, ...]) -> bool:
        """Whether it was worked out from this client with these options."""
        return self._client() is client and self._options == options

    def sdk(self, client: Any) -> dict[str, Any]:
        """What the event says of the SDK, made again when an integration came, or another client named it."""
        integrations = list(client.integrations)
        known = self._sdk
        if known is None or integrations != self._integrations or self._sdk_info != SDK_INFO:
            known = plain.write({"sdk": {**SDK_INFO, "integrations": sorted(integrations)}})["sdk"]
            self._integrations, self._sdk_info, self._sdk = integrations, dict(SDK_INFO), known
        return known

    def trace_header(self, made: Any) -> dict[str, str]:
        """What the trace's header says of a transaction without baggage; most of it is the client's."""
        if self._header is None:
            told = inner_spans.trace_header(made)
            self._header = {key: told[key] for key in told if key not in _OF_TRANSACTION}
        header = {
            **self._header,
            "trace_id": made.trace_id,
            "sample_rand": f"{made.sample_rand:.6f}",
            "sample_rate": str(made.sample_rate),
            "sampled": "true",
        }
        if made.source not in LOW_QUALITY_TRANSACTION_SOURCES:
            header["transaction"] = made.name
        return header

    def denied(self, scrubber: Any) -> frozenset[str]:
        """The scrubber's keys; to look one up in its list takes as long as the list is."""
        if self._denylist != scrubber.denylist:
            self._denylist = list(scrubber.denylist)
            self._denied = frozenset(self._denylist)
        return self._denied


_last: Client | None = None


def client_facts(client: Any) -> Client:
    """Those of the client that was asked for last; clients change rarely."""
    global _last  # noqa: PLW0603 - the others of a process that has several are worked out each time
    options = _read(client.options)
    facts = _last
    if facts is None or not facts.is_of(client, options):
        facts = _last = Client(client, options)
    return facts
