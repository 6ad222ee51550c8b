"""Run the soak: ``python tests/soak/run.py [PART …] [--write]``.

The parts are the modules beside this one. ``SOAK=small`` is a trial run, ``SOAK=full`` takes hours. With ``--write``
the report of all parts goes into ``docs/soak.md``. It exits with 1 where something was not survived.
"""

from __future__ import annotations

import argparse
import signal
import sys
from importlib import import_module
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.append(str(TESTS))  # at the end: the package that is installed comes first

from soak.report import PAGE, SIZE, TITLES, Row, page  # noqa: E402 - found by the line above


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*TITLES, []], default=[])
    parser.add_argument("--write", action="store_true", help="write docs/soak.md")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended too
    rows: list[Row] = []
    for part in arguments.part or TITLES:
        print(f"--- {part} ({SIZE})", flush=True)
        rows += import_module(f"soak.{part}").run()
    if arguments.write and not arguments.part:
        PAGE.write_text(page(rows), encoding="utf-8")
    failed = [each for each in rows if each.failed]
    print(f"{len(rows) - len(failed)} of {len(rows)} rows survived")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
