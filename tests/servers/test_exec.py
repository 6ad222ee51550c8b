"""``sentry-web exec`` before the commands that people serve with: ``manage.py``, ``flask``, gunicorn, uvicorn.

A request that fails is one transaction and one error, in whichever process it is served, and its token stays home.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentry_web.demo.ingest import Ingest
from sentry_web.testing.events import Events
from sentry_web.testing.sdk import HAS_TRANSACTIONS

from .processes import kill_group, reserve_port, wait_until

TOKEN = "1-terces-yrev"[::-1]  # the SDK sends the source lines around a frame
START = 90.0  # seconds until a server must listen; sentry-sdk imports every framework first

MANAGE = """
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exec_settings")

from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""
SETTINGS = """
ROOT_URLCONF = "exec_urls"
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "only a test"
WSGI_APPLICATION = "exec_wsgi.application"
DEBUG = %s
"""
URLS = """
from django.urls import path

def broken(request):
    raise LookupError("no book for " + request.GET["token"])

urlpatterns = [path("broken", broken)]
"""
WSGI = """
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exec_settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
"""
FLASK = """
import flask

app = flask.Flask("shop")

@app.get("/broken")
def broken():
    raise LookupError("no book for " + flask.request.args["token"])
"""
FASTAPI = """
import fastapi

app = fastapi.FastAPI()

@app.get("/broken")
async def broken(token: str):
    raise LookupError("no book for " + token)
"""
FILES = {
    "manage.py": MANAGE,
    "exec_urls.py": URLS,
    "exec_wsgi.py": WSGI,
    "flask_shop.py": FLASK,
    "fastapi_shop.py": FASTAPI,
}
HERE = str(Path(sys.executable).parent)
#: What sentry-sdk's integration for Flask calls the request: 3.x has no ``transaction_style``, and takes the route.
IN_FLASK = "broken" if HAS_TRANSACTIONS else "/broken"
#: The commands, each to be given a port, and the name of the transaction.
COMMANDS: dict[str, tuple[list[str], str]] = {
    "runserver": ([sys.executable, "manage.py", "runserver", "127.0.0.1:{port}"], "/broken"),
    "runserver without reloading": (
        [sys.executable, "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"],
        "/broken",
    ),
    "gunicorn with a project of Django's": (
        [f"{HERE}/gunicorn", "--bind=127.0.0.1:{port}", "--workers=2", "exec_wsgi"],
        "/broken",
    ),
    "flask run": ([f"{HERE}/flask", "--app=flask_shop", "run", "--port={port}"], IN_FLASK),
    "flask run with reloading": ([f"{HERE}/flask", "--app=flask_shop", "run", "--reload", "--port={port}"], IN_FLASK),
    "gunicorn": ([f"{HERE}/gunicorn", "--bind=127.0.0.1:{port}", "flask_shop:app"], IN_FLASK),
    "uvicorn": ([f"{HERE}/uvicorn", "--port={port}", "fastapi_shop:app"], "/broken"),
    "uvicorn with workers": (
        [f"{HERE}/uvicorn", "--workers=2", "--timeout-worker-healthcheck=60", "--port={port}", "fastapi_shop:app"],
        "/broken",
    ),
}


@contextlib.contextmanager
def serving(command: list[str], folder: Path, dsn: str) -> Iterator[None]:
    """Run a command by ``sentry-web exec``, in a process group of its own, as long as the block lasts."""
    environment = {
        **os.environ,
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "PYTHONWARNINGS": "ignore",
        "SENTRY_DSN": dsn,
        "SENTRY_TRACES_SAMPLE_RATE": "1.0",
        "SENTRY_WEB_CONTINUE_TRACES": "false",
    }
    exec_command = [sys.executable, "-c", "from sentry_web.cli import main; main()", "exec", "--", *command]
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(
            exec_command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            kill_group(process)


def status_of(url: str, out: Path) -> int:
    """Ask until the server listens."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START
    while True:
        try:
            with opener.open(url, timeout=20) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            assert time.monotonic() < deadline, out.read_text()
            time.sleep(0.2)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("served", COMMANDS)
def test_one_transaction_and_one_error_a_request(served: str, tmp_path: Path) -> None:
    for name, text in {**FILES, "exec_settings.py": SETTINGS % served.startswith("runserver")}.items():
        (tmp_path / name).write_text(text)
    command, transaction = COMMANDS[served]
    port, keeper = reserve_port()
    with keeper, Ingest() as ingest:
        events = Events(lambda: ingest.envelopes)
        with serving([part.format(port=port) for part in command], tmp_path, ingest.dsn):
            url = f"http://127.0.0.1:{port}/broken?token={TOKEN}"
            assert status_of(url, tmp_path / "out.txt") == 500
            wait_until(lambda: bool(events.errors and events.roots), 20)
    assert [root.name for root in events.roots] == [transaction]
    assert [error.exception for error in events.errors] == [("LookupError", "no book for [Filtered]")]
    assert events.messages == []
    assert TOKEN.encode() not in events.all_bytes
