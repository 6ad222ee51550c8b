"""`sentry-web check` as its users meet it: what it prints, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sentry_web import cli

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

MODULE = """
import os
import signal

import sentry_web

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

def make():
    return app

def text(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["text"]

def interrupting(environ, start_response):
    if environ["PATH_INFO"] == "/interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["text"]

def wsgi(inner):
    return sentry_web.SentryWsgiMiddleware(inner)

def asgi(inner):
    return sentry_web.SentryAsgiMiddleware(inner)

def unclear(inner):
    return lambda *arguments: inner(*arguments)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the current directory."""
    (tmp_path / "checked_shop.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "checked_ruin.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "checked_shop", raising=False)
    return "checked_shop"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["check", *arguments, "--examples", "3"])


def test_nothing_found(shop: str) -> None:
    for attribute, *options in ((":app", "--path", "/books"), (":make", "--factory"), (":app", "--kind", "app"), ("",)):
        result = run(f"{shop}{attribute}", *options)
        assert result.exit_code == 0, result.output
        assert "nothing found" in result.output


def test_findings_with_a_script_that_runs(shop: str, tmp_path: Path) -> None:
    result = run(f"{shop}:text", "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.output)["findings"]
    assert finding["snippet"].startswith(f"from {shop} import text\n")
    command = [sys.executable, "-c", finding["snippet"]]
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 1
    assert "AssertionError: (\"wsgiref.validate: Iterator yielded non-bytestring ('text')\",)" in again.stderr


def test_a_pair(shop: str) -> None:
    result = CliRunner().invoke(
        cli.main, ["check", f"{shop}:wsgi", f"{shop}:asgi", "--examples", "1", "--seconds", "20"]
    )
    assert result.exit_code == 0, result.output
    assert "wsgi and asgi (pair): nothing found" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{}:",), 'Target "checked_shop:" is not of the form "module:attribute"'),
        (("{}:nothing",), 'Module "checked_shop" has no attribute "nothing".'),
        (("{}:unclear",), '"checked_shop:unclear": it does not show whether it is a middleware'),
        (("{}:wsgi", "{}:nothing"), 'Module "checked_shop" has no attribute "nothing".'),
        (("checked_ruin:app",), '"checked_ruin:app" could not be loaded: ZeroDivisionError: division by zero'),
        (("{}:app", "--kind", "wsgi-middleware"), "it cannot be put around an application"),
        (("{}:app", "--kind", "lamp"), "Invalid value for '--kind'"),
    ],
)
def test_wrong_targets(shop: str, arguments: tuple[str, ...], message: str) -> None:
    result = run(*(argument.format(shop) for argument in arguments))
    assert result.exit_code == 2
    assert message in result.output


def test_the_extra_is_not_installed(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("sentry_web.testing.check.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    result = run(f"{shop}:app")
    assert result.exit_code == 2
    assert (
        'Error: "hypothesis" is not installed; an extra brings it: pip install "sentry-web[cli,testing]"'
        in result.output
    )


@pytest.mark.skipif(sys.platform == "win32", reason="not on this platform: it sends itself SIGINT")
def test_an_interruption_prints_what_was_found_until_then(shop: str) -> None:
    result = CliRunner().invoke(cli.main, ["check", f"{shop}:interrupting", "--path", "/interrupt"])
    assert result.exit_code == 130
    assert "Note: It was interrupted" in result.output
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="not on this platform: it sends itself SIGINT")
def test_an_interrupted_privacy_report_ends_with_the_same_status(shop: str) -> None:
    result = CliRunner().invoke(cli.main, ["check", "--privacy", f"{shop}:interrupting", "--path", "/interrupt"])
    assert result.exit_code == 130
    assert "Interrupted: not tried: " in result.output


def test_in_another_thread_it_runs_to_its_end(shop: str) -> None:
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(run, f"{shop}:app").result().exit_code == 0


def test_the_time_that_loading_takes_counts(shop: str, tmp_path: Path) -> None:
    (tmp_path / "checked_slowly.py").write_text(f"import time\ntime.sleep(1.2)\nfrom {shop} import app\n")
    result = CliRunner().invoke(cli.main, ["check", "checked_slowly:app", "--seconds", "1"])
    assert "Note: The time was over: not checked at all: transparent (wsgi), protocol (wsgi)." in result.output
