"""What a root span tells of its request, in both of the SDK's modes, whether it was made or is only sent."""

from __future__ import annotations

from typing import Any

from .._conventions import captured_headers, outcome_attributes
from .._request import Name, Outcome
from .._request.http import header_pairs
from .scopes import Opening


def root_attributes(opening: Opening, outcome: Outcome, name: Name) -> dict[str, Any]:
    """The attributes of the root span, by OpenTelemetry's names where it has one.

    :param name: with the route, where one is known.
    """
    policy = opening.settings.policy
    processor, _ = opening.last_processors()
    attributes: dict[str, Any] = policy.span_attributes(opening.request, address=processor.address)
    attributes.update(outcome_attributes(opening.request, outcome, name))
    wanted = opening.config.capture_response_headers
    if wanted:
        headers = header_pairs(outcome.headers)
        attributes.update(captured_headers("response", policy.report_headers, headers, wanted))
    if opening.linked is not None:
        attributes["sentry.previous_trace"] = opening.linked
    return attributes
