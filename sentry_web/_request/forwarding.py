"""The client's address: the peer's, or what a trusted proxy reports (RFC 7239, X-Forwarded-For, X-Real-IP).

A forwarding header counts only as far as an unbroken chain of trusted proxies, read from the server outwards, vouches
for it; the rest may have been written by anybody. Primitives in, primitives out.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence
from re import Pattern
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network
    GetHeader = Callable[[str], str | None]


@functools.cache
def _pair() -> Pattern[str]:
    """RFC 7239, 4: forwarded-pair = token "=" ( token / quoted-string ).

    Each alternative starts on a different character, so matching is linear. Compiled when
    such a header comes first.
    """
    return re.compile(r'\s*([^\s=;,"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*')


class Forwarding:
    """Whose forwarding headers count: the ``trusted_proxies`` option, made ready.

    ``None`` trusts loopback, private and unix-socket peers; an ``int`` that many hops; ``"*"`` everyone; a sequence of
    networks those; ``()`` nobody.

    Raises:
        ValueError: For anything else; the message names the value.
    """

    __slots__ = ("_everyone", "_hops", "_networks", "_private")

    def __init__(self, trusted_proxies: object = None) -> None:
        self._everyone = trusted_proxies == "*"
        self._private = trusted_proxies is None
        self._hops: int | None = None
        self._networks: tuple[Network, ...] = ()
        if isinstance(trusted_proxies, int) and not isinstance(trusted_proxies, bool) and trusted_proxies >= 0:
            self._hops = trusted_proxies
        elif isinstance(trusted_proxies, (list, tuple, set, frozenset)):
            self._networks = tuple(ipaddress.ip_network(str(item), strict=False) for item in trusted_proxies)
        elif not self._everyone and not self._private:
            raise ValueError("a list of networks, a number of hops, '*', () or None")

    def trusts(self, peer: str | None) -> bool:
        """Return whether forwarding headers that this direct peer hands on count at all; ``None`` is a unix socket."""
        if self._everyone or self._hops:
            return True
        if self._hops == 0:
            return False
        address = parse_address(peer)
        if address is None:
            return self._private  # a unix socket, which only a process of this machine can reach
        if self._private:
            return _is_private(address)
        return any(_contains(network, address) for network in self._networks)

    def client_address(self, peer: str | None, header: GetHeader) -> str | None:
        """The client's address: validated, without port or zone; the peer where the headers say nothing good."""
        known = parse_address(peer)
        own = known.compressed if known is not None else None
        if not self.trusts(peer):
            return own
        chain = forwarded_addresses(header)
        found = self._outermost(chain) if chain else parse_address(header("x-real-ip"))
        return found.compressed if found is not None else own

    def _outermost(self, chain: Sequence[str]) -> Address | None:
        """The first address that no trusted proxy vouches for, read from the server's end of the chain."""
        if self._hops:
            return parse_address(chain[-self._hops] if self._hops <= len(chain) else chain[0])
        for entry in reversed(chain):
            address = parse_address(entry)
            if address is None or not self.trusts(address.compressed):
                return address
        return parse_address(chain[0])

    def scheme_and_host(self, peer: str | None, header: GetHeader) -> tuple[str | None, str | None]:
        """The scheme and host that the client used, as the trusted peer reports them; ``None`` where it does not."""
        forwarded, scheme, host = header("forwarded"), header("x-forwarded-proto"), header("x-forwarded-host")
        if not (forwarded or scheme or host) or not self.trusts(peer):
            return None, None
        elements = parse_forwarded(forwarded) if forwarded else []
        nearest = elements[-1] if elements else []
        scheme = (_last(nearest, "proto") or _rightmost(scheme) or "").lower()
        host = _last(nearest, "host") or _rightmost(host)
        return (scheme if scheme in ("http", "https", "ws", "wss") else None), host


@functools.lru_cache(maxsize=1024)  # few peers, again and again: a proxy, a load balancer
def parse_address(text: str | None) -> Address | None:
    """An address as proxies write it: with port, brackets, quotes or zone; ``None`` where it is not one.

    >>> parse_address('"[2001:db8::1]:4711"')
    IPv6Address('2001:db8::1')
    """
    if not text:
        return None
    text = text.strip().strip('"').strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def forwarded_addresses(header: GetHeader) -> list[str]:
    """The chain of addresses, client first: from ``Forwarded`` (RFC 7239), else ``X-Forwarded-For``."""
    elements = parse_forwarded(header("forwarded") or "")
    chain = [value for element in elements for name, value in element if name == "for"]
    if chain:
        return chain
    return [entry for entry in (header("x-forwarded-for") or "").split(",") if entry.strip()]


def parse_forwarded(value: str) -> list[list[tuple[str, str]]]:
    """The elements of a ``Forwarded`` header, each its pairs with lower-cased names (RFC 7239, 4).

    An element with something in it that is no pair is left out, up to the next comma: what a stranger broke must not
    hide what the trusted proxies appended to it.
    """
    elements: list[list[tuple[str, str]]] = [[]]
    pair, position = _pair(), 0
    while position < len(value):
        match = pair.match(value, position)
        end = match.end() if match is not None else position
        separator = value[end : end + 1]
        if match is None or separator not in ("", ",", ";"):
            end = value.find(",", end)
            if end < 0:
                return [element for element in elements[:-1] if element]
            elements[-1] = []
            separator = ","
        else:
            elements[-1].append((match.group(1).lower(), _unquote(match.group(2))))
        if separator == ",":
            elements.append([])
        position = end + 1
    return [element for element in elements if element]


def _unquote(value: str) -> str:
    """The text of a quoted-string (RFC 9110, 5.6.4), or the token itself."""
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _last(element: Sequence[tuple[str, str]], name: str) -> str | None:
    return next((value for key, value in reversed(element) if key == name and value), None)


def _rightmost(value: str | None) -> str | None:
    """The entry that the nearest proxy wrote: the only one that the peer itself vouches for."""
    return (value or "").rpartition(",")[2].strip() or None


def _is_private(address: Address) -> bool:
    return address.is_loopback or address.is_private or address.is_link_local


def _contains(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network
