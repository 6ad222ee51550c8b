"""The client's options, read as the policy and the switches that a recording needs.

Options are read again when the client is another one: ``sentry_sdk.init`` may come after construction, and again.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sentry_sdk.scrubber import DEFAULT_DENYLIST

from .._privacy.header_kinds import ADDRESS_HEADERS
from .._privacy.policy import Policy
from .._privacy.rules import Rule, normalise
from .._request.forwarding import Forwarding
from . import compat
from .root_span import RootSpan, Start

if TYPE_CHECKING:
    from sentry_sdk import Scope

if TYPE_CHECKING or compat.HAS_STREAMED_SPANS:
    from .streaming import start_segment
if TYPE_CHECKING or compat.HAS_TRANSACTIONS:
    from .transactions import start_transaction

#: The SDK's own list, but for what it says of addresses: those are personal, not secret, and ``Policy`` knows them.
_SENSITIVE = [term for term in DEFAULT_DENYLIST if normalise(term) not in ADDRESS_HEADERS]
#: The SDK's ``max_request_body_size``, in bytes; ``"always"`` is bounded by ``_request.body``.
_BODY_LIMITS = {"never": 0, "small": 1_000, "medium": 10_000, "always": sys.maxsize}


class ClientSettings:
    """What one client's options mean for us."""

    __slots__ = ("policy", "tracing", "streaming", "sessions", "body_limit", "root_span")

    def __init__(self, options: Mapping[str, Any], forwarding: Forwarding) -> None:
        get = options.get
        #: What may be sent.
        self.policy = build_policy(options, forwarding)
        #: Whether root spans are asked for at all.
        self.tracing = get("enable_tracing") is not False and (
            get("traces_sample_rate") is not None or get("traces_sampler") is not None
        )
        #: ``trace_lifecycle="stream"``: spans are sent one by one, without transactions.
        self.streaming = compat.HAS_STREAMED_SPANS and (not compat.HAS_TRANSACTIONS or _is_streaming(options))
        #: Release health needs a release; without one the SDK would throw each session away.
        self.sessions = bool(get("auto_session_tracking") and get("release"))
        #: Bytes of a request body that may be sent.
        self.body_limit = _BODY_LIMITS.get(str(get("max_request_body_size")), 0)
        #: Starts the root span of a request, in the tracing mode of the client.
        self.root_span: Callable[[Start, Scope], RootSpan] = start_segment if self.streaming else start_transaction


def _is_streaming(options: Mapping[str, Any]) -> bool:
    lifecycle = options.get("trace_lifecycle")
    if lifecycle is None:
        lifecycle = (options.get("_experiments") or {}).get("trace_lifecycle")
    return bool(lifecycle == "stream")


def build_policy(options: Mapping[str, Any], forwarding: Forwarding) -> Policy:
    """The privacy policy: ``data_collection`` where the user gave it, else ``send_default_pii``."""
    collection = options.get("data_collection")
    if isinstance(collection, Mapping) and collection.get("provided_by_user"):
        return Policy(
            user_info=bool(collection.get("user_info")),
            headers=_rule((collection.get("http_headers") or {}).get("request")),
            query=_rule(collection.get("url_query_params")),
            cookies=_rule(collection.get("cookies")),
            fields=_rule(None),
            bodies="incoming_request" in (collection.get("http_bodies") or ()),
            forwarding=forwarding,
        )
    pii = bool(options.get("send_default_pii"))
    plain = _rule(None)
    cookies = plain if pii else None
    return Policy(
        user_info=pii, headers=plain, query=plain, cookies=cookies, fields=plain, bodies=True, forwarding=forwarding
    )


def _rule(behaviour: Mapping[str, Any] | None) -> Rule:
    behaviour = behaviour or {}
    return Rule(behaviour.get("mode") or "denylist", behaviour.get("terms") or (), _SENSITIVE)


class SettingsCache:
    """The settings of the client that was asked for last; clients change rarely, requests come often."""

    __slots__ = ("_forwarding", "_client", "_settings")

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding
        self._client: weakref.ref[Any] | None = None
        self._settings: ClientSettings | None = None

    def get(self, client: Any) -> ClientSettings:
        """The settings of this client."""
        settings = self._settings
        if settings is None or self._client is None or self._client() is not client:
            settings = ClientSettings(client.options, self._forwarding)
            # Settings first: another thread may read between, and must not pair the new client with old settings
            self._client, self._settings = None, settings
            self._client = weakref.ref(client)
        return settings
