"""``_sentry.compat``: on a release of sentry-sdk without one of the private names, nothing breaks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import Scope

from sentry_web._sentry import compat
from sentry_web.testing import (
    CaptureMessage,
    ChildSpan,
    Driver,
    Events,
    Raise,
    RequestSpec,
    Script,
    SendChunk,
    SetTag,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.sdk import STATIC, STREAM, is_streaming

MODULES = ("sentry_sdk.integrations.asgi", "sentry_sdk.integrations.wsgi")


class Bare:
    """A scope, span or transaction of a release that has none of the names."""

    __slots__ = ("__dict__",)


# --- the SDK's own middlewares ---------------------------------------------------------------------------------------


def test_the_marker_is_true_and_not_the_sdks() -> None:
    assert compat.MARKER
    assert isinstance(compat.MARKER, compat.Marker)


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_without_the_variables_the_sdk_instruments_nothing(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "_found", {})
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert list(compat.marker_variables()) == []
    assert not compat.is_instrumented_by_sdk(protocol)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name)
    assert list(compat.marker_variables()) == []
    assert not compat.is_instrumented_by_sdk(protocol)


# --- each guard, with the name missing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda bare: compat.set_server_segment(bare, object()),
        lambda bare: compat.set_scope_of(bare, None),
        compat.start_profile,
        lambda bare: compat.stop_profiles(bare, None),
        lambda bare: compat.drop_processors(bare, object),
    ],
)
def test_without_the_name_nothing_happens(use: Callable[[Any], Any]) -> None:
    bare = Bare()
    use(bare)
    assert vars(bare) == {}


def test_without_the_name_sessions_are_tracked() -> None:
    assert compat.tracks_sessions(Bare())
    assert not compat.tracks_sessions(SimpleNamespace(_force_auto_session_tracking=False))
    assert compat.tracks_sessions(SimpleNamespace(_force_auto_session_tracking=None))


def test_without_the_name_each_scope_has_a_trace_of_its_own() -> None:
    current = Scope()
    compat.share_propagation_context(Bare(), current)
    assert current.get_active_propagation_context().trace_id


@pytest.mark.parametrize(("transactions", "name"), [(True, "streamed_span"), (False, "span")])
def test_without_a_former_span_a_dropped_one_leaves_none(
    transactions: bool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "HAS_TRANSACTIONS", transactions)
    scope: Any = Bare()
    compat.discard_streamed_span(Bare(), scope)
    assert vars(scope) == {name: None}
    compat.discard_streamed_span(SimpleNamespace(_previous_span_on_scope="former"), scope)
    assert vars(scope) == {name: "former"}


def test_without_the_name_a_span_has_no_links() -> None:
    assert compat.links_of(Bare()) == compat.links_of(SimpleNamespace(_links=None)) == []
    linked = SimpleNamespace(_links=[{"trace_id": "a"}, None])
    assert compat.links_of(linked) == [{"trace_id": "a"}]
    compat.drop_links(linked)
    compat.drop_links(Bare())
    assert compat.links_of(linked) == []


@pytest.mark.parametrize("scope", [Bare(), SimpleNamespace(_transaction=5), SimpleNamespace(_transaction=None)])
def test_a_name_that_is_none_is_no_name(scope: Any) -> None:
    assert compat.transaction_name(scope) is None
    assert compat.transaction_name(SimpleNamespace(_transaction="chosen")) == "chosen"


def test_profilers_are_started_and_stopped() -> None:
    calls: list[str] = []

    class Profile:
        def __enter__(self) -> None:
            self._context_manager_state = ()
            calls.append("enter")

        def __exit__(self, *exc_info: object) -> None:
            calls.append("exit")

        def stop(self) -> None:
            calls.append("stop")

    transaction = SimpleNamespace(_profile=Profile(), _continuous_profile=Profile())
    compat.stop_profiles(transaction, compat.start_profile(transaction))
    assert calls == ["enter", "exit", "stop"]


# --- each name is there in this release ------------------------------------------------------------------------------


def test_the_names_are_those_of_the_sdk_under_test() -> None:
    """Where one is gone, we degrade without a word; so it is said here."""
    scope = Scope()
    for name in ("_propagation_context", "_event_processors", "_transaction", "_force_auto_session_tracking"):
        assert hasattr(scope, name), name
    with recording(traces_sample_rate=1.0):
        from sentry_sdk.integrations import asgi, wsgi  # noqa: F401

        assert len(compat.marker_variables()) == 2
    assert compat.AnnotatedValue("value", {}).value == "value"


@pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
def test_the_names_of_spans_are_those_of_the_sdk_under_test(sdk: dict[str, Any]) -> None:
    with recording(traces_sample_rate=1.0, **sdk):
        if is_streaming():
            from sentry_sdk import traces

            scope = Scope()
            names = ["_segment", "_get_baggage", "_previous_span_on_scope"]
            names += ["_links"] if hasattr(traces.StreamedSpan, "add_link") else []
            span: Any = traces.start_span(name="a", parent_span=None)
            assert traces.NoOpStreamedSpan(name="a", scope=scope, trace_id="1" * 32, parent_span_id="2" * 16)
            assert hasattr(scope, "_server_segment_span")
            assert scope.streamed_span if compat.HAS_TRANSACTIONS else scope.span
        else:
            names = ["_profile", "_continuous_profile"]
            span = sentry_sdk.start_transaction(name="a")
        for name in names:
            assert hasattr(span, name), name


# --- a whole request without them ------------------------------------------------------------------------------------


def nothing(*args: Any) -> None:
    return None


@pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("marker_variables", list),
        ("share_propagation_context", nothing),
        ("set_server_segment", nothing),
        ("set_scope_of", nothing),
        ("start_profile", nothing),
        ("stop_profiles", nothing),
        ("transaction_name", nothing),
        ("drop_processors", nothing),
    ],
)
def test_a_request_is_reported_without_each_of_them(
    driver: Driver, sdk: dict[str, Any], name: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, name, instead)
    script = Script(
        (SetTag("a", "b"), StartResponse(), CaptureMessage("here"), ChildSpan("inside", (SendChunk(),)), Raise())
    )
    with recording(traces_sample_rate=1.0, **sdk) as events:
        transcript = driver.run(script, RequestSpec(path="/books/7"), Wrap.ours())
    assert transcript.scope_restored
    reported: Events = events
    assert len(reported.errors) == len(reported.messages) == 1
    assert len(reported.roots) == 1
    assert len(reported.sessions) == 1


def test_a_message_and_an_error_have_the_applications_stack(driver: Driver) -> None:
    with recording(attach_stacktrace=True) as events:
        driver.run(Script((CaptureMessage("here"), Raise())), RequestSpec(path="/books/7"), Wrap.ours())
    (message,) = events.messages
    assert message.message == "here"
    frames = message["threads"]["values"][0]["stacktrace"]["frames"]
    assert "act" in [frame["function"] for frame in frames]
    (error,) = events.errors
    assert error["exception"]["values"][-1]["stacktrace"]["frames"][-1]["vars"]
