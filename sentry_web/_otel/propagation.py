"""Extraction and injection of trace contexts, by the globally configured propagators."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .._core.guard import call
from .._options import Options
from .._request import Request, Trace
from .._request.http import Header

#: The context keys by which instrumentations suppress each other (``suppress_instrumentation()``). They have no public
#: names; a release that lacks a name does not support that kind of suppression.
SUPPRESSED = [
    key
    for key in (
        getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", None),
        getattr(context_api, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None),
        "suppress_instrumentation",
    )
    if key is not None
]

#: The module of the global response propagator. It is not part of the API package; it is loaded if one has been set.
_RESPONSE_PROPAGATORS = "opentelemetry.instrumentation.propagators"


@functools.lru_cache(maxsize=64)  # propagators read the same few headers for every request
def _one(name: str) -> frozenset[str]:
    return frozenset((name,))


class RequestGetter(Getter[Request]):
    """A getter that reads the headers of a request.

    Args:
        missing: The headers that the request is known not to have, in lower case.
    """

    __slots__ = ("_missing",)

    def __init__(self, missing: frozenset[str] = frozenset()) -> None:
        self._missing = missing

    def get(self, carrier: Request, key: str) -> list[str] | None:
        """Return the value of a header, with repeated ones joined; nothing is decoded if the header is missing."""
        key = key.lower()
        if key in self._missing or not carrier.may_have(_one(key)):
            return None
        value = carrier.header(key)
        return None if value is None else [value]

    def keys(self, carrier: Request) -> list[str]:
        """Return the names of all headers."""
        return [name.lower() for name, _ in carrier.headers]


class _ListSetter(Setter[list[Header]]):
    """A setter that collects the headers of a response propagator."""

    __slots__ = ()

    def set(self, carrier: list[Header], key: str, value: str) -> None:
        """Add a header."""
        carrier.append((key.lower(), value))


#: The headers that propagators read by default.
PROPAGATED = frozenset(("traceparent", "tracestate", "baggage"))

_W3C = (TraceContextTextMapPropagator, W3CBaggagePropagator)

_GETTER = RequestGetter()
_PLAIN_GETTER = RequestGetter(PROPAGATED)
_SETTER = _ListSetter()


def is_suppressed() -> bool:
    """Return whether instrumentation is suppressed in the current context."""
    current = context_api.get_current()
    return bool(current) and any(current.get(key) for key in SUPPRESSED)


def incoming_context(
    request: Request, config: Options, plain: bool = False
) -> tuple[Context, Sequence[Link], SpanKind]:
    """Return the parent context of a request's span, the span's links, and its kind.

    The trace is that of the headers, or else the current one (for a request made within the process). A local span of
    the headers' own trace that has not ended is the parent in the place of the remote one: it is the span of a
    middleware outside of this one, for the same request. Inside of such a span, and of any server span that has not
    ended, the kind is INTERNAL. If ``continue_traces`` rejects the incoming trace, the span is only linked to it. If
    the outputs have agreed on a trace, that one is continued.

    Args:
        request: The request.
        config: The options of the middleware.
        plain: Whether the request is known to have none of the headers in ``PROPAGATED``.
    """
    here = context_api.get_current()
    context = here
    if not (plain and _is_silent(propagate.get_global_textmap())):
        extracted = call(propagate.extract, request, here, _PLAIN_GETTER if plain else _GETTER)
        context = here if extracted is None else extracted
    local = trace.get_current_span(here)
    kind = SpanKind.SERVER
    if context is not here and _is_around(local, trace.get_current_span(context)):
        context, kind = trace.set_span_in_context(local, context), SpanKind.INTERNAL
        return context, (), kind
    links: Sequence[Link] = ()
    if context is not here and not call(_continues, config, request):
        remote = trace.get_current_span(context).get_span_context()
        links = [Link(remote)] if remote.is_valid else ()
        context = here
    if context is here and local.is_recording() and getattr(local, "kind", None) is SpanKind.SERVER:
        kind = SpanKind.INTERNAL
    settled = request.trace
    if settled is not None and trace_of(trace.get_current_span(context)) != settled.trace_id:
        context = trace.set_span_in_context(NonRecordingSpan(_span_context(settled)), context)
    return context, links, kind


def _is_around(local: Any, remote: Any) -> bool:
    """Return whether a span is that of a middleware outside of this one, which has continued the same remote span.

    The span of a client within the process, which has sent the headers, is itself the remote one. A local span that is
    not sampled does not record, and does not say whether it has ended.
    """
    place, other = local.get_span_context(), remote.get_span_context()
    if place.is_remote or not place.is_valid or place.trace_id != other.trace_id or place.span_id == other.span_id:
        return False
    return bool(local.is_recording()) or type(local) is NonRecordingSpan


#: The propagator that was checked last, and the result of :func:`_is_silent` for it.
_JUDGED: list[tuple[Any, bool]] = [(None, False)]


def _is_silent(propagator: Any) -> bool:
    """Return whether a propagator extracts nothing from a request without any of the headers in ``PROPAGATED``.

    This is known only of OpenTelemetry's own propagators, and saves calling them. The parts of a composite propagator
    have no public name: if they are not found, or are not known, the propagator is called.
    """
    judged, silent = _JUDGED[0]
    if judged is not propagator:
        parts = getattr(propagator, "_propagators", ()) if type(propagator) is CompositePropagator else (propagator,)
        silent = bool(parts) and all(type(part) in _W3C for part in parts)
        _JUDGED[0] = (propagator, silent)
    return silent


def incoming_span(request: Request) -> SpanContext:
    """Return the span that the headers of a request name; an invalid one if they name none."""
    extracted = call(propagate.extract, request, Context(), _GETTER)
    return trace.get_current_span(extracted or Context()).get_span_context()


def incoming_trace(request: Request, config: Options) -> Trace | None:
    """Return the trace that the span of a request would continue, or ``None`` for a new one."""
    context = incoming_context(request, config)[0]
    return as_trace(trace.get_current_span(context))


def as_trace(span: Any) -> Trace | None:
    """Return a span's trace, or ``None`` if its context is invalid (as without an SDK)."""
    place = span.get_span_context()
    if not place.is_valid:
        return None
    return Trace(f"{place.trace_id:032x}", f"{place.span_id:016x}", bool(place.trace_flags & TraceFlags.SAMPLED))


def trace_of(span: Any) -> str:
    """Return the id of a span's trace."""
    return f"{span.get_span_context().trace_id:032x}"


def response_propagator() -> Any:
    """Return the global propagator for responses; usually ``None``."""
    module = sys.modules.get(_RESPONSE_PROPAGATORS)
    return module.get_global_response_propagator() if module is not None else None


def added_headers(span: Any) -> list[Header]:
    """Return the headers that the global response propagator adds to the response, such as ``traceresponse``."""
    propagator = response_propagator()
    headers: list[Header] = []
    if propagator is not None:
        propagator.inject(headers, context=trace.set_span_in_context(span, Context()), setter=_SETTER)
    return headers


def _continues(config: Options, request: Request) -> bool:
    wanted = config.continue_traces
    return bool(wanted(request)) if callable(wanted) else wanted


def _span_context(settled: Trace) -> SpanContext:
    """Return a trace as a remote parent; an open sampling decision does not prevent this output from recording."""
    flags = TraceFlags.DEFAULT if settled.sampled is False else TraceFlags.SAMPLED
    return SpanContext(
        int(settled.trace_id, 16), int(settled.span_id, 16), is_remote=True, trace_flags=TraceFlags(flags)
    )
