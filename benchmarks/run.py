"""All benchmarks in one command: ``python benchmarks/run.py`` (or ``nox -s bench``); ``--help`` tells of parts.

Prints a table for each part, writes all figures to ``results.json`` and, with ``--write``, draws the chart of the
README anew.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from cheap import chart, connections, failing, imports, realistic, rows, serving, table
from cheap.peers import BARE, OURS, SDK, versions

HERE = Path(__file__).resolve().parent
PARTS = ("rows", "errors", "memory", "imports", "servers", "realistic")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may come more than once")
    parser.add_argument("--row", default="", help="only the rows whose title begins so")
    parser.add_argument("--rounds", type=int, default=60, help="turns of each contestant in a row (default: 60)")
    parser.add_argument("--connections", type=int, default=10_000, help="how many are open at once")
    parser.add_argument("--seconds", type=float, default=3, help="of load for each server and round")
    parser.add_argument("--server-rounds", type=int, default=3, help="how often each server is loaded")
    parser.add_argument("--application", default="", help="only the realistic ones whose title begins so")
    parser.add_argument("--rate", type=float, default=100, help="requests per second of the realistic steady load")
    parser.add_argument("--json", type=Path, default=HERE / "results.json", help="where the figures go")
    parser.add_argument("--write", action="store_true", help="draw docs/cheap.svg")
    arguments = parser.parse_args()
    parts = arguments.part or PARTS
    figures: dict[str, Any] = {"machine": machine(), "versions": versions()}
    if "rows" in parts:
        figures["rows"] = timed(arguments.row, arguments.rounds)
    if "errors" in parts:
        figures["errors"] = failed(arguments.rounds)
    if "memory" in parts:
        figures["memory"] = held(arguments.connections)
    if "imports" in parts:
        figures["imports"] = imports.measure(11)
        table.show("import, ms beyond sentry_sdk", {key: {"ms": v * 1e3} for key, v in figures["imports"].items()}, 1)
    if "servers" in parts:
        figures["servers"] = served(arguments.seconds, arguments.server_rounds)
    if "realistic" in parts:
        load = realistic.Load(arguments.seconds, arguments.server_rounds, arguments.rate)
        figures["realistic"] = realistically(load, arguments.application, arguments.row)
    arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if arguments.write:
        chart.write(figures, HERE.parent / "docs" / "cheap.svg")


def timed(wanted: str, rounds: int) -> list[dict[str, Any]]:
    """The rows of :mod:`cheap.rows`."""
    figures: list[dict[str, Any]] = []
    for row in rows.ROWS:
        if not row.title.startswith(wanted):
            continue
        shown: dict[str, dict[str, float]] = {}
        for protocol, column, taken in rows.measure(row, rounds):
            ratios = rows.ratios(taken)
            microseconds = {name: seconds * 1e6 for name, seconds in taken.items()}
            figures.append(
                {"row": row.title, "protocol": protocol, "column": column, "µs": microseconds, "ratios": ratios}
            )
            added = {name: value - microseconds["bare"] for name, value in microseconds.items() if name != "bare"}
            shown[f"{protocol} {column}"] = {"bare": microseconds["bare"], **added, **ratios}
        table.show(f"{row.title}: µs of the bare application, and added by each; ratios", shown, 2)
    return figures


def failed(rounds: int) -> dict[str, dict[str, float]]:
    """The rows of :mod:`cheap.failing`."""
    figures: dict[str, dict[str, float]] = {}
    for name, taken in failing.measure(rounds):
        added = {peer: (taken[peer] - taken[BARE]) * 1e3 for peer in (OURS, SDK)}
        figures[name] = {BARE: taken[BARE] * 1e3, **added, f"{OURS} / {SDK}": added[OURS] / added[SDK]}
    table.show("an error in the realistic application: ms of the bare one, and added by each", figures, 2)
    return figures


def held(count: int) -> list[dict[str, Any]]:
    """The rows of :mod:`cheap.connections`."""
    figures = []
    shown: dict[str, dict[str, float]] = {}
    for kind, column, held_by in connections.measure(count):
        figures.append({"kind": kind, "column": column, "bytes": held_by})
        shown[f"{kind} {column}"] = {**held_by, "ratio": held_by["sentry_web"] / held_by["sentry-sdk"]}
    table.show("bytes of memory for each open connection, added", shown, 2)
    return figures


def served(seconds: float, rounds: int) -> dict[str, Any]:
    """The rows of :mod:`cheap.serving`."""
    figures: dict[str, Any] = {}
    for server, rates in serving.measure(seconds, rounds):
        kept = serving.kept(rates)
        figures[server] = {"bare": rates.get(("bare", "no client")), "kept": kept}
        table.show(f"{server}: part of the bare application's requests per second that is kept", kept, 2)
    return figures


def realistically(load: realistic.Load, application: str, wanted: str) -> dict[str, Any]:
    """The rows of :mod:`cheap.realistic`."""
    figures: dict[str, Any] = {}
    for server, found in realistic.measure(load, application, wanted):
        shown = {realistic.title(peer, column): values for (peer, column), values in found.items()}
        figures[server] = shown
        table.show(f"{server}: a realistic application; steady and CPU at {load.rate:g} requests per second", shown, 2)
    return figures


def machine() -> str:
    """The machine in words."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


if __name__ == "__main__":
    main()
