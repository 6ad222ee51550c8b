"""Which frameworks there are, and what the probe of each reported; every probe runs once a session."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).parent
PATIENCE = 100  # seconds for all requests to one framework


class Shop(NamedTuple):
    """One framework under one protocol."""

    name: str
    title: str
    package: str
    protocol: str
    integration: bool = True  # sentry-sdk has one

    @property
    def module(self) -> str:
        return f"shop_{self.name}"


SHOPS = {
    shop.name: shop
    for shop in (
        Shop("flask", "Flask", "flask", "wsgi"),
        Shop("django_wsgi", "Django (WSGI)", "django", "wsgi"),
        Shop("django_asgi", "Django (ASGI)", "django", "asgi"),
        Shop("falcon_wsgi", "Falcon (WSGI)", "falcon", "wsgi"),
        Shop("falcon_asgi", "Falcon (ASGI)", "falcon", "asgi"),
        Shop("bottle", "Bottle", "bottle", "wsgi"),
        Shop("pyramid", "Pyramid", "pyramid", "wsgi"),
        Shop("starlette", "Starlette", "starlette", "asgi"),
        Shop("fastapi", "FastAPI", "fastapi", "asgi"),
        Shop("litestar", "Litestar", "litestar", "asgi"),
        Shop("quart", "Quart", "quart", "asgi"),
        Shop("blacksheep", "BlackSheep", "blacksheep", "asgi", False),
    )
}


def need(shop: Shop) -> None:
    """Skip the test where the framework is not installed."""
    if find_spec(shop.package) is None:
        pytest.skip(f"{shop.title} is not installed")


@functools.cache
def probe(name: str, switch: str) -> dict[str, Any]:
    """What was reported, by pass and path, with the SDK's integration ``"on"`` or ``"off"``."""
    return printed("probe.py", name, switch)


@functools.cache
def printed(script: str, name: str, *arguments: str) -> dict[str, Any]:
    """Return what a script prints of one framework, as JSON; it runs once, for all processes of pytest-xdist."""
    run_id = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run_id is None:
        return json.loads(_run(script, name, *arguments))  # type: ignore[no-any-return]
    folder = Path(tempfile.gettempdir(), f"sentry-web-shops-{run_id}")
    folder.mkdir(exist_ok=True)
    kept = folder / "-".join((script, name, *arguments, "json"))
    with (folder / f"{kept.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_text(_run(script, name, *arguments), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _run(script: str, name: str, *arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, str(HERE / script), SHOPS[name].module, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
