"""Bottle: it writes its route into the environ, and passes handled exceptions to ``start_response`` (PEP 3333)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._found import Found, dotted_name
from ._mounts import join, mount_of, path_below
from ._wrapped import WrappedApplication


def look(environ: Mapping[str, Any], wrapped: WrappedApplication, base: str) -> Found | None:
    """Return the route in ``bottle.route``; the rule of a merged application already contains its prefix."""
    route = environ.get("bottle.route")
    rule = getattr(route, "rule", None)
    if not isinstance(rule, str):
        return None
    mount = mount_of(environ, base) or _mounted_at(environ, route)
    return Found(join(mount, rule), dotted_name(getattr(route, "callback", None) or rule))


def _mounted_at(environ: Mapping[str, Any], route: Any) -> str:
    """Return the prefix of an application that is mounted as plain WSGI: the path before the route's own part.

    By the time of the response, Bottle has removed it from ``SCRIPT_NAME`` again.
    """
    router = getattr(environ.get("bottle.app"), "router", None)  # of the inner application, not of the outer one
    if router is None:
        return ""
    path = path_below(environ)
    try:
        part: str = router.build(route.rule, **(environ.get("route.url_args") or {}))
    except Exception:  # noqa: BLE001 - Bottle raises its own: it keeps no values of wildcards without a name
        return _before(path, route.rule)
    return path[: -len(part)] if path.endswith(part) else ""


def _before(path: str, rule: str) -> str:
    """Return the part of a path before the beginning of a rule, up to the rule's first wildcard."""
    beginning = rule.partition("<")[0].partition(":")[0]
    return path[: max(0, path.find(beginning))]
