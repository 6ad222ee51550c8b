"""The cost of a request as a count that no other process on the machine can change: bytecode instructions.

``python benchmarks/count.py`` prints, for requests as production has them (``cheap/production.py``), how many
instructions a request runs through our middleware, divided by how many it runs through sentry-sdk's; once with the SDK
as it is installed, once with the SDK relabelled as its next minor release. ``--write`` puts the counts into
``counts.json``, which ``tests/conformance/test_counts.py`` holds the package to.

Counted is all Python code from the call of the middleware until every report is written as bytes, but for the
benchmark's own (the application and what stands in for the server).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import sentry_sdk

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "counts.json"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
#: What figures are for: a Python, with the newest sentry-sdk that has transactions, or with one that has none.
KEY = PYTHON if importlib.util.find_spec("sentry_sdk.tracing") else f"{PYTHON}, streamed spans only"

#: The parts of a Python's figures: with the SDK as installed, and relabelled as its next minor release.
INSTALLED, NEXT = "instructions", "instructions, next minor"

Ask = Callable[[], None]


# --- The SDK's version -----------------------------------------------------------------------------------------------


def next_minor(version: str) -> str:
    """Return the release after this one: 2.75.0 -> 2.76.0."""
    major, minor, *_ = version.split(".")
    return f"{major}.{int(minor) + 1}.0"


def relabel() -> None:
    """Have sentry-sdk give itself out as its next minor release; call it before ``sentry_web`` is imported."""
    import sentry_sdk.client
    import sentry_sdk.consts

    if "sentry_web" in sys.modules:
        raise RuntimeError("sentry_web has seen the real version already")
    former = sentry_sdk.consts.VERSION
    later = next_minor(former)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "sentry_sdk" and getattr(module, "VERSION", None) == former:
            module.VERSION = later  # type: ignore[attr-defined]
    info = sentry_sdk.client.SDK_INFO
    info["version"] = later
    info["packages"] = [{**package, "version": later} for package in info["packages"]]


# --- Counting --------------------------------------------------------------------------------------------------------


def instructions(ask: Ask, package: str) -> Counter[str]:
    """Count the instructions that a call runs, but for the benchmark's own.

    Returns:
        ``own``: those of the package's files; ``all``: those and all others.
    """
    counted = _traced(ask) if sys.version_info < (3, 12) else _monitored(ask)
    found = Counter(own=0, all=0)
    for code, number in counted.items():
        if _is_benchmark(code):
            continue
        found["all"] += number
        if code.co_filename.startswith(package):
            found["own"] += number
    return found


def _is_benchmark(code: CodeType) -> bool:
    return code.co_filename.startswith(str(HERE))


def _traced(ask: Ask) -> Counter[CodeType]:
    counted: Counter[CodeType] = Counter()

    def local(frame: Any, event: str, arg: Any) -> Any:
        if event == "opcode":
            counted[frame.f_code] += 1
        return local

    def trace(frame: Any, event: str, arg: Any) -> Any:
        if _is_benchmark(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return local

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        ask()
    finally:
        sys.settrace(former)
    return counted


def _monitored(ask: Ask) -> Counter[CodeType]:
    """The same from Python 3.12 on, where ``sys.settrace`` does not report every instruction."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    tool, event = 4, monitoring.events.INSTRUCTION
    counted: Counter[CodeType] = Counter()

    def saw(code: CodeType, offset: int) -> Any:
        counted[code] += 1

    monitoring.use_tool_id(tool, "count")
    monitoring.register_callback(tool, event, saw)
    monitoring.set_events(tool, event)
    try:
        ask()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)
    return counted


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Have nothing depend on chance, on the machine, or on when a thread runs.

    The SDK's threads are not started: what they would do is done by ``Client.flush``, on this thread, and counted. A
    thread that anything else wants to start is refused, since nobody would count what it does.
    """
    numbers = random.Random(1)  # noqa: S311 - on purpose
    former = os.urandom, threading.Thread.start, time.time_ns, sys.argv

    def urandom(size: int) -> bytes:
        return numbers.getrandbits(8 * size).to_bytes(size, "big")

    def start(thread: threading.Thread) -> None:
        target = getattr(thread, "_target", None)
        if thread.name == "sentry_web.finisher":  # started once a process, and asleep
            return
        if not getattr(target, "__module__", "").startswith("sentry_sdk"):
            raise RuntimeError(f"not counted: {thread}")

    os.urandom = urandom
    threading.Thread.start = start  # type: ignore[method-assign]
    time.time_ns = lambda: 1_800_000_000_500_000_000  # logging does more in the last millisecond of a second
    sys.argv = ["shop.py"]
    if hasattr(sentry_sdk.utils, "_installed_modules"):
        # Part of each error event
        sentry_sdk.utils._installed_modules = {f"package-{number}": "1.0" for number in range(40)}  # noqa: SLF001
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        os.urandom, threading.Thread.start, time.time_ns, sys.argv = former  # type: ignore[method-assign]


def seed() -> None:
    """Seed every generator of random numbers: sampling asks one until a number suits it."""
    random.seed(1)
    for each in gc.get_objects():
        if issubclass(type(each), random.Random) and not issubclass(type(each), random.SystemRandom):
            each.seed(1)


# --- Asking ----------------------------------------------------------------------------------------------------------


def asker(protocol: str, app: Any) -> Ask:
    """Return what makes one request to an application, as a server makes it."""
    from cheap import applications as apps
    from cheap.production import HEADERS

    def wsgi() -> None:
        with contextlib.suppress(RuntimeError):
            apps.ask_wsgi(app, apps.environ(HEADERS))

    def asgi() -> None:
        coroutine = apps.ask_asgi(app, apps.scope(headers=HEADERS))
        try:
            coroutine.send(None)  # nothing here ever waits
        except (StopIteration, RuntimeError):
            return
        raise AssertionError("the application waits")

    return wsgi if protocol == "wsgi" else asgi


def cost(ask: Ask, package: str) -> Counter[str]:
    """Count a request, and what is left to do for its report."""

    def write() -> None:
        sentry_sdk.get_client().flush(timeout=10)

    def whole() -> None:
        ask()
        write()

    for _ in range(4):  # caches fill, and the interpreter gets used to the code
        whole()
    while True:
        minute = time.time() // 60
        # One request more, so that what a flush costs by itself does not count: production has one for many requests
        seed()
        ask()
        before = instructions(write, package)
        ask()
        found = instructions(whole, package)
        found.subtract(before)
        if time.time() // 60 == minute:  # else the sessions' counts are those of two minutes
            return found


def count(theirs_too: bool) -> dict[str, dict[str, int]]:
    """Return the counts by protocol, row and column, as ``own``, ``all`` and ``theirs``."""
    from cheap import applications as apps
    from cheap import peers, production

    import sentry_web

    package = str(Path(sentry_web.__file__).parent)
    counts: dict[str, dict[str, int]] = {}
    with deterministic():
        # Theirs first: a speedup takes effect in the whole process, from our first middleware on
        for who in (peers.SDK, peers.OURS) if theirs_too else (peers.OURS,):
            for row, work in production.ROWS.items():
                for protocol in ("wsgi", "asgi"):
                    wrap = peers.peers(protocol, "errors only")[who]
                    for column in production.COLUMNS:
                        with peers.client({**production.OPTIONS, **column.options}, peers.Kept) as known:
                            if not known:
                                continue
                            app = production.application(protocol, work, column.streamed)
                            found = cost(asker(protocol, wrap(app)), package)
                            counted = counts.setdefault(f"{protocol}, {row}, {column.title}", {})
                            counted.update({"theirs": found["all"]} if who == peers.SDK else found)
        for protocol, page, lines in (
            ("wsgi", apps.wsgi_page, apps.wsgi_lines),
            ("asgi", apps.asgi_page, apps.asgi_lines),
        ):
            ours = peers.peers(protocol, "errors only")[peers.OURS]
            counts[f"{protocol}, bare, no client"] = dict(cost(asker(protocol, ours(page)), package))
            with peers.client(production.OPTIONS, peers.Kept):
                counts[f"{protocol}, {apps.LINES} chunks, errors only"] = dict(
                    cost(asker(protocol, ours(lines)), package)
                )
    return counts


# --- The command -----------------------------------------------------------------------------------------------------


def passes(theirs_too: bool) -> dict[str, dict[str, dict[str, int]]]:
    """Count each part in a fresh process, where hashes of strings are the same each time; both at once."""
    more = [] if theirs_too else ["--ours"]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "SENTRY_WEB_NO_SPEEDUPS": ""}
    running = {
        part: subprocess.Popen(  # noqa: S603
            [sys.executable, __file__, "--part", part, *more], env=environment, stdout=subprocess.PIPE, text=True
        )
        for part in (INSTALLED, NEXT)
    }
    answers = {part: process.communicate()[0] for part, process in running.items()}
    for process in running.values():
        if process.returncode:
            sys.exit(process.returncode)
    return {part: json.loads(answer) for part, answer in answers.items()}


def table(counts: dict[str, dict[str, int]]) -> str:
    """Return the ratios, ours to theirs, as a table in Markdown: WSGI / ASGI."""
    from cheap.production import COLUMNS, ROWS

    def cell(row: str, title: str) -> str:
        found = [counts.get(f"{protocol}, {row}, {title}", {}) for protocol in ("wsgi", "asgi")]
        return " / ".join(f"{each['all'] / each['theirs']:.2f}" if each.get("theirs") else "–" for each in found)

    titles = [column.title for column in COLUMNS]
    lines = [["WSGI / ASGI", *titles], ["---"] * (1 + len(titles))]
    lines += [[row, *(cell(row, title) for title in titles)] for row in ROWS]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(figures: dict[str, Any]) -> None:
    """Put the figures into the file, with a line for each row."""
    known = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    known[KEY] = figures
    ordered = {key: known[key] for key in sorted(known, key=lambda name: (len(name), name))}
    text = json.dumps(ordered, indent=1)
    text = re.sub(r"\{\s+(\"own\"[^}]*?)\s+\}", lambda row: "{" + " ".join(row[1].split()) + "}", text)
    FIGURES.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="make these the figures to hold to")
    parser.add_argument("--json", action="store_true", help="print the counts, not the tables")
    parser.add_argument("--ours", action="store_true", help="leave sentry-sdk's middlewares out (prints no tables)")
    parser.add_argument("--part", choices=(INSTALLED, NEXT), help=argparse.SUPPRESS)  # one pass, in this process
    arguments = parser.parse_args()
    if arguments.write and arguments.ours:
        parser.error("--write needs the counts of both")
    if arguments.part:
        if arguments.part == NEXT:
            relabel()
        print(json.dumps(count(not arguments.ours)))
        return
    figures: dict[str, Any] = {"sentry-sdk": sentry_sdk.consts.VERSION, **passes(not arguments.ours)}
    if arguments.json or arguments.ours:
        print(json.dumps(figures, indent=1))
    else:
        version = figures["sentry-sdk"]
        for part, name in ((INSTALLED, version), (NEXT, f"{version} relabelled as {next_minor(version)}")):
            print(f"sentry-sdk {name}, Python {PYTHON}:\n\n{table(figures[part])}\n")
    if arguments.write:
        write(figures)


if __name__ == "__main__":
    main()
