"""Transparent even when we fail, with the frameworks themselves: every function that deals with them raises in turn."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from .shops import HERE, PATIENCE, SHOPS, need


@functools.cache
def broken(name: str) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, str(HERE / "break_it.py"), SHOPS[name].module],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


@pytest.mark.parametrize("name", SHOPS)
def test_the_application_answers_the_same_whatever_of_ours_fails(name: str) -> None:
    need(SHOPS[name])
    different = broken(name)["different"]
    assert [function for function, paths in different.items() if paths] == []


def test_every_function_runs_with_some_framework() -> None:
    for shop in SHOPS.values():
        need(shop)
    ran = {function for name in SHOPS for function in broken(name)["ran"]}
    assert set(broken("flask")["all"]) - ran - ELSEWHERE == set()


#: What no shop makes run; see tests/test_frameworks.py.
ELSEWHERE = {
    "_frameworks._found.Listener.__init__",  # at import
    "_frameworks._mounts.full_path",  # where a layer copies the scope
    "_frameworks.pallets._match",  # bare werkzeug routing
    "_frameworks.starlette._route_of",  # older Starlette
    "_frameworks.starlette._routes",  # older Starlette
}
