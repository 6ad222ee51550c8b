"""Starts the child spans of a request without a fork of the current scope, and without a UUID for an id.

The SDK makes a fork for each span that it starts, and drops it again at once; of a UUID it takes the last digits. What
is not started as nearly all spans are (with a span filter that matches, an argument that is deprecated, in another
mode) is left to the SDK.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk import Scope, tracing_utils

from .. import compat
from ..redaction import RedactingScope
from .probing import client_with, enter_scopes

if TYPE_CHECKING or compat.HAS_TRANSACTIONS:
    from sentry_sdk.consts import INSTRUMENTER
    from sentry_sdk.tracing import Span

    from ..transactions import RequestTransaction
if TYPE_CHECKING or compat.HAS_STREAMED_SPANS:
    from sentry_sdk.traces import _DEFAULT_PARENT_SPAN, NoOpStreamedSpan, StreamedSpan
    from sentry_sdk.traces import start_span as start_streamed_span
    from sentry_sdk.tracing_utils import is_ignored_span

#: The method that starts a streamed span; 3.0 has no other.
_STREAMED = "start_streamed_span" if compat.HAS_TRANSACTIONS else "start_span"
_start_streamed: Callable[..., Any] = getattr(Scope, _STREAMED, Scope.start_span)
_is_streaming: Callable[[Any], bool] | None = getattr(tracing_utils, "has_span_streaming_enabled", None)


def start(scope: Any, instrumenter: str = "sentry", **kwargs: Any) -> Any:
    """Start a span of a transaction, or one without (``Scope.start_span``)."""
    options = sentry_sdk.get_client().options
    if (
        "description" in kwargs
        or instrumenter != options["instrumenter"]
        or (_is_streaming is not None and _is_streaming(options))
    ):
        return Scope.start_span(scope, instrumenter, **kwargs)
    kwargs.setdefault("scope", scope)
    parent = scope.span or scope.get_isolation_scope().span
    if parent is not None:
        has_ended = type(parent) is not Span and (
            type(parent) is not RequestTransaction or parent.timestamp is not None
        )
        if has_ended or instrumenter != INSTRUMENTER.SENTRY:
            return parent.start_child(**kwargs)
        return _child(parent, kwargs)
    if "trace_id" not in kwargs:
        kwargs["trace_id"] = scope.get_active_propagation_context().trace_id
    return Span(**kwargs)


def _child(parent: Any, arguments: dict[str, Any]) -> Any:
    """Start the child of a span, or of the transaction of a request (``Span.start_child``)."""
    arguments.setdefault("sampled", parent.sampled)
    transaction = parent.containing_transaction
    child = Span(
        trace_id=parent.trace_id, parent_span_id=_id_of(parent), containing_transaction=transaction, **arguments
    )
    recorder = transaction and transaction._span_recorder  # noqa: SLF001
    if recorder:
        _id_of(child)
        recorder.add(child)
    return child


def _id_of(span: Any) -> Any:
    """Return the id of a span, which is made now if it has none yet (``span_id``)."""
    if not span._span_id:  # noqa: SLF001
        span._span_id = os.urandom(8).hex()  # noqa: SLF001
    return span._span_id  # noqa: SLF001


def start_streamed(
    scope: Any, name: str, attributes: Any, parent_span: Any, active: bool, *args: Any, **kwargs: Any
) -> Any:
    """Start a streamed span (``Scope.start_streamed_span``)."""
    is_default = parent_span is _DEFAULT_PARENT_SPAN
    parent = scope._span if is_default else parent_span  # noqa: SLF001
    if parent is None or any(args) or kwargs:  # a root, or one with links, which 3.0 has
        return _start_streamed(scope, name, attributes, parent_span, active, *args, **kwargs)
    kind = type(parent)
    if kind is StreamedSpan:
        if not is_ignored_span(name, attributes):
            child = StreamedSpan(
                name=name,
                attributes=attributes,
                active=active,
                scope=scope,
                segment=parent._segment,  # noqa: SLF001
                trace_id=parent.trace_id,
                parent_span_id=_id_of(parent),
                parent_sampled=parent.sampled,
            )
            _id_of(child)
            return child
    elif kind is NoOpStreamedSpan and is_default and not is_ignored_span(name, attributes):
        return NoOpStreamedSpan(
            name=name,
            attributes=attributes,
            segment=parent._segment,  # noqa: SLF001
            trace_id=parent.trace_id,
            parent_span_id=parent.span_id,
            parent_sampled=parent.sampled,
            unsampled_reason=parent._unsampled_reason,  # noqa: SLF001
        )
    return _start_streamed(scope, name, attributes, parent_span, active)


def probe() -> bool:
    """Return whether spans that are started here are those that the SDK starts."""
    return copy_context().run(_agrees)


def _agrees() -> bool:
    results = [_static(kind) if compat.HAS_TRANSACTIONS else None for kind in (Scope, _Fast)]
    results += [_streamed(kind) if compat.HAS_STREAMED_SPANS else None for kind in (Scope, _Fast)]
    return results[0] == results[1] and results[2] == results[3]


class _Fast(Scope):
    """A scope that starts spans as the request's own do."""

    __slots__ = ()


def _static(kind: type[Scope]) -> list[Any]:
    """Return what is to be seen of spans that are started in several ways."""
    found: list[Any] = []
    for sampled in (None, True, False):
        scope: Any = enter_scopes(client_with(), kind)
        if sampled is not None:
            transaction: Any = RequestTransaction(name="probe", sampled=sampled)
            transaction.init_span_recorder(10)
            scope.span = transaction
        for instrumenter in (INSTRUMENTER.SENTRY, INSTRUMENTER.OTEL):
            for arguments in ({"op": "db", "name": "q"}, {"trace_id": "a" * 32} if sampled is None else {}):
                span: Any = sentry_sdk.start_span(instrumenter=instrumenter, **arguments)
                found.append(
                    (
                        *(type(span), span.op, span.description, span.sampled, span.origin),
                        span.trace_id == (scope.span or scope.get_active_propagation_context()).trace_id,
                        scope.span is not None and span.parent_span_id == scope.span.span_id,
                        span.scope is scope,
                        span.containing_transaction is scope.span,
                        sentry_sdk.get_current_scope() is scope,
                        scope.span is not None and len(scope.span._span_recorder.spans),  # noqa: SLF001
                    )
                )
        if sampled is not None:
            with sentry_sdk.start_span(name="outer") as outer, sentry_sdk.start_span(name="inner") as inner:
                found.append((inner.parent_span_id == outer.span_id, inner.sampled, inner.trace_id == outer.trace_id))
                found.append((type(inner), inner.containing_transaction is outer.containing_transaction))
    return found


def _streamed(kind: type[Scope]) -> list[Any]:
    """Return the same for streamed spans."""
    found: list[Any] = []
    for rate in (1.0, 0.0, None):
        for ignored in (None, ["q"]):
            client = client_with(trace_lifecycle="stream", traces_sample_rate=rate, ignore_spans=ignored)
            scope = enter_scopes(client, kind)
            root: Any = start_streamed_span("root", parent_span=None)
            parents: tuple[Any, ...] = (_DEFAULT_PARENT_SPAN, root, None)
            for parent in parents:
                for active in (False, True):
                    former = scope._span  # noqa: SLF001
                    span: Any = start_streamed_span("q", {"a": 1}, parent, active)
                    attributes = {key: value for key, value in span.get_attributes().items() if "thread" not in key}
                    found.append(
                        (
                            *(type(span), span.name, attributes, span.sampled, span.active),
                            span.trace_id == root.trace_id,
                            former is not None and span._parent_span_id == former.span_id,  # noqa: SLF001
                            *(span._segment is root, span._scope is scope),  # noqa: SLF001
                            *(scope._span is former, scope._span is span),  # noqa: SLF001
                            getattr(span, "_unsampled_reason", ""),
                            sentry_sdk.get_current_scope() is scope,
                        )
                    )
                    scope._span = root  # noqa: SLF001
    return found


def install() -> None:
    """Switch it on, for the scopes of requests."""
    _give(RedactingScope)


def _give(kind: Any) -> None:
    """Give a class of scopes the methods."""
    if compat.HAS_TRANSACTIONS:
        kind.start_span = start
    if compat.HAS_STREAMED_SPANS:
        setattr(kind, _STREAMED, start_streamed)


_give(_Fast)
