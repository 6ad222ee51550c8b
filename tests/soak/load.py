"""Very many requests: memory stays flat after the warm-up, nothing is left to the collector, caches are bounded.

In process each protocol and output has a process of its own (``strangers``); behind servers a worker's memory is read
while a client asks on kept connections.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from servers.processes import SERVERS, process_of

from sentry_web.demo.ingest import Ingest

from .report import Row, row, size

PART = "load"
GROWTH = 3 * 1024 * 1024  # bytes between the first and the last quarter after the warm-up
CYCLIC = 0.05  # objects a request that only the garbage collector finds
#: The same with streamed spans: the SDK's segments refer to themselves, with their attributes.
CYCLIC_SEGMENTS = 3.0
LONGEST = 4 * 3600  # seconds for one process; a bound for what hangs
PATHS = ("/", "/books/{}", "/fails", "/nowhere/{}")


class Sink(Ingest):
    """An ingest that keeps nothing."""

    def receive(self, body: bytes) -> None:
        """Drop it."""


def serve(protocol: str, mode: str, count: int, *more: str) -> Any:
    """What ``strangers`` tells."""
    command = [sys.executable, str(Path(__file__).with_name("strangers.py")), protocol, mode, str(count), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-1000:])
    return json.loads(done.stdout.splitlines()[-1])


def in_process(protocol: str, mode: str) -> Row:
    count = size(2000, 50_000, 1_000_000)
    with row(PART, f"in process, {protocol}, {mode}") as one:
        found = serve(protocol, mode, count)
        grown = found["last"] - found["first"]
        one.tried = one.survived = count
        one.worst = f"{grown / 2**20:+.1f} of {found['first'] / 2**20:.0f} MiB, {found['cyclic']:.2f} cyclic a request"
        allowed = CYCLIC
        if mode == "stream":
            own = serve(protocol, mode, 1000, "sdk")["cyclic"]
            allowed = CYCLIC_SEGMENTS
            one.worst += f" (sentry-sdk's own {own:.2f})"
        elif count >= 50_000 and grown > GROWTH:  # before, it is the warm-up; and cycles are kept here
            one.failures.append(f"memory grows by {grown:,.0f} bytes")
        if found["cyclic"] > allowed:
            one.failures.append(f"{found['cyclic']:.2f} objects a request are left to the garbage collector")
        one.failures += [f"{name}: {held} entries" for name, held in found["beyond"].items()]
    return one


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for each in found:
        children = Path(f"/proc/{each}/task/{each}/children")
        if children.exists():
            found += [int(child) for child in children.read_text().split()]
    return found


def memory(pid: int) -> int:
    """The resident set of a process and its descendants, in bytes."""
    pages = [Path(f"/proc/{each}/statm").read_text().split()[1] for each in family(pid)]
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")


def over_http(name: str) -> Row:
    count = size(600, 20_000, 100_000)
    with (
        row(PART, f"over HTTP, {name}") as one,
        tempfile.TemporaryDirectory() as folder,
        Sink() as ingest,
        process_of(SERVERS[name], Path(folder), ingest.dsn, 1) as process,
    ):
        process.wait_until_it_answers()
        used: list[int] = []
        connection: Any = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
        for number in range(count):
            path = PATHS[number % len(PATHS)].format(number)
            connection.request("GET", path, headers={f"X-Made-Up-{number}": "1", "Cookie": f"session=s{number:x}QZ"})
            answer = connection.getresponse()
            answer.read()
            one.note(answer.status in (200, 404, 500), f"{path}: {answer.status}")
            if answer.status == 500:
                connection.close()  # uvicorn does, without a word
            if number >= count // 5 and number % max(1, count // 80) == 0:
                used.append(memory(process._process.pid))
        quarter = max(1, len(used) // 4)
        first, last = statistics.median(used[:quarter]), statistics.median(used[-quarter:])
        one.worst = f"{(last - first) / 2**20:+.1f} of {first / 2**20:.0f} MiB"
        if count > 10_000 and last - first > 2 * GROWTH:
            one.failures.append(f"memory grows by {last - first:,.0f} bytes")
    return one


def run() -> list[Row]:
    """Both."""
    modes = ("static", "stream", "otel")
    rows = [in_process(protocol, mode) for protocol in ("wsgi", "asgi") for mode in modes]
    return rows + [over_http(name) for name in ("uvicorn, uvloop + httptools", "gunicorn, gthread")]
