"""``_sentry.private``: every private name of sentry-sdk, and that a release without it degrades and never breaks."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import Scope

from sentry_web._sentry import innards, private
from sentry_web.testing import (
    CaptureMessage,
    ChildSpan,
    Driver,
    Events,
    Raise,
    Request,
    Script,
    SendChunk,
    SetTag,
    StartResponse,
    Wrap,
    recording,
)

STREAM = {"trace_lifecycle": "stream"}
MODULES = ("sentry_sdk.integrations.asgi", "sentry_sdk.integrations.wsgi")


class Bare:
    """A scope, span or transaction of a release that has none of the names."""

    __slots__ = ("__dict__",)


# --- the SDK's own middlewares ---------------------------------------------------------------------------------------


def test_the_claim_is_true_and_not_the_sdks() -> None:
    assert private.CLAIM
    assert isinstance(private.CLAIM, private.Claim)


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_a_release_without_the_variables_is_taken_by_nobody(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "_IMPORTED", {})
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert private.applied_variables() == ()
    assert not private.taken_by_sdk(protocol)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name)
    assert private.applied_variables() == ()
    assert not private.taken_by_sdk(protocol)


# --- each guard, with the name missing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda bare: private.share_propagation_context(bare, Bare()),
        private.forget_sampling_context,
        lambda bare: private.set_server_segment(bare, object()),
        private.start_profile,
        private.stop_profile,
        lambda bare: private.drop_processors(bare, object),
    ],
)
def test_without_the_name_nothing_happens(use: Callable[[Any], Any]) -> None:
    bare = Bare()
    use(bare)
    assert vars(bare) == {}


def test_without_the_mark_sessions_are_tracked() -> None:
    assert private.tracks_sessions(Bare())
    assert not private.tracks_sessions(SimpleNamespace(_force_auto_session_tracking=False))
    assert private.tracks_sessions(SimpleNamespace(_force_auto_session_tracking=None))


def test_without_a_former_span_a_dropped_one_leaves_none() -> None:
    scope: Any = Bare()
    private.discard_streamed(Bare(), scope)
    assert scope.streamed_span is None
    private.discard_streamed(SimpleNamespace(_previous_span_on_scope="former"), scope)
    assert scope.streamed_span == "former"


@pytest.mark.parametrize("scope", [Bare(), SimpleNamespace(_transaction=5), SimpleNamespace(_transaction=None)])
def test_a_name_that_is_none_is_no_name(scope: Any) -> None:
    assert private.transaction_name_set(scope) is None
    assert private.transaction_name_set(SimpleNamespace(_transaction="chosen")) == "chosen"


def test_a_context_without_room_for_the_servers_dict_keeps_none() -> None:
    context = SimpleNamespace(custom_sampling_context={"scope": 1})
    private.forget_sampling_context(SimpleNamespace(_propagation_context=context))
    assert context.custom_sampling_context is None
    bare = SimpleNamespace()
    private.forget_sampling_context(SimpleNamespace(_propagation_context=bare))
    assert vars(bare) == {}


def test_profilers_are_started_and_stopped() -> None:
    told: list[str] = []

    class Profile:
        def __enter__(self) -> None:
            self._context_manager_state = ()
            told.append("enter")

        def __exit__(self, *exc_info: object) -> None:
            told.append("exit")

        def stop(self) -> None:
            told.append("stop")

    transaction = SimpleNamespace(_profile=Profile(), _continuous_profile=Profile())
    private.start_profile(transaction)
    private.stop_profile(transaction)
    assert told == ["enter", "exit", "stop"]


def test_a_profiler_that_was_not_started_is_not_left() -> None:
    """Older releases end a profile by what its start has noted, and lose the transaction without it."""

    class Profile:
        def __exit__(self, *exc_info: object) -> None:
            raise AssertionError("it was never entered")

    private.stop_profile(SimpleNamespace(_profile=Profile()))


# --- each name is there in this release ------------------------------------------------------------------------------


def test_the_names_are_those_of_the_sdk_under_test() -> None:
    """Where one is gone, we degrade without a warning; of a later release the skip reports it."""
    scope = Scope()
    names = ("_propagation_context", "_event_processors", "_transaction", "_force_auto_session_tracking")
    missing = [name for name in names if not hasattr(scope, name)]
    with recording(traces_sample_rate=1.0):
        from sentry_sdk.integrations import asgi, wsgi  # noqa: F401

        found = len(private.applied_variables())
    if innards.release() > (2, 75) and (missing or found != 2):
        pytest.skip(f"not with this sentry-sdk: {missing} are missing, and {found} of the two variables are there")
    assert missing == []
    assert found == 2
    assert private.AnnotatedValue("value", {}).value == "value"


# --- a whole request without them ------------------------------------------------------------------------------------


def nothing(*args: Any) -> None:
    return None


@pytest.mark.parametrize("sdk", [{}, STREAM], ids=["transactions", "stream"])
@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("applied_variables", lambda: ()),
        ("share_propagation_context", nothing),
        ("forget_sampling_context", nothing),
        ("set_server_segment", nothing),
        ("tracks_sessions", lambda scope: True),
        ("start_profile", nothing),
        ("stop_profile", nothing),
        ("transaction_name_set", nothing),
        ("drop_processors", nothing),
    ],
)
def test_a_request_is_reported_without_each_of_them(
    driver: Driver, sdk: dict[str, Any], name: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, name, instead)
    script = Script(
        (SetTag("a", "b"), StartResponse(), CaptureMessage("here"), ChildSpan("inside", (SendChunk(),)), Raise())
    )
    with recording(traces_sample_rate=1.0, **sdk) as events:
        transcript = driver.run(script, Request(path="/books/7"), Wrap.ours())
    assert transcript.scope_restored
    reported: Events = events
    assert len(reported.errors) == len(reported.messages) == 1
    assert len(reported.transactions + reported.segments) == 1
    assert len(reported.sessions) == 1


# --- what is done in the SDK's place, and when it is not --------------------------------------------------------------


class Lost:
    """A transport that counts what is lost."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def record_lost_event(self, reason: str, data_category: str) -> None:
        self.events.append((reason, data_category))


def client_with(factor: int | None = None, **options: Any) -> Any:
    known = {"traces_sample_rate": 0.0, "instrumenter": "sentry", "_experiments": {}, **options}
    monitor = None if factor is None else SimpleNamespace(downsample_factor=factor)
    return SimpleNamespace(options=known, monitor=monitor, transport=Lost())


def drawn(number: float | None = 0.5, parent: bool | None = None, baggage: Any = None) -> Any:
    return SimpleNamespace(parent_sampled=parent, _baggage=baggage, _sample_rand=number, sampled=None, sample_rate=None)


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
def test_what_the_rate_alone_leaves_out(transaction: Any, client: Any, rate: float) -> None:
    assert private.started_by_rate(transaction, client)
    assert (transaction.sampled, transaction.sample_rate) == (False, rate)


@pytest.mark.parametrize(
    ("transaction", "client", "rate"),
    [
        (drawn(), client_with(traces_sample_rate=0.6), 0.6),
        (drawn(), client_with(traces_sample_rate=True), 1.0),
        (drawn(parent=True), client_with(), 1.0),
        (drawn(0.2), client_with(traces_sample_rate=0.6, factor=1), 0.3),
    ],
)
def test_what_the_rate_alone_samples(transaction: Any, client: Any, rate: float) -> None:
    lengths: list[int] = []

    def init_span_recorder(maxlen: int) -> None:
        lengths.append(maxlen)

    transaction.init_span_recorder = init_span_recorder
    assert private.started_by_rate(transaction, client)
    assert (transaction.sampled, transaction.sample_rate, lengths) == (True, rate, [1000])


@pytest.mark.parametrize(
    ("transaction", "client"),
    [
        (drawn(None), client_with()),
        (drawn(), client_with(profiles_sample_rate=1.0)),
        (drawn(), client_with(profiles_sampler=lambda context: 1)),
        (drawn(baggage=object()), client_with()),
        (drawn(), client_with(traces_sampler=lambda context: 0)),
        (drawn(), client_with(debug=True)),
        (drawn(), client_with(profile_session_sample_rate=1.0)),
        (drawn(), client_with(_experiments={"max_spans": 2})),
        (drawn(), client_with(instrumenter="otel")),
        (drawn(), client_with(traces_sample_rate="none")),
        (drawn(), client_with(traces_sample_rate=float("nan"))),
        (drawn(), client_with(traces_sample_rate=-1)),
    ],
)
def test_all_else_is_the_sdks_to_decide(transaction: Any, client: Any) -> None:
    assert not private.started_by_rate(transaction, client)
    assert transaction.sampled is None


@pytest.mark.parametrize(("factor", "reason"), [(None, "sample_rate"), (0, "sample_rate"), (2, "backpressure")])
def test_what_is_left_out_is_counted_as_lost(factor: int | None, reason: str) -> None:
    client = client_with(factor)
    assert private.count_left_out(client)
    assert client.transport.events == [(reason, "transaction"), (reason, "span")]


def test_the_debug_log_tells_what_is_left_out() -> None:
    client = client_with(debug=True)
    assert not private.count_left_out(client)
    assert client.transport.events == []
    assert not private.count_left_out(SimpleNamespace(options={}, monitor=None, transport=None))


@pytest.mark.parametrize("rate", [0.0, 1e-12])
@pytest.mark.parametrize("ours", [True, False])
def test_the_sdk_counts_the_same(rate: float, ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentry_web.testing import WSGI

    if not ours:
        monkeypatch.setattr(private, "started_by_rate", lambda *_: False)
        monkeypatch.setattr(private, "count_left_out", lambda *_: False)
    lost = Lost()
    with recording(traces_sample_rate=rate) as events:
        client: Any = sentry_sdk.get_client()
        monkeypatch.setattr(client.transport, "record_lost_event", lost.record_lost_event)
        WSGI.run(Script((StartResponse(), ChildSpan("inner", (CaptureMessage("m"),)))), wrap=Wrap.ours())
    assert lost.events == [("sample_rate", "transaction"), ("sample_rate", "span")]
    (message,) = events.messages
    assert message["contexts"]["trace"]["parent_span_id"]


@pytest.mark.parametrize("incoming", [(), (("sentry-trace", "a" * 32 + "-" + "b" * 16 + "-1"),)])
def test_the_sdk_starts_the_same(incoming: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for ids and times: the whole event, and the header of its envelope."""
    from sentry_web.testing import WSGI

    script = Script((StartResponse(), ChildSpan("inner"), SetTag("a", "1"), SendChunk(b"body")))
    request = Request(headers=incoming)
    sent = []
    for ours in (True, False):
        if not ours:
            monkeypatch.setattr(private, "started_by_rate", lambda *_: False)
        with recording(traces_sample_rate=0.999999) as events:
            WSGI.run(script, request, wrap=Wrap.ours())
            (transaction,) = events.transactions
        sent.append(_without_ids(transaction.payload))
    assert sent[0] == sent[1]


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ids(item) for key, item in value.items() if not _CHANGES.search(key)}
    return [_without_ids(item) for item in value] if isinstance(value, list) else value


_CHANGES = re.compile("_id$|timestamp|first_byte|sample_rand")


def test_a_release_without_the_variables_of_the_scopes_has_contexts_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentry_web.testing import WSGI

    monkeypatch.setattr(private, "_SCOPES", ())
    monkeypatch.setattr(private, "_ambient", ())
    assert private.ambient(None, None) is private.ambient_scopes(None, None) is None
    with recording() as events:
        WSGI.run(Script((StartResponse(), SetTag("inner", "1"), Raise(ValueError))), wrap=Wrap.ours())
    (error,) = events.errors
    assert error["tags"]["inner"] == "1"
    assert "inner" not in sentry_sdk.get_isolation_scope()._tags


def test_a_release_without_the_trace_on_the_scope_continues_it_publicly() -> None:
    isolation = SimpleNamespace(_propagation_context=Bare(), continue_trace=lambda headers, **known: (headers, known))
    assert private.transaction_in(isolation, {"sentry-trace": "1"}, op="x") == ({"sentry-trace": "1"}, {"op": "x"})


def test_whether_a_session_runs() -> None:
    scope = Scope()
    assert not private.has_session(scope)
    scope.start_session()
    assert private.has_session(scope)
    assert private.has_session(Bare())
