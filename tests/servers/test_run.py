"""``sentry-web run`` under each server that a user may name, as a user meets it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sentry_web._run.launch import SERVERS

from .client import Conversation, request_bytes
from .processes import START, kill_group, reserve_port, wait_until

CASES = [(name, interface) for name, server in SERVERS.items() for interface in sorted(server.interfaces)]
SHOP = """
def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise RuntimeError("no paper left")
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/boom":
        raise RuntimeError("no paper left")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.mark.parametrize(("name", "interface"), CASES)
def test_run(name: str, interface: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    workers = ["--workers=2"] if SERVERS[name].workers else []
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COVERAGE_", "SENTRY_"))}
    # tests/test_cli.py has --port=0; between that being resolved and the server's start others could take the port.
    port, keeper = reserve_port()
    with keeper, tempfile.TemporaryFile() as output:
        command = [sys.executable, "-c", "from sentry_web.cli import main; main()", "run", f"shop:{interface}"]
        process = subprocess.Popen(
            [*command, f"--port={port}", f"--server={name}", *workers],
            cwd=tmp_path,
            env={**kept, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def printed() -> str:
            return os.pread(output.fileno(), 1_000_000, 0).decode("utf-8", "replace")

        def status_of(path: str) -> int | None:
            # none where the connection is refused or cut off, while the server is still coming up
            with contextlib.suppress(Exception), Conversation(port) as conversation:
                conversation.send(request_bytes("GET", path, {}))
                return conversation.answer().status
            return None

        try:
            assert wait_until(lambda: status_of("/") == 200, START), printed()
            assert status_of("/boom") == 500, printed()
            assert wait_until(lambda: "error RuntimeError: no paper left" in printed(), START), printed()
            assert wait_until(lambda: "http.server GET /boom" in printed(), START), printed()
            assert (
                f"Serving shop:{interface} ({interface.upper()}) with {name} on http://127.0.0.1:{port}," in printed()
            )
        finally:
            kill_group(process)  # how servers end at SIGTERM is tried by the matrix
        assert printed().count("error RuntimeError: no paper left") == 1
