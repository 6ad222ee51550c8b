"""Decides whether a transaction or a segment is kept by the sample rate, or by the incoming decision, alone.

The SDK comes to the same decision, and makes a log record on the way; for a transaction a sampling context and a
profile as well, and another log record at the end of one that is not kept. Where anything else is to be asked (a
sampler, a profiler, the debug log), nothing is done here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sentry_sdk
import sentry_sdk.scope
from sentry_sdk import tracing_utils

from .. import compat
from . import use
from .probing import client_with, enter_scopes

if TYPE_CHECKING or compat.HAS_TRANSACTIONS:
    from sentry_sdk.tracing import Transaction

#: Options with which more than the rate decides, or more is started.
_ASKED = (
    "traces_sampler",
    "debug",
    "profiles_sample_rate",
    "profiles_sampler",
    "profile_session_sample_rate",
    "_experiments",
)
_scope: Any = sentry_sdk.scope
_generate: Callable[[str], float] = getattr(tracing_utils, "_generate_sample_rand", float)
_decide: Any = getattr(_scope, "_make_sampling_decision", None)
_NUMBERS = frozenset((bool, int, float))
#: The SDK's bound on the children of one transaction.
_MOST_SPANS = 1000


def start(transaction: Any, client: Any) -> bool:
    """Sample and start a transaction, and return whether that was done."""
    get = client.options.get
    rate = get("traces_sample_rate") if transaction.parent_sampled is None else transaction.parent_sampled
    if any(map(get, _ASKED)) or transaction._baggage is not None or get("instrumenter") != "sentry":  # noqa: SLF001
        return False
    if not isinstance(rate, (float, int)) or not 0 <= rate <= 1:
        return False
    rate = float(rate)
    if client.monitor:
        rate /= 2**client.monitor.downsample_factor
    transaction.sample_rate = rate
    transaction.sampled = transaction._sample_rand < rate  # noqa: SLF001
    if transaction.sampled:
        transaction.init_span_recorder(maxlen=_MOST_SPANS)
    return True


def discard(client: Any) -> bool:
    """Count a transaction and its one span as lost, and return whether that was done."""
    if client.options.get("debug") or client.transport is None:
        return False
    reason = "backpressure" if client.monitor and client.monitor.downsample_factor > 0 else "sample_rate"
    client.transport.record_lost_event(reason, data_category="transaction")
    client.transport.record_lost_event(reason, data_category="span")
    return True


def decide(name: str, attributes: Any, scope: Any) -> Any:
    """Return whether a segment is kept, at which rate, by which number, and why not (``_make_sampling_decision``)."""
    client = sentry_sdk.get_client()
    get = client.options.get
    trace = scope.get_active_propagation_context()
    rate = get("traces_sample_rate")
    if get("traces_sampler") is not None or get("debug"):
        return _decide(name, attributes, scope)
    if rate is None or get("enable_tracing") is False:
        return trace.parent_sampled, None, None, None
    if trace.parent_sampled is not None:
        rate = trace.parent_sampled
    if type(rate) not in _NUMBERS or not 0 <= rate <= 1:
        return _decide(name, attributes, scope)
    lowered = rate / 2**client.monitor.downsample_factor if client.monitor else rate
    if rate and not lowered:
        return _decide(name, attributes, scope)
    number = None if trace.baggage is None else trace.baggage._sample_rand()  # noqa: SLF001
    if number is None:
        number = _generate(trace.trace_id)
    if number < lowered:
        return True, float(lowered), number, None
    return False, float(lowered), number, "backpressure" if number < rate else "sample_rate"


class _Transport:
    """Notes what is counted as lost."""

    def __init__(self) -> None:
        self.lost: list[tuple[str, Any, int]] = []

    def record_lost_event(self, reason: str, data_category: Any = None, item: Any = None, *, quantity: int = 1) -> None:
        self.lost.append((reason, data_category, quantity))


def probe() -> bool:
    """Return whether this release decides, starts and counts the same, at several rates."""
    agree = [_starts_the_same] if compat.HAS_TRANSACTIONS else []
    if compat.HAS_STREAMED_SPANS:
        agree.append(_decides_the_same)
    return all(copy_context().run(each) for each in agree)


def _starts_the_same() -> bool:
    for rate in (0.0, 0.25, 0.5, 1.0, 1, True):
        for parent in (None, True, False):
            for factor in (0, 1):
                monitor = SimpleNamespace(downsample_factor=factor)
                results = [_result(ours, rate, parent, monitor) for ours in (True, False)]
                if results[0] != results[1]:
                    return False
    return True


def _decides_the_same() -> bool:
    given = [{}, *({"sentry-trace": f"{'ab' * 16}-{'cd' * 8}{end}"} for end in ("", "-1", "-0"))]
    given.append({**given[1], "baggage": "sentry-sample_rand=0.300000,sentry-trace_id=" + "ab" * 16})
    for rate in (0.0, 0.25, 0.5, 1.0, True, None, "often"):
        for monitor in (None, *(SimpleNamespace(downsample_factor=factor) for factor in (0, 1, 10))):
            scope = enter_scopes(client_with(_Transport(), monitor, traces_sample_rate=rate))
            for headers in given:
                scope.generate_propagation_context(headers)
                if decide("probe", {}, scope) != _decide("probe", {}, scope):
                    return False
    return True


def _result(ours: bool, rate: float, parent: bool | None, monitor: Any) -> Any:
    client = client_with(_Transport(), monitor, traces_sample_rate=rate)
    enter_scopes(client)
    transaction: Any = Transaction(name="probe", trace_id="771a43a4192642f0b136d5159a501700", parent_sampled=parent)
    if not ours:
        sentry_sdk.start_transaction(transaction)
    elif not start(transaction, client):
        return None
    decided = transaction.sampled, transaction.sample_rate, transaction._span_recorder is None  # noqa: SLF001
    if not transaction.sampled:
        if not ours:
            transaction.finish()
        elif not discard(client):
            return None
    return decided, client.transport.lost


def install() -> None:
    """Switch it on."""
    if compat.HAS_TRANSACTIONS:
        use("start_transaction", start)
        use("discard_transaction", discard)
    if compat.HAS_STREAMED_SPANS:
        _scope._make_sampling_decision = decide  # noqa: SLF001
