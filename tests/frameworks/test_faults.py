"""Transparent even when we fail, with the frameworks themselves: every function that deals with them raises in turn."""

from __future__ import annotations

from typing import Any

import pytest

from .shops import SHOPS, need, printed


def broken(name: str) -> dict[str, Any]:
    return printed("break_it.py", name)


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


#: What no shop makes run; see tests/naming/test_frameworks.py.
ELSEWHERE = {
    "_naming.frameworks._found.Listener.__init__",  # at import
    "_naming.frameworks.bottle._before",  # below a prefix that Bottle mounts
    # Routers of channels, of which there is no shop
    *(f"_naming.frameworks.channels.{name}" for name in ("_ask", "_found", "_is_router", "_match", "_note", "attach")),
    "_naming.frameworks._mounts.full_path",  # where a layer copies the scope
    "_naming.frameworks.pallets._match",  # bare werkzeug routing
    "_naming.frameworks.starlette._route_of",  # older Starlette
    "_naming.frameworks.starlette._routes",  # older Starlette
}
