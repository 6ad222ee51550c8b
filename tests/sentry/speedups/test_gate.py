"""The gate of the speedups: one variable for all, and a probe for each."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import Scope

from sentry_web._options import build_options
from sentry_web._sentry import SentryRecorder, _speedups, compat
from sentry_web._sentry._speedups import context
from sentry_web.testing import WSGI, CaptureMessage, Script, SendChunk, StartResponse, Wrap, recording

CODE = "from sentry_web._sentry import SentryRecorder, _speedups as it; SentryRecorder(); print(it._installed)"


#: Which speedups fit this release: two are for streamed spans alone.
FIT = {name: compat.HAS_STREAMED_SPANS or name not in ("attributes", "merged_scopes") for name in _speedups.MODULES}


@pytest.mark.parametrize(("switch", "printed"), [("1", "{}"), ("", str(FIT))])
def test_the_variable_switches_all_off(switch: str, printed: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "SENTRY_WEB_NO_SPEEDUPS": switch},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() == printed


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in which nothing is installed yet."""
    monkeypatch.delenv("SENTRY_WEB_NO_SPEEDUPS", raising=False)
    monkeypatch.setattr(_speedups, "_installed", {})
    monkeypatch.setattr(_speedups, "_seams", {"fork": _speedups.leave_to_sdk})


@pytest.mark.usefixtures("fresh")
def test_the_option_switches_all_off() -> None:
    SentryRecorder(build_options(speedups=False))
    assert _speedups._installed == {}
    SentryRecorder(build_options())
    assert set(_speedups._installed) == set(_speedups.MODULES)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("probe", [lambda: False, lambda: 1 / 0], ids=["no", "raises"])
def test_a_speedup_whose_probe_says_no_stays_off_with_one_log_record(
    probe: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module = SimpleNamespace(probe=probe, install=lambda: pytest.fail("installed all the same"))
    monkeypatch.setattr(_speedups, "MODULES", ("other",))
    monkeypatch.setattr(_speedups, "import_module", lambda name: module)
    with caplog.at_level(logging.INFO, "sentry_web"):
        SentryRecorder()
        SentryRecorder()
    assert [record.getMessage() for record in caplog.records] == [
        "the speedup 'other' does not fit this release of sentry-sdk and stays off"
    ]


@pytest.mark.usefixtures("fresh")
def test_without_it_the_scopes_are_entered_by_their_context_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_speedups, "MODULES", ())
    with recording() as events:
        transcript = WSGI.run(Script((StartResponse(), CaptureMessage("m"), SendChunk())), wrap=Wrap.ours())
    assert transcript.scope_restored
    assert [message["tags"]["protocol"] for message in events.messages] == ["wsgi"]


def test_the_variables_make_the_scopes_current() -> None:
    isolation, current = Scope(), Scope()
    before = sentry_sdk.get_isolation_scope()
    assert context.probe()
    assert sentry_sdk.get_isolation_scope() is before
    variables, values = context.values(isolation, current)
    assert len(variables) == len(values)
    assert values[:2] == (isolation, current)


def test_a_release_without_the_variables_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_SCOPES", ())
    assert not context.probe()
