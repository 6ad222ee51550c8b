"""Known-secret redaction for Sentry's items: which places of an event, and of a streamed span, are looked at.

Structure is left alone (ids, types, file and function names, levels): only what carries values is searched. The
processor runs after those that the application and integrations add to the isolation scope, so that it sees what they
attached.
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

#: Parts of an event that hold values through and through.
_WHOLE = ("fingerprint", "message", "logentry", "extra", "tags", "user", "request", "transaction")
#: Parts of a span, in a transaction or as the trace context.
_SPAN = ("description", "data", "tags")
#: The trace context's copy of what the envelope's header tells; it has the transaction's name.
_TRACE = (*_SPAN, "dynamic_sampling_context")
#: Parts of an event that have frames.
_STACKS = frozenset(("exception", "stacktrace", "threads"))
_BREADCRUMB = ("message", "data")
#: Parts of a log and of a metric.
_RECORD = ("body", "name")


class RedactingProcessor:
    """Replaces the secret values of one request in each event sent in it (sentry-sdk's event processor)."""

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
        """Redact an event, in place. It fails closed: what cannot be redacted is blanked, or not sent.

        What an integration's processor, which runs before this, left without a name gets ours again.
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
        """Redact the name and the attributes of a streamed span; where that fails, it keeps neither."""
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
        """Redact a log or a metric; where that fails, it keeps neither text nor attributes."""
        if not call(self._redact_record, record):
            record.update({key: SUBSTITUTE for key in _RECORD if key in record}, attributes={})

    def _redact_record(self, record: dict[str, Any]) -> bool:
        places = [(record, key) for key in (*_RECORD, "attributes") if record.get(key)]
        self._redact([place[key] for place, key in places], _writer(places))
        return True

    def _redact_trace_header(self, span: Any) -> None:
        """Redact the segment's name in the header of the envelopes, which is fixed when it is first used."""
        segment = compat.segment_of(span)
        if segment is not None and self._redactor().search(str(segment.name)):
            header = compat.trace_header_of(segment)
            self._redact({"transaction": header.get("transaction")}, header.__setitem__)

    def _redact(self, values: Any, write: Callable[[Any, Any], None]) -> None:
        """Search all at once, and write back what changed; nothing is written where there is nothing to hide.

        :param values: a dictionary, or a list, whose places are its keys.
        """
        redactor = self._redactor()
        if redactor.search(values):
            for key, value in values.items() if isinstance(values, dict) else enumerate(values):
                write(key, redactor.redact(value))

    def _redactor(self) -> Redactor:
        """What looks for the values; made again when more of the request or the response is known."""
        known = (self._request.body.size if self._request.body is not None else 0, self._outcome.headers)
        if self._cached is None or self._cached_for != known:
            secrets = Secrets(self._request, self._policy, _pairs(self._outcome.headers))
            values = secrets.values()
            self._cached = Redactor(values, _show, secrets.blocks) if values or secrets.blocks else _IDLE
            self._cached_for = known
        return self._cached


def _pairs(headers: Any) -> list[tuple[str, str]]:
    """The headers that an application answered with, as far as they are any."""
    return [(text(item[0]), text(item[1])) for item in headers if isinstance(item, (list, tuple)) and len(item) == 2]


def _places(event: dict[str, Any]) -> Iterable[tuple[Any, Any]]:
    """The containers and keys of an event where values stand."""
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
    """The entries of ``{"values": […]}``, and of the bare list that older releases and users write."""
    part = event.get(key) or ()
    entries = part.get("values") or () if isinstance(part, dict) else part
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, (list, tuple)) else []


def _blank(event: dict[str, Any]) -> bool:
    """Take out all values; what happened and where is left."""
    for place, key in list(_places(event)):
        place[key] = SUBSTITUTE if isinstance(place[key], str) else None
    return True


def _add_own_stack(event: dict[str, Any]) -> None:
    """Add the stack of ``attach_stacktrace``, with its variables, before the event is searched.

    The SDK would add it after all processors.
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
    """The text that the SDK's serializer would make of an object."""
    return str(value.value) if isinstance(value, AnnotatedValue) else str(safe_repr(value))


#: For the requests that have no secret.
_IDLE = Redactor((), _show)


class RedactingScope(Scope):
    """A current scope whose streamed spans, logs and metrics are redacted before the user's hooks see them.

    The SDK has processors for events only. What completes a span, a log or a metric with the scopes' attributes is a
    merged scope, so that is where they are redacted. Forks keep the class.
    """

    __slots__ = ()

    def _merge_scopes(self, *args: Any, **kwargs: Any) -> Any:
        merged: Any = super()._merge_scopes(*args, **kwargs)
        call(_redact_what_it_completes, merged, self)
        return merged


class _MergedScope(Scope):
    """A merged scope that redacts what it completes."""

    __slots__ = ()

    def apply_to_telemetry(self, telemetry: Any) -> None:
        super().apply_to_telemetry(telemetry)
        call(_redact_telemetry, self, telemetry)


def _redact_what_it_completes(merged: Any, scope: Scope) -> None:
    """Turn a merged scope into one that redacts; the SDK runs none of its processors, but those of its parts."""
    compat.set_processors(merged, compat.processors_of(scope))
    merged.__class__ = _MergedScope


def _redact_telemetry(scope: Scope, telemetry: Any) -> None:
    for processor in compat.processors_of(scope):
        if isinstance(processor, RedactingProcessor) and telemetry is not None:
            if isinstance(telemetry, dict):
                processor.redact_record(telemetry)
            else:
                processor.redact_span(telemetry)
