"""The hot path does not grow: counted instructions of a request, against ``benchmarks/counts.json``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
GROWTH = 1.1


def complaints(known: dict, counted: dict) -> list[str]:
    """What has grown, or is not known."""
    kinds = ["own", "all"] if known["sentry-sdk"] == counted["sentry-sdk"] else ["own"]
    found = []
    for row, counts in counted["instructions"].items():
        before = known["instructions"].get(row)
        if before is None:
            found.append(f"{row}: no figure")
            continue
        found += [
            f"{row}, {kind}: {before[kind]} -> {counts[kind]}" for kind in kinds if counts[kind] > GROWTH * before[kind]
        ]
    return found


@pytest.mark.skipif(
    PYTHON not in json.loads((BENCHMARKS / "counts.json").read_text("utf-8")),
    reason="not on this Python: no figures, and bytecode differs from one to the next; benchmarks/count.py --write",
)
def test_a_request_costs_no_more_than_a_tenth_above_the_committed_figures() -> None:
    known = json.loads((BENCHMARKS / "counts.json").read_text("utf-8"))[PYTHON]
    script = str(BENCHMARKS / "count.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=100)
    assert complaints(known, json.loads(done.stdout)) == [], "cut it, or say why in the commit: count.py --write"


def test_growth_of_more_than_a_tenth_is_seen() -> None:
    known = {"sentry-sdk": "1", "instructions": {"row": {"own": 100, "all": 200}}}
    assert complaints(known, {"sentry-sdk": "1", "instructions": {"row": {"own": 110, "all": 220}}}) == []
    assert complaints(known, {"sentry-sdk": "1", "instructions": {"row": {"own": 111, "all": 221}}}) == [
        "row, own: 100 -> 111",
        "row, all: 200 -> 221",
    ]
    assert complaints(known, {"sentry-sdk": "2", "instructions": {"row": {"own": 100, "all": 300}}}) == []
    assert complaints(known, {"sentry-sdk": "1", "instructions": {"other": {"own": 1, "all": 1}}}) == [
        "other: no figure"
    ]
