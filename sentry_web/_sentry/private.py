"""The private names of sentry-sdk that are used, each with its reason. A release without one degrades, never breaks.

Those by which a transaction is delivered, or a span made, without the SDK's own functions are in ``innards`` and
``inner_spans``. The compat session runs the suite on the oldest and the newest supported release.
"""

from __future__ import annotations

import sys
from typing import Any

import sentry_sdk
import sentry_sdk.scope
import sentry_sdk.utils
from sentry_sdk.tracing import Transaction

from . import innards, inner_spans

#: Remarks for Sentry's UI. Every release has it in ``utils``, where newer ones only import it.
AnnotatedValue: Any = sentry_sdk.utils.AnnotatedValue  # type: ignore[attr-defined]  # pyright: ignore[reportPrivateImportUsage]

#: The SDK's own middlewares remember in a ContextVar that a request is theirs, and there is no public way to tell them
#: that it is taken: without it, an integration (Flask, Starlette, Django…) would open a second transaction inside ours.
_APPLIED = {
    "asgi": ("sentry_sdk.integrations.asgi", "_asgi_middleware_applied"),
    "wsgi": ("sentry_sdk.integrations.wsgi", "_wsgi_middleware_applied"),
}
#: Those of the modules that are imported.
_IMPORTED: dict[str, Any] = {}


#: The ContextVars of the two scopes. Each has a public setter and getter; but they are set for every chunk of a
#: streamed response, where these calls and what they create on the way are most of the cost.
_SCOPES: tuple[Any, ...] = tuple(
    getattr(sentry_sdk.scope, name)
    for name in ("_isolation_scope", "_current_scope")
    if hasattr(sentry_sdk.scope, name)
)


def ambient(isolation: Any, current: Any) -> Any:
    """The ContextVars that make these scopes the ambient ones, and their values; ``None`` where there are no such."""
    global _ambient  # noqa: PLW0603 - it is the same for all requests, once it is known (0.3 µs)
    if _ambient:
        return _ambient, (isolation, current, CLAIM, CLAIM)
    if len(_SCOPES) < 2:
        return None
    applied = applied_variables()
    if len(applied) == len(_APPLIED):
        _ambient = (*_SCOPES, *applied)
    return (*_SCOPES, *applied), (isolation, current, *_CLAIMS[: len(applied)])


def ambient_scopes(isolation: Any, current: Any) -> Any:
    """The same of the two scopes alone."""
    return (_SCOPES, (isolation, current)) if len(_SCOPES) == 2 else None


#: All the variables, once both of the SDK's modules are imported.
_ambient: tuple[Any, ...] = ()


def has_session(scope: Any) -> bool:
    """Whether a session runs on the scope; only its end would tell."""
    return getattr(scope, "_session", True) is not None


def is_in_use(isolation: Any) -> bool:
    """Whether the scope may be a request's, ours or the SDK's: those have a processor; only the processors tell."""
    return bool(getattr(isolation, "_event_processors", True))


class Claim:
    """The value we put into those variables: true for the SDK, and told apart from the SDK's own ``True``."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


CLAIM = Claim()
_CLAIMS = (CLAIM, CLAIM)


def applied_variables() -> tuple[Any, ...]:
    """The ContextVars of the SDK's middlewares, of those modules that are imported."""
    if len(_IMPORTED) < len(_APPLIED):
        for protocol in _APPLIED:
            _applied(protocol)
    return tuple(_IMPORTED.values())


def _applied(protocol: str) -> Any:
    """The variable of one of the modules; ``None`` where it is not imported."""
    if protocol not in _IMPORTED:
        module, name = _APPLIED[protocol]
        variable = getattr(sys.modules.get(module), name, None)
        if variable is None:
            return None
        _IMPORTED[protocol] = variable
    return _IMPORTED[protocol]


def taken_by_sdk(protocol: str) -> bool:
    """Whether a middleware of the SDK already reports the request that is running here."""
    variable = _IMPORTED.get(protocol) or _applied(protocol)
    value = variable.get(False) if variable is not None else False
    return bool(value) and not isinstance(value, Claim)


def share_propagation_context(isolation: Any, current: Any) -> None:
    """Make the isolation scope's trace that of the current scope.

    The public ``generate_propagation_context`` makes a trace of its own on each scope where no header names one, and a
    current scope forked from one with a trace would shadow the new one.
    """
    context = getattr(isolation, "_propagation_context", None)
    if context is not None:
        current._propagation_context = context


def transaction_in(isolation: Any, headers: dict[str, str], **known: Any) -> Transaction:
    """A transaction in the trace that is on the isolation scope.

    The public ``continue_trace`` puts another one there, made from the headers once more (2 µs).
    """
    context: Any = getattr(isolation, "_propagation_context", None)
    if not hasattr(context, "baggage"):
        return isolation.continue_trace(headers, **known)  # type: ignore[no-any-return]
    return inner_spans.transaction(context, **known) or Transaction(
        baggage=context.baggage,
        parent_sampled=context.parent_sampled,
        trace_id=context.trace_id,
        parent_span_id=context.parent_span_id,
        same_process_as_parent=False,
        **known,
    )


def plain_rate(options: Any) -> float | None:
    """The rate by which alone a request without an incoming trace is sampled; ``None``: more decides."""
    get = options.get
    rate = get("traces_sample_rate")
    if not isinstance(rate, (float, int)) or not 0 <= rate <= 1 or not hasattr(Transaction, "_sample_rand"):
        return None  # older releases draw a number of their own when they decide
    return None if any(map(get, _ASKED)) or get("instrumenter") != "sentry" else float(rate)


def decide(transaction: Any, sampled: bool, number: float, rate: float) -> None:
    """Make a transaction one that was decided on."""
    transaction.sampled = sampled
    transaction.sample_rate = rate
    transaction._sample_rand = number


def set_trace_id(isolation: Any, trace_id: str) -> None:
    """Give the new trace on a scope its id; the SDK would draw one."""
    context = getattr(isolation, "_propagation_context", None)
    if context is not None:
        context.trace_id = trace_id


def started_by_rate(transaction: Any, client: Any) -> bool:
    """Sample a transaction by the rate alone, and start it; whether that was done.

    ``start_transaction`` comes to the same decision, and makes a log record, a sampling context and a profile for it
    (15 µs of what is left out, 45 µs of what is sampled). What else it would look at, it is left to: a sampler, its
    debug log, profilers.
    """
    get = client.options.get
    rate = get("traces_sample_rate") if transaction.parent_sampled is None else transaction.parent_sampled
    number = getattr(transaction, "_sample_rand", None)  # older releases draw it when they decide
    if number is None or any(map(get, _ASKED)) or transaction._baggage is not None or get("instrumenter") != "sentry":
        return False
    if not isinstance(rate, (float, int)) or not 0 <= rate <= 1:
        return False
    rate = innards.damped(rate, client)
    transaction.sampled = number < rate
    transaction.sample_rate = float(rate)
    if transaction.sampled:
        transaction.init_span_recorder(maxlen=1000)
    return True


#: Options with which more than the rate decides, or more is started.
_ASKED = (
    "traces_sampler",
    "debug",
    "profiles_sample_rate",
    "profiles_sampler",
    "profile_session_sample_rate",
    "_experiments",
)


def count_left_out(client: Any) -> bool:
    """Count a transaction that is not sampled among the lost ones, as its ``finish()`` does; whether that was done.

    ``finish()`` also writes a log record that nobody reads unless ``debug`` is on (15 µs).
    """
    lost = getattr(client.transport, "record_lost_event", None)
    if lost is None or client.options.get("debug"):
        return False
    reason = "backpressure" if client.monitor and client.monitor.downsample_factor > 0 else "sample_rate"
    lost(reason, data_category="transaction")
    lost(reason, data_category="span")
    return True


def forget_sampling_context(scope: Any) -> None:
    """Take the server's scope or environ out of the trace again, which would keep it alive as long as any child task.

    ``set_custom_sampling_context`` is public; there is no public way back.
    """
    context = getattr(scope, "_propagation_context", None)
    if context is not None and hasattr(context, "custom_sampling_context"):
        context.custom_sampling_context = None


def set_server_segment(scope: Any, span: Any) -> None:
    """In stream mode integrations put ``http.route`` and the like on the span they find here."""
    if hasattr(type(scope), "_server_segment_span"):
        scope._server_segment_span = span


def tracks_sessions(scope: Any) -> bool:
    """``stop_auto_session_tracking()`` leaves its mark only here."""
    return getattr(scope, "_force_auto_session_tracking", None) is not False


def begin_session_at(isolation: Any, began: Any) -> None:
    """Let the session on a scope have begun at this time; ``start_session`` takes none."""
    session = getattr(isolation, "_session", None)
    if session is not None:
        session.started = began


def start_profile(transaction: Any) -> None:
    """Start the transaction profiler; ``with transaction:`` would do it, but cannot end at a time of our choice."""
    profile = getattr(transaction, "_profile", None)
    if profile is not None:
        profile.__enter__()


def stop_profile(transaction: Any) -> None:
    """Stop both profilers; ``finish()`` expects it done."""
    profile: Any = getattr(transaction, "_profile", None)
    if getattr(profile, "_context_manager_state", None) is not None:  # only one that was entered can be left
        profile.__exit__(None, None, None)
    continuous = getattr(transaction, "_continuous_profile", None)
    if continuous is not None:
        continuous.stop()


def discard_streamed(span: Any, scope: Any) -> None:
    """Take a streamed span off its scope without sending it; ``end()`` is the only public way off, and sends."""
    scope.streamed_span = getattr(span, "_previous_span_on_scope", None)


def trace_header_of(span: Any, wanted: bool) -> dict[str, str]:
    """What the envelopes of a streamed span's trace say in their header, the segment's name among it.

    It is fixed when it is first used, maybe before the segment ends; ``wanted``: fix it now.
    """
    segment = getattr(span, "_segment", None)
    fix = getattr(segment, "_get_baggage", None)
    if wanted and fix is not None:
        fix()
    items = getattr(getattr(segment, "_baggage", None), "sentry_items", None)
    return items if isinstance(items, dict) else {}


def segment_name(span: Any) -> str:
    """The name that a streamed span's segment has now."""
    return str(getattr(getattr(span, "_segment", None), "name", ""))


def transaction_name_set(scope: Any) -> str | None:
    """The name on a scope; public API can set it, and only an event tells it again."""
    name = getattr(scope, "_transaction", None)
    return name if isinstance(name, str) else None


def turn_merged(merged: Any, kind: type, processors: list[Any]) -> None:
    """Make a merged scope one of ours. The SDK runs none of a merged scope's processors, but those of its parts."""
    merged._event_processors = processors
    merged.__class__ = kind


def drop_processors(scope: Any, kind: type) -> None:
    """Take the processor of the request around out of a forked scope: a request inside a request has its own data.

    There is no public way to remove a processor.
    """
    processors = getattr(scope, "_event_processors", None)
    if processors and isinstance(processors, list):
        scope._event_processors = [processor for processor in processors if not isinstance(processor, kind)]
