"""Every function of the package raises in turn, on real servers: the client and the server see no difference.

One process serves for all functions, and ``/control`` says which of them is broken (see ``faulty``). Six kinds of
requests are made for each function and each error (on the further servers of a protocol for one error of three, but
with ``SOAK=full``), and compared with the bare application's answers, to the byte;
so are the exceptions that reach the server, with their causes and contexts. What has arrived at the ingest by then
holds no secret of the requests.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from conformance.test_fail_closed import FUNCTIONS as FAIL_CLOSED
from conformance.test_faults import ENTRY_POINTS
from servers.client import Answer, Conversation, request_bytes
from servers.processes import SERVERS, Process, Server, kill_group

from sentry_web.demo.ingest import Ingest

from .report import SIZE, Row, row, size

PART = "faults"
TESTS = Path(__file__).parents[1]
SECRETS = {
    name: f"{name[:2]}7kX{number}QZWVx{number}9b" for number, name in enumerate(("header", "cookie", "query", "body"))
}
HEADERS = {"X-Auth-Token": SECRETS["header"], "Cookie": f"theme=dark; session={SECRETS['cookie']}"}
BODY = json.dumps({"book": 17, "password": SECRETS["body"]}).encode()
KINDS = {
    "ok": ("GET", "/ok", None),
    "error": ("GET", "/fails", None),
    "stream": ("GET", "/stream", None),
    "torn": ("GET", "/breaks", None),
    "upload": ("POST", "/upload", BODY),
    "disconnect": ("GET", "/endless", None),
}
ERRORS = ("InternalError", "MemoryError", "RecursionError")
_ASGI, _WSGI = "soak.faulty:asgi_application", "soak.faulty:wsgi_application"
#: Of the matrix of ``tests/servers``, each with one process.
NAMES = (
    "uvicorn, uvloop + httptools",
    "uvicorn, asyncio + h11",
    "hypercorn (ASGI)",
    "hypercorn (WSGI)",
    "gunicorn, sync",
    "gunicorn, gthread",
    "gunicorn, gevent",
    "waitress",
)


def serving(name: str) -> Server:
    """A server of the matrix, serving ``faulty``."""
    server = SERVERS[name]
    command = [part.replace("served:", "soak.faulty:") for part in server.command]
    return replace(server, command=tuple(command))


class Site:
    """A server with one process, its ingest, and what the bare application answers."""

    def __init__(self, process: Process, ingest: Ingest) -> None:
        self.process = process
        self.ingest = ingest
        self.order()
        self.bare = self.ask_all({"X-Bare": "1"})
        self.seen_bare = self.order()["seen"]

    def ask(self, kind: str, more: dict[str, str]) -> Answer | None:
        """One request; ``None``: its client has left."""
        method, path, body = KINDS[kind]
        with Conversation(self.process.port) as conversation:
            target = f"{path}?page=2&token={SECRETS['query']}"
            conversation.send(request_bytes(method, target, {**HEADERS, **more}, body))
            if kind == "disconnect":
                conversation.receive_until(lambda raw: len(raw) > 1000)
                conversation.reset()
                return None
            return conversation.answer(method)

    def ask_all(self, more: dict[str, str] | None = None) -> dict[str, Answer | None]:
        return {kind: self.ask(kind, more or {}) for kind in KINDS}

    def order(self, **asked: str) -> Any:
        """Turn to another function; what was seen until now."""
        with Conversation(self.process.port) as conversation:
            conversation.send(request_bytes("GET", f"/control?{urlencode(asked)}", {}))
            return json.loads(conversation.answer().body)

    def differences(self, answers: dict[str, Answer | None], seen: Any) -> list[str]:
        """What is not as it is with the bare application."""
        found = []
        for kind, answer in answers.items():
            bare = self.bare[kind]
            if answer is not None and bare is not None and not answer.is_like(bare):
                found.append(f"{kind}: {answer} instead of {bare}")
        if seen != self.seen_bare:
            found.append(f"the server saw {seen} instead of {self.seen_bare}")
        return found

    def leaks(self) -> list[str]:
        """Which secrets have arrived since the last time."""
        sent = self.ingest.raw_bytes
        self.ingest.clear()
        return [name for name, secret in SECRETS.items() if secret.encode() in sent]


@contextlib.contextmanager
def site_of(name: str, folder: Path, **more: str) -> Iterator[Site]:
    """A server that serves ``faulty``."""
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH", ""))))
    with Ingest() as ingest:
        process = Process(serving(name), folder, 1, SOAK_DSN=ingest.dsn, PYTHONPATH=path, **more)
        try:
            process.wait_until_it_answers()
            yield Site(process, ingest)
        finally:
            process.stop()


def break_all(site: Site, names: list[str], done: Row, leaks: Row, every_error: bool) -> list[str]:
    """Break one function after the other; returns those that were called at all."""
    called = []
    for number, name in enumerate(names):
        for error in ERRORS if every_error else (ERRORS[number % len(ERRORS)],):
            site.order(name=name, error=error)
            answers = site.ask_all()
            seen = site.order()
            differences = site.differences(answers, seen["seen"])
            done.note(not differences, f"{name}, {error}: {'; '.join(differences)[:400]}")
            leaked = site.leaks()
            if name in FAIL_CLOSED:
                leaks.note(not leaked, f"{name}, {error}: {', '.join(leaked)}")
            if not seen["fired"]:
                break  # no request calls it, whatever it would raise
        if seen["fired"]:
            called.append(name)
    return called


def run() -> list[Row]:
    """Every function, on every server: on the first of a protocol, to learn which are called at all; then those."""
    rows = []
    learned: dict[str, list[str]] = {}
    for name in NAMES[:: size(4, 1)]:
        for lifecycle in ("static", "stream")[: size(1, 2) if name == NAMES[0] else 1]:
            shown = f"{name}{', streamed spans' if lifecycle == 'stream' else ''}"
            leaks = Row(PART, f"secrets at the ingest, {shown}")
            with (
                row(PART, f"answers and exceptions, {shown}") as done,
                tempfile.TemporaryDirectory() as folder,
                site_of(name, Path(folder), SOAK_LIFECYCLE=lifecycle) as site,
            ):
                begun = time.monotonic()
                every = sorted(set(site.order(list="1")["functions"]) - ENTRY_POINTS.keys())
                known = f"{SERVERS[name].interface} {lifecycle}"
                names = learned.get(known) or every[:: size(12, 1)]
                every_error = known not in learned or SIZE == "full"
                called = break_all(site, names, done, leaks, every_error)
                learned.setdefault(known, called)
                done.worst = f"{len(called)} functions called, of {len(every)}"
                leaks.worst = "0 bytes" if not leaks.failures else "sent"
                leaks.seconds = time.monotonic() - begun
            rows += [done, leaks]
            print(leaks, *leaks.failures[:20], sep="\n        ", flush=True)
    return rows


__all__ = ["kill_group", "run"]
