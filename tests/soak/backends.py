"""A backend in trouble does not show: it is down, hangs, is slow, refuses, or talks nonsense.

Sentry's ingest is tried, and an OTLP receiver. One server serves the shop bare and wrapped; a client asks for both in
turns, so that the two latencies are of the same time. Then the server is told to end, and has to within the SDK's
timeout. What was reported has arrived, was refused, is counted by the SDK as dropped, or was still held at the end.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import socket
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from servers.processes import SERVERS, Process, Server, process_of

from .load import memory
from .report import Row, row, size

PART = "backends"
TESTS = Path(__file__).parents[1]
#: Of the median latency behind our middleware to that of the bare shop, and the same of what is served in a second;
#: the SDK's work is in it.
RATIO = 6.0
GROWTH = 60 * 1024 * 1024  # bytes: the SDK's queue holds a hundred envelopes
#: Seconds: what ``troubled`` gives the SDKs, OpenTelemetry's for its traces and for its metrics, and the server itself.
SHUTDOWN = 5.0 + 5.0
#: What the SDKs hold at most, and what is under way then: see ``troubled``.
HELD = 100 + 20
SERVED = ("uvicorn, uvloop + httptools", "gunicorn, gthread")
WARM = 40  # requests
PATHS = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH", ""))))
SETTINGS = {"OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true"}  # OpenTelemetry counts what it drops
#: Where the SDKs may hold something at the end, since they wait for an answer, or try again.
HOLDS = ("is down", "hangs", "is slow", "answers 429", "answers garbage")


def _answer(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Length: 2", "Connection: close", *headers, "", "{}"]).encode()


@dataclass
class Trouble:
    """What a backend answers to each request, whatever it is, and after which pause; ``None``: nothing at all."""

    answer: bytes | None
    pause: float = 0.0
    listens: bool = True


TROUBLES = {
    "is well": Trouble(_answer("200 OK")),
    "is down": Trouble(None, listens=False),
    "hangs": Trouble(None, 30.0),
    "is slow": Trouble(_answer("200 OK"), 0.5),
    "answers 429": Trouble(_answer("429 Too Many Requests", "Retry-After: 60")),
    "answers 500": Trouble(_answer("500 Internal Server Error")),
    "answers garbage": Trouble(bytes(range(256)) * 4),
    "closes in mid-body": Trouble(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"),
}
#: The outputs: what their backend is called.
OUTPUTS = {"sentry": "the ingest", "otel": "the OTLP receiver"}


class Backend:
    """A backend in trouble; counts the reports of requests that it has answered.

    Args:
        output: Whose it is.
        trouble: What is wrong with it.
    """

    def __init__(self, output: str, trouble: Trouble) -> None:
        self._trouble = trouble
        self._lock = threading.Lock()
        self.answered = 0
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{self.socket.getsockname()[1]}"
        #: The DSN, or the endpoint.
        self.address = f"http://public@{place}/1" if output == "sentry" else f"http://{place}"
        if trouble.listens:
            self.socket.listen(128)
            threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            head, body = read_request(connection)
            time.sleep(self._trouble.pause)
            if self._trouble.answer is not None:
                connection.sendall(self._trouble.answer)
                with self._lock:
                    self.answered += reports_in(head, body)


def read_request(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of a request with a length."""
    read = b""
    while b"\r\n\r\n" not in read and (more := connection.recv(65536)):
        read += more
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < int((lengths or [b"0"])[0]) and (more := connection.recv(65536)):
        body += more
    return head, body


def reports_in(head: bytes, body: bytes) -> int:
    """How many transactions or spans were sent."""
    if b"content-encoding: gzip" in head.lower():
        body = gzip.decompress(body)
    if b"/v1/traces" in head:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        sent = ExportTraceServiceRequest.FromString(body)
        return sum(len(scope.spans) for resource in sent.resource_spans for scope in resource.scope_spans)
    if b"/envelope/" in head:
        from sentry_sdk.envelope import Envelope

        return sum(item.type == "transaction" for item in Envelope.deserialize(body).items)
    return 0


def serving(name: str) -> Server:
    """A server of the matrix, serving ``troubled``."""
    server = SERVERS[name]
    return replace(server, command=tuple(part.replace("served:", "soak.troubled:") for part in server.command))


def ask(connection: Any, bare: bool, path: str) -> tuple[int, float]:
    """One request on a kept connection: its status, and the seconds that it took."""
    begun = time.perf_counter()
    connection.request("GET", path, headers={"X-Bare": "1"} if bare else {})
    answer = connection.getresponse()
    answer.read()
    return answer.status, time.perf_counter() - begun


def measure(one: Row, process: Process, count: int) -> str:
    """Ask for both in turns; return the figures, as ratios to the bare shop's."""
    connection: Any = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
    taken: dict[bool, list[float]] = {True: [], False: []}
    for number in range(WARM):
        ask(connection, number % 2 == 0, "/")
    before = memory(process._process.pid)
    for number in range(count):
        bare = number % 2 == 0
        status, seconds = ask(connection, bare, f"/books/{number}")
        taken[bare].append(seconds)
        one.note(status == 200, f"{status}")
    grown = memory(process._process.pid) - before
    connection.close()
    half, last = ([statistics.quantiles(taken[bare], n=100)[at] for bare in (False, True)] for at in (49, 98))
    rate = sum(taken[True]) / sum(taken[False])
    if half[0] > RATIO * half[1] or (rate < 1 / RATIO and count >= 1000):
        one.failures.append(f"the median is {half[0] * 1000:.1f} ms instead of {half[1] * 1000:.1f} ms, {rate:.2f} / s")
    if grown > GROWTH:
        one.failures.append(f"memory grows by {grown:,} bytes")
    ratios = f"requests a second {rate:.2f}, p50 {half[0] / half[1]:.1f}, p99 {last[0] / last[1]:.1f} of the bare one's"
    return f"{ratios}; {grown / 2**20:+.1f} MiB"


def in_trouble(output: str, name: str, trouble: str) -> Row:
    """Ask a server whose backend is in this trouble."""
    count = size(150, 1500, 10_000)
    receiver = Backend(output, TROUBLES[trouble])
    with (
        row(PART, f"{OUTPUTS[output]} {trouble}, {name}") as one,
        tempfile.TemporaryDirectory() as folder,
        receiver.socket,
    ):
        written = Path(folder, "counts.json")
        more = {"SOAK_OUTPUT": output, "SOAK_COUNTS": str(written), "PYTHONPATH": PATHS}
        with process_of(serving(name), Path(folder), receiver.address, 1, **more, **SETTINGS) as process:
            process.wait_until_it_answers()
            figures = measure(one, process, count)
            begun = time.monotonic()
            process.terminate()
            ended = process.ended(60)
            shutdown = time.monotonic() - begun
            printed = str(process)
        counts = json.loads(written.read_text())
        one.worst = f"{figures}; {balance(one, output, trouble, counts, receiver.answered)}; ended in {shutdown:.1f} s"
        if counts["tried"] != (count + WARM) // 2:
            one.failures.append(f"{counts['tried']} reports of {(count + WARM) // 2} requests")
        if "sentry_web/" in printed:
            one.failures.append(f"printed: {printed[:600]}")
        if not ended or shutdown > SHUTDOWN:
            one.failures.append(f"it takes {shutdown:.1f} s to end")
    return one


def balance(one: Row, output: str, trouble: str, counts: dict[str, int], answered: int) -> str:
    """What became of the reports; what is neither sent nor counted as dropped was held when the process ended."""
    tried, lost = counts["tried"], counts.get("lost", 0)
    # What the ingest refuses with a 429 it counts by itself, and so the SDK does not
    sent = answered if trouble in ("is well", "is slow") or (output, trouble) == ("sentry", "answers 429") else 0
    held = tried - sent - lost
    if not 0 <= held <= (HELD if trouble in HOLDS else 0):
        one.failures.append(f"of {tried} reports {sent} were answered and {lost} counted as dropped")
    return f"of {tried} reports {sent} answered, {lost} counted as dropped, {held} held at the end"


def run() -> list[Row]:
    """Every trouble of each output, on both."""
    return [
        in_trouble(output, name, trouble) for output in OUTPUTS for name in SERVED[: size(1, 2)] for trouble in TROUBLES
    ]
