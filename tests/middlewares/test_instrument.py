"""``_middlewares.instrument``: the functions, with OpenTelemetry and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sentry_web
from sentry_web import AsgiMiddleware, WsgiMiddleware, instrument_asgi, instrument_wsgi

WITHOUT = """
import sys
sys.modules["opentelemetry"] = None  # as where it is not installed
import sentry_web
{statement}
"""


def app(*arguments: Any) -> None: ...


def run(statement: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(statement=statement)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", ["instrument_asgi", "instrument_wsgi"])
def test_without_opentelemetry_the_error_says_what_to_install(tmp_path: Path, name: str) -> None:
    result = run(f"sentry_web.{name}(print)", tmp_path)
    assert "ImportError: instrumenting for OpenTelemetry needs opentelemetry-api" in result.stderr
    assert "pip install 'sentry-web[otel]'" in result.stderr


def test_without_opentelemetry_everything_else_is_there(tmp_path: Path) -> None:
    statement = "[getattr(sentry_web, name) for name in sentry_web.__all__]; sentry_web.SentryWsgiMiddleware(print)"
    result = run(statement, tmp_path)
    assert result.returncode == 0, result.stderr


def test_what_comes_out_is_an_application_again() -> None:
    pytest.importorskip("opentelemetry", reason="opentelemetry-api is not installed")
    asgi, wsgi = instrument_asgi(app), instrument_wsgi(app)
    assert isinstance(asgi, AsgiMiddleware)
    assert isinstance(wsgi, WsgiMiddleware)
    assert asgi.app is wsgi.app is app


def test_the_recorder_is_a_public_name_that_is_loaded_when_asked_for() -> None:
    pytest.importorskip("opentelemetry", reason="opentelemetry-api is not installed")
    assert sentry_web.OpenTelemetryRecorder().key == "opentelemetry"


def test_a_fault_inside_the_room_is_not_taken_for_a_missing_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_web._otel", None)
    monkeypatch.delattr(sentry_web, "_otel", raising=False)
    with pytest.raises(ImportError) as raised:
        instrument_wsgi(app)
    assert "sentry-web[otel]" not in str(raised.value)
