"""The benchmark of a realistic application: contestants serve, and report what they should, by whom they should.

How fast anyone is here says nothing: a round is a fifth of a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sentry_web.testing.sdk import HAS_TRANSACTIONS

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
COLUMN = "sampled" if HAS_TRANSACTIONS else "stream"
EVENT = (1, {"tags": {}})
OUR_EVENT = (1, {"tags": {"protocol": "wsgi"}})


def figures(folder: Path, part: str, *options: str) -> Any:
    """What one short round of a part gives."""
    written = folder / "results.json"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}  # the processes are those of a user
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), f"--part={part}", *options, f"--json={written}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(written.read_text("utf-8"))[part]


# Not all of them with both applications, since that would take a minute: a run of the benchmark checks each by itself
@pytest.mark.parametrize(
    ("application", "column", "peers"),
    [
        ("FastAPI, uvicorn", COLUMN, ("sentry-sdk", "sentry_web")),
        ("Flask, gunicorn gthread", "OpenTelemetry", ("OpenTelemetry", "sentry_web (otel)")),
    ],
)
def test_contestants_serve_and_report_each_request(
    tmp_path: Path, application: str, column: str, peers: tuple[str, ...]
) -> None:
    # So short that the client is the one that needs no wrk
    short = ("--seconds=0.2", "--server-rounds=1")
    found = figures(tmp_path, "realistic", *short, f"--application={application}", f"--row={column}")
    assert list(found) == [application]
    contestants = found[application]
    assert list(contestants) == ["bare", *(f"{column}: {peer}" for peer in peers)]
    assert all(one["requests/s"] > 0 < one["p50 ms"] <= one["p99 ms"] for one in contestants.values())
    reported = [one["reports/request"] for one in contestants.values()]
    assert reported == pytest.approx([0, 1, 1], abs=0.1)  # one request more, which waits for the reports


def test_an_error_goes_through_the_framework(tmp_path: Path) -> None:
    found = figures(tmp_path, "errors", "--rounds=1")
    assert list(found) == ["fastapi", "flask"]
    assert all(one["bare"] > 0 < one["sentry_web"] for one in found.values())


@pytest.fixture
def is_reported(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark's own check, as a function of contestant and items."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from cheap import realistic

    contestants = {realistic.title(one.peer, one.column): one for one in realistic.CONTESTANTS}
    return lambda title, items: realistic.is_reported(contestants[title], "wsgi", items)


@pytest.mark.parametrize(
    ("title", "items"),
    [
        ("bare", {}),
        ("errors only: sentry-sdk", {"event": EVENT}),
        ("errors only: sentry_web", {"event": OUR_EVENT}),
        ("stream: sentry-sdk", {"event": EVENT, "span": (1, {})}),
        ("stream: sentry_web", {"event": OUR_EVENT, "span": (1, {}), "sessions": (1, {})}),
    ],
)
def test_what_a_contestant_should_report_passes_the_check(is_reported: Any, title: str, items: Any) -> None:
    assert is_reported(title, items)


@pytest.mark.parametrize(
    ("title", "items"),
    [
        ("bare", {"event": EVENT}),
        ("errors only: sentry-sdk", {}),
        ("errors only: sentry-sdk", {"event": OUR_EVENT}),  # ours has served it
        ("errors only: sentry_web", {"event": EVENT}),  # sentry-sdk's own has served it
        ("errors only: sentry_web", {"event": OUR_EVENT, "span": (1, {})}),
        ("stream: sentry_web", {"event": OUR_EVENT}),
    ],
)
def test_a_contestant_that_does_less_or_more_fails_the_check(is_reported: Any, title: str, items: Any) -> None:
    assert not is_reported(title, items)
