"""The sampling decision by the rate alone is that of the SDK, and is left to it where more is asked."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
import sentry_sdk

from sentry_web._sentry import _speedups, compat
from sentry_web.testing import (
    WSGI,
    CaptureMessage,
    ChildSpan,
    RequestSpec,
    Script,
    SendChunk,
    SetTag,
    StartResponse,
    Wrap,
)
from sentry_web.testing.sdk import STATIC
from sentry_web.testing.transport import recording

if not compat.HAS_TRANSACTIONS:
    pytest.skip("not with this sentry-sdk: it has no transactions", allow_module_level=True)

from sentry_web._sentry._speedups import sampling


class Lost:
    """A transport that notes what is lost."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def record_lost_event(self, reason: str, data_category: str) -> None:
        self.events.append((reason, data_category))


def client_with(factor: int | None = None, **options: Any) -> Any:
    known = {"traces_sample_rate": 0.0, "instrumenter": "sentry", "_experiments": {}, **options}
    monitor = None if factor is None else SimpleNamespace(downsample_factor=factor)
    return SimpleNamespace(options=known, monitor=monitor, transport=Lost())


def drawn(number: float = 0.5, parent: bool | None = None, baggage: Any = None) -> Any:
    recorders: list[int] = []

    def init_span_recorder(maxlen: int) -> None:
        recorders.append(maxlen)

    return SimpleNamespace(
        parent_sampled=parent,
        _baggage=baggage,
        _sample_rand=number,
        sampled=None,
        sample_rate=None,
        recorders=recorders,
        init_span_recorder=init_span_recorder,
    )


@pytest.mark.parametrize(
    ("transaction", "client", "rate"),
    [
        (drawn(), client_with(), 0.0),
        (drawn(), client_with(traces_sample_rate=0.4), 0.4),
        (drawn(), client_with(traces_sample_rate=False), 0.0),
        (drawn(parent=False), client_with(traces_sample_rate=1.0), 0.0),
        (drawn(), client_with(traces_sample_rate=0.8, factor=1), 0.4),
    ],
)
def test_what_is_not_sampled(transaction: Any, client: Any, rate: float) -> None:
    assert sampling.start(transaction, client)
    assert (transaction.sampled, transaction.sample_rate, transaction.recorders) == (False, rate, [])


@pytest.mark.parametrize(
    ("transaction", "client", "rate"),
    [
        (drawn(), client_with(traces_sample_rate=0.6), 0.6),
        (drawn(), client_with(traces_sample_rate=True), 1.0),
        (drawn(parent=True), client_with(), 1.0),
    ],
)
def test_what_is_sampled(transaction: Any, client: Any, rate: float) -> None:
    assert sampling.start(transaction, client)
    assert (transaction.sampled, transaction.sample_rate, transaction.recorders) == (True, rate, [1000])


@pytest.mark.parametrize(
    ("transaction", "client"),
    [
        (drawn(baggage=object()), client_with()),
        (drawn(), client_with(traces_sampler=lambda context: 0.0)),
        (drawn(), client_with(debug=True)),
        (drawn(), client_with(profiles_sample_rate=1.0)),
        (drawn(), client_with(profile_session_sample_rate=1.0)),
        (drawn(), client_with(_experiments={"max_spans": 3})),
        (drawn(), client_with(instrumenter="otel")),
        (drawn(), client_with(traces_sample_rate="often")),
        (drawn(), client_with(traces_sample_rate=None)),
        (drawn(), client_with(traces_sample_rate=2)),
        (drawn(), client_with(traces_sample_rate=float("nan"))),
    ],
)
def test_what_is_left_to_the_sdk(transaction: Any, client: Any) -> None:
    assert not sampling.start(transaction, client)
    assert transaction.sampled is None


@pytest.mark.parametrize(("factor", "reason"), [(None, "sample_rate"), (0, "sample_rate"), (1, "backpressure")])
def test_what_is_not_kept_is_counted(factor: int | None, reason: str) -> None:
    client = client_with(factor)
    assert sampling.discard(client)
    assert client.transport.events == [(reason, "transaction"), (reason, "span")]
    assert not sampling.discard(client_with(debug=True))
    assert not sampling.discard(SimpleNamespace(options={}, monitor=None, transport=None))


BOTH = pytest.mark.parametrize("ours", [True, False])


@BOTH
@pytest.mark.parametrize("rate", [0.0, 1e-12])
def test_both_ways_count_the_same(rate: float, ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    switch(ours, monkeypatch)
    lost = Lost()
    with recording(traces_sample_rate=rate, **STATIC) as events:
        client: Any = sentry_sdk.get_client()
        monkeypatch.setattr(client.transport, "record_lost_event", lost.record_lost_event)
        WSGI.run(Script((StartResponse(), ChildSpan("inner", (CaptureMessage("m"),)))), wrap=Wrap.ours())
    assert lost.events == [("sample_rate", "transaction"), ("sample_rate", "span")]
    (message,) = events.messages
    assert message["contexts"]["trace"]["parent_span_id"]


@pytest.mark.parametrize("incoming", [(), (("sentry-trace", "a" * 32 + "-" + "b" * 16 + "-1"),)])
def test_both_ways_send_the_same(incoming: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script((StartResponse(), ChildSpan("inner"), SetTag("a", "1"), SendChunk(b"body")))
    sent = []
    for ours in (True, False):
        switch(ours, monkeypatch)
        with recording(traces_sample_rate=0.999999, **STATIC) as events:
            WSGI.run(script, RequestSpec(headers=incoming), wrap=Wrap.ours())
            (transaction,) = events.transactions
        sent.append(without_ids(transaction.payload))
    assert sent[0] == sent[1]


def switch(ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the seams as if the speedup were on, or off."""
    _speedups.install()  # once a process, and not into what is set here
    functions = {"start_transaction": sampling.start, "discard_transaction": sampling.discard} if ours else {}
    monkeypatch.setattr(_speedups, "_seams", {"fork": _speedups.leave_to_sdk, **functions})


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_ids(item) for key, item in value.items() if not CHANGES.search(key)}
    return [without_ids(item) for item in value] if isinstance(value, list) else value


CHANGES = re.compile("_id$|timestamp|first_byte|sample_rand")


def test_the_probe_agrees_with_this_release() -> None:
    assert sampling.probe()


def test_the_probe_sees_a_release_that_decides_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentry_sdk.start_transaction", lambda transaction: setattr(transaction, "sampled", True))
    assert not sampling.probe()
