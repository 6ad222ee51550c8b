"""``_sentry.private``: every private name of sentry-sdk, and that a release without it degrades and never breaks."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any, Callable

import pytest
from sentry_sdk import Scope

from sentry_web._sentry import private
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
    """Where one is gone, we degrade without a word; so it is said here."""
    scope = Scope()
    for name in ("_propagation_context", "_event_processors", "_transaction", "_force_auto_session_tracking"):
        assert hasattr(scope, name), name
    with recording(traces_sample_rate=1.0):
        from sentry_sdk.integrations import asgi, wsgi  # noqa: F401

        assert len(private.applied_variables()) == 2
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
