"""The table server × scenario, written of what ``expectations`` allows; kept in ``TABLE.md``.

``python -m tests.servers.matrix`` in the checkout writes it; ``test_asgi`` and ``test_wsgi`` prove its cells.
"""

from __future__ import annotations

from pathlib import Path

from .expectations import SEEN, missing
from .processes import SERVERS
from .scenarios import SCENARIOS

TABLE = Path(__file__).with_name("TABLE.md")
LEGEND = """\
✓: as every server. A number: as every server, or as the note says. –: the server has no such thing.

"""


def table() -> str:
    """The whole table, with a note for each answer that is not every server's."""
    notes: list[str] = []
    rows = [f"| | {' | '.join(SCENARIOS)} |", "|" + "---|" * (len(SCENARIOS) + 1)]
    for server in SERVERS:
        cells = [_cell(server, scenario, notes) for scenario in SCENARIOS]
        rows.append(f"| {server} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n\n" + LEGEND + "".join(f"{n}. {note}.\n" for n, note in enumerate(notes, 1))


def _cell(server: str, scenario: str, notes: list[str]) -> str:
    if missing(SERVERS[server], scenario):
        return "–"
    own = [str(seen) for seen in SEEN.get((server, scenario), ())]
    notes += [note for note in own if note not in notes]
    return ", ".join(str(notes.index(note) + 1) for note in own) or "✓"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
