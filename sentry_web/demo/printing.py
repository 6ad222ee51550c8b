"""Output of the demo's result: tables on a terminal, plain text elsewhere, JSON for programs.

This module only prints; differences are determined in ``comparison``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from sentry_web.cli import readings
from sentry_web.cli.cards import milliseconds, printable
from sentry_web.cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.console import Console

    from sentry_web.demo.show import Result, Row, Side
    from sentry_web.demo.visitor import Visit

__all__ = ["as_json", "print_result", "progress", "verdict"]

_FRONTS = ("WSGI: Flask, werkzeug", "ASGI: Starlette, uvicorn")


@contextlib.contextmanager
def progress(console: Console, *, of: int) -> Generator[Callable[[str], None], None, None]:
    """Show a progress bar with ``of`` steps on a terminal, and remove it when the block ends."""
    with progress_bar(console) as bar:
        task = bar.add_task("starting", total=of)

        def step(title: str) -> None:
            bar.update(task, description=title)
            bar.advance(task)

        yield step


def print_result(result: Result, console: Console, *, details: bool = False) -> None:
    """Print the requests, the sessions, the secrets, the differences, and finally the verdict.

    Args:
        result: The result.
        console: The console.
        details: Whether to print a table for each request, instead of one for all.
    """
    if details:
        for row in result.rows:
            _print_row(row, console)
    else:
        console.print(_summary(result))
        console.print("WSGI, ASGI: milliseconds. --details shows all that was reported of each request.\n")
    for protocol, counts in result.sessions.items():
        listed = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        console.print(f"sessions by {protocol.upper()}: {listed or 'none'}")
    console.print(f"planted secrets that were sent: {', '.join(result.leaked) or 'none'}")
    for difference in result.differences:
        line = f"different: {difference.field}: WSGI {difference.wsgi}, ASGI {difference.asgi}"
        console.print(printable(line), soft_wrap=True)
    console.print(verdict(result), style="red" if result.differences else "green", soft_wrap=True)


def _summary(result: Result) -> Table:
    """Return one table with a line for each request, which fits into 80 columns."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("", "request", "name", "status"):
        table.add_column(title, overflow="fold")
    for title in ("WSGI", "ASGI"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("error", overflow="fold")
    for row in result.rows:
        sides = [side for side in (row.wsgi, row.asgi) if side is not None]
        traces = [side.reading() for side in sides]
        errors = [", ".join(readings.read_error(event).type for event in side.errors) for side in sides]
        names = [trace.name.rpartition(".")[2] if trace else "(none arrived)" for trace in traces]
        codes = [_code(trace) for trace in traces]
        took = [f"{trace.seconds * 1000:.0f}" if trace and trace.seconds is not None else "" for trace in traces]
        cells = [
            str(row.visit.number),
            f"{row.visit.method} {row.visit.target.partition('?')[0]}",
            *(" / ".join(dict.fromkeys(both)) for both in (names, codes)),
            *(["", *took] if row.wsgi is None else took),
            " / ".join(dict.fromkeys(errors)),
        ]
        table.add_row(*map(printable, cells))
    return table


def _code(trace: readings.TraceReading | None) -> str:
    return "" if trace is None else str(trace.status_code or trace.status)


def verdict(result: Result) -> str:
    """Return one line on whether both protocols reported the same."""
    compared = sum(row.wsgi is not None for row in result.rows)
    if result.differences:
        count = len(result.differences)
        return f"Not the same: WSGI and ASGI differ in {count} field(s) of {compared} requests."
    return f"The same: WSGI and ASGI reported {compared} requests alike, in every field that is compared."


def as_json(result: Result) -> str:
    """Return a JSON document with everything that :func:`print_result` shows with ``details``."""
    document = {
        "same": not result.differences,
        "differences": [difference._asdict() for difference in result.differences],
        "requests": [_row_document(row) for row in result.rows],
        "sessions": result.sessions,
        "leaked": result.leaked,
    }
    return json.dumps(document, indent=2)


def _print_row(row: Row, console: Console) -> None:
    visit = row.visit
    title = f"{visit.number}. {visit.title}: {visit.method} {visit.target.partition('?')[0]}"
    wsgi = {} if row.wsgi is None else _lines(visit, row.wsgi)
    asgi = _lines(visit, row.asgi)
    shown = [(label, wsgi.get(label, ""), value) for label, value in asgi.items() if value or wsgi.get(label)]
    if console.is_terminal:
        table = Table("", *_FRONTS, title=title, title_justify="left", title_style="bold", box=box.ROUNDED)
        for line in shown:
            table.add_row(*map(printable, line))
        console.print(table)
    else:
        lines = [f"  {label:<13}{left:<62}{right}".rstrip() for label, left, right in [("", *_FRONTS), *shown]]
        console.print("\n".join(map(printable, [title, *lines, ""])), soft_wrap=True)


def _lines(visit: Visit, side: Side) -> dict[str, str]:
    trace = side.reading()
    errors = [readings.read_error(event) for event in side.errors]
    filtered = {name for reading in (trace, *errors) if reading for name in reading.filtered}
    return {
        "answer": _answer(side),
        "name": f"{trace.name} ({trace.source})" if trace else "(none arrived)",
        "duration": milliseconds(trace.seconds) if trace else "",
        "status": _status(trace),
        "spans": ", ".join(f"{span.op} {span.name}" for span in trace.spans) if trace else "",
        "error": ", ".join(f"{error.type}: {error.value}" for error in errors),
        "frame": ", ".join(error.frame for error in errors),
        "filtered": ", ".join(sorted(filtered)),
        "left out": ", ".join(_left_out(visit, side)),
    }


def _left_out(visit: Visit, side: Side) -> list[str]:
    """Return the parts of the request that none of its reports contains."""
    reported = {part for event in (side.trace or {}, *side.errors) for part in event.get("request", {})}
    parts = {"cookies": "cookies", **({"data": "body"} if visit.body else {})}
    return [name for part, name in parts.items() if part not in reported]


def _answer(side: Side) -> str:
    size = f"{side.answer.status}, {side.answer.size} bytes"
    return f"{size}, then it broke off" if side.answer.broke_off else size


def _status(trace: readings.TraceReading | None) -> str:
    if trace is None:
        return ""
    return trace.status if trace.status_code is None else f"{trace.status_code} {trace.status}"


def _row_document(row: Row) -> dict[str, Any]:
    return {
        "number": row.visit.number,
        "title": row.visit.title,
        "method": row.visit.method,
        "target": row.visit.target,
        "wsgi": None if row.wsgi is None else _lines(row.visit, row.wsgi),
        "asgi": _lines(row.visit, row.asgi),
    }
