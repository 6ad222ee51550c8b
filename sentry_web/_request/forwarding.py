"""The client's address: the peer's, or what a trusted proxy reports (X-Forwarded-For, RFC 7239, X-Real-IP).

A forwarding header counts only as far as an unbroken chain of trusted proxies, read from the server outwards, vouches
for it; the rest may have been written by anybody. A proxy that writes one kind of header passes on what a stranger
wrote into another: ``X-Forwarded-*``, which most proxies write, count before ``Forwarded``, unless the user names the
header. Primitives in, primitives out.
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


#: Characters that are read of a forwarding header; no chain of proxies is so long.
_LONGEST = 4096
#: Characters of what is remembered; no address with port, brackets and quotes is longer.
_SHORT = 64


@functools.cache
def _pair() -> Pattern[str]:
    """RFC 7239, 4: forwarded-pair = token "=" ( token / quoted-string ).

    Each alternative starts on a different character, so matching is linear. Compiled when
    such a header comes first.
    """
    return re.compile(r'\s*([^\s=;,"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*')


_ADDRESS_HEADERS = frozenset(("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip"))


class Forwarding:
    """Whose forwarding headers count: the ``trusted_proxies`` option, made ready.

    ``None`` trusts loopback, private and unix-socket peers; an ``int`` that many hops; ``"*"`` everyone; a sequence of
    networks those; ``()`` nobody.

    Args:
        trusted_proxies: The option.
        header: The header, in lower case, in which the proxies report the client's address (``proxy_header``). With
            ``forwarded``, ``X-Forwarded-*`` do not count at all; with any other, ``Forwarded`` does not.

    Raises:
        ValueError: For anything else; the message names the value.
    """

    __slots__ = ("_everyone", "_hops", "_networks", "_private", "_header", "address_headers")

    def __init__(self, trusted_proxies: object = None, header: str | None = None) -> None:
        self._header = header
        #: The headers that have a say in what the client's address is.
        self.address_headers = _ADDRESS_HEADERS if header is None else frozenset((header,))
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
        address = _address(peer)
        if address is None:
            return self._private  # a unix socket, which only a process of this machine can reach
        if self._private:
            return _is_private(address)
        return any(_contains(network, address) for network in self._networks)

    def client_address(self, peer: str | None, header: GetHeader) -> str | None:
        """The client's address: validated, without port or zone; the peer where the headers say nothing good."""
        known = _address(peer)
        own = known.compressed if known is not None else None
        if not self.trusts(peer):
            return own
        chain = self._chain(header)
        found = self._outermost(chain) if chain else None
        if not chain and self._header is None:
            found = parse_address(header("x-real-ip"))
        return found.compressed if found is not None else own

    def _chain(self, header: GetHeader) -> list[str]:
        """The chain of addresses, client first, from the header that the proxies write."""
        if self._header is None:
            return forwarded_addresses(header)
        return _addresses(self._header, header(self._header) or "")

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
        named = self._header
        forwarded = header("forwarded") if named in (None, "forwarded") else None
        scheme, host = (None, None) if named == "forwarded" else map(header, ("x-forwarded-proto", "x-forwarded-host"))
        if not (forwarded or scheme or host) or not self.trusts(peer):
            return None, None
        if forwarded and not (scheme or host or (named is None and header("x-forwarded-for"))):
            elements = parse_forwarded(_nearest(forwarded))
            nearest = elements[-1] if elements else []
            scheme, host = _last(nearest, "proto"), _last(nearest, "host")
        scheme, host = (_rightmost(scheme) or "").lower(), _rightmost(host)
        return (scheme if scheme in ("http", "https", "ws", "wss") else None), host


def parse_address(text: str | None) -> Address | None:
    """An address as proxies write it: with port, brackets, quotes or zone; ``None`` where it is not one.

    >>> parse_address('"[2001:db8::1]:4711"')
    IPv6Address('2001:db8::1')
    """
    # Long ones are read anew each time, so that what strangers send fills no memory
    return _address(text) if text is None or len(text) <= _SHORT else _address.__wrapped__(text)


@functools.lru_cache(maxsize=1024)  # few peers, again and again: a proxy, a load balancer
def _address(text: str | None) -> Address | None:
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
    """The chain of addresses, client first: from ``X-Forwarded-For``, else from ``Forwarded`` (RFC 7239).

    ``Forwarded`` does not count beside any ``X-Forwarded-*``: the proxy that wrote those has only passed it on.
    """
    chain = _addresses("x-forwarded-for", header("x-forwarded-for") or "")
    if chain or header("x-forwarded-proto") or header("x-forwarded-host"):
        return chain
    return _addresses("forwarded", header("forwarded") or "")


def claimed_addresses(header: GetHeader) -> list[str]:
    """All addresses in the two headers, whoever wrote them."""
    return [one for name in ("x-forwarded-for", "forwarded") for one in _addresses(name, header(name) or "")]


def _addresses(name: str, value: str) -> list[str]:
    if not value:
        return []
    value = _nearest(value)
    if name == "forwarded":
        return [found for element in parse_forwarded(value) for key, found in element if key == "for"]
    return [entry for entry in value.split(",") if entry.strip()]


def _nearest(value: str) -> str:
    """The end of a list that is too long to be read as a whole: what the nearest proxies wrote."""
    return value if len(value) <= _LONGEST else value[-_LONGEST:].partition(",")[2]


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
    return any(_contains(network, address) for network in _private_networks())


@functools.cache
def _private_networks() -> list[Network]:
    """Return the networks from which no stranger comes.

    Not ``ipaddress.is_private``: it includes the networks of documentations and benchmarks, and what it includes
    differs between releases of Python.
    """
    return [
        *map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128")),  # loopback
        *map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),  # RFC 1918
        *map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10")),  # link-local: RFC 3927, RFC 4291
        ipaddress.ip_network("fc00::/7"),  # unique local: RFC 4193
        ipaddress.ip_network("100.64.0.0/10"),  # shared by a provider's customers: RFC 6598
    ]


def _contains(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network
