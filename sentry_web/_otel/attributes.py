"""The attributes of a span at its start, and strings as exporters can encode them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._conventions import captured_headers, synthetic_type
from .._request import Request
from .settings import OtelSettings


def first_attributes(
    settings: OtelSettings,
    request: Request,
    method: str,
    more: Mapping[str, Any] | None = None,
    direct: bool = False,
) -> dict[str, Any]:
    """Return the attributes that are known when a request arrives, for the sampler and the span.

    This is a plain dict, since samplers change, copy and merge what they are given.

    Args:
        settings: The options of the middleware.
        request: The request.
        method: ``http.request.method``, as returned by ``known_method``.
        more: Further attributes, from ``default_span_details``.
        direct: Whether the request is known to have no forwarding headers.
    """
    policy = settings.policy
    made: dict[str, Any] = policy.span_attributes(request, direct)
    made["http.request.method"] = method
    if method != request.original_method and request.original_method:
        made["http.request.method_original"] = request.original_method
    agent = made.get("user_agent.original")
    kind = synthetic_type(str(agent)) if agent else None
    if kind is not None:
        made["user_agent.synthetic.type"] = kind
    if settings.request_headers:
        headers = request.separate_headers
        made.update(captured_headers("request", policy.report_headers, headers, settings.request_headers))
    if more is not None:
        made.update(more)
    return encodable_attributes(made)


def encodable_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with strings that can be encoded (see :func:`encodable`)."""
    return {key: encodable(value) for key, value in attributes.items()}


def encodable(value: Any) -> Any:
    """Return a value, or a list of them, with lone surrogates replaced: one makes an OTLP exporter drop its batch."""
    if isinstance(value, str):
        text = str(value)
        return text if text.isascii() else _without_surrogates(text)
    if isinstance(value, (list, tuple)):
        return [encodable(item) for item in value]
    return value


def _without_surrogates(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
