"""OpenTelemetry's HTTP conventions, which every output follows: names, attributes, what counts as failed.

Semantic conventions for HTTP spans and metrics, version 1.44. Values in, values out; what may be sent of a request is
decided in ``_privacy``, and no vendor is known here. Names of our own are outside of the conventions' namespaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from re import Pattern
from typing import Any

from ._request import Name, Outcome, Request
from ._request.http import protocol_version

#: The methods of RFC 9110, 9.1 and RFC 5789, and QUERY of draft-ietf-httpbis-safe-method-w-body.
KNOWN_METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"))
OTHER_METHOD = "_OTHER"

#: The versions of HTTP that metrics distinguish, since clients can make up any number of others.
KNOWN_VERSIONS = frozenset(("1.0", "1.1", "2", "3"))

#: Parts of the user agents, in lower case, of traffic that no person causes (those of ``opentelemetry.util.http``).
_SYNTHETIC = (("test", ("alwayson",)), ("bot", ("googlebot", "bingbot")))


def known_method(method: str, known: frozenset[str] | None = KNOWN_METHODS) -> str:
    """Return ``http.request.method``: a known method, or ``_OTHER``, since clients can make up any number of methods.

    Args:
        method: The method of the request.
        known: The methods that are reported by their names; ``None``: all.
    """
    return method if known is None or method in known else OTHER_METHOD


def known_version(http_version: str) -> str | None:
    """Return ``network.protocol.version`` of a metric: a known version, or ``None``."""
    version = protocol_version(http_version)
    return version if version in KNOWN_VERSIONS else None


def synthetic_type(user_agent: str) -> str | None:
    """Return ``user_agent.synthetic.type``: ``test``, ``bot`` or ``None``."""
    agent = user_agent.lower()
    for kind, parts in _SYNTHETIC:
        if any(part in agent for part in parts):
            return kind
    return None


def span_name(method: str, route: str | None, chosen: str | None = None) -> str:
    """Return the name of a server span: ``{method} {route}``, or ``{method}`` where no route is known.

    Args:
        method: What :func:`known_method` returned.
        route: The route template.
        chosen: A name set by the user, which is used as it is.
    """
    if chosen is not None:
        return chosen
    verb = "HTTP" if method == OTHER_METHOD else method
    return f"{verb} {route}" if route else verb


def error_type(outcome: Outcome, exception: str | None) -> str | None:
    """Return ``error.type``: the exception nobody handled, else a status from 500 on, else a websocket's close code.

    Args:
        outcome: How the request ended.
        exception: The full name of its class.
    """
    if outcome.failed and exception is not None:
        return exception
    if outcome.status is not None and outcome.status >= 500:
        return str(outcome.status)
    return str(outcome.close_code or outcome.status or OTHER_METHOD) if outcome.failed else None


def class_name(kind: type) -> str:
    """Return the full name of an exception's class, without a module where it is built in."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def outcome_attributes(request: Request, outcome: Outcome, name: Name | None = None) -> dict[str, Any]:
    """Return how the request ended, by OpenTelemetry's names where it has one; with the route of ``name``."""
    attributes: dict[str, Any] = {}
    if name is not None and name.route is not None:
        attributes["http.route"] = name.route
    if request.kind == "http":
        attributes["http.response.body.size"] = outcome.body_size
    if outcome.first_byte is not None:
        attributes["sentry_web.time_to_first_byte"] = outcome.time_to_first_byte
    if outcome.client_gone:
        attributes["sentry_web.client_gone"] = True
    if request.kind == "websocket":
        attributes.update(_websocket_attributes(outcome))
    return attributes


def _websocket_attributes(outcome: Outcome) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "websocket.messages.received": outcome.messages_in,
        "websocket.messages.sent": outcome.messages_out,
        "websocket.bytes.received": outcome.bytes_in,
        "websocket.bytes.sent": outcome.body_size,
    }
    if outcome.close_code is not None:
        attributes["websocket.close_code"] = outcome.close_code
    if outcome.closed_by is not None:
        attributes["websocket.closed_by"] = outcome.closed_by
    return attributes


def captured_headers(
    kind: str,
    report: Callable[[list[tuple[str, str]]], Mapping[str, object]],
    headers: Iterable[tuple[str, str]],
    wanted: Sequence[Pattern[str]],
) -> dict[str, list[str]]:
    """Return the headers that the user asked for, as ``http.request.header.<key>``, the key in lower case.

    Args:
        kind: ``request`` or ``response``.
        report: Returns what may be sent of headers (``Policy.report_headers``).
        headers: The headers; each value of a repeated one is an item of its list.
        wanted: The names that the user asked for.
    """
    found: dict[str, list[str]] = {}
    for name, value in headers:
        key = name.lower()
        if any(pattern.search(key) for pattern in wanted):
            for reported in report([(key, value)]).values():
                found.setdefault(f"http.{kind}.header.{key}", []).append(str(reported))
    return found
