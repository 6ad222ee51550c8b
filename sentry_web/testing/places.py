"""Thirty places of a request and its response that can contain a secret, and how to plant one in each.

This module contains values only: no server, no Sentry. ``PLACES`` is the only list of places, for the tests of this
package, for ``benchmarks/privacy_matrix.py`` and for ``sentry-web check --privacy``.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote

from sentry_web.testing.request import RequestSpec

#: The boundary of the multipart bodies made here.
BOUNDARY = "planted-boundary"

Header = tuple[str, str]


@dataclass(frozen=True)
class Place:
    """A place for a secret.

    Args:
        name: The name in reports.
        plant: Adds a secret to a request, of which only the body is replaced.
        answer: The response header that carries the secret instead, for the places of a response.
        holds: The kind of value that fits: ``text``, ``header`` (latin-1), ``cookie``, ``token`` (no reserved
            characters) or ``address``.
        is_body: Whether the place is in the request's body.
        disguise: Returns the secret as it is sent, if that is neither plain nor percent-encoded.
    """

    name: str
    plant: Callable[[RequestSpec, str], RequestSpec]
    answer: Callable[[str], Header] | None = None
    holds: str = "token"
    is_body: bool = False
    disguise: Callable[[str], str] | None = None

    def __repr__(self) -> str:
        return self.name


def _header(name: str, template: str = "{}") -> Callable[[RequestSpec, str], RequestSpec]:
    def plant(request: RequestSpec, secret: str) -> RequestSpec:
        return dataclasses.replace(request, headers=(*request.headers, (name, template.format(secret))))

    return plant


def _encoded_header(name: str, template: str) -> Callable[[RequestSpec, str], RequestSpec]:
    def plant(request: RequestSpec, secret: str) -> RequestSpec:
        return _header(name, template.replace("{}", quote(secret, safe="")))(request, "")

    return plant


def _basic(secret: str) -> str:
    return base64.b64encode(f"visitor:{secret}".encode()).decode("ascii")


def _authorization(request: RequestSpec, secret: str) -> RequestSpec:
    return _header("Authorization", "Basic {}")(request, _basic(secret))


def _cookie(name: str) -> Callable[[RequestSpec, str], RequestSpec]:
    def plant(request: RequestSpec, secret: str) -> RequestSpec:
        others = [value for key, value in request.headers if key == "Cookie"]
        rest = tuple(pair for pair in request.headers if pair[0] != "Cookie")
        return dataclasses.replace(request, headers=(*rest, ("Cookie", "; ".join([*others, f"{name}={secret}"]))))

    return plant


def _query(key: str, template: str = "{}") -> Callable[[RequestSpec, str], RequestSpec]:
    def plant(request: RequestSpec, secret: str) -> RequestSpec:
        pair = f"{key}={quote_plus(template.format(secret))}"
        return dataclasses.replace(request, query=f"{request.query}&{pair}" if request.query else pair)

    return plant


def _path(request: RequestSpec, secret: str) -> RequestSpec:
    return dataclasses.replace(
        request, path=f"{request.path.rstrip('/')}/https://visitor:{quote(secret)}@other.example"
    )


def _peer(request: RequestSpec, secret: str) -> RequestSpec:
    return dataclasses.replace(request, client=(secret, 49152))


def _forwarded(request: RequestSpec, secret: str) -> RequestSpec:
    address = f"[{secret}]" if ":" in secret else secret  # RFC 7239, 6
    return _header("Forwarded", 'for="{}";proto=https, for=10.0.0.2')(request, address)


def _body(content_type: str, content: Callable[[str], str]) -> Callable[[RequestSpec, str], RequestSpec]:
    def plant(request: RequestSpec, secret: str) -> RequestSpec:
        others = tuple(pair for pair in request.headers if pair[0] != "Content-Type")
        method = "POST" if request.method in ("GET", "HEAD") else request.method
        body = (content(secret).encode("utf-8"),)
        return dataclasses.replace(request, method=method, headers=(*others, ("Content-Type", content_type)), body=body)

    return plant


def _deep(secret: str) -> str:
    value: object = {"items": [1, {"password": {"parts": [secret]}}]}
    for _ in range(10):
        value = {"below": [value]}
    return json.dumps(value)


def _part(disposition: str, content: str) -> str:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n"
    return f"{head}\r\n{content}\r\n--{BOUNDARY}--\r\n"


def _untouched(request: RequestSpec, secret: str) -> RequestSpec:
    return request


_MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
_FORM = "application/x-www-form-urlencoded"

PLACES: tuple[Place, ...] = (
    Place("Authorization: Bearer", _header("Authorization", "Bearer {}"), holds="header"),
    Place("Authorization: Basic (password)", _authorization, holds="text", disguise=_basic),
    Place("Proxy-Authorization", _header("Proxy-Authorization", "Bearer {}"), holds="header"),
    Place("cookie with a telling name", _cookie("session"), holds="cookie"),
    Place("cookie with any name", _cookie("basket"), holds="cookie"),
    Place("X-Api-Key", _header("X-Api-Key"), holds="header"),
    Place("X-Auth-Token", _header("X-Auth-Token"), holds="header"),
    Place("X-CSRF-Token", _header("X-CSRF-Token"), holds="header"),
    Place("Cf-Access-Jwt-Assertion", _header("Cf-Access-Jwt-Assertion"), holds="header"),
    Place("X-Hub-Signature-256", _header("X-Hub-Signature-256", "sha256={}")),
    Place("Referer: query", _encoded_header("Referer", "https://shop.example/in?token={}&page=2"), holds="text"),
    Place("Referer: user:password", _encoded_header("Referer", "https://visitor:{}@shop.example/in")),
    Place("Host: user:password", _header("Host", "visitor:{}@shop.example")),
    Place("address of the peer", _peer, holds="address"),
    Place("X-Forwarded-For", _header("X-Forwarded-For", "{}, 10.0.0.2"), holds="address"),
    Place("Forwarded", _forwarded, holds="address"),
    Place("CF-Connecting-IP", _header("CF-Connecting-IP"), holds="address"),
    Place("query: token", _query("token"), holds="text"),
    Place("query: api-key", _query("api-key"), holds="text"),
    Place("query: percent-encoded key", _query("pass%77ord"), holds="text"),
    Place("query: a URL with user:password", _query("next", "https://visitor:{}@other.example/")),
    Place("path: a URL with user:password", _path),
    Place(
        "form field", _body(_FORM, lambda secret: f"page=2&password={quote_plus(secret)}"), holds="text", is_body=True
    ),
    Place(
        "JSON field",
        _body("application/json", lambda secret: json.dumps({"page": 2, "password": secret})),
        holds="text",
        is_body=True,
    ),
    Place("JSON field, deep", _body("application/problem+json", _deep), holds="text", is_body=True),
    Place(
        "multipart field",
        _body(_MULTIPART, lambda secret: _part('name="password"', secret)),
        holds="text",
        is_body=True,
    ),
    Place(
        "uploaded file: content",
        _body(_MULTIPART, lambda secret: _part('name="scan"; filename="scan.txt"', secret)),
        holds="text",
        is_body=True,
    ),
    Place("body of another type", _body("text/plain", lambda secret: secret), holds="text", is_body=True),
    Place("response: Set-Cookie", _untouched, lambda secret: ("Set-Cookie", f"session={secret}; Path=/"), "cookie"),
    Place(
        "response: Location with a token",
        _untouched,
        lambda secret: ("Location", f"https://shop.example/in?token={quote(secret, safe='')}"),
        "text",
    ),
)


def basic_credentials(header: str) -> str:
    """Return the decoded ``Basic`` credentials of a header (RFC 7617); empty for any other scheme."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(token).decode("utf-8")
    except ValueError:
        return ""


def traces_of(place: Place, secret: str) -> tuple[bytes, ...]:
    """Return the forms of a secret of plain characters; sent data that contains one of them contains the secret."""
    written = [secret, unquote(secret)]
    if place.disguise is not None:
        written.append(place.disguise(secret))
    return tuple({text.encode("utf-8") for text in written})
