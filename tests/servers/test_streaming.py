"""A WSGI stream shows its true duration and the spans inside of it, under servers with threads, in both SDK modes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sentry_web.demo.ingest import Ingest

from .serving import Client
from .streaming_app import CHUNKS, PAUSE
from .test_servers import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = "streaming_app:application"
COMMANDS = {
    "gunicorn": ["gunicorn", "--no-control-socket", "--worker-class=gthread", "--threads=4", "--bind=127.0.0.1:{port}"],
    "waitress": ["waitress", "--listen=127.0.0.1:{port}"],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(server: str, **environment: str) -> Iterator[Client]:
    """Run a server as a process of its own, until it answers, and stop it."""
    port = free_port()
    command = [part.format(port=port) for part in COMMANDS[server]]
    process = subprocess.Popen(
        [sys.executable, "-m", *command, TARGET],
        cwd=Path(__file__).parent,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, f"{server} did not start"
                assert process.poll() is None, f"{server} ended with {process.returncode}"
                time.sleep(0.05)
        yield Client(port)
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("mode", ["transactions", "stream"])
@pytest.mark.parametrize("server", sorted(COMMANDS))
def test_a_stream_is_as_long_as_it_takes_and_keeps_its_spans(server: str, mode: str) -> None:
    if mode == "stream" and find_spec("sentry_sdk.traces") is None:
        pytest.skip("not with this sentry-sdk: it has no stream mode")
    with Ingest() as ingest:
        with serving(server, DSN=ingest.dsn, SDK_MODE=mode) as client:
            answer = client.request("GET", "/download")
            root, children = (stream_of if mode == "stream" else transaction_of)(ingest)
        assert answer.body.split() == [b"%d" % number for number in range(CHUNKS)]
        assert sorted(children) == [f"chunk {number}" for number in range(CHUNKS)]
        assert root >= CHUNKS * PAUSE


def transaction_of(ingest: Any) -> tuple[float, list[str]]:
    ingest.wait_for(lambda: ingest.transactions, 15)
    (transaction,) = (getattr(item, "payload", item) for item in ingest.transactions)
    return duration(transaction), [span["description"] for span in transaction["spans"]]


def stream_of(ingest: Any) -> tuple[float, list[str]]:
    def spans() -> list[Any]:
        return [getattr(item, "payload", item) for item in ingest.spans]

    ingest.wait_for(lambda: any(span["is_segment"] for span in spans()), 15)
    (root,) = (span for span in spans() if span["is_segment"])
    return root["end_timestamp"] - root["start_timestamp"], [span["name"] for span in spans() if not span["is_segment"]]
