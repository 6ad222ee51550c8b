"""The chart docs/cheap.svg, as SVG text: what each middleware adds to a request, beside one another."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from .peers import BARE, COLUMNS

_COLOURS = {
    "sentry_web": "#6a3fb5",
    "sentry-sdk": "#b9b3c4",
    "OpenTelemetry": "#e0a83c",
    "sentry_web (otel)": "#a98ad6",
    "elastic-apm": "#8fb7a8",
    "ddtrace": "#c98f8f",
}
_LEFT, _WIDTH, _BAR, _GAP = 170, 520, 13, 10


def draw(figures: dict[str, Any]) -> str:
    """The chart; ``figures`` is what ``run.py`` writes."""
    parts: list[str] = []
    top = 44
    rows = [row for row in figures["rows"] if row["row"] == "a request"]
    longest = max(row["µs"][name] - row["µs"][BARE] for row in rows for name in row["µs"])
    for protocol in ("wsgi", "asgi"):
        for column in COLUMNS:
            taken = next((row["µs"] for row in rows if (row["protocol"], row["column"]) == (protocol, column)), None)
            if taken is None:
                continue
            added = {name: taken[name] - taken[BARE] for name in _COLOURS if name in taken}
            parts.append(_text(_LEFT - 8, top + 11, f"{protocol.upper()}, {column}", anchor="end"))
            for name, value in added.items():
                width = max(1.0, value / longest * _WIDTH)
                parts.append(
                    f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR - 2}" fill="{_COLOURS[name]}"/>'
                )
                parts.append(_text(_LEFT + width + 5, top + 10, f"{value:.0f} µs {name}", size=10))
                top += _BAR
            top += _GAP
    caption = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    parts.append(_text(10, top + 12, f"{figures['machine']}; {caption}", size=9))
    parts.insert(0, _text(10, 22, "Microseconds added to a request (in process, medians of interleaved rounds)", 14))
    width, height = _LEFT + _WIDTH + 170, top + 24
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, size: int = 12, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" fill="#222">{escape(words)}</text>'


def write(figures: dict[str, Any], path: Path) -> None:
    """Write the chart to a file."""
    path.write_text(draw(figures), encoding="utf-8")
