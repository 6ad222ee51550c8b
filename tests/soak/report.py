"""The rows of the soak's report, and the page that shows them, ``docs/soak.md``."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

#: ``SOAK=small`` shows that everything runs; ``usual`` takes at most 40 minutes of two cores; ``full`` takes hours.
SIZES = ("small", "usual", "full")
SIZE = os.environ.get("SOAK", "usual")
PAGE = Path(__file__).parents[2] / "docs" / "soak.md"

HEAD = """\
# Soak

What the package is put through beside the test suite, for longer than a suite may take: `nox -s soak`, weekly in
CI. Each row is one attack, on loopback; *tried* is how often, *survived* how often nothing was different from what is
promised, *worst* the figure that came closest to a bound. The command of each part runs it alone; `SOAK=small` is a
trial run of a few minutes, `SOAK=full` takes hours. What every cache and collection is bounded by is listed in
[architecture.md](architecture.md#what-grows-with-input).

"""


def size(small: int, usual: int, full: int | None = None) -> int:
    """Return a count for the size of this run; ``full`` is ``usual`` where it is not given."""
    if SIZE not in SIZES:
        raise SystemExit(f"SOAK={SIZE!r} (expected one of {', '.join(SIZES)})")
    return {"small": small, "usual": usual, "full": usual if full is None else full}[SIZE]


@dataclass
class Row:
    """One attack: how often it was tried and survived, and the worst figure; ``failures`` are sentences."""

    part: str
    attack: str
    tried: int = 0
    survived: int = 0
    worst: str = ""
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def note(self, passed: bool, failure: str = "") -> None:
        """Count one try."""
        self.tried += 1
        self.survived += passed
        if not passed:
            self.failures.append(failure)

    @property
    def failed(self) -> bool:
        return self.survived != self.tried or bool(self.failures)

    def __str__(self) -> str:
        sign = "FAILED" if self.failed else "ok"
        return f"{sign:<7}{self.attack}: {self.survived} of {self.tried}; {self.worst} ({self.seconds:.0f} s)"


@contextmanager
def row(part: str, attack: str) -> Iterator[Row]:
    """A row that is filled inside the block; what raises there is its failure, and the run goes on."""
    begun = time.monotonic()
    one = Row(part, attack)
    try:
        yield one
    except Exception as error:  # one attack that cannot be run must not hide the others
        one.note(False, f"{type(error).__name__}: {str(error)[:2000]}")
    finally:
        one.seconds = time.monotonic() - begun
    print(one, flush=True)
    for failure in one.failures[:20]:
        print("       ", failure, flush=True)


def page(rows: list[Row]) -> str:
    """The report as a page."""
    releases = ", ".join(f"{name} {version(name)}" for name in ("sentry-sdk", "uvicorn", "hypercorn", "gunicorn"))
    where = f"Python {platform.python_version()}, {releases}; {os.cpu_count()} cores; size `{SIZE}`."
    lines = [HEAD + where + "\n"]
    for part in dict.fromkeys(each.part for each in rows):
        own = [each for each in rows if each.part == part]
        lines.append(f"\n## {TITLES[part]}\n\n`python tests/soak/run.py {part}`, {sum(o.seconds for o in own):.0f} s\n")
        lines.append("| attack | tried | survived | worst |\n|---|---:|---:|---|")
        lines += [f"| {each.attack} | {each.tried:,} | {each.survived:,} | {each.worst} |" for each in own]
        lines += [f"- **{each.attack}**: {failure}" for each in own for failure in each.failures[:5]]
    return "\n".join(lines) + "\n"


TITLES = {
    "faults": "Functions that raise, behind real servers",
    "load": "Many requests",
    "loops": "Many requests at once, and cancellations",
    "processes": "Processes that come and go",
    "cardinality": "Names that a stranger makes",
    "backends": "Backends in trouble",
    "signals": "Signals whose handlers raise",
}
