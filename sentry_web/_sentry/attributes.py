"""Attributes of streamed spans, logs and metrics, by the names that the SDK's own middlewares give them."""

from __future__ import annotations

import json
from typing import Any

from .._privacy.policy import Address, Policy
from .._request import Request
from .._request.http import build_url
from . import compat

#: Headers of most requests, which events have by name, and segments as attributes.
_HEADERS = tuple(
    (  # noqa: SIM905 - a list of words, one to a line, would fill a page
        "accept accept-encoding accept-language authorization cache-control connection content-length content-type "
        "cookie host origin priority referer sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest "
        "sec-fetch-mode sec-fetch-site sec-fetch-user upgrade-insecure-requests user-agent x-forwarded-for "
        "x-forwarded-host x-forwarded-port x-forwarded-proto x-real-ip x-request-id"
    ).split()
)
#: Names in the parts of an event that are searched, of six characters or more (see ``_privacy.redactor.MINIMUM``):
#: https://develop.sentry.dev/sdk/data-model/event-payloads/
_FIELDS = frozenset(
    (  # noqa: SIM905 - as above
        "SERVER_NAME SERVER_PORT REMOTE_ADDR body_size client_sample_rate cookies country_code description "
        "display_name environment exception_id formatted handled headers help_link ip_address "
        "is_exception_group kernel_version locale message method number parameters params parent_id profile_id "
        "profiler_id public_key query_string raw_description region release replay_id result rooted sample_rand "
        "sample_rate sampled segment signal source status_code synthetic template timezone trace_id transaction "
        "username values version"
    ).split()
)
#: Attributes that the SDK sets, whose values do not depend on what a request contains.
OF_PROCESS = frozenset(
    (
        *("process.executable.name", "process.runtime.name", "process.runtime.version", "thread.id", "thread.name"),
        *("sentry.environment", "sentry.origin", "sentry.platform", "sentry.release", "sentry.sdk.integrations"),
        *("sentry.sdk.name", "sentry.sdk.version", "sentry.segment.id", "sentry.segment.name.source"),
        *("sentry.span.source", "sentry.trace_lifecycle"),
    )
)

#: Names in events and of attributes that do not depend on what a request contains.
NAMES = frozenset(
    (
        *compat.SPAN_DATA,  # of which older releases have few
        *OF_PROCESS,
        *_FIELDS,
        *_HEADERS,
        *map(str.title, _HEADERS),
        *map("http.request.header.".__add__, _HEADERS),
        *("client.address", "client.port", "http.query", "http.request.body.data", "http.request.method"),
        *("http.response.body.size", "http.response.status_code", "http.route", "logger.name", "network.peer.address"),
        *("network.peer.port", "network.protocol.name", "network.protocol.version", "process.command_args"),
        *("protocol", "sentry.is_localhost", "sentry.message.parameter.0", "sentry.message.parameter.1"),
        *("sentry.message.template", "sentry.op", "sentry.profiler_id", "sentry.segment.name", "sentry.severity_text"),
        *("sentry.severity_number", "sentry_web.client_gone", "sentry_web.time_to_first_byte", "server.address"),
        *("server.port", "sys.argv", "url.full", "url.path", "url.query", "url.scheme", "user.ip_address"),
        "user_agent.original",
    )
)

_LOCAL = frozenset(("127.0.0.1", "::1", "localhost"))


def scope_attributes(request: Request, policy: Policy) -> dict[str, Any]:
    """Return the attributes that everything has which is sent in the course of a request.

    The SDK's middlewares set them on the isolation scope. Here they are made when something is sent.
    """
    attributes: dict[str, Any] = {"sentry.is_localhost": is_local(request, policy)}
    agent = request.header("user-agent")
    reported = policy.report_headers([("user-agent", agent)]) if agent else {}
    if reported:
        attributes["user_agent.original"] = str(reported["user-agent"])
    address = policy.client_address(request)
    if address is not None:
        attributes["user.ip_address"] = address
    return attributes


def segment_attributes(request: Request, policy: Policy, address: Address) -> dict[str, Any]:
    """Return what a segment has of its request beyond OpenTelemetry's conventions: headers, and the whole URL.

    Args:
        request: The request.
        policy: The policy that decides what may be sent.
        address: The scrubbed target of the request.
    """
    scheme, host, path, query = address
    attributes: dict[str, Any] = {"url.full": build_url(scheme, host, path) + ("" if query is None else f"?{query}")}
    if query is not None:
        attributes["http.query"] = str(query)
    reported = policy.report_headers(request.headers)
    headers = dict(zip(map(str.lower, reported), map(str, reported.values())))
    cookies = policy.report_cookies(request.header("cookie")) if "cookie" in headers else None
    if cookies:  # events have them apart from the headers
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    # A list since 3.0, as OpenTelemetry's conventions have it
    values = headers.values() if compat.HAS_TRANSACTIONS else [[value] for value in headers.values()]
    attributes.update(zip(map("http.request.header.".__add__, headers), values))
    return attributes


def body_attribute(request: Request, policy: Policy) -> dict[str, Any]:
    """Return the scrubbed body as the attribute of a segment: a text, which is JSON where the body was parsed."""
    body = policy.report_body(request)
    if body is None or body == "":
        return {}
    return {"http.request.body.data": str(body) if isinstance(body, str) else json.dumps(body, ensure_ascii=False)}


def is_local(request: Request, policy: Policy) -> bool:
    """Return whether a request comes from this machine, by address or host, as Relay's filter for localhost asks."""
    address = policy.found_address(request)
    hosts = [request.header("host") or (request.server or ("",))[0], request.header("x-forwarded-host") or ""]
    return address in _LOCAL or any(_is_local_host(host) for host in hosts)


def _is_local_host(host: str) -> bool:
    domain = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return domain in _LOCAL or domain.endswith(".localhost")
