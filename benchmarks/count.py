"""The cost of a request as a count that no other process on the machine can change: bytecode instructions.

``python benchmarks/count.py`` prints the counts of this Python as JSON; with ``--write`` it puts them into
``counts.json``, which ``tests/conformance/test_counts.py`` holds the package to. Counted are the instructions in the
package's own code, and those in all Python code that it causes to run; the latter are sentry-sdk's too, and so are
compared only for the release of it that was counted.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cheap import applications as apps
from cheap.peers import COLUMNS, Nowhere, configured

import sentry_web

FIGURES = Path(__file__).with_name("counts.json")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_PACKAGE = os.path.dirname(sentry_web.__file__)  # noqa: PTH120 - as co_filename has it
_HERE = os.path.dirname(os.path.abspath(apps.__file__))  # noqa: PTH100, PTH120


class Reading(Nowhere):
    """Looks at once at what it is given; by others it is written on a thread of their own, where nobody counts."""

    def capture_envelope(self, envelope: Any) -> None:
        """Have it written."""
        _ = envelope.items


def instructions(ask: Callable[[], None]) -> dict[str, int]:
    """The instructions that one call runs, without those of the benchmark itself."""
    counted: Counter[bool] = Counter()

    def tracer(ours: bool) -> Any:
        def local(frame: Any, event: str, arg: Any) -> Any:
            if event == "opcode":
                counted[ours] += 1
            return local

        return local

    tracers = {ours: tracer(ours) for ours in (True, False)}

    def trace(frame: Any, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        if name.startswith(_HERE) or name == __file__:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return tracers[name.startswith(_PACKAGE)]

    former = sys.gettrace()
    gc.disable()
    sys.settrace(trace)
    try:
        ask()
    finally:
        sys.settrace(former)
        gc.enable()
    return {"own": counted[True], "all": counted[True] + counted[False]}


def _wsgi(plain: Any) -> Callable[[], None]:
    app = sentry_web.SentryWsgiMiddleware(plain)
    return lambda: apps.ask_wsgi(app, apps.environ())


def _asgi(plain: Any) -> Callable[[], None]:
    app = sentry_web.SentryAsgiMiddleware(plain)

    def ask() -> None:
        coroutine = apps.ask_asgi(app, apps.scope())
        try:
            coroutine.send(None)  # nothing here ever waits
        except StopIteration:
            return
        raise AssertionError("the application waits")

    return ask


def count() -> dict[str, dict[str, int]]:
    """The counts of each configuration, for both protocols."""
    counts: dict[str, dict[str, int]] = {}
    for protocol, make, page, lines in (
        ("wsgi", _wsgi, apps.wsgi_page, apps.wsgi_lines),
        ("asgi", _asgi, apps.asgi_page, apps.asgi_lines),
    ):
        for column in COLUMNS:
            with configured(column):
                counts[f"{protocol}, {column}"] = _counted(make(page))
        for column in ("sampled", "stream"):
            with configured(column, Reading):
                counts[f"{protocol}, {column}, written"] = _counted(make(page))
        with configured("errors only"):
            counts[f"{protocol}, {apps.LINES} chunks"] = _counted(make(lines))
    return counts


def _counted(ask: Callable[[], None]) -> dict[str, int]:
    for _ in range(5):  # caches fill, and the interpreter gets used to the code
        ask()
    return instructions(ask)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="make these the figures to hold to")
    arguments = parser.parse_args()
    from importlib.metadata import version

    figures = {"sentry-sdk": version("sentry-sdk"), "instructions": count()}
    print(json.dumps(figures, indent=1))
    if arguments.write:
        known = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
        known[PYTHON] = figures
        FIGURES.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
