"""The table of conventions that the documents show is the one that its script makes now, and ours has no gap in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.instrumentation.asgi", reason="opentelemetry-instrumentation-asgi is not installed")
pytest.importorskip("opentelemetry.instrumentation.wsgi", reason="opentelemetry-instrumentation-wsgi is not installed")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "semconv_table.py"


def rows(text: str) -> list[list[str]]:
    """The cells of a Markdown table."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_attribute_is_told_on_both_protocols_or_said_not_to_be_applicable() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    made, shown = rows(run.stdout), rows(SCRIPT.with_suffix(".md").read_text("utf-8"))
    ours = [(row[0], row[-2], row[-1]) for row in made[1:]]
    assert len(ours) > 50
    assert [row for row in ours if {row[1], row[2]} - {"yes", "not applicable"} or row[1] != row[2]] == []
    assert [(row[0], row[1], row[-2], row[-1]) for row in shown] == [(row[0], row[1], row[-2], row[-1]) for row in made]
