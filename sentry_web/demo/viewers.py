"""User interfaces for the demo's events, Bugsink and Spotlight, which are run on 127.0.0.1.

Each is a separate program that the user has installed; neither is imported. A viewer leaves nothing behind but its
folder, and may neither listen on another address nor connect to any other host.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["BUGSINK_INSTALL", "SPOTLIGHT_INSTALL", "Bugsink", "MissingToolError", "Spotlight", "bugsink", "spotlight"]

BUGSINK_INSTALL = "pipx install bugsink"
#: Releases of hono newer than this one are incompatible with Spotlight.
SPOTLIGHT_INSTALL = "npm install @spotlightjs/spotlight@4.11.8 hono@4.12.25"

#: The only user of the demo's Bugsink, which runs on loopback and ends with the demo.
LOGIN, PASSWORD = "demo@localhost", "demo"

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_HOST = "127.0.0.1"


class MissingToolError(Exception):
    """Raised if a tool is not installed; the message explains how to install it."""

    def __init__(self, what: str, looked_for: str, install: str) -> None:
        super().__init__(f'{what} was not found ("{looked_for}" is not on the PATH). Install it: {install}')


@dataclass(frozen=True)
class Bugsink:
    """A running Bugsink: its address, the DSN and id of its only project, and a token for its API."""

    url: str
    dsn: str
    project: int
    token: str


@dataclass(frozen=True)
class Spotlight:
    """A running Spotlight: its address, and the address for ``sentry_sdk.init(spotlight=…)``."""

    url: str
    stream: str


@contextlib.contextmanager
def bugsink(folder: Path, port: int = 0) -> Generator[Bugsink, None, None]:
    """Run Bugsink, which validates events strictly, for the duration of the block.

    Args:
        folder: An empty folder, for its SQLite database.
        port: The port on 127.0.0.1; 0 for a free one.

    Raises:
        MissingToolError: If Bugsink is not installed.
        RuntimeError: If it does not start; the message contains its output.
    """
    manage = shutil.which("bugsink-manage")
    if manage is None:
        raise MissingToolError("Bugsink", "bugsink-manage", BUGSINK_INSTALL)
    programs = Path(manage).resolve().parent  # of its own environment, after resolving links
    port = port or _free_port()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": str(folder)}

    def run(program: str, *arguments: str) -> str:
        ended = subprocess.run(  # noqa: S603 - the user's own Bugsink
            [str(programs / program), *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"{program} failed: {ended.stderr[-2000:]}")
        return ended.stdout

    run("bugsink-create-conf", "--template=local", "--host", _HOST, "--port", str(port))
    with (folder / "bugsink_conf.py").open("a", encoding="utf-8") as settings:
        settings.write(_BUGSINK_SETTINGS.format(folder=str(folder)))
    run("bugsink-manage", "migrate")
    run("bugsink-manage", "migrate", "snappea", "--database=snappea")
    made = json.loads(run("bugsink-manage", "shell", "-c", _BUGSINK_SETUP).splitlines()[-1])
    gunicorn = [
        str(programs / "gunicorn"),
        f"--bind={_HOST}:{port}",
        "--threads=4",
        "--graceful-timeout=2",
        "bugsink.wsgi",
    ]
    if "--no-control-socket" in run("gunicorn", "--help"):
        gunicorn.insert(1, "--no-control-socket")
    url = f"http://{_HOST}:{port}"
    with _running(gunicorn, folder, environment, f"{url}/health/ready"):
        yield Bugsink(url, made["dsn"], made["project"], made["token"])


@contextlib.contextmanager
def spotlight(folder: Path, port: int = 0) -> Generator[Spotlight, None, None]:
    """Run Spotlight, confined to loopback by ``loopback.cjs``, for the duration of the block.

    Args:
        folder: A folder for its files.
        port: The port on 127.0.0.1; 0 for a free one.

    Raises:
        MissingToolError: If Spotlight is not installed.
        RuntimeError: If it does not start; the message contains its output.
    """
    local = Path("node_modules", ".bin", "spotlight")  # the location used by `npm install`
    program = str(local.absolute()) if local.exists() else shutil.which("spotlight")
    if program is None:
        raise MissingToolError("Spotlight", "spotlight", SPOTLIGHT_INSTALL)
    port = port or _free_port()
    confined = f'--require "{Path(__file__).with_name("loopback.cjs")}"'
    environment = {**os.environ, "NODE_OPTIONS": confined, "HOME": str(folder)}
    url = f"http://{_HOST}:{port}"
    with _running([program, "server", "--port", str(port)], folder, environment, f"{url}/health"):
        yield Spotlight(url, f"{url}/stream")


@contextlib.contextmanager
def _running(command: list[str], folder: Path, environment: dict[str, str], url: str) -> Generator[None, None, None]:
    """Run a process for the duration of the block, which starts when the process responds at ``url``."""
    log = folder / "viewer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a program that the user has installed
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"{Path(command[0]).name} did not start: {log.read_text('utf-8', 'replace')[-2000:]}"
                )
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    opener: Any = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for loopback
    try:
        with opener.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


_BUGSINK_SETTINGS = """
BUGSINK["PHONEHOME"] = False
BUGSINK["VALIDATE_ON_DIGEST"] = "strict"
BUGSINK["INGEST_STORE_BASE_DIR"] = {folder!r} + "/ingest"
BUGSINK["SITE_TITLE"] = "The bookshop's Bugsink"
DATABASES["default"]["NAME"] = {folder!r} + "/db.sqlite3"
DATABASES["snappea"]["NAME"] = {folder!r} + "/snappea.sqlite3"
"""

_BUGSINK_SETUP = f"""
import json
from bsmain.models import AuthToken
from django.contrib.auth import get_user_model
from projects.models import Project
from teams.models import Team
team = Team.objects.create(name="bookshop")
project = Project.objects.create(name="bookshop", team=team)
get_user_model().objects.create_superuser(username={LOGIN!r}, email={LOGIN!r}, password={PASSWORD!r})
token = AuthToken.create_full_access()
print(json.dumps({{"dsn": project.dsn, "project": project.id, "token": token.token}}))
"""
