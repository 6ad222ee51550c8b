"""What is waiting to be sent when a server is told to end is sent, also by those that leave without ``atexit``.

The ingest is slow, so that there is always something waiting.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sentry_web.demo.ingest import Ingest

from .client import Conversation, request_bytes
from .processes import SERVERS, Process, process_of, read_what_was_sent
from .roots import roots_of

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS = 4
WITH_LIFESPAN = [name for name, server in SERVERS.items() if "lifespan" in server.features]


class SlowIngest(Ingest):
    """An ingest that takes its time for each envelope; the SDK sends one at a time."""

    def receive(self, body: bytes) -> None:
        super().receive(body)
        time.sleep(0.25)


@pytest.mark.parametrize("name", WITH_LIFESPAN)
def test_what_is_waiting_at_shutdown_is_sent(name: str, tmp_path: Path) -> None:
    with SlowIngest() as ingest:
        with process_of(SERVERS[name], tmp_path, ingest.dsn, 1) as process:
            process.wait_until_it_answers()
            for _ in range(REQUESTS):
                with Conversation(process.port) as conversation:
                    conversation.send(request_bytes("GET", "/fails", {}))
                    assert conversation.answer().status == 500
            process.terminate()
            assert process.ended(), process
        read_what_was_sent(ingest)
        assert len(ingest.errors) == REQUESTS, process
        assert len(roots_of(ingest)) == REQUESTS, process


@pytest.mark.parametrize("name", WITH_LIFESPAN)
def test_what_opentelemetry_holds_at_shutdown_is_sent(name: str, tmp_path: Path) -> None:
    command = tuple(part.replace("served:", "held:") for part in SERVERS[name].command)
    exported = tmp_path / "exported"
    process = Process(replace(SERVERS[name], command=command), tmp_path, 1, HELD_FILE=str(exported))
    try:
        process.wait_until_it_answers()
        for _ in range(REQUESTS):
            with Conversation(process.port) as conversation:
                conversation.send(request_bytes("GET", "/books/7", {}))
                assert conversation.answer().status == 200
        assert exported.read_text() == "", process
        process.terminate()
        assert process.ended(), process
    finally:
        process.stop()
    lines = exported.read_text().splitlines()
    assert lines.count("span GET /books/{number:int}") == REQUESTS, lines
    assert "metrics" in lines
