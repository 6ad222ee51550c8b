"""A backend in trouble does not show: Sentry's ingest is down, hangs, is slow, refuses, or talks nonsense.

One server serves the shop bare and wrapped; a client asks for both in turns, so that the two latencies are of the same
time. Then the server is told to end, and has to within the SDK's timeout.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from servers.processes import SERVERS, process_of

from .load import memory
from .report import Row, row, size

PART = "backends"
#: Of the median latency behind our middleware to that of the bare shop; the SDK's work is in it.
RATIO = 6.0
GROWTH = 60 * 1024 * 1024  # bytes: the SDK's queue holds a hundred envelopes
SHUTDOWN = 5.0 + 5.0  # seconds: ``shutdown_timeout`` of ``tests/servers/served.py``, and what the server itself takes
SERVED = ("uvicorn, uvloop + httptools", "gunicorn, gthread")


def _answer(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Length: 2", *headers, "", "{}"]).encode()


def hang(connection: socket.socket) -> None:
    """Never answer."""
    connection.settimeout(30)
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def answering(answer: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    """Answer each request, whatever it is, after a pause, and close."""

    def serve(connection: socket.socket) -> None:
        connection.settimeout(5)
        connection.recv(65536)
        time.sleep(pause)
        connection.sendall(answer)

    return serve


TROUBLES: dict[str, Callable[[socket.socket], None] | None] = {
    "is down": None,
    "hangs": hang,
    "is slow": answering(_answer("200 OK"), 1.0),
    "answers 429": answering(_answer("429 Too Many Requests", "Retry-After: 60")),
    "answers 500": answering(_answer("500 Internal Server Error")),
    "answers garbage": answering(bytes(range(256)) * 4),
    "closes in mid-body": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"),
}


@contextlib.contextmanager
def backend(serve: Callable[[socket.socket], None] | None) -> Iterator[str]:
    """The DSN of a backend in trouble."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    if serve is None:
        listener.close()

    def handle(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            serve(connection)  # type: ignore[misc]

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://public@127.0.0.1:{port}/1"
    finally:
        listener.close()


def ask(connections: Any, bare: bool, path: str) -> tuple[int, float]:
    """One request on a kept connection: its status, and the seconds that it took."""
    begun = time.perf_counter()
    connections.request("GET", path, headers={"X-Bare": "1"} if bare else {})
    answer = connections.getresponse()
    answer.read()
    return answer.status, time.perf_counter() - begun


def in_trouble(name: str, trouble: str) -> Row:
    """Ask a server whose backend is in this trouble."""
    count = size(150, 1500, 10_000)
    with (
        row(PART, f"the ingest {trouble}, {name}") as one,
        tempfile.TemporaryDirectory() as folder,
        backend(TROUBLES[trouble]) as dsn,
        process_of(SERVERS[name], Path(folder), dsn, 1) as process,
    ):
        process.wait_until_it_answers()
        connection: Any = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
        taken: dict[bool, list[float]] = {True: [], False: []}
        for number in range(40):  # warm
            ask(connection, number % 2 == 0, "/")
        before = memory(process._process.pid)
        for number in range(count):
            bare = number % 2 == 0
            status, seconds = ask(connection, bare, f"/books/{number}")
            taken[bare].append(seconds)
            one.note(status == 200, f"{status}")
        grown = memory(process._process.pid) - before
        connection.close()
        begun = time.monotonic()
        process.terminate()
        ended = process.ended(60)
        shutdown = time.monotonic() - begun
        half, last = ([statistics.quantiles(taken[bare], n=100)[at] for bare in (False, True)] for at in (49, 98))
        one.worst = (
            f"p50 {half[0] / half[1]:.1f} and p99 {last[0] / last[1]:.1f} of the bare one's,"
            f" {grown / 2**20:+.1f} MiB, ended in {shutdown:.1f} s"
        )
        if half[0] > RATIO * half[1]:
            one.failures.append(f"the median is {half[0] * 1000:.1f} ms instead of {half[1] * 1000:.1f} ms")
        if grown > GROWTH:
            one.failures.append(f"memory grows by {grown:,} bytes")
        if not ended or shutdown > SHUTDOWN:
            one.failures.append(f"it takes {shutdown:.1f} s to end")
    return one


def run() -> list[Row]:
    """Every trouble, on both."""
    return [in_trouble(name, trouble) for name in SERVED[: size(1, 2)] for trouble in TROUBLES]
