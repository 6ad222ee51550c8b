"""A request does not get dearer: its counted instructions, against ``benchmarks/counts.json``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sentry_sdk

from sentry_web.testing.sdk import HAS_TRANSACTIONS

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
FIGURES = json.loads((BENCHMARKS / "counts.json").read_text("utf-8"))
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
#: The figures' key, as in ``benchmarks/count.py``.
KEY = PYTHON if HAS_TRANSACTIONS else f"{PYTHON}, streamed spans only"
GROWTH = 1.1
#: sentry-sdk as it is installed, and relabelled as its next minor release.
PARTS = ("instructions", "instructions, next minor")


def complaints(known: dict, counted: dict) -> list[str]:
    """List what has grown or has no figure, the most important row first."""
    found = []
    for part in PARTS:
        for row, counts in counted[part].items():
            before = known[part].get(row)
            if before is None:
                found.append(f"{part}: {row}: no figure")
                continue
            found += [
                f"{part}: {row}, {kind}: {before[kind]} -> {counts[kind]}"
                for kind in ("own", "all")
                if counts[kind] > GROWTH * before[kind]
            ]
    return found


@pytest.mark.skipif(
    KEY not in FIGURES,
    reason=f"not on this Python: no figures for {KEY}; bytecode differs from one to the next; count.py --write",
)
def test_a_request_costs_no_more_than_a_tenth_above_the_committed_figures() -> None:
    known = FIGURES[KEY]
    if known["sentry-sdk"] != sentry_sdk.VERSION:
        pytest.skip("not with this sentry-sdk: another release was counted")
    script = str(BENCHMARKS / "count.py")
    done = subprocess.run([sys.executable, script, "--ours"], capture_output=True, text=True, check=True, timeout=100)
    assert complaints(known, json.loads(done.stdout)) == [], "cut it, or say why in the commit: count.py --write"


@pytest.mark.skipif(KEY not in FIGURES, reason=f"not on this Python: no figures for {KEY}, see above")
@pytest.mark.skipif(not HAS_TRANSACTIONS, reason="not with this sentry-sdk: its own part of a request is too small")
def test_one_line_costs_no_more_than_3_percent_beyond_the_explicit_middleware() -> None:
    command = [sys.executable, str(BENCHMARKS / "adoption.py")]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "SENTRY_WEB_NO_SPEEDUPS": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("integration on") == 2


def figures(release: str, **rows: tuple[int, int]) -> dict:
    """Return figures as `count.py` writes them, the same for both parts."""
    counts = {row: {"own": own, "all": everything} for row, (own, everything) in rows.items()}
    return {"sentry-sdk": release, **dict.fromkeys(PARTS, counts)}


def test_growth_of_more_than_a_tenth_is_seen() -> None:
    known = figures("1", real=(100, 200))
    assert complaints(known, figures("1", real=(110, 220))) == []
    assert complaints(known, figures("1", real=(111, 221))) == [
        "instructions: real, own: 100 -> 111",
        "instructions: real, all: 200 -> 221",
        "instructions, next minor: real, own: 100 -> 111",
        "instructions, next minor: real, all: 200 -> 221",
    ]
    assert complaints(known, figures("1", other=(1, 1))) == [f"{part}: other: no figure" for part in PARTS]


def test_growth_with_the_next_release_alone_is_seen() -> None:
    known = figures("1", real=(100, 200))
    counted = {**known, PARTS[1]: {"real": {"own": 100, "all": 221}}}
    assert complaints(known, counted) == ["instructions, next minor: real, all: 200 -> 221"]


@pytest.mark.parametrize("key", FIGURES)
def test_real_requests_come_first(key: str) -> None:
    known = FIGURES[key]
    for part in PARTS:
        rows = [row.split(", ")[1] for row in known[part]]
        assert list(dict.fromkeys(rows))[:2] == ["real", "error event"]
