"""Strategies for logical requests. This module knows nothing of applications."""

from __future__ import annotations

from hypothesis import strategies as st

from sentry_web.testing.request import RequestSpec

_SEGMENTS = st.sampled_from(["users", "42", "%20", "a%2Fb", "ü", "caf%C3%A9", "~x", "+", ";v=1", "@", "日本"])
_ODD_SEGMENTS = st.sampled_from(
    ["%", "%zz", "%ff", "%C3", "..", "", "%00", "\\", "\udc80".encode("utf-8", "replace").decode()]
)
_TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8).filter(lambda name: name.strip("-") == name)
_VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
_ODD_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, blacklist_characters="\x7f"), max_size=12)
_ADDRESSES = st.sampled_from(["192.0.2.1", "198.51.100.7", "10.0.0.1", "127.0.0.1", "2001:db8::1"])
_ODD_ADDRESSES = st.sampled_from(
    ["", "unknown", "_hidden", "192.0.2.1:80", '"[2001:db8::1]:443"', "999.1.1.1", "<script>"]
)


def methods() -> st.SearchStrategy[str]:
    """Return methods, including an unusual one."""
    return st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])


def hosts() -> st.SearchStrategy[str]:
    """Return host names, addresses and an internationalised name in its ASCII form."""
    return st.sampled_from(["shop.example", "localhost", "192.0.2.10", "xn--bcher-kva.example"])


def paths(segments: st.SearchStrategy[str] = _SEGMENTS) -> st.SearchStrategy[str]:
    """Return paths with percent-encoding and Unicode."""
    return st.lists(segments, max_size=4).map(lambda parts: "/" + "/".join(parts))


def root_paths() -> st.SearchStrategy[str]:
    """Return mount prefixes, which are mostly empty."""
    return st.sampled_from(["", "", "/api", "/api/v1", "/ü"])


def queries() -> st.SearchStrategy[str]:
    """Return raw query strings in ASCII."""
    return st.sampled_from(["", "q=1", "q=a%26b&x=%C3%BC", "a=1&a=2", "token=secret", "flag", "=&=", "a+b=c+d"])


def cookies() -> st.SearchStrategy[tuple[str, str]]:
    """Return ``Cookie`` headers."""
    pair = st.builds("{}={}".format, _TOKENS, st.text("abcXYZ019", max_size=8))
    return st.tuples(st.just("Cookie"), st.lists(pair, min_size=1, max_size=3).map("; ".join))


def forwarded(addresses: st.SearchStrategy[str] = _ADDRESSES) -> st.SearchStrategy[tuple[str, str]]:
    """Return headers of a proxy: ``X-Forwarded-For``, ``Forwarded`` (RFC 7239) or ``X-Real-IP``."""
    chain = st.lists(addresses, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.just("X-Forwarded-For"), chain.map(", ".join)),
        st.tuples(st.just("Forwarded"), chain.map(lambda hops: ", ".join(f"for={hop}" for hop in hops))),
        st.tuples(st.just("X-Real-IP"), addresses),
        st.tuples(st.just("X-Forwarded-Proto"), st.sampled_from(["http", "https"])),
        st.tuples(st.just("X-Forwarded-Host"), hosts()),
    )


def headers() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """Return header lists that every server passes on: without repeated names, except for ``Accept``."""
    one = st.one_of(
        st.tuples(_TOKENS.map("X-{}".format), _VALUES),
        st.tuples(st.just("Accept"), st.sampled_from(["text/html", "*/*"])),
        st.tuples(st.just("User-Agent"), st.just("agent/1.0")),
        st.tuples(st.just("Authorization"), st.just("Bearer secret-token")),
        cookies(),
        forwarded(),
    )
    return st.lists(one, max_size=5, unique_by=lambda pair: pair[0].lower()).map(tuple)


def odd_headers() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """Return header lists with repetitions, odd case, empty and non-ASCII values, and broken forwarding chains."""
    one = st.one_of(
        st.tuples(st.sampled_from(["X-A", "x-a", "X_A", "COOKIE", "Host", "Content-Type"]), _ODD_VALUES),
        st.tuples(st.just("Content-Length"), st.sampled_from(["", "0"])),
        forwarded(_ODD_ADDRESSES),
        cookies(),
    )
    return st.lists(one, max_size=6).map(tuple)


def bodies() -> st.SearchStrategy[tuple[bytes, ...]]:
    """Return bodies in any chunking, including empty pieces."""
    return st.lists(st.sampled_from([b"", b"a", b"name=x&password=y", b'{"a": 1}', b"\xff\x00" * 8]), max_size=3).map(
        tuple
    )


def requests() -> st.SearchStrategy[RequestSpec]:
    """Return requests that have the same meaning in every protocol."""
    return st.builds(
        RequestSpec,
        method=methods(),
        path=paths(),
        query=queries(),
        headers=headers(),
        body=bodies(),
        scheme=st.sampled_from(["http", "https"]),
        host=hosts(),
        port=st.sampled_from([None, 8000]),
        root_path=root_paths(),
        client=st.one_of(st.none(), st.tuples(_ADDRESSES, st.just(49152))),
        http_version=st.sampled_from(["1.0", "1.1", "2"]),
    )


def odd_requests() -> st.SearchStrategy[RequestSpec]:
    """Return requests that only careless or hostile clients send, but that servers accept."""
    return st.builds(
        RequestSpec,
        method=st.one_of(methods(), st.sampled_from(["get", "X" * 40])),
        path=paths(st.one_of(_SEGMENTS, _ODD_SEGMENTS)),
        query=st.one_of(queries(), st.sampled_from(["%", "a=%ff", "&&;", "a" * 100])),
        headers=odd_headers(),
        body=bodies(),
        exact_headers=st.booleans(),
    )
