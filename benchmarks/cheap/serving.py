"""Requests per second behind real servers, loaded by wrk on loopback: how much of the bare application's is kept.

Each round starts every contestant's server anew and loads it for a moment, so that they take turns here too. All is
bounded: the number of rounds, the seconds of each, the wait for a server.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .peers import BARE, OURS, OURS_OTEL, SDK

_SERVERS: dict[str, list[str]] = {
    "uvicorn": [
        *("-m", "uvicorn", "--app-dir", "{root}", "--host", "127.0.0.1", "--port", "{port}"),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"),
        "cheap.served:asgi",
    ],
    "gunicorn": [
        *("-m", "gunicorn", "--pythonpath", "{root}", "--bind", "127.0.0.1:{port}", "--workers", "1"),
        *("--worker-class", "gthread", "--threads", "4", "--log-level", "error", "--no-control-socket"),
        "cheap.served:wsgi",
    ],
}
#: Peers by configuration.
_WHO: dict[str, tuple[str, ...]] = {
    "errors only": (OURS, SDK),
    "unsampled": (OURS, SDK),
    "sampled": (OURS, SDK, "OpenTelemetry", OURS_OTEL),
    "stream": (OURS, SDK),
}


def measure(seconds: float, rounds: int) -> Iterator[tuple[str, dict[tuple[str, str], float]]]:
    """Server, and the median requests per second by peer and configuration."""
    if shutil.which("wrk") is None:
        return
    for server in _SERVERS:
        wanted = [(BARE, "no client"), *((peer, column) for column, who in _WHO.items() for peer in who)]
        seen: dict[tuple[str, str], list[float]] = {key: [] for key in wanted}
        for _ in range(rounds):
            for peer, column in wanted:
                rate = _load(server, peer, column, seconds)
                if rate is not None:
                    seen[peer, column].append(rate)
        yield server, {key: statistics.median(rates) for key, rates in seen.items() if rates}


def _load(server: str, peer: str, column: str, seconds: float) -> float | None:
    port = free_port()
    root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, *(part.format(root=root, port=port) for part in _SERVERS[server])]
    environment = {**os.environ, "BENCHMARK_PEER": peer, "BENCHMARK_COLUMN": column}
    process = subprocess.Popen(  # noqa: S603
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with stopping(process):
        if not listens(process, port):
            return None
        _wrk(port, 1)  # to warm up
        return _wrk(port, seconds)


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def stopping(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End a process when the block ends."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def listens(process: subprocess.Popen[Any], port: int, seconds: float = 10) -> bool:
    """Wait for a server; false if it has ended, or does not come."""
    for _ in range(round(seconds / 0.05)):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _wrk(port: int, seconds: float) -> float | None:
    command = ["wrk", "-t1", "-c16", f"-d{max(1, round(seconds))}s", f"http://127.0.0.1:{port}/books/42?page=2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    return float(found[1]) if found and "Non-2xx" not in done.stdout else None


def kept(rates: dict[tuple[str, str], float]) -> dict[str, dict[str, float]]:
    """The part of the bare application's rate that is kept, by configuration and peer."""
    bare = rates.get((BARE, "no client"))
    table: dict[str, dict[str, float]] = {}
    for (peer, column), rate in rates.items():
        if bare and peer != BARE:
            table.setdefault(column, {})[peer] = rate / bare
    return table
