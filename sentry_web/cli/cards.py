"""A transport of sentry-sdk that prints what it is given, a card for each request, trace and error.

For a terminal with frames and colours, for a pipe or a file as plain lines. What is printed may come from a
stranger's request, so control characters never reach the terminal. What is read out of an event is decided in
``readings``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sentry_sdk.transport import Transport

from sentry_web.cli import readings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from sentry_sdk.envelope import Envelope

__all__ = ["CardTransport", "milliseconds", "printable"]

Rows = list[tuple[str, str]]

_LABEL = 13  # width of a label in characters
_STATUS_STYLES = {"ok": "green", "internal_error": "red", "error": "red"}


class CardTransport(Transport):
    """Pass an instance as ``sentry_sdk.init(transport=…)``; it needs no DSN and sends nothing anywhere."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def capture_envelope(self, envelope: Envelope) -> None:
        """Print the errors and traces in it. Sessions and client reports are for Sentry, not for people."""
        for item in envelope.items:
            if item.type == "event":
                self._print_error(readings.read_error(json.loads(item.get_bytes())))
            elif item.type == "transaction":
                self._print_trace(readings.read_transaction(json.loads(item.get_bytes())))
            elif item.type == "span":
                self._print_streamed(json.loads(item.get_bytes())["items"])

    def _print_streamed(self, spans: list[Mapping[str, Any]]) -> None:
        # sentry-sdk puts the spans of one trace into one envelope; what ended after it is not shown.
        children = [span for span in spans if not span.get("is_segment")]
        for segment in spans:
            if segment.get("is_segment"):
                self._print_trace(readings.read_segment(segment, children))

    def _print_trace(self, trace: readings.TraceReading) -> None:
        code = "" if trace.status_code is None else f"{trace.status_code} "
        rows = [
            (trace.kind, f"{trace.name} ({trace.source})"),
            ("status", f"{code}{trace.status}"),
            ("duration", milliseconds(trace.seconds)),
            ("trace", trace.trace_id),
        ]
        rows += [("span", f"{span.op} {span.name} {milliseconds(span.seconds)}") for span in trace.spans]
        title = f"{trace.op or 'trace'} {trace.method} {trace.path}"
        self._print_card(title, rows + _filtered(trace.filtered), _STATUS_STYLES.get(trace.status, "yellow"))

    def _print_error(self, error: readings.ErrorReading) -> None:
        rows = []
        for position, frame in enumerate(error.frames):
            rows += [
                ("called by" if position else "in", frame.place),
                ("", f"    {frame.source}" if frame.source else ""),
            ]
        rows += [("during", f"{error.method} {error.path}"), ("transaction", error.name)]
        rows += [("trace", error.trace_id), *_filtered(error.filtered)]
        self._print_card(f"error {error.type}: {error.value}", rows, "bold red")

    def _print_card(self, title: str, rows: Rows, style: str) -> None:
        shown = [(label, value) for label, value in rows if value.strip()]
        if self._console.is_terminal:
            grid = Table.grid("", "", padding=(0, 2, 0, 0))
            for label, value in shown:
                grid.add_row(label, printable(value))
            self._console.print(Panel(grid, title=Text(printable(title)), title_align="left", border_style=style))
        else:
            lines = [printable(title), *(f"  {label:<{_LABEL}}{printable(value)}" for label, value in shown), ""]
            self._console.print("\n".join(lines), soft_wrap=True)  # a pipe has no width


def milliseconds(seconds: float | None) -> str:
    """``"12.3 ms"``, or nothing where nothing is known."""
    return "" if seconds is None else f"{seconds * 1000:.1f} ms"


def printable(text: str) -> str:
    """The text with its control characters written as escapes, so that it cannot steer the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _filtered(names: tuple[str, ...]) -> Rows:
    return [("filtered", ", ".join(names))] if names else []
