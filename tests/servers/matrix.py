"""The table server × scenario, written of what a run has found; kept in ``TABLE.md``.

``WRITE_TABLE=1`` in the environment of a whole run writes it.
"""

from __future__ import annotations

from pathlib import Path

from .expectations import DIFFERENCES, missing
from .processes import SERVERS
from .scenarios import SCENARIOS

TABLE = Path(__file__).with_name("TABLE.md")
CELLS = [(server, scenario) for server in SERVERS for scenario in SCENARIOS]
#: The cells that have passed in this run.
PASSED: set[tuple[str, str]] = set()


def table() -> str:
    """The whole table; a cell that has not passed says so."""
    notes: list[str] = []
    rows = [f"| | {' | '.join(SCENARIOS)} |", "|" + "---|" * (len(SCENARIOS) + 1)]
    for server in SERVERS:
        cells = [_cell(server, scenario, notes) for scenario in SCENARIOS]
        rows.append(f"| {server} | {' | '.join(cells)} |")
    legend = "✓: as every server. A number: as the note says. –: the server has no such thing.\n\n"
    return "\n".join(rows) + "\n\n" + legend + "".join(f"{n}. {note}.\n" for n, note in enumerate(notes, 1))


def _cell(server: str, scenario: str, notes: list[str]) -> str:
    if missing(SERVERS[server], scenario):
        return "–"
    if (server, scenario) not in PASSED:
        return "**not passed**"
    if (server, scenario) not in DIFFERENCES:
        return "✓"
    reason = DIFFERENCES[server, scenario].reason
    if reason not in notes:
        notes.append(reason)
    return str(notes.index(reason) + 1)
