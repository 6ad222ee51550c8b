"""A command in the place of this process, and as its child where that is not possible."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from sentry_web.cli import become

#: Becomes a program that prints its pid and its environment, and ends with a status of its own.
SCRIPT = """
import os, sys
from sentry_web.cli import become
become._REPLACES = {replaces}
print(os.getpid())
command = ["python", "-c", "import os; print(os.getpid(), os.environ['GREETING']); raise SystemExit(7)"]
become.become(sys.executable, command, {{**os.environ, "GREETING": "hello"}})
"""


@pytest.mark.parametrize("replaces", [True, False])
def test_the_command_runs_with_its_environment_and_its_status_is_ours(replaces: bool) -> None:
    command = [sys.executable, "-c", SCRIPT.format(replaces=replaces)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    first, second, greeting = done.stdout.split()
    assert (done.returncode, greeting, first == second) == (7, "hello", replaces), done.stderr


def test_an_interruption_is_left_to_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(become, "_REPLACES", False)

    def interrupt() -> None:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(SystemExit) as ended:  # the signal comes to this process alone, and the child ends by itself
        become.become(sys.executable, ["python", "-c", "import time; time.sleep(1); raise SystemExit(3)"], os.environ)
    thread.join()
    assert ended.value.code == 3
