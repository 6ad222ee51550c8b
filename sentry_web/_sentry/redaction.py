"""Redaction of known secrets in Sentry's events, streamed spans, logs and metrics.

Only the parts that contain values are searched; structure (ids, types, file and function names, levels) is left alone.
The processor runs after those that the application and integrations add to the isolation scope, so that it redacts
their data, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, repeat
from operator import getitem
from typing import Any

import sentry_sdk
from sentry_sdk.scope import Scope
from sentry_sdk.utils import safe_repr

from .._core.guard import call
from .._privacy.policy import SUBSTITUTE, Oversized, Policy
from .._privacy.redactor import Redactor
from .._privacy.secrets import Secrets, holds_no_secret
from .._request import Outcome, Request
from .._request.http import header_pairs
from . import _speedups, compat
from .attributes import NAMES, OF_PROCESS, scope_attributes
from .compat import AnnotatedValue
from .events import annotated, is_placeholder

#: Parts of an event that are searched completely.
_WHOLE = ("message", "logentry", "extra", "logger")
#: Parts of an event that the user has set. Ordinary words in them are left alone, also where the request has the same.
_CHOSEN = ("fingerprint", "tags", "user")
#: Parts of an event's request. The words of its address are parts of names, too.
_REQUEST_CHOSEN = frozenset(("url", "method"))
#: Sources of transaction names that come from code, and not from the request. These names are left alone.
_FROM_CODE = frozenset(("component", "route", "view"))
#: Parts of a span that are searched, in a transaction or as the trace context.
_SPAN = ("op", "description", "data")
_SPAN_CHOSEN = ("tags",)
#: Parts of the trace context that repeat the envelope's trace header, with the transaction's name.
_TRACE_CHOSEN = ("tags", "dynamic_sampling_context")
#: Contexts that the SDK fills with what it knows of the process.
_PROCESS = frozenset(("runtime", "os", "device", "app", "browser", "culture", "cloud_resource", "gpu"))
#: Attributes of a streamed span with names of transactions and routes; ``None`` is the span's own.
_NAMES = frozenset((None, "sentry.segment.name", "sentry.transaction", "http.route"))
_SOURCES = ("sentry.segment.name.source", "sentry.span.source")
#: An address in which there is nothing to filter.
_PLAIN_URL = re.compile("[^?#@;]*").fullmatch
#: Parts of an event's request that the policy scrubs, whose remarks are added when all other processors have run.
_ANNOTATED = frozenset(("headers", "cookies", "query_string", "data"))
#: Parts of an event that contain stack frames.
_STACKS = frozenset(("exception", "stacktrace", "threads"))
_EXCEPTION = ("value", "mechanism")
_BREADCRUMB = ("message", "data", "category")
#: Parts of a log or metric that contain text.
_RECORD = ("body", "name")

#: A container, the key of a value in it, and whether the value was chosen by the user or by code.
Place = tuple[Any, Any, bool]


#: Methods whose requests have no body that anybody reads (RFC 9110, 9.3), unless they announce one.
_WITHOUT_BODY = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


class RedactingProcessor:
    """An event processor of sentry-sdk that replaces the secret values of one request in each event.

    Args:
        request: The request.
        policy: The policy that decides which values are secret.
        outcome: The outcome of the request, with the response headers.
        name_event: Sets the transaction name of an event.
    """

    __slots__ = (
        "renames",
        "_request",
        "_policy",
        "outcome",
        "_name_event",
        "_cached",
        "_cached_for",
        "_clean_name",
        "_scope_attributes",
    )

    def __init__(
        self, request: Request, policy: Policy, outcome: Outcome, name_event: Callable[[dict[str, Any]], None]
    ) -> None:
        self._name_event = name_event
        #: Whether an event is named again after the processors of integrations, some of which name it.
        self.renames = False
        self._request = request
        self._policy = policy
        self.outcome = outcome
        self._cached: Redactor | None = None
        #: The size of the body and the headers of the response when it was made.
        self._cached_for: tuple[int, Any] = (0, None)
        #: A segment's name without secrets.
        self._clean_name = ""
        #: The attributes that all telemetry of the request has.
        self._scope_attributes: dict[str, Any] | None = None

    def __call__(self, event: dict[str, Any], hint: Any) -> dict[str, Any] | None:
        """Redact an event in place. This fails closed: an event that cannot be redacted is blanked, or not sent.

        The transaction name is set again if an integration's processor, which runs earlier, has removed it.
        """
        try:
            if self.renames or is_placeholder(event.get("transaction")):
                call(self._name_event, event)
            if call(self._redact_event, event):
                return event
            return event if call(blank, event) else None
        except Exception:  # noqa: BLE001 - so near to the recursion limit that nothing can be called
            return None

    def _redact_event(self, event: dict[str, Any]) -> bool:
        _add_own_stack(event)
        if self.outcome.faulty and self.misses_body():
            return False
        redactor = self._redactor()
        if not redactor.complete or self.outcome.faulty:
            _leave_out(event)
        _redact(redactor, _places(event))
        request = event.get("request")
        if isinstance(request, dict):
            url = request.get("url")
            if isinstance(url, str) and not _PLAIN_URL(url):  # as Quart's integration writes it, with the query
                request["url"] = str(self._policy.scrub_url(url))
            for key in _ANNOTATED.intersection(request):
                request[key] = annotated(request[key])
        return True

    def complete(self, telemetry: Any) -> None:
        """Add the attributes of the request's scope to a streamed span, a log or a metric that has none of its own."""
        added = self._scope_attributes
        if added is None:
            added = self._scope_attributes = call(scope_attributes, self._request, self._policy) or {}
        if isinstance(telemetry, dict):
            telemetry["attributes"] = {**added, **telemetry["attributes"]}
            return
        present = telemetry.get_attributes()
        if not added.keys().isdisjoint(present):
            added = {key: value for key, value in added.items() if key not in present}
        _speedups.set_attributes(telemetry, added)

    def redact_record(self, record: dict[str, Any]) -> None:
        """Redact a log or a metric."""
        _redact(self._redactor(), [(record, key, False) for key in (*_RECORD, "attributes") if record.get(key)])

    def redact_span(self, span: Any) -> None:
        """Redact a streamed span."""
        redactor = self._redactor()
        values: dict[str | None, Any] = {**span.get_attributes(), None: span.name}
        redacted = _redacted(redactor, values) if redactor.has_words else redactor.redact(values)
        if redacted is not values:
            _restore_constants(redacted, values)
            _replace_attributes(span, values, redacted)
        links = compat.links_of(span)
        if links:
            _redact(redactor, [(link, "attributes", False) for link in links if link.get("attributes")])
        name = values.get("sentry.segment.name")  # which the SDK sets as a span ends
        if name != self._clean_name:
            self._redact_trace_header(redactor, compat.segment_of(span), name if redacted is values else None)

    def _redact_trace_header(self, redactor: Redactor, segment: Any, harmless: str | None) -> None:
        """Redact the segment's name in the envelopes' trace header, which is fixed at its first use.

        Args:
            redactor: The redactor.
            segment: The segment.
            harmless: A name that holds no secret.
        """
        name = str(getattr(segment, "name", ""))
        if SUBSTITUTE not in name and (name == harmless or redactor.redact(name, chosen=True) == name):
            self._clean_name = name
            return
        header = compat.trace_header_of(segment)
        if header.get("transaction"):
            header["transaction"] = redactor.redact(header["transaction"], chosen=True)

    def misses_body(self) -> bool:
        """Return whether not all of the body was seen, as where a function of ours has failed: it may hold secrets."""
        request = self._request
        if request.kind != "http":
            return False
        seen, length = 0 if request.body is None else request.body.size, request.header("content-length")
        if length:
            return not length.isdecimal() or int(length[:18]) > seen
        return not seen and request.method not in _WITHOUT_BODY

    def _redactor(self) -> Redactor:
        """Return the redactor, which is rebuilt when more of the request's body or the response's headers is known."""
        body = self._request.body
        known = 0 if body is None else body.size, self.outcome.headers
        if self._cached is None or known != self._cached_for:
            pairs = header_pairs(self.outcome.headers)
            if self._cached is None or known[0] != self._cached_for[0] or not holds_no_secret(pairs, self._policy):
                self._cached = Redactor.of(Secrets(self._request, self._policy, pairs), _show, NAMES)
            self._cached_for = known
        return self._cached


def _redact(redactor: Redactor, places: list[Place]) -> None:
    """Search the values of all places at once, and write those that contain a secret.

    Where some of the secrets may be ordinary words, the places in which these are left alone are searched separately.
    """
    groups = (False, True) if redactor.has_words else (None,)
    for group in groups:
        chosen = places if group is None else [place for place in places if place[2] is group]
        if not chosen:
            continue
        containers, keys, _ = zip(*chosen, strict=True)
        values = list(map(getitem, containers, keys))
        redacted = redactor.redact(values, chosen=bool(group))
        if redacted is not values:
            for (container, key, _), value in zip(chosen, redacted, strict=True):
                former = container[key]
                container[key] = value
                if value is not former and (key == "attributes" or (key == "data" and "span_id" in container)):
                    _restore_constants(value, former)


def _restore_constants(redacted: dict[Any, Any], former: dict[Any, Any]) -> None:
    """Restore the attributes that do not depend on what a request contains, whatever was replaced in them."""
    redacted.update({name: former[name] for name in OF_PROCESS.intersection(former)})


def _replace_attributes(span: Any, values: dict[str | None, Any], redacted: dict[str | None, Any]) -> None:
    """Write what differs to a streamed span.

    Args:
        span: The span.
        values: Its attributes, and as ``None`` its name.
        redacted: The same without secrets, which may have been in names of attributes, too.
    """
    are_from_code = not _FROM_CODE.isdisjoint(map(values.get, _SOURCES))
    for key in values.keys() - redacted.keys():
        span.remove_attribute(key)
    for key, value in redacted.items():
        if (key in values and value is values[key]) or (are_from_code and key in _NAMES):
            continue
        if key is None:
            span.name = value
        else:
            span.set_attribute(key, value)


def _redacted(redactor: Redactor, values: dict[str | None, Any]) -> dict[str | None, Any]:
    """Return the attributes of a streamed span with each secret replaced, but the words in the names left alone."""
    names = {key: values[key] for key in _NAMES.intersection(values)}
    others = {key: value for key, value in values.items() if key not in names}
    return {**redactor.redact(others), **redactor.redact(names, chosen=True)}


def _places(event: dict[str, Any]) -> list[Place]:
    """Return the places of all values in an event."""
    places: list[Place] = [*_filled(event, _WHOLE), *_filled(event, _CHOSEN, True)]
    request = event.get("request")
    if isinstance(request, dict):
        places += [(request, key, key in _REQUEST_CHOSEN) for key in request]
    if event.get("transaction") and (event.get("transaction_info") or {}).get("source") not in _FROM_CODE:
        places.append((event, "transaction", True))
    for entry in _values(event, "exception") + _values(event, "threads"):
        places += _filled(entry, _EXCEPTION)
        for stacktrace in (entry.get("stacktrace"), entry.get("raw_stacktrace")):
            frames = (stacktrace or {}).get("frames") or ()
            places += [(frame, "vars", False) for frame in frames if frame.get("vars")]
    for crumb in _values(event, "breadcrumbs"):
        places += _filled(crumb, _BREADCRUMB)
    for span in event.get("spans") or ():
        places += (*_filled(span, _SPAN), *_filled(span, _SPAN_CHOSEN, True))
    for name, context in (event.get("contexts") or {}).items():
        if name == "trace":
            places += (*_filled(context, _SPAN), *_filled(context, _TRACE_CHOSEN, True))
        elif context:
            places.append((event["contexts"], name, name in _PROCESS))
    return places


def _filled(container: dict[str, Any], keys: Sequence[str], chosen: bool = False) -> Iterable[Place]:
    """Return those of some places in a container that are not empty."""
    return compress(zip(repeat(container), keys, repeat(chosen)), map(container.get, keys))


def _leave_out(event: dict[str, Any]) -> None:
    """Remove what may contain a value of the request that is not known: variables, the body, and the user's own data.

    A client that sends more than is searched loses these. Messages are kept: what is known is replaced in them.
    """
    for key in ("extra",):
        event.pop(key, None)
    request = event.get("request")
    if isinstance(request, dict) and request.get("data"):
        request["data"] = Oversized("")
    for entry in _values(event, "exception") + _values(event, "threads"):
        for stacktrace in (entry.get("stacktrace"), entry.get("raw_stacktrace")):
            for frame in (stacktrace or {}).get("frames") or ():
                frame.pop("vars", None)
    for crumb in _values(event, "breadcrumbs"):
        crumb.pop("data", None)


def _values(event: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the entries of ``{"values": […]}``, or of the bare list that older releases and users write."""
    part = event.get(key)
    if not part:
        return []
    entries = part.get("values") or () if isinstance(part, dict) else part
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, (list, tuple)) else []


def blank(event: dict[str, Any]) -> bool:
    """Blank all values of an event; the types of exceptions and their locations remain."""
    for place, key, _ in _places(event):
        place[key] = SUBSTITUTE if isinstance(place[key], str) else None
    return True


def blank_all(event: Any, hint: Any) -> Any:
    """Blank an event (as an event processor of sentry-sdk); one that cannot be blanked is not sent."""
    return event if call(blank, event) else None


def _add_own_stack(event: dict[str, Any]) -> None:
    """Add the stack trace of ``attach_stacktrace``, with its variables, before the event is searched.

    The SDK would add it after all processors have run.
    """
    if event.get("type") or not _STACKS.isdisjoint(event):
        return
    options = sentry_sdk.get_client().options
    if not options.get("attach_stacktrace"):
        return
    stacktrace = compat.current_stacktrace(options)
    event["threads"] = {"values": [{"stacktrace": stacktrace, "crashed": False, "current": True}]}


def blank_telemetry(telemetry: Any) -> None:
    """Remove the text and the attributes of a log, a metric or a streamed span."""
    if isinstance(telemetry, dict):
        telemetry.update({key: SUBSTITUTE for key in _RECORD if key in telemetry}, attributes={})
        return
    telemetry.name = SUBSTITUTE
    telemetry.set_attribute("sentry.segment.name", SUBSTITUTE)
    for key in [key for key in telemetry.get_attributes() if not key.startswith("sentry.")]:
        telemetry.remove_attribute(key)
    if not call(_blank_links, telemetry):
        compat.drop_links(telemetry)


def _blank_links(span: Any) -> bool:
    for link in compat.links_of(span):
        link.pop("attributes", None)
    return True


def _show(value: Any) -> str:
    """Return the text that the SDK's serializer would write for an object."""
    return str(value.value) if isinstance(value, AnnotatedValue) else str(safe_repr(value))


class RedactingScope(Scope):
    """A current scope whose streamed spans, logs and metrics are redacted before the user's hooks see them.

    The SDK has processors for events only. Spans, logs and metrics get the scopes' attributes from a merged scope, so
    they are redacted there. Forks of the scope keep this class.
    """

    __slots__ = ()

    def _merge_scopes(self, *args: Any, **kwargs: Any) -> Any:
        merged: Any = super()._merge_scopes(*args, **kwargs)
        if not call(_redact_what_it_completes, merged, self):
            merged.__class__ = BlankingScope
        return merged

    def redact_telemetry(self, telemetry: Any) -> None:
        """Redact a log or metric where the SDK completes these without a merged scope (``hooks``)."""
        if not call(redact_telemetry, self, telemetry):
            blank_telemetry(telemetry)


class MergedScope(Scope):
    """A merged scope that redacts the telemetry to which it adds attributes."""

    __slots__ = ()

    def apply_to_telemetry(self, telemetry: Any) -> None:
        super().apply_to_telemetry(telemetry)
        if not call(redact_telemetry, self, telemetry):
            call(blank_telemetry, telemetry)


class BlankingScope(Scope):
    """A merged scope that blanks the telemetry to which it adds attributes."""

    __slots__ = ()

    def apply_to_telemetry(self, telemetry: Any) -> None:
        super().apply_to_telemetry(telemetry)
        call(blank_telemetry, telemetry)


def _redact_what_it_completes(merged: Any, scope: Scope) -> bool:
    """Turn a merged scope into a redacting one; the SDK runs not its processors, but those of the scopes it merges."""
    compat.set_processors(merged, compat.processors_of(scope))
    merged.__class__ = MergedScope
    return True


def redact_telemetry(scope: Scope, telemetry: Any) -> bool:
    """Redact a streamed span, a log or a metric, with the attributes that all telemetry of the request has.

    Where this does not return true, the telemetry must be blanked.
    """
    for processor in compat.processors_of(scope):
        if isinstance(processor, RedactingProcessor):
            if processor.outcome.faulty and processor.misses_body():
                return False
            processor.complete(telemetry)
            if isinstance(telemetry, dict):
                processor.redact_record(telemetry)
            else:
                processor.redact_span(telemetry)
    return True
