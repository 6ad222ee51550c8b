"""A client that leaves is no error in any framework: while it sends its body, and while it holds a websocket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sentry_web

from . import leaving

ROOT = Path(__file__).resolve().parents[2]
#: How it ends where the framework handles the departure by itself.
HANDLED = {("quart", "websocket"): [None, "ok"], ("falcon_asgi", "websocket"): ["ok"]}


def report(name: str, kind: str) -> dict[str, Any]:
    """Let a client leave; in a process of its own where the framework can be set up once, or warns at its import."""
    if not name.startswith(("django", "pyramid")):
        return leaving.report(name, kind)
    path = os.pathsep.join([str(Path(sentry_web.__file__).parents[1]), str(ROOT)])
    command = [sys.executable, "-W", "ignore", "-m", "tests.frameworks.leaving", name, kind]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", [*leaving.WSGI, *leaving.ASGI])
def test_a_client_that_leaves_amid_its_body(name: str) -> None:
    found = report(name, "body")
    assert found["errors"] == []
    assert found["outcome"] == ["cancelled"]
    assert [code for code in found["code"] if code and code >= 500] == []


@pytest.mark.parametrize("name", leaving.SOCKETS)
def test_a_client_that_leaves_a_websocket(name: str) -> None:
    found = report(name, "websocket")
    assert found["errors"] == []
    (outcome,) = found["outcome"]
    assert outcome in HANDLED.get((name, "websocket"), ["cancelled"])
