"""Classification of headers by name, shared by the privacy policy and the search for secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .rules import Rule, normalise

#: Headers that carry the address of the client or of an intermediary.
ADDRESS_HEADERS = frozenset(
    (  # noqa: SIM905 - a list of words, one to a line, would fill a page
        "x_forwarded_for forwarded x_real_ip remote_addr client_ip x_client_ip true_client_ip cf_connecting_ip "
        "cf_connecting_ipv6 cf_pseudo_ipv4 fastly_client_ip x_cluster_client_ip x_envoy_external_address "
        "x_appengine_user_ip x_azure_clientip x_original_forwarded_for fly_client_ip do_connecting_ip x_forwarded "
        "via x_remote_addr x_remote_ip x_originating_ip x_proxyuser_ip wl_proxy_client_ip proxy_client_ip"
    ).split()
)
COOKIE_HEADERS = frozenset(("cookie", "set_cookie"))

#: Headers whose value is a URL, absolute or relative (RFC 9110, 10.1.3 and 10.2.2).
URL_HEADERS = frozenset(("referer", "origin", "location", "content_location"))

#: Headers whose value is an authority (RFC 9110, 7.2).
HOST_HEADERS = frozenset(("host", "x_forwarded_host", "x_original_host"))

#: Limits of the cache of kinds: the number of header names, and the length of each.
_MOST_NAMES, _LONGEST_NAME = 1000, 64


class HeaderKinds:
    """The kind of each header, cached by name.

    Args:
        rule: The rule that decides which header names are sensitive.
    """

    __slots__ = ("_rule", "_known")

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the kind of a header.

        One of ``cookie``, ``secret``, ``address``, ``secret address``, ``host``, ``url`` and ``other``. Results are
        cached, within limits: few names are common, but clients can send any name.
        """
        kind = self._known.get(name)
        if kind is None:
            kind = self._find_kind(name, normalise(name))
            if len(self._known) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
                self._known[name] = kind
        return kind

    def of_all(self, headers: Sequence[tuple[str, str]]) -> set[str]:
        """Return the set of kinds among some headers."""
        kinds: set[Any] = set(map(self._known.get, [name for name, _ in headers]))
        return {self.of(name) for name, _ in headers} if None in kinds else kinds

    def _find_kind(self, name: str, normal: str) -> str:
        if normal in COOKIE_HEADERS:
            return "cookie"
        secret = self._rule.hides(normal) or self._rule.hides(name)
        if normal in ADDRESS_HEADERS:
            return "secret address" if secret else "address"
        if secret:
            return "secret"
        if normal in HOST_HEADERS:
            return "host"
        return "url" if normal in URL_HEADERS else "other"
