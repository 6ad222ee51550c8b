"""The private names of sentry-sdk that correctness needs, and nothing else.

Each is found by asking for it, never by a version number, and each has a fallback: on a release without it something
small is missing, and nothing breaks.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from inspect import signature
from typing import Any

import sentry_sdk.client
import sentry_sdk.utils
from sentry_sdk import Scope
from sentry_sdk.integrations import logging
from sentry_sdk.tracing_utils import Baggage

from .._request import Trace

#: A value with a remark for Sentry's UI ("filtered"). Newer releases only import it into ``utils``.
AnnotatedValue: Any = sentry_sdk.utils.AnnotatedValue  # type: ignore[attr-defined]  # pyright: ignore[reportPrivateImportUsage]


def _given_options(function: Callable[..., Any], *names: str) -> tuple[str, ...]:
    """Return those of these parameters that a function has."""
    known = signature(function).parameters
    return tuple(name for name in names if name in known)


#: How functions of the SDK are told of the client's options; from 3.0 on they ask the client by themselves.
_EVENT_OPTIONS = _given_options(sentry_sdk.utils.event_from_exception, "client_options")
_STACK_OPTIONS = _given_options(sentry_sdk.utils.current_stacktrace, "include_local_variables", "max_value_length")


def event_from_exception(
    error: BaseException, options: Mapping[str, Any], mechanism: dict[str, Any]
) -> tuple[Any, Any]:
    """Return the SDK's event of an exception, and its hint."""
    build: Callable[..., tuple[Any, Any]] = sentry_sdk.utils.event_from_exception
    return build(error, mechanism=mechanism, **dict.fromkeys(_EVENT_OPTIONS, options))


def current_stacktrace(options: Mapping[str, Any]) -> Any:
    """Return the stack trace of the caller, as the client's options say."""
    __tracebackhide__ = True
    build: Callable[..., Any] = sentry_sdk.utils.current_stacktrace
    return build(**{name: options[name] for name in _STACK_OPTIONS if name in options})


def _imported(name: str) -> Any:
    """Return a module of the SDK, or ``None`` where this release has none of that name."""
    return import_module(name) if find_spec(name) is not None else None


#: Whether the SDK can send each span by itself, and whether it knows transactions: 2.45 has only these, 3.0 has none.
HAS_STREAMED_SPANS = find_spec("sentry_sdk.traces") is not None
HAS_TRANSACTIONS = find_spec("sentry_sdk.tracing") is not None

#: The terms of the SDK's own scrubber, which 3.0 does not have; ours (``_privacy.rules``) do without them.
SENSITIVE_TERMS: Collection[str] = getattr(_imported("sentry_sdk.scrubber"), "DEFAULT_DENYLIST", ())

#: The names that the SDK has for data of spans.
SPAN_DATA = frozenset(
    name for name in vars(getattr(_imported("sentry_sdk.consts"), "SPANDATA", object)).values() if type(name) is str
)

#: ``_asgi_middleware_applied`` and ``_wsgi_middleware_applied``: the context variables by which the SDK's middlewares
#: know that a request is instrumented. Without them an integration (Flask, Starlette, Django…) would open a second
#: transaction inside of ours.
_MARKERS = {
    "asgi": ("sentry_sdk.integrations.asgi", "_asgi_middleware_applied"),
    "wsgi": ("sentry_sdk.integrations.wsgi", "_wsgi_middleware_applied"),
}


#: The positional parameters, after the application, of sentry-sdk 2's ASGI middleware; 3.0 lost the first two.
_ASGI_PARAMETERS = (
    "unsafe_context_data",
    "transaction_style",
    "mechanism_type",
    "span_origin",
    "http_methods_to_capture",
    "asgi_version",
    "root_path_in_path",
)

#: This package, as Sentry names packages.
_PACKAGE = "pypi:sentry-web"


class Marker:
    """Our value of those variables: true for the SDK, and distinguishable from the SDK's own ``True``."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


MARKER = Marker()


def asgi_parameters() -> tuple[str, ...]:
    """Return the positional parameters of the installed SDK's ASGI middleware, after the application, in order."""
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware  # only needed where positional arguments are given

    first = "unsafe_context_data" in inspect.signature(SentryAsgiMiddleware).parameters
    return _ASGI_PARAMETERS if first else _ASGI_PARAMETERS[2:]


#: Those of the modules that are imported; most processes import one of them, or both, at the start.
_found: dict[str, Any] = {}


def ignore_logger(name: str) -> None:
    """Make no events and breadcrumbs of a logger's records; 3.0 calls that ``ignore_logger_for_events``."""
    getattr(logging, "ignore_logger_for_events", logging.ignore_logger)(name)


def marker_variables() -> Collection[Any]:
    """Return the context variables of the SDK's middlewares, of those modules that are imported."""
    if len(_found) < len(_MARKERS):
        for protocol, (module, name) in _MARKERS.items():
            variable = getattr(sys.modules.get(module), name, None)
            if variable is not None:
                _found[protocol] = variable
    return _found.values()


def is_instrumented_by_sdk(protocol: str) -> bool:
    """Return whether a middleware of the SDK already reports the request that is running here."""
    variable = _found.get(protocol)
    if variable is None:
        marker_variables()
        variable = _found.get(protocol)
    value = variable is not None and variable.get(False)
    return bool(value) and not isinstance(value, Marker)


def name_package() -> None:
    """Name this package among those that made an event, ``sdk.packages`` (``SDK_INFO``)."""
    packages = getattr(sentry_sdk.client, "SDK_INFO", {}).get("packages")
    if isinstance(packages, list) and not any(package["name"] == _PACKAGE for package in packages):
        try:
            packages.append({"name": _PACKAGE, "version": version("sentry-web")})
        except PackageNotFoundError:  # run from a checkout
            return


def share_propagation_context(isolation: Scope, current: Scope) -> None:
    """Give the current scope the trace of the isolation scope (``_propagation_context``).

    The public setters make a trace of its own on each of the two scopes. Without the private name each scope keeps its
    own: events then take the current scope's.
    """
    context = getattr(isolation, "_propagation_context", None)
    if context is not None:
        current._propagation_context = context  # noqa: SLF001
    else:
        current.set_new_propagation_context()


def baggage_of(trace: Any) -> Any:
    """Return the baggage of a propagation context; before sentry-sdk kept one there, it kept what is in it."""
    if hasattr(trace, "baggage"):
        return trace.baggage
    items = trace.dynamic_sampling_context
    if items is None and trace.parent_span_id is None:
        return None  # a new trace
    return Baggage(sentry_items=dict(items or {}), mutable=False)


def drop_processors(scope: Scope, kind: type) -> None:
    """Remove the event processors of a class from a forked scope (``_event_processors``).

    A request inside a request, in one process, forks the outer one's scopes; it has request data of its own.
    """
    processors = getattr(scope, "_event_processors", None)
    if processors and isinstance(processors, list):
        kept = [processor for processor in processors if not isinstance(processor, kind)]
        set_processors(scope, kept)


def processors_of(scope: Scope) -> list[Any]:
    """Return the event processors of a scope (``_event_processors``)."""
    return getattr(scope, "_event_processors", None) or []


def set_processors(scope: Any, processors: list[Any]) -> None:
    """Give a scope these event processors (``_event_processors``)."""
    scope._event_processors = processors  # noqa: SLF001


def transaction_source(scope: Scope) -> str | None:
    """Return the source of the name that is set on a scope (``_transaction_info``)."""
    info = getattr(scope, "_transaction_info", None)
    return info.get("source") if isinstance(info, dict) else None


def transaction_name(scope: Scope) -> str | None:
    """Return the name that is set on a scope (``_transaction``); the public API only sets it."""
    name = getattr(scope, "_transaction", None)
    return name if isinstance(name, str) else None


def set_server_segment(scope: Scope, span: Any) -> None:
    """Set the span on which the SDK's integrations put ``http.route`` and the like (``_server_segment_span``)."""
    if hasattr(type(scope), "_server_segment_span"):
        scope._server_segment_span = span  # noqa: SLF001


def tracks_sessions(scope: Scope) -> bool:
    """Return whether ``stop_auto_session_tracking()`` was not called (``_force_auto_session_tracking``)."""
    return getattr(scope, "_force_auto_session_tracking", None) is not False


def start_profile(transaction: Any) -> Any:
    """Start the transaction profiler, and return it (``_profile``).

    ``with transaction:`` would start it, but ends the transaction at no time of our choice.
    """
    profile = getattr(transaction, "_profile", None)
    if profile is not None:
        profile.__enter__()
    return profile


def stop_profiles(transaction: Any, profile: Any) -> None:
    """Stop both profilers, which ``finish()`` expects (``_continuous_profile``).

    Args:
        transaction: The transaction, with the profiler that its start may have started by itself.
        profile: What ``start_profile`` returned; only a profiler that was entered can be left.
    """
    if profile is not None:
        profile.__exit__(None, None, None)
    continuous = getattr(transaction, "_continuous_profile", None)
    if continuous is not None:
        continuous.stop()


def discard_streamed_span(span: Any, scope: Any) -> None:
    """Take a streamed span off its scope without sending it (``_previous_span_on_scope``); ``end()`` always sends."""
    former = getattr(span, "_previous_span_on_scope", None)
    setattr(scope, "streamed_span" if HAS_TRANSACTIONS else "span", former)


def set_scope_of(segment: Any, scope: Scope | None) -> None:
    """Have a segment refer to another scope than the one on which it was started (``_scope``).

    A segment refers to itself, too (``_segment``), so that only the garbage collector would free the request's scope,
    with all that belongs to the request.
    """
    if hasattr(segment, "_scope"):
        segment._scope = scope  # noqa: SLF001


def link_span(span: Any, trace: Trace) -> None:
    """Link a streamed span to a trace that it does not continue (``add_link``); 2.x has no links."""
    link = getattr(span, "add_link", None)
    if link is not None:
        found: dict[str, Any] = {"trace_id": trace.trace_id, "span_id": trace.span_id}
        if trace.sampled is not None:
            found["sampled"] = trace.sampled
        link({**found, "attributes": {"sentry.link.type": "previous_trace"}})


def links_of(span: Any) -> list[dict[str, Any]]:
    """Return the links of a streamed span, which the application may give attributes (``_links``); 2.x has none."""
    links = getattr(span, "_links", None)
    return [link for link in links if isinstance(link, dict)] if links else []


def drop_links(span: Any) -> None:
    """Remove the links of a streamed span, whose attributes cannot be removed."""
    if getattr(span, "_links", None):
        span._links = []  # noqa: SLF001 - as above


def segment_of(span: Any) -> Any:
    """Return the segment of a streamed span (``_segment``)."""
    return getattr(span, "_segment", None)


def trace_header_of(segment: Any) -> dict[str, str]:
    """Return what the envelopes of a segment's trace have in their header, its name included (``_get_baggage``).

    The SDK fixes it when it is first used, which may be before the segment ends.
    """
    fix = getattr(segment, "_get_baggage", None)
    items = getattr(fix(), "sentry_items", None) if fix is not None else None
    return items if isinstance(items, dict) else {}


def start_unsampled_span(scope: Scope, name: str, source: str, streaming: bool) -> None:
    """Make a span that is not sampled the active one of a scope, in the scope's trace; its children are not either.

    The SDK makes such spans by itself only after it has asked the user's sampler, which may want the span.

    Args:
        scope: The scope.
        name: The name of the span.
        source: What the name is made of.
        streaming: Whether spans are sent one by one.
    """
    trace: Any = scope.get_active_propagation_context()
    if streaming:
        kind = getattr(sys.modules.get("sentry_sdk.traces"), "NoOpStreamedSpan", None)
        if kind is not None:
            kind(name=name, scope=scope, trace_id=trace.trace_id, parent_span_id=trace.parent_span_id)
        return
    kind = getattr(sys.modules.get("sentry_sdk.tracing"), "Transaction", None)
    if kind is not None:
        span = kind(
            name=name, source=source, sampled=False, trace_id=trace.trace_id, parent_span_id=trace.parent_span_id
        )
        scope.span = span


def flush(client: Any) -> None:
    """Send what a client holds, and wait for that no longer than its ``shutdown_timeout``.

    The SDK's asynchronous transport, an experiment of 2.x, cannot be waited for outside of a coroutine, and is left to
    its owner.
    """
    is_asynchronous = getattr(client, "_has_async_transport", None)
    if is_asynchronous is None or not is_asynchronous():
        client.flush()


def start_unsent_segment(scope: Scope, name: str, source: str) -> None:
    """Make a segment that is never sent the active one of a scope, where tracing is off in stream mode.

    The SDK names events by the first span of the application that has no parent, so a request must have one. What the
    caller has decided about the trace is handed on, as the SDK does without tracing. Releases whose
    ``NoOpStreamedSpan`` has no name do not name events by it.

    Args:
        scope: The scope.
        name: The name of the segment.
        source: What the name is made of.
    """
    kind = _named_no_op()
    if kind is None:
        return
    trace: Any = scope.get_active_propagation_context()
    segment = kind(
        name=name,
        attributes={"sentry.segment.name.source": source},
        scope=scope,
        trace_id=trace.trace_id,
        parent_span_id=trace.parent_span_id,
        parent_sampled=trace.parent_sampled,
        baggage=trace.baggage,
        sampled=trace.parent_sampled,
    )
    set_scope_of(segment, None)  # which one that is never sent may have


@functools.cache
def _named_no_op() -> Any:
    """Return the class ``NoOpStreamedSpan``, where it has a name and can leave the decision open."""
    kind = getattr(sys.modules.get("sentry_sdk.traces"), "NoOpStreamedSpan", None)
    return kind if kind is not None and len(_given_options(kind, "name", "sampled")) == 2 else None
