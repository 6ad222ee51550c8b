"""Which frameworks there are, and what the probe of each reported; every probe runs once a session."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
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
    since: tuple[int, int] = (3, 9)  # the oldest Python that the framework's newest release supports

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
    """Skip the test where the framework is not there; in CI, only an unsupported Python is a reason."""
    if sys.version_info < shop.since:
        pytest.skip(f"not on this Python: {shop.title} needs {shop.since[0]}.{shop.since[1]}")
    if find_spec(shop.package) is None:
        pytest.skip(f"{shop.title} is not installed")


@functools.cache
def probe(name: str, switch: str) -> dict[str, Any]:
    """What was reported, by pass and path, with the SDK's integration ``"on"`` or ``"off"``."""
    run = subprocess.run(
        [sys.executable, str(HERE / "probe.py"), SHOPS[name].module, switch],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer
