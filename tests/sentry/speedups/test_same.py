"""With and without each speedup, and on a release that nobody knows, the same is sent."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sentry_web
from sentry_web._sentry import _speedups
from sentry_web.testing.sdk import HAS_TRANSACTIONS

PROGRAM = Path(__file__).parent / "report.py"
PACKAGE = Path(sentry_web.__file__).parent

needs_transactions = pytest.mark.skipif(not HAS_TRANSACTIONS, reason="not with this sentry-sdk: it has no transactions")


def reports(package: Path = PACKAGE, **variables: str) -> list[str]:
    """Return what the requests of ``report.py`` report, in a process of its own, line by line."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}  # copies do not count
    environment = {**kept, "PYTHONPATH": str(package.parent), "PYTHONHASHSEED": "0", **variables}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROGRAM)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def difference(found: list[str], expected: list[str]) -> list[str]:
    """Return the first lines that are not the same; pytest's own comparison shows thousands."""
    changed = [line for line in difflib.unified_diff(expected, found, lineterm="", n=2) if line]
    return changed[:20]


@pytest.fixture(scope="module")
def plain() -> list[str]:
    """What is reported without any speedup, on the release that is installed."""
    return reports(SENTRY_WEB_NO_SPEEDUPS="1")


@pytest.mark.parametrize(
    "variables",
    [
        {"SENTRY_WEB_NO_SPEEDUPS": ""},
        {"SENTRY_WEB_NO_SPEEDUPS": "", "RELABEL": "1"},
        {"SENTRY_WEB_NO_SPEEDUPS": "1", "RELABEL": "1"},
    ],
    ids=["with speedups", "next minor release, with speedups", "next minor release"],
)
def test_the_same_is_sent(variables: dict[str, str], plain: list[str]) -> None:
    assert difference(reports(**variables), plain) == []
    assert any('"/books/7"' in line for line in plain)


@pytest.mark.parametrize("name", _speedups.MODULES)
def test_each_speedup_can_be_deleted_with_its_line(name: str, plain: list[str], tmp_path: Path) -> None:
    package = tmp_path / "sentry_web"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    folder = package / "_sentry" / "_speedups"
    (folder / f"{name}.py").unlink()
    lines = (folder / "__init__.py").read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(f'    "{name}",')]
    assert len(kept) == len(lines) - 1
    (folder / "__init__.py").write_text("".join(kept), "utf-8")
    assert difference(reports(package, SENTRY_WEB_NO_SPEEDUPS=""), plain) == []


@needs_transactions
def test_a_transaction_has_no_threads_though_every_message_has(plain: list[str]) -> None:
    """``attach_stacktrace`` on an unknown release: see the parameters above, too."""
    found: dict[str, Any] = json.loads("\n".join(plain))
    payloads = [report["payload"] for name in found if name.startswith("transactions,") for report in found[name]]
    assert {"threads" in payload for payload in payloads if payload.get("type") == "transaction"} == {False}
    assert any("threads" in payload for payload in payloads)
