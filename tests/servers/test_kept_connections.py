"""What the next request of a kept connection inherits on real servers: by our middleware nothing.

``python -m tests.servers.test_kept_connections`` prints the whole table: for each server and output what ours and the
neighbour's own middleware (sentry-sdk's, OpenTelemetry's) let the next requests inherit.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sentry_web.testing.sdk import HAS_STREAMED_SPANS

from .client import Conversation, is_complete, parse, request_bytes
from .processes import SERVERS, Process, Server

OUTPUTS = ["Sentry, static", "Sentry, stream", "OpenTelemetry"]
#: More than uvicorn buffers (64 KiB) by far, since the reader is paused only once there is more.
BODY = b"x" * 600_000
NEXT_REQUESTS = 3
NAME = "gabriela"


def _of(name: str, **changes: str) -> Server:
    """The server of the matrix, serving ``kept``, with other arguments."""
    server = SERVERS[name]
    command = [part.replace("served:", "kept:") for part in server.command]
    for old, new in changes.items():
        command = [re.sub(f"--{old}=.*", f"--{old}={new}", part) for part in command]
    return replace(server, command=tuple(command))


KEPT = {
    "uvicorn, asyncio + h11": _of("uvicorn, asyncio + h11"),
    "uvicorn, asyncio + httptools": _of("uvicorn, asyncio + h11", http="httptools"),
    "uvicorn, uvloop + httptools": _of("uvicorn, uvloop + httptools"),
    "gunicorn, uvicorn worker": _of("gunicorn, uvicorn worker"),
    "hypercorn": _of("hypercorn (ASGI)"),
    "daphne": _of("daphne"),
    "granian": _of("granian (ASGI)"),
}
#: Where asyncio's own transports read: the set-up must show there what the middlewares of others let through.
LEAKS = ["uvicorn, asyncio + h11", "uvicorn, asyncio + httptools"]


def exchange(conversation: Conversation, method: str, path: str, body: bytes | None = None) -> bytes:
    """One request on a connection that stays open."""
    conversation.received = b""
    conversation.send(request_bytes(method, path, {"Connection": "keep-alive"}, body))
    assert conversation.receive_until(lambda raw: is_complete(raw, method)), conversation.received
    return parse(conversation.received, method).body


def inherited(process: Process, who: str) -> str:
    """What the requests after an upload have of it, in some words; ``nothing`` is right."""
    seen: set[str] = set()
    with Conversation(process.port) as conversation:
        exchange(conversation, "POST", f"/{who}/upload", BODY)
        for _ in range(NEXT_REQUESTS):
            if json.loads(exchange(conversation, "GET", f"/{who}/next")):
                seen.add("baggage")
    with Conversation(process.port) as conversation:
        reported = json.loads(exchange(conversation, "GET", "/report"))
    mine = [each for each in reported if f"/{who}/next" in json.dumps(each)]
    first = {trace_of(each) for each in reported if f"/{who}/upload" in json.dumps(each)}
    if not mine:
        return "not recorded"
    for each in mine:
        parts = [key for key in each if NAME in json.dumps(each[key])]
        seen.update("breadcrumbs" if part == "breadcrumbs" else part for part in parts)
        if trace_of(each) in first:
            seen.add("trace")
    return ", ".join(sorted(seen)) or "nothing"


def trace_of(reported: Any) -> str:
    """The trace of an event, of a span of Sentry's, or of OpenTelemetry's."""
    context = reported.get("context") or reported.get("contexts", {}).get("trace") or reported
    return str(context.get("trace_id"))


def row(server: str, output: str, folder: Path) -> dict[str, str]:
    """What each of the two middlewares lets through."""
    process = Process(KEPT[server], folder, 1, KEPT_OUTPUT=output)
    try:
        process.wait_until_it_answers()
        return {who: inherited(process, who) for who in ("ours", "theirs")}
    finally:
        process.stop()


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("server", KEPT)
def test_the_next_request_of_a_kept_connection_inherits_nothing(server: str, output: str, tmp_path: Path) -> None:
    if output == "Sentry, stream" and not HAS_STREAMED_SPANS:
        return
    found = row(server, output, tmp_path)
    assert found["ours"] == "nothing"
    if server in LEAKS:
        assert found["theirs"] != "nothing", "the set-up shows no leak any more: has asyncio or uvicorn been mended?"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"| {'server':<28} | {'output':<14} | {'ours':<8} | theirs |\n|---|---|---|---|")
        for server in KEPT:
            for output in OUTPUTS:
                found = row(server, output, Path(folder))
                print(f"| {server:<28} | {output:<14} | {found['ours']:<8} | {found['theirs']} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
