"""The options of sentry-sdk's client, converted to the policy and the settings that a recording needs.

They are read again when the client changes: ``sentry_sdk.init`` may be called after construction, and repeatedly.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .._privacy.header_kinds import ADDRESS_HEADERS
from .._privacy.policy import Policy
from .._privacy.rules import Keys, Rule, normalise
from .._request.forwarding import Forwarding
from . import compat
from .hooks import add_hooks
from .root_span import RootSpan, Start

if TYPE_CHECKING:
    from sentry_sdk import Scope

if TYPE_CHECKING or compat.HAS_STREAMED_SPANS:
    from .streaming import start_segment
if TYPE_CHECKING or compat.HAS_TRANSACTIONS:
    from .transactions import start_transaction

#: The SDK's own list without the address headers: addresses are personal, not secret, and left to ``Policy``.
_OF_SDK = [term for term in compat.SENSITIVE_TERMS if normalise(term) not in ADDRESS_HEADERS]
#: The values of the SDK's ``max_request_body_size``, in bytes; ``"always"`` is bounded by ``_request.body``.
_BODY_LIMITS = {"never": 0, "small": 1_000, "medium": 10_000, "always": sys.maxsize}


class ClientSettings:
    """The settings derived from one client's options.

    Args:
        options: The options of the client.
        forwarding: The proxies whose forwarding headers are trusted.
        keys: The names of sensitive keys.
    """

    __slots__ = ("policy", "tracing", "streaming", "sessions", "body_limit", "root_span")

    def __init__(self, options: Mapping[str, Any], forwarding: Forwarding, keys: Keys | None = None) -> None:
        get = options.get
        #: The policy that decides what may be sent.
        self.policy = build_policy(options, forwarding, keys)
        #: Whether tracing is enabled.
        self.tracing = get("enable_tracing") is not False and (
            get("traces_sample_rate") is not None or get("traces_sampler") is not None
        )
        #: Whether spans are sent one by one, without transactions (``trace_lifecycle="stream"``).
        self.streaming = compat.HAS_STREAMED_SPANS and (not compat.HAS_TRANSACTIONS or _is_streaming(options))
        #: Whether sessions are recorded. Without a release the SDK would discard each session.
        self.sessions = bool(get("auto_session_tracking") and get("release"))
        #: Maximum number of bytes of a request body that are sent.
        self.body_limit = _BODY_LIMITS.get(str(get("max_request_body_size")), 0)
        #: The function that starts the root span of a request, in the client's tracing mode.
        self.root_span: Callable[[Start, Scope], RootSpan] = start_segment if self.streaming else start_transaction


def _is_streaming(options: Mapping[str, Any]) -> bool:
    lifecycle = options.get("trace_lifecycle")
    if lifecycle is None:
        lifecycle = (options.get("_experiments") or {}).get("trace_lifecycle")
    return bool(lifecycle == "stream")


def sensitive_keys(sensitive: Iterable[str] = (), harmless: Iterable[str] = ()) -> Keys:
    """Return the names of sensitive keys: this package's, the SDK's, and the user's."""
    return Keys([*_OF_SDK, *sensitive], harmless)


def build_policy(options: Mapping[str, Any], forwarding: Forwarding, keys: Keys | None = None) -> Policy:
    """Return the privacy policy of a client.

    It follows ``data_collection`` if the user has set that option, or the SDK has no other; else ``send_default_pii``.

    Args:
        options: The options of the client.
        forwarding: The proxies whose forwarding headers are trusted.
        keys: The names of sensitive keys; by default those of ``sensitive_keys()``.
    """
    rule = partial(_rule, keys=sensitive_keys() if keys is None else keys)
    collection = options.get("data_collection")
    if isinstance(collection, Mapping) and collection.get("provided_by_user", True):
        return Policy(
            user_info=bool(collection.get("user_info")),
            headers=rule((collection.get("http_headers") or {}).get("request")),
            query=rule(collection.get("url_query_params")),
            cookies=rule(collection.get("cookies")),
            fields=rule(None),
            bodies="incoming_request" in (collection.get("http_bodies") or ()),
            forwarding=forwarding,
        )
    pii = bool(options.get("send_default_pii"))
    plain = rule(None)
    cookies = plain if pii else None
    return Policy(
        user_info=pii, headers=plain, query=plain, cookies=cookies, fields=plain, bodies=True, forwarding=forwarding
    )


def _rule(behaviour: Mapping[str, Any] | None, keys: Keys) -> Rule:
    behaviour = behaviour or {}
    return Rule(behaviour.get("mode") or "denylist", behaviour.get("terms") or (), keys)


#: The options of the client that settings are made of.
_USED = (
    "send_default_pii",
    "data_collection",
    "enable_tracing",
    "traces_sample_rate",
    "traces_sampler",
    "trace_lifecycle",
    "_experiments",
    "auto_session_tracking",
    "release",
    "max_request_body_size",
)


def _snapshot(value: Any) -> Any:
    """Return a value with copies of its containers, which may be changed in place."""
    if isinstance(value, dict):
        return {key: _snapshot(item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(_snapshot, value))
    return value


class SettingsCache:
    """A cache of the settings of the most recent client, since clients and their options change rarely.

    The SDK looks its options up whenever it needs one, so that a change takes effect at once; here, from the next
    request on.
    """

    __slots__ = ("_forwarding", "_keys", "_cached")

    def __init__(self, forwarding: Forwarding, keys: Keys | None = None) -> None:
        self._forwarding = forwarding
        self._keys = keys
        #: The client, the values of its options, and the settings: one object, since another thread may read it.
        self._cached: tuple[weakref.ref[Any], tuple[Any, ...], ClientSettings] | None = None

    def get(self, client: Any) -> ClientSettings:
        """Return the settings of a client."""
        cached = self._cached
        used = tuple(map(client.options.get, _USED))
        if cached is None or cached[0]() is not client or cached[1] != used:
            add_hooks(client.options)
            settings = ClientSettings(client.options, self._forwarding, self._keys)
            self._cached = cached = (weakref.ref(client), _snapshot(used), settings)
        return cached[2]
