"""The configuration files of ``examples/deploy`` serve an example, but for the port; they end at SIGTERM."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .client import Conversation, request_bytes
from .processes import START, UWSGI, kill_group, reserve_port, wait_until

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
COMMANDS = {
    "gunicorn.conf.py": [sys.executable, "-m", "gunicorn", "--no-control-socket", "-c", "{file}"],
    "uwsgi.ini": [str(UWSGI), "--ini", "{file}", f"--virtualenv={sys.prefix}", "--pythonpath=."],
}


def status_of(port: int, path: str) -> int:
    """The status of an answer; 0 where there is none."""
    with contextlib.suppress(Exception), Conversation(port) as conversation:
        conversation.send(request_bytes("GET", path, {}))
        return conversation.answer().status
    return 0


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_configuration(name: str, tmp_path: Path) -> None:
    port, keeper = reserve_port()
    with keeper:
        serve_example(name, port, tmp_path)


def serve_example(name: str, port: int, tmp_path: Path) -> None:
    file = tmp_path / name
    text = (EXAMPLES / "deploy" / name).read_text("utf-8")
    assert "127.0.0.1:8000" in text
    file.write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{port}"), encoding="utf-8")
    log = tmp_path / "log"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COVERAGE_", "SENTRY_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.format(file=file) for part in COMMANDS[name]],
            cwd=EXAMPLES,
            env={**kept, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        assert wait_until(lambda: status_of(port, "/") == 200, START), log.read_text("utf-8")
        # wsgi.errors has the traceback; what the client gets, and when, is the server's own affair.
        with Conversation(port) as conversation:
            conversation.send(request_bytes("GET", "/fails", {}))
            assert wait_until(lambda: "RuntimeError: as asked" in log.read_text("utf-8"), START), log.read_text("utf-8")
        process.send_signal(signal.SIGTERM)
        process.wait(START)  # longer than the graceful_timeout of gunicorn's
    finally:
        kill_group(process)
