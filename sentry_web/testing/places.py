"""The places of a request and its response that can contain a secret, and how to plant one in each.

This module contains values only: no server, no Sentry. ``PLACES`` is the only list of places, for the tests of this
package, for ``benchmarks/privacy_matrix.py`` and for ``sentry-web check --privacy``.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import zlib
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
        promised: Whether the secret stays in the process; if not, ``docs/privacy.md`` says so.
    """

    name: str
    plant: Callable[[RequestSpec, str], RequestSpec]
    answer: Callable[[str], Header] | None = None
    holds: str = "token"
    is_body: bool = False
    disguise: Callable[[str], str] | None = None
    promised: bool = True

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


def _packed(
    content_type: str, pack: Callable[[bytes], bytes], content: Callable[[str], str], encoding: str = "utf-8"
) -> Callable[[RequestSpec, str], RequestSpec]:
    """Plant a body that is encoded or compressed; without a header if the content type is empty."""

    def plant(request: RequestSpec, secret: str) -> RequestSpec:
        planted = _body(content_type, content)(request, secret)
        headers = planted.headers if content_type else planted.headers[:-1]
        return dataclasses.replace(planted, headers=headers, body=(pack(content(secret).encode(encoding)),))

    return plant


def _json(secret: str) -> str:
    return json.dumps({"page": 2, "password": secret})


def _lines(secret: str) -> str:
    return "\n".join(json.dumps(line) for line in ({"page": 2}, {"token": secret}, {"page": 3}))


def _form(secret: str) -> str:
    return f"page=2&password={quote_plus(secret)}"


def _many_parts(secret: str) -> str:
    disposition = "--b\r\nContent-Disposition: form-data; name="
    fields = [(f"f{number}", "") for number in range(1_000)]
    parts = [f"{disposition}{name}\r\n\r\n{value}\r\n" for name, value in [*fields, ("password", secret)]]
    return "".join([*parts, "--b--\r\n"])


def _path_segment(template: str) -> Callable[[RequestSpec, str], RequestSpec]:
    def plant(request: RequestSpec, secret: str) -> RequestSpec:
        return dataclasses.replace(request, path=request.path.rstrip("/") + template.format(secret))

    return plant


def _nameless_cookie(request: RequestSpec, secret: str) -> RequestSpec:
    return _header("Cookie")(request, secret)


def _answer(name: str, template: str = "{}") -> Callable[[str], Header]:
    return lambda secret: (name, template.format(secret))


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
    # --- headers: credentials and signatures
    Place("Authorization: Digest", _header("Authorization", 'Digest username="maria-77", response="{}"')),
    Place("Authorization: AWS4", _header("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/a/b, Signature={}")),
    Place("Authorization: no scheme", _header("Authorization")),
    Place("DPoP", _header("DPoP")),
    Place("Signature (RFC 9421)", _header("Signature", "sig1=:{}:")),
    Place("Sec-WebSocket-Protocol", _header("Sec-WebSocket-Protocol", "graphql-transport-ws, bearer, {}")),
    Place("X-Amzn-Oidc-Data", _header("X-Amzn-Oidc-Data")),
    Place("X-Amzn-Oidc-Accesstoken", _header("X-Amzn-Oidc-Accesstoken")),
    Place("X-Goog-IAP-JWT-Assertion", _header("X-Goog-IAP-JWT-Assertion")),
    Place("X-MS-TOKEN-AAD-ID-TOKEN", _header("X-MS-TOKEN-AAD-ID-TOKEN")),
    Place("Ocp-Apim-Subscription-Key", _header("Ocp-Apim-Subscription-Key")),
    Place("x-functions-key", _header("x-functions-key")),
    Place("x-vercel-protection-bypass", _header("x-vercel-protection-bypass")),
    Place("X-Vault-Token", _header("X-Vault-Token")),
    Place("PRIVATE-TOKEN", _header("PRIVATE-TOKEN")),
    Place("X-GitHub-OTP", _header("X-GitHub-OTP")),
    Place("Stripe-Signature", _header("Stripe-Signature", "t=1492774577,v1={}")),
    Place("X-Slack-Signature", _header("X-Slack-Signature", "v0={}")),
    Place("X-Shopify-Hmac-Sha256", _header("X-Shopify-Hmac-Sha256")),
    Place("X-Twilio-Signature", _header("X-Twilio-Signature")),
    Place("Paypal-Transmission-Sig", _header("Paypal-Transmission-Sig")),
    # --- headers: who and where the user is
    Place("X-Forwarded-Email", _header("X-Forwarded-Email")),
    Place("X-Forwarded-User", _header("X-Forwarded-User")),
    Place("X-MS-CLIENT-PRINCIPAL", _header("X-MS-CLIENT-PRINCIPAL")),
    Place("Cf-Access-Authenticated-User-Email", _header("Cf-Access-Authenticated-User-Email")),
    Place("X-Real-IP", _header("X-Real-IP"), holds="address"),
    Place("True-Client-IP", _header("True-Client-IP"), holds="address"),
    Place("CloudFront-Viewer-Address", _header("CloudFront-Viewer-Address", "{}:46532"), holds="address"),
    Place("X-Azure-SocketIP", _header("X-Azure-SocketIP"), holds="address"),
    Place("X-Azure-ClientIP", _header("X-Azure-ClientIP"), holds="address"),
    Place("Fly-Client-IP", _header("Fly-Client-IP"), holds="address"),
    Place("X-Envoy-External-Address", _header("X-Envoy-External-Address"), holds="address"),
    # --- cookies
    Place("cookie without a name", _nameless_cookie),
    Place("cookie: JSESSIONID", _cookie("JSESSIONID"), holds="cookie"),
    Place("cookie: remember_token", _cookie("remember_token"), holds="cookie"),
    # --- query and path
    Place("query: X-Amz-Signature", _query("X-Amz-Signature"), holds="text"),
    Place("query: X-Amz-Credential", _query("X-Amz-Credential"), holds="text"),
    Place("query: X-Goog-Signature", _query("X-Goog-Signature"), holds="text"),
    Place("query: AWSAccessKeyId", _query("AWSAccessKeyId"), holds="text"),
    Place("query: sig", _query("sig"), holds="text"),
    Place("query: camel case", _query("accessToken"), holds="text"),
    Place("query: brackets", _query("user[pin]"), holds="text"),
    Place("query: SAMLResponse", _query("SAMLResponse"), holds="text"),
    Place("query: a URL with a token", _query("next", "https://other.example/?page=2&token={}")),
    Place("query: a URL with a token, encoded", _query("next", "%2Fin%3Fpage%3D2%26token%3D{}")),
    Place("query: a URL with a token in its fragment", _query("next", "/callback#access_token={}")),
    Place("query: JSON", _query("filter", '{{"page": 2, "password": "{}"}}')),
    Place("path: ;jsessionid=", _path_segment("/books;jsessionid={}")),
    Place("path: /reset/<token>", _path_segment("/reset/{}"), promised=False),
    # --- bodies by another name
    Place("JSON, called a form", _body(_FORM, _json), holds="text", is_body=True),
    Place("JSON, called text/plain", _body("text/plain; charset=UTF-8", _json), holds="text", is_body=True),
    Place("JSON, called text/json", _body("text/json", _json), holds="text", is_body=True),
    Place("JSON, called nothing", _packed("", bytes, _json), holds="text", is_body=True),
    Place("JSON in lines", _body("application/x-ndjson", _lines), holds="text", is_body=True),
    Place("JSON, gzip", _packed("application/json", gzip.compress, _json), holds="text", is_body=True),
    Place("JSON, deflate", _packed("application/json", zlib.compress, _json), holds="text", is_body=True),
    Place("JSON, UTF-16", _packed("application/json", bytes, _json, "utf-16"), holds="text", is_body=True),
    Place("form, called nothing", _packed("", bytes, _form), holds="text", is_body=True),
    Place("form, latin-1", _packed(_FORM, bytes, lambda secret: f"name=J%F6rg&password={secret}"), is_body=True),
    Place(
        "multipart, called a form", _body(_FORM, lambda secret: _part('name="pin"', secret)), holds="text", is_body=True
    ),
    Place(
        "multipart of 1,001 parts", _body("multipart/form-data; boundary=b", _many_parts), holds="text", is_body=True
    ),
    # --- values within values
    Place(
        "a pair of name and value",
        _body("application/json", lambda secret: json.dumps([{"name": "password", "value": secret}])),
        holds="text",
        is_body=True,
    ),
    Place(
        "JSON in a form field",
        _body(_FORM, lambda secret: f"payload={quote_plus(_json(secret))}"),
        holds="text",
        is_body=True,
    ),
    Place(
        "JSON in a JSON field",
        _body("application/json", lambda secret: json.dumps({"payload": _json(secret)})),
        holds="text",
        is_body=True,
    ),
    Place(
        "a URL in a JSON field",
        _body("application/json", lambda secret: json.dumps({"next": f"https://other.example/?token={secret}"})),
        is_body=True,
    ),
    Place(
        "GraphQL variable",
        _body("application/json", lambda secret: json.dumps({"query": "q", "variables": {"password": secret}})),
        holds="text",
        is_body=True,
    ),
    Place(
        "XML element",
        _body("application/xml", lambda secret: f"<a><password>{secret}</password></a>"),
        is_body=True,
        promised=False,
    ),
    # --- responses
    Place("response: Set-Cookie, any name", _untouched, _answer("Set-Cookie", "basket={}; Path=/"), holds="cookie"),
    Place("response: X-Auth-Token", _untouched, _answer("X-Auth-Token")),
    Place("response: Location with a token in its fragment", _untouched, _answer("Location", "/in#access_token={}")),
)

#: The places whose secrets stay in the process.
PROMISED = tuple(place for place in PLACES if place.promised)


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
