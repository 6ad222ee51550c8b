"""Decides whether a transaction is kept where the sample rate, or the incoming decision, is all that counts.

``start_transaction`` comes to the same decision, and makes a log record, a sampling context and a profile on the way;
the ``finish`` of a transaction that is not kept makes a log record, too. Where anything else is to be asked (a sampler,
a profiler, the debug log), nothing is done here.
"""

from __future__ import annotations

from contextvars import copy_context
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk import Scope
from sentry_sdk.consts import DEFAULT_OPTIONS

from .. import compat
from . import use

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


class _Transport:
    """Notes what is counted as lost."""

    def __init__(self) -> None:
        self.lost: list[tuple[str, Any, int]] = []

    def record_lost_event(self, reason: str, data_category: Any = None, item: Any = None, *, quantity: int = 1) -> None:
        self.lost.append((reason, data_category, quantity))


class _Client(SimpleNamespace):
    """As much of a client as the two functions of the SDK ask."""

    def is_active(self) -> bool:
        return True


def probe() -> bool:
    """Return whether this release decides, starts and counts the same, at several rates."""
    return compat.HAS_TRANSACTIONS and copy_context().run(_agrees)


def _agrees() -> bool:
    for rate in (0.0, 0.25, 0.5, 1.0, 1, True):
        for parent in (None, True, False):
            for factor in (0, 1):
                monitor = SimpleNamespace(downsample_factor=factor)
                results = [_result(ours, rate, parent, monitor) for ours in (True, False)]
                if results[0] != results[1]:
                    return False
    return True


def _result(ours: bool, rate: float, parent: bool | None, monitor: Any) -> Any:
    options = {**DEFAULT_OPTIONS, "traces_sample_rate": rate, "_experiments": {}}
    client: Any = _Client(options=options, monitor=monitor, transport=_Transport(), integrations={})
    scope = Scope()
    scope.client = client
    Scope.set_isolation_scope(Scope())
    Scope.set_current_scope(scope)
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
    use("start_transaction", start)
    use("discard_transaction", discard)
