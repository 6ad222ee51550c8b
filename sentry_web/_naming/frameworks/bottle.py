"""Bottle: it writes its route into the environ, and hands what it swallows to ``start_response`` (PEP 3333)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._found import Found, dotted_name
from ._mounts import join, mount_of, path_below
from ._wrapped import WrappedApplication


def look(environ: Mapping[str, Any], wrapped: WrappedApplication, base: str) -> Found | None:
    """``bottle.route``; an application that is merged into another one has the prefix in its rule."""
    route = environ.get("bottle.route")
    rule = getattr(route, "rule", None)
    if not isinstance(rule, str):
        return None
    mount = mount_of(environ, base) or _mounted_at(environ, route)
    return Found(join(mount, rule), dotted_name(getattr(route, "callback", None) or rule))


def _mounted_at(environ: Mapping[str, Any], route: Any) -> str:
    """The prefix of an application that is mounted as plain WSGI: what the path has before the route's own part.

    Bottle has taken it out of ``SCRIPT_NAME`` again by the time of the answer.
    """
    router = getattr(environ.get("bottle.app"), "router", None)  # of the application that answers, not of the outer one
    if router is None:
        return ""
    part: str = router.build(route.rule, **(environ.get("route.url_args") or {}))
    path = path_below(environ)
    return path[: -len(part)] if path.endswith(part) else ""
