"""Processes that come and go under load: no report is lost or mixed up.

Workers that are forked from a process which has initialised everything, workers that are replaced after some requests,
greenlets, and servers that are told to end amid requests. Each request has a trace of its own, and every one that was
answered must have its root span, of its URL.
"""

from __future__ import annotations

import http.client
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from servers.processes import SERVERS, Process, Server, process_of, read_what_was_sent
from servers.roots import roots_of

from sentry_web.demo.ingest import Ingest

from .report import Row, row, size

PART = "processes"
CLIENTS = 8
#: Seconds for what is still unsent at the end. The SDK's queue holds a hundred envelopes by default, and drops others:
#: here it holds all, since what it drops under load is its own.
PATIENCE = 40
#: A server that is no part of the matrix.
GREEN = Server(
    "eventlet.wsgi", "wsgi", "eventlet", (sys.executable, str(Path(__file__).with_name("green.py")), "{port}")
)
RECYCLED = size(40, 250)  # a worker takes seconds to start
RECYCLING = (f"--max-requests={RECYCLED}",)
#: The attacks: a server of the matrix, what is added to its command, and whether it is told to end amid requests.
ATTACKS: dict[str, tuple[str, tuple[str, ...], bool]] = {
    "forked after the application was loaded, gunicorn, gthread": ("gunicorn, gthread", ("--preload",), False),
    f"workers replaced after {RECYCLED} requests, gunicorn, sync": ("gunicorn, sync", RECYCLING, False),
    f"workers replaced after {RECYCLED} requests, gunicorn, gthread": ("gunicorn, gthread", RECYCLING, False),
    "greenlets, gunicorn, gevent": ("gunicorn, gevent", (), False),
    "greenlets, eventlet.wsgi": (GREEN.name, (), False),
    # One worker: hypercorn kills its others, with what they have not sent yet, as soon as one has ended
    "tasks of trio, hypercorn (ASGI)": ("hypercorn (ASGI)", ("--workers=1", "--worker-class=trio"), False),
    "SIGTERM amid requests, gunicorn, gthread": ("gunicorn, gthread", (), True),
    "SIGTERM amid requests, gunicorn, gevent": ("gunicorn, gevent", (), True),
    "SIGTERM amid requests, uvicorn, uvloop + httptools": ("uvicorn, uvloop + httptools", (), True),
    "SIGTERM amid requests, uvicorn, asyncio + h11": ("uvicorn, asyncio + h11", (), True),
    "SIGTERM amid requests, hypercorn (ASGI)": ("hypercorn (ASGI)", ("--workers=1",), True),
    "SIGTERM amid requests, hypercorn (ASGI), trio": ("hypercorn (ASGI)", ("--workers=1", "--worker-class=trio"), True),
}


class Client(threading.Thread):
    """Asks on kept connections, as long as there are numbers and a server; notes what was answered.

    Args:
        port: The server's.
        number: Returns the number of the next request, ``None`` at the end.
    """

    def __init__(self, port: int, number: Callable[[], int | None]) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._number = number
        self.answered: set[int] = set()
        self.refused = 0

    def run(self) -> None:
        connection: Any = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while (number := self._number()) is not None:
            try:
                connection.request("GET", f"/books/{number}", headers={"sentry-trace": f"{number:032x}-{1:016x}-1"})
                answer = connection.getresponse()
                if answer.status == 200 and answer.read() == b"book %d" % number:
                    self.answered.add(number)
            except (OSError, http.client.HTTPException):  # the server has closed the connection, or is gone
                self.refused += 1
                connection.close()
                time.sleep(0.01)


def ask(process: Process, count: int, ends: bool) -> list[Client]:
    """Make many requests at once; where it ends amid them, until nobody answers."""
    numbers, lock, over = iter(range(1, count + 1)), threading.Lock(), threading.Event()

    def number() -> int | None:
        with lock:
            return None if over.is_set() else next(numbers, None)

    clients = [Client(process.port, number) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    if ends:
        time.sleep(1.0)
        process.terminate()
        process.ended(2 * PATIENCE)
        over.set()
    for client in clients:
        client.join()
    return clients


def attacked(attack: str) -> Row:
    """Make the requests, end the server, and look for the reports."""
    name, added, ends = ATTACKS[attack]
    server = {**SERVERS, GREEN.name: GREEN}[name]
    *command, target = server.command
    if server.package == "gunicorn":
        added = (*added, f"--graceful-timeout={PATIENCE}")
    server = replace(server, command=(*command, *added, target))
    count = 10**6 if ends else size(200, 3000, 20_000)
    with row(PART, attack) as one, tempfile.TemporaryDirectory() as folder, Ingest() as ingest:
        more = {"SHOP_PATIENCE": str(PATIENCE), "SHOP_QUEUE": "1000000"}
        with process_of(server, Path(folder), ingest.dsn, 2, **more) as process:
            process.wait_until_it_answers()
            clients = ask(process, count, ends)
            process.terminate()
            if not process.ended(2 * PATIENCE):
                one.failures.append("it does not end")
            printed = str(process)
        read_what_was_sent(ingest)
        reported = {int(root.trace_id, 16): root.url for root in roots_of(ingest)}
        answered = set().union(*(client.answered for client in clients))
        if not ends and len(answered) < count:
            one.failures.append(f"{count - len(answered)} of {count} were not answered")
        lost = sorted(answered - reported.keys())
        mixed = [number for number in answered & reported.keys() if not reported[number].endswith(f"/books/{number}")]
        one.tried, one.survived = len(answered), len(answered) - len(lost) - len(mixed)
        one.worst = f"{len(lost)} reports lost, {len(mixed)} mixed up"
        if "Traceback" in printed:
            one.failures.append(f"printed: {printed[printed.index('Traceback') :][:600]}")
    return one


def run() -> list[Row]:
    """Each of them."""
    return [attacked(attack) for attack in ATTACKS]
