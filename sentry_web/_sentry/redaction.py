"""Redaction of known secrets in Sentry's events, streamed spans, logs and metrics.

Only the parts that contain values are searched; structure (ids, types, file and function names, levels) is left alone.
The processor runs after those that the application and integrations add to the isolation scope, so that it redacts
their data, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sentry_sdk
from sentry_sdk.scope import Scope
from sentry_sdk.utils import current_stacktrace, safe_repr

from .._core.guard import call
from .._privacy.policy import SUBSTITUTE, Policy
from .._privacy.redactor import Redactor
from .._privacy.secrets import Secrets
from .._request import Outcome, Request
from .._request.http import text
from . import compat
from .compat import AnnotatedValue

#: Parts of an event that are searched completely.
_WHOLE = ("fingerprint", "message", "logentry", "extra", "tags", "user", "request", "transaction")
#: Parts of a span that are searched, in a transaction or as the trace context.
_SPAN = ("description", "data", "tags")
#: Parts of the trace context that are searched. It repeats the envelope's trace header, with the transaction's name.
_TRACE = (*_SPAN, "dynamic_sampling_context")
#: Parts of an event that contain stack frames.
_STACKS = frozenset(("exception", "stacktrace", "threads"))
_BREADCRUMB = ("message", "data")
#: Parts of a log or metric that contain text.
_RECORD = ("body", "name")


class RedactingProcessor:
    """An event processor of sentry-sdk that replaces the secret values of one request in each event.

    Args:
        request: The request.
        policy: The policy that decides which values are secret.
        outcome: The outcome of the request, with the response headers.
        name_event: Sets the transaction name of an event.
    """

    __slots__ = ("_request", "_policy", "_outcome", "_name_event", "_cached", "_cached_for")

    def __init__(
        self, request: Request, policy: Policy, outcome: Outcome, name_event: Callable[[dict[str, Any]], None]
    ) -> None:
        self._name_event = name_event
        self._request = request
        self._policy = policy
        self._outcome = outcome
        self._cached: Redactor | None = None
        self._cached_for: object = None

    def __call__(self, event: dict[str, Any], hint: Any) -> dict[str, Any] | None:
        """Redact an event in place. This fails closed: an event that cannot be redacted is blanked, or not sent.

        The transaction name is set again if an integration's processor, which runs earlier, has removed it.
        """
        if not event.get("transaction"):
            call(self._name_event, event)
        if call(self._redact_event, event):
            return event
        return event if call(_blank, event) else None

    def _redact_event(self, event: dict[str, Any]) -> bool:
        _add_own_stack(event)
        if self._redactor().idle:
            return True
        places = list(_places(event))
        self._redact([place[key] for place, key in places], _writer(places))
        return True

    def redact_span(self, span: Any) -> None:
        """Redact the name and attributes of a streamed span; both are removed if that fails."""
        if not call(self._redact_span, span):
            span.name = SUBSTITUTE
            span.set_attribute("sentry.segment.name", SUBSTITUTE)
            for key in [key for key in span.get_attributes() if not key.startswith("sentry.")]:
                span.remove_attribute(key)

    def _redact_span(self, span: Any) -> bool:
        if self._redactor().idle:
            return True

        def write(key: str, value: Any) -> None:
            if key:
                span.set_attribute(key, value)
            else:
                span.name = value

        self._redact({**span.get_attributes(), "": span.name}, write)
        self._redact_trace_header(span)
        return True

    def redact_record(self, record: dict[str, Any]) -> None:
        """Redact a log or metric; its text and attributes are removed if that fails."""
        if not call(self._redact_record, record):
            record.update({key: SUBSTITUTE for key in _RECORD if key in record}, attributes={})

    def _redact_record(self, record: dict[str, Any]) -> bool:
        places = [(record, key) for key in (*_RECORD, "attributes") if record.get(key)]
        self._redact([place[key] for place, key in places], _writer(places))
        return True

    def _redact_trace_header(self, span: Any) -> None:
        """Redact the segment's name in the envelopes' trace header, which is fixed at its first use."""
        segment = compat.segment_of(span)
        if segment is not None and self._redactor().search(str(segment.name)):
            header = compat.trace_header_of(segment)
            self._redact({"transaction": header.get("transaction")}, header.__setitem__)

    def _redact(self, values: Any, write: Callable[[Any, Any], None]) -> None:
        """Search all values at once, and write the redacted ones if any of them contains a secret.

        Args:
            values: A dictionary, or a list, whose indexes serve as keys.
            write: Called with each key and redacted value.
        """
        redactor = self._redactor()
        if redactor.search(values):
            for key, value in values.items() if isinstance(values, dict) else enumerate(values):
                write(key, redactor.redact(value))

    def _redactor(self) -> Redactor:
        """Return the redactor, which is rebuilt when more of the request's body or the response's headers is known."""
        known = (self._request.body.size if self._request.body is not None else 0, self._outcome.headers)
        if self._cached is None or self._cached_for != known:
            secrets = Secrets(self._request, self._policy, _pairs(self._outcome.headers))
            values = secrets.values()
            self._cached = Redactor(values, _show, secrets.blocks) if values or secrets.blocks else _IDLE
            self._cached_for = known
        return self._cached


def _pairs(headers: Any) -> list[tuple[str, str]]:
    """Return the valid headers of the application's response."""
    return [(text(item[0]), text(item[1])) for item in headers if isinstance(item, (list, tuple)) and len(item) == 2]


def _places(event: dict[str, Any]) -> Iterable[tuple[Any, Any]]:
    """Yield the containers and keys of all values in an event."""
    yield from ((event, key) for key in _WHOLE if event.get(key))
    for entry in _values(event, "exception") + _values(event, "threads"):
        yield from ((entry, "value") for _ in range("value" in entry))
        for stacktrace in (entry.get("stacktrace"), entry.get("raw_stacktrace")):
            yield from ((frame, "vars") for frame in (stacktrace or {}).get("frames") or () if frame.get("vars"))
    for crumb in _values(event, "breadcrumbs"):
        yield from ((crumb, key) for key in _BREADCRUMB if crumb.get(key))
    for span in event.get("spans") or ():
        yield from ((span, key) for key in _SPAN if span.get(key))
    for name, context in (event.get("contexts") or {}).items():
        if name == "trace":
            yield from ((context, key) for key in _TRACE if context.get(key))
        elif context:
            yield event["contexts"], name


def _values(event: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the entries of ``{"values": […]}``, or of the bare list that older releases and users write."""
    part = event.get(key) or ()
    entries = part.get("values") or () if isinstance(part, dict) else part
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, (list, tuple)) else []


def _blank(event: dict[str, Any]) -> bool:
    """Blank all values of an event; the types of exceptions and their locations remain."""
    for place, key in list(_places(event)):
        place[key] = SUBSTITUTE if isinstance(place[key], str) else None
    return True


def _add_own_stack(event: dict[str, Any]) -> None:
    """Add the stack trace of ``attach_stacktrace``, with its variables, before the event is searched.

    The SDK would add it after all processors have run.
    """
    options = sentry_sdk.get_client().options
    if not options.get("attach_stacktrace") or event.get("type") or not _STACKS.isdisjoint(event):
        return
    stacktrace = current_stacktrace(
        include_local_variables=options.get("include_local_variables", True),
        max_value_length=options.get("max_value_length"),
    )
    event["threads"] = {"values": [{"stacktrace": stacktrace, "crashed": False, "current": True}]}


def _writer(places: list[tuple[Any, Any]]) -> Callable[[Any, Any], None]:
    def write(index: int, value: Any) -> None:
        container, key = places[index]
        container[key] = value

    return write


def _show(value: Any) -> str:
    """Return the text that the SDK's serializer would write for an object."""
    return str(value.value) if isinstance(value, AnnotatedValue) else str(safe_repr(value))


#: The redactor of requests without secrets.
_IDLE = Redactor((), _show)


class RedactingScope(Scope):
    """A current scope whose streamed spans, logs and metrics are redacted before the user's hooks see them.

    The SDK has processors for events only. Spans, logs and metrics get the scopes' attributes from a merged scope, so
    they are redacted there. Forks of the scope keep this class.
    """

    __slots__ = ()

    def _merge_scopes(self, *args: Any, **kwargs: Any) -> Any:
        merged: Any = super()._merge_scopes(*args, **kwargs)
        call(_redact_what_it_completes, merged, self)
        return merged


class _MergedScope(Scope):
    """A merged scope that redacts the telemetry to which it adds attributes."""

    __slots__ = ()

    def apply_to_telemetry(self, telemetry: Any) -> None:
        super().apply_to_telemetry(telemetry)
        call(_redact_telemetry, self, telemetry)


def _redact_what_it_completes(merged: Any, scope: Scope) -> None:
    """Turn a merged scope into a redacting one; the SDK runs not its processors, but those of the scopes it merges."""
    compat.set_processors(merged, compat.processors_of(scope))
    merged.__class__ = _MergedScope


def _redact_telemetry(scope: Scope, telemetry: Any) -> None:
    for processor in compat.processors_of(scope):
        if isinstance(processor, RedactingProcessor) and telemetry is not None:
            if isinstance(telemetry, dict):
                processor.redact_record(telemetry)
            else:
                processor.redact_span(telemetry)
