"""``sentry_web.testing.sdk``: options in the terms of the installed sentry-sdk, whichever that is."""

from __future__ import annotations

from typing import Any

import pytest

from sentry_web.testing import recording, sdk
from sentry_web.testing.sdk import STATIC, STREAM, is_streaming, translated

#: Of every release.
COMMON = ("dsn", "release", "traces_sample_rate")
RELEASES = {
    "transactions only": (True, False, ("send_default_pii",)),
    "both": (True, True, ("send_default_pii", "data_collection", "trace_lifecycle")),
    "streamed spans only": (False, True, ("data_collection", "trace_lifecycle")),
}


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the installed sentry-sdk look like another one."""

    def pretend(name: str) -> None:
        transactions, spans, options = RELEASES[name]
        monkeypatch.setattr(sdk, "HAS_TRANSACTIONS", transactions)
        monkeypatch.setattr(sdk, "HAS_STREAMED_SPANS", spans)
        monkeypatch.setattr(sdk, "DEFAULT_OPTIONS", dict.fromkeys((*COMMON, *options)))

    return pretend


@pytest.mark.parametrize("name", ["transactions only", "both"])
def test_personal_data_stays_an_option_where_it_is_one(release: Any, name: str) -> None:
    release(name)
    assert translated({"release": "a"}) == {"release": "a"}
    assert translated({"send_default_pii": True}) == {"send_default_pii": True}


def test_personal_data_is_collected_only_where_asked_for(release: Any) -> None:
    release("streamed spans only")
    off = {"user_info": False, "cookies": {"mode": "off"}}
    assert translated({}) == translated({"send_default_pii": False}) == {"data_collection": off}
    assert translated({"send_default_pii": True}) == {"data_collection": {}}
    chosen = {"data_collection": {"cookies": {"mode": "off"}}}
    assert translated({"send_default_pii": True, **chosen}) == chosen


def test_the_only_mode_is_not_named(release: Any) -> None:
    release("transactions only")
    assert translated(dict(STATIC)) == {}
    assert translated(dict(STREAM)) == STREAM, "sentry_sdk.init refuses it"
    release("both")
    assert translated(dict(STATIC)) == STATIC
    assert translated(dict(STREAM)) == STREAM


def test_transactions_are_refused_where_there_are_none(release: Any) -> None:
    release("streamed spans only")
    assert translated({"data_collection": {}, **STREAM}) == {"data_collection": {}, **STREAM}
    with pytest.raises(TypeError, match="Unknown option 'trace_lifecycle'"):
        translated(dict(STATIC))


@pytest.mark.parametrize(("mode", "streaming"), [(STATIC, False), (STREAM, True)], ids=["transactions", "stream"])
def test_the_mode_of_the_current_client(mode: dict[str, Any], streaming: bool) -> None:
    with recording(**mode):
        assert is_streaming() is streaming


def test_the_mode_of_a_release_that_has_only_one(release: Any) -> None:
    release("transactions only")
    assert not is_streaming()
    release("streamed spans only")
    assert is_streaming()


@pytest.mark.parametrize("known", [True, False])
def test_logs_are_asked_for_where_they_are_an_option(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**dict.fromkeys(("send_default_pii", "trace_lifecycle")), **({"enable_logs": False} if known else {})}
    monkeypatch.setattr(sdk, "DEFAULT_OPTIONS", options)
    assert ("enable_logs" in translated({"enable_logs": True})) is known
    assert "enable_logs" in translated({"enable_logs": False})  # for the SDK to refuse
