"""Classification of headers by name, shared by the privacy policy and the search for secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from .rules import BUILT_IN, Rule, normalise

#: Headers that carry the address of the client or of an intermediary. Those whose last word is ``IP`` do so, too.
ADDRESS_HEADERS = frozenset(
    (  # noqa: SIM905 - a list of words, one to a line, would fill a page
        "x_forwarded_for forwarded x_real_ip remote_addr client_ip x_client_ip true_client_ip cf_connecting_ip "
        "cf_connecting_ipv6 cf_pseudo_ipv4 fastly_client_ip x_cluster_client_ip x_envoy_external_address "
        "x_appengine_user_ip x_azure_clientip x_azure_socketip x_original_forwarded_for fly_client_ip do_connecting_ip "
        "x_forwarded via x_remote_addr x_remote_ip x_originating_ip x_proxyuser_ip wl_proxy_client_ip proxy_client_ip "
        "cloudfront_viewer_address x_appengine_remote_addr x_nf_client_connection_ip x_vercel_forwarded_for "
        "x_vercel_proxied_for x_sucuri_clientip x_original_remote_addr x_amzn_remapped_x_forwarded_for x_client_addr"
    ).split()
)

#: Headers that say who the user is: an e-mail address, a name, a client certificate. They are personal, as addresses
#: are. The rest is found by its last words (``_PERSONAL_ENDS``).
PERSONAL_HEADERS = frozenset(
    (  # noqa: SIM905 - as above
        "from x_forwarded_user x_forwarded_email x_forwarded_preferred_username x_forwarded_groups "
        "x_forwarded_client_cert x_ms_client_principal x_ms_client_principal_name x_ms_client_principal_id "
        "remote_user remote_email remote_name remote_groups x_remote_user x_webauth_user impersonate_user "
        "client_cert client_cert_chain x_ssl_client_cert ssl_client_cert x_client_cert x_arr_clientcert "
        "x_amzn_mtls_clientcert x_amzn_mtls_clientcert_leaf x_amzn_mtls_clientcert_subject x_amzn_oidc_identity "
        "x_authenticated_userid x_consumer_username cf_access_authenticated_user_email "
        "x_goog_authenticated_user_email x_goog_authenticated_user_id tailscale_user_login tailscale_user_name"
    ).split()
)
_PERSONAL_ENDS = ("_email", "_user", "_username")
COOKIE_HEADERS = frozenset(("cookie", "set_cookie"))

#: Headers whose value is a URL, absolute or relative (RFC 9110, 10.1.3 and 10.2.2).
URL_HEADERS = frozenset(("referer", "origin", "location", "content_location"))

#: Headers whose value is an authority (RFC 9110, 7.2).
HOST_HEADERS = frozenset(("host", "x_forwarded_host", "x_original_host"))

#: The list of subprotocols of a websocket (RFC 6455, 11.3.4), where clients that cannot set headers put their tokens.
PROTOCOL_HEADERS = frozenset(("sec_websocket_protocol",))

_ADDRESS_ENDS = frozenset(("ip", "clientip", "socketip", "realip"))
_KINDS = {
    **dict.fromkeys(ADDRESS_HEADERS, "address"),
    **dict.fromkeys(PERSONAL_HEADERS, "personal"),
    **dict.fromkeys(COOKIE_HEADERS, "cookie"),
    **dict.fromkeys(URL_HEADERS, "url"),
    **dict.fromkeys(HOST_HEADERS, "host"),
    **dict.fromkeys(PROTOCOL_HEADERS, "protocol"),
}
_WORD = r"(?:[A-Za-z]{1,14}\d{0,2}|\d{1,4})"
#: A longer list of subprotocols is not looked at, and taken for a token as a whole.
_MOST_PROTOCOLS = 50
#: Matches the name of a subprotocol: words and versions.
_is_protocol = re.compile(rf"(?=.{{1,48}}\Z){_WORD}(?:[._/-]{_WORD}){{0,6}}\Z").match

#: Limits of the cache of kinds: the number of header names, and the length of each.
_MOST_NAMES, _LONGEST_NAME = 1000, 64


_name_of = itemgetter(0)


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

        One of ``cookie``, ``secret``, ``secret address``, ``address``, ``personal``, ``protocol``, ``host``, ``url``
        and ``other``; the last six with ``unlisted`` before them, if an allowlist omits the header. Results are cached,
        within limits: few names are common, but clients can send any name.
        """
        kind = self._known.get(name)
        if kind is None:
            kind = self._find_kind(name, normalise(name))
            if len(self._known) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
                self._known[name] = kind
        return kind

    def of_each(self, headers: Sequence[tuple[str, str]]) -> list[str]:
        """Return the kinds of some headers, in their order."""
        kinds: list[Any] = list(map(self._known.get, map(_name_of, headers)))
        return [self.of(name) for name, _ in headers] if None in kinds else kinds

    def _find_kind(self, name: str, normal: str) -> str:
        kind = _kind_of(normal)
        if kind == "cookie":
            return kind
        rule = self._rule
        if rule.is_sensitive(name) or (rule.patterns and rule.is_sensitive(normal)):
            return "secret address" if kind == "address" else "secret"
        return f"unlisted {kind}" if rule.mode == "allowlist" and rule.hides(name) else kind


def _kind_of(normal: str) -> str:
    """Return the kind of a header by its name alone."""
    kind = _KINDS.get(normal)
    if kind is not None:
        return kind
    if normal.rpartition("_")[2] in _ADDRESS_ENDS:
        return "address"
    return "personal" if normal.endswith(_PERSONAL_ENDS) else "other"


def secret_protocols(value: str) -> list[str]:
    """Return the subprotocols of a websocket that are no names of protocols, and may therefore be tokens.

    Names are short and pronounceable (``graphql-transport-ws``, ``ocpp1.6``). What follows a sensitive name
    (``bearer``, ``access_token``) is a token, whatever it looks like.
    """
    if value.count(",") > _MOST_PROTOCOLS:
        return [value]
    found: list[str] = []
    named = False
    for item in filter(None, map(str.strip, value.split(","))):
        if named or not _is_protocol(item):
            found.append(item)
        else:
            named = BUILT_IN.is_sensitive(item)
    return found
