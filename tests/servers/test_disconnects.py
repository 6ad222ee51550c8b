"""A client that leaves, amid its upload or amid the response, is no error on any server, nor is the server's log of it.

``python -m tests.servers.test_disconnects`` prints the whole table.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sentry_web.demo.ingest import Ingest

from .client import Conversation, request_bytes
from .processes import SERVERS, Process, Server
from .roots import roots_of

#: Bytes that the client promises, and those that it sends.
PROMISED, SENT = 500_000, 100_000
PATIENCE = 10.0  # seconds until a server has noticed
QUIET = 0.5  # seconds in which nothing else may be reported
UPLOAD, DOWNLOAD = f"{1:032x}", f"{2:032x}"

#: What servers that do not notice it make of it, with the reason; ``None``: the application is not called.
UNNOTICED = {
    ("daphne", UPLOAD): {None},  # it calls the application once the body is whole
    ("waitress", UPLOAD): {None},
    ("hypercorn (WSGI)", UPLOAD): {None, "invalid_argument", "ok"},  # half of the body is what the application gets
    ("granian (WSGI)", UPLOAD): {None, "invalid_argument", "ok"},
    ("hypercorn (WSGI)", DOWNLOAD): {"ok", "cancelled"},  # it takes the whole response, whoever is still there
}


def leaving(server: Server) -> Server:
    """The server of the matrix, serving ``leaving``, by one process."""
    command = [part.replace("served:", "leaving:") for part in server.command]
    return replace(server, command=tuple(command))


def leave(process: Process) -> None:
    """Leave amid an upload, then amid a download."""
    with Conversation(process.port) as conversation:
        headers = {"sentry-trace": f"{UPLOAD}-{1:016x}-1", "Content-Length": str(PROMISED)}
        conversation.send(request_bytes("POST", "/upload", headers), b"x" * SENT)
        time.sleep(0.3)  # until the application reads
        conversation.reset()
    with Conversation(process.port) as conversation:
        conversation.send(request_bytes("GET", "/download", {"sentry-trace": f"{DOWNLOAD}-{1:016x}-1"}))
        conversation.receive_until(lambda raw: len(raw) > PROMISED)
        conversation.reset()


def outcomes(name: str, folder: Path) -> tuple[dict[str, Any], list[Any]]:
    """How the two requests ended, by their traces, and the events that were sent."""
    with Ingest() as ingest:
        process = Process(leaving(SERVERS[name]), folder, 1, LEAVING_DSN=ingest.dsn, SERVED="leaving")
        try:
            process.wait_until_it_answers()
            leave(process)
            wanted = {trace for trace in (UPLOAD, DOWNLOAD) if None not in UNNOTICED.get((name, trace), ())}
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end and not wanted <= {root.trace_id for root in roots_of(ingest)}:
                time.sleep(0.05)
            time.sleep(QUIET)
        finally:
            process.stop()
        return {root.trace_id: root.status for root in roots_of(ingest)}, [
            event.get("logentry") or event["exception"] for event in ingest.errors
        ]


@pytest.mark.parametrize("name", SERVERS)
def test_a_client_that_leaves_is_no_error(name: str, tmp_path: Path) -> None:
    if not SERVERS[name].installed:
        pytest.skip(f"{SERVERS[name].package} is not installed")
    ended, events = outcomes(name, tmp_path)
    assert events == []
    for trace in (UPLOAD, DOWNLOAD):
        assert ended.get(trace) in UNNOTICED.get((name, trace), {"cancelled"}), (name, trace)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"| {'server':<28} | {'amid the upload':<16} | {'amid the download':<18} | events |\n|---|---|---|---|")
        for name in SERVERS:
            ended, events = outcomes(name, Path(folder))
            print(
                f"| {name:<28} | {ended.get(UPLOAD, '–'):<16} | {ended.get(DOWNLOAD, '–'):<18} | {events} |", flush=True
            )


if __name__ == "__main__":
    sys.exit(main())
