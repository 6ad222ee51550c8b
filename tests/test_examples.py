"""Every example runs, answers, and reports its error; the examples are read from the checkout beside these tests."""

from __future__ import annotations

import importlib.util
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sentry_web.testing import ASGI3, WSGI, Request
from sentry_web.testing.transport import recording

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLES = Path(__file__).parent.parent / "examples"
DRIVERS = {
    "custom_recorder": WSGI,
    "raw_wsgi": WSGI,
    "raw_asgi": ASGI3,
    "flask_app": WSGI,
    "starlette_app": ASGI3,
}
NAMES = {"flask_app": "/hello/<name>", "starlette_app": "/hello/{name}"}


def load(name: str) -> ModuleType:
    """Import an example by its file."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(DRIVERS)


def test_the_example_of_an_applications_own_tests() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    run = subprocess.run(command, cwd=EXAMPLES / "testing", capture_output=True, text=True, timeout=100, check=False)
    assert "5 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_example(name: str) -> None:
    driver: Any = DRIVERS[name]
    application = load(name).application
    with recording(traces_sample_rate=1.0) as events:
        answer = driver.run_app(application, Request(path="/hello/you"))
        assert str(answer.status).startswith("200")
        assert answer.body.startswith(b"hello")
        driver.run_app(application, Request(path="/fails"))
        assert events.errors[0].exception == ("RuntimeError", "as asked")
        assert events.transactions[0].name == NAMES.get(name, "/hello/you")
        assert [transaction.status for transaction in events.transactions] == ["ok", "internal_error"]


def test_the_access_log_has_a_line_for_each_request_with_the_trace_that_sentry_has(
    caplog: pytest.LogCaptureFixture,
) -> None:
    application = load("custom_recorder").application
    with caplog.at_level(logging.INFO, logger="access"), recording(traces_sample_rate=1.0) as events:
        for path in ("/hello", "/fails"):
            WSGI.run_app(application, Request(path=path))
        traces = [transaction.trace["trace_id"] for transaction in events.transactions]
    lines = [record.getMessage() for record in caplog.records if record.name == "access"]
    told = [re.fullmatch(r"GET - (\d+) (\d+) bytes [\d.]+ ms trace=(\w+)", line) for line in lines]
    assert [match.groups() for match in told if match] == [("200", "6", traces[0]), ("500", "0", traces[1])]
