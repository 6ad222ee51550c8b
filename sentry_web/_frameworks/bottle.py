"""Bottle: it leaves its route in the environ, and hands what it swallows to ``start_response`` (PEP 3333)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._behind import Behind
from ._found import Found, dotted_name
from ._mounts import join, mount_of


def look(environ: Mapping[str, Any], behind: Behind, base: str) -> Found | None:
    """``bottle.route``; an application that is merged into another one has the prefix in its rule."""
    route = environ.get("bottle.route")
    rule = getattr(route, "rule", None)
    if not isinstance(rule, str):
        return None
    return Found(join(mount_of(environ, base), rule), dotted_name(getattr(route, "callback", None) or rule))
