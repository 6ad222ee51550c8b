"""The client's options, read as the policy and the switches that a recording needs.

Options are read again when the client is another one: ``sentry_sdk.init`` may come after construction, and again.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from typing import Any

from sentry_sdk.scrubber import DEFAULT_DENYLIST

from .._privacy.header_kinds import ADDRESS_HEADERS
from .._privacy.policy import Policy
from .._privacy.rules import Rule, normalise
from .._request.forwarding import Forwarding
from . import inner_segments, private, slots

#: The SDK's own list, but for what it says of addresses: those are personal, not secret, and ``Policy`` knows them.
_SENSITIVE = [term for term in DEFAULT_DENYLIST if normalise(term) not in ADDRESS_HEADERS]
#: The SDK's ``max_request_body_size``, in bytes; ``"always"`` is bounded by ``_request.body``.
_BODY_LIMITS = {"never": 0, "small": 1_000, "medium": 10_000, "always": sys.maxsize}


class Settings:
    """What one client's options mean for us."""

    __slots__ = ("policy", "tracing", "streaming", "sessions", "ignored_statuses", "body_limit", "may_wait", "rate")

    def __init__(self, options: Mapping[str, Any], forwarding: Forwarding) -> None:
        get = options.get
        #: What may be sent.
        self.policy = build_policy(options, forwarding)
        #: Whether root spans are asked for at all.
        self.tracing = get("enable_tracing") is not False and (
            get("traces_sample_rate") is not None or get("traces_sampler") is not None
        )
        #: ``trace_lifecycle="stream"``: spans are sent one by one, without transactions.
        self.streaming = _is_streaming(options)
        #: Release health needs a release; without one the SDK would throw each session away.
        self.sessions = bool(get("auto_session_tracking") and get("release"))
        #: Whether a request's scopes are needed only when something touches them.
        self.may_wait = slots.KNOWN
        #: The rate, where nothing else decides what is sampled of the traces that begin here.
        self.rate = private.plain_rate(options)
        if self.streaming and not inner_segments.streams_by_rate(options):
            self.rate = None
        #: Bytes of a request body that may be sent.
        self.body_limit = _BODY_LIMITS.get(str(get("max_request_body_size")), 0)
        #: Status codes whose traces are not kept.
        self.ignored_statuses = get("trace_ignore_status_codes") or ()


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
        self._settings: Settings | None = None

    def get(self, client: Any) -> Settings:
        """The settings of this client."""
        settings = self._settings
        if settings is None or self._client is None or self._client() is not client:
            settings = Settings(client.options, self._forwarding)
            # Settings first: another thread may read between, and must not pair the new client with old settings
            self._client, self._settings = None, settings
            self._client = weakref.ref(client)
        return settings
