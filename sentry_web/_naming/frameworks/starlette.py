"""Starlette and FastAPI: they write endpoint, route and mount prefix into the scope."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ._found import Found, Listener, dotted_name
from ._mounts import join, mount_of, path_below, templated
from ._wrapped import WrappedApplication, layers_of

_DEEPEST = 20  # mounts inside mounts


def look(scope: Mapping[str, Any], wrapped: WrappedApplication, base: str) -> Found | None:
    """Return the chosen route, with the prefixes of its mounts.

    Before Starlette 1.0 only FastAPI writes ``route``; otherwise it is found among the router's routes by its endpoint.
    """
    endpoint, route = scope.get("endpoint"), scope.get("route")
    if endpoint is None and route is None:
        return None
    if route is None or (_is_mount(route) and getattr(route, "app", None) is not endpoint):
        route = _route_of(scope, endpoint)
    if _is_mount(route) or hasattr(endpoint, "routes"):
        return _mounted(scope, endpoint)
    name = dotted_name(endpoint) if endpoint is not None else None
    path = _path_of(scope, route)
    if path is None:
        return Found(None, name) if name else None
    return Found(join(_prefix(scope, route), path), name)


def attach(app: Any, prefix: str, wrapped: WrappedApplication, listener: Listener) -> None:
    """Note a router; it is asked where a middleware in front of it has copied the scope, so that its notes are lost."""
    wrapped.fallbacks.append((prefix, functools.partial(_ask, app, wrapped)))


def _ask(router: Any, wrapped: WrappedApplication, scope: Mapping[str, Any], mount: str) -> Found | None:
    """Return the route that a router would choose, also through the routers below it."""
    noted = {**scope, "router": router, "fastapi": {}}  # FastAPI's routes note what they match there
    for _ in range(_DEEPEST if scope.get("type") in ("http", "websocket") else 0):
        route = _chosen(router, noted)
        if route is None:
            return None
        router = _router_of(route) if _is_mount(route) else None
        if router is None:
            return look(noted, wrapped, "")
    return None


def _chosen(router: Any, scope: dict[str, Any]) -> Any:
    """Return the first route that matches completely, and note in the scope what Starlette would."""
    for route in router.routes:
        # FastAPI's included routers (since 0.12x) answer for all of their routes at once
        inside = getattr(route, "effective_route_contexts", None)
        for each in (route,) if inside is None else inside():
            match, child_scope = each.matches(scope)
            if match.name == "FULL":
                scope.update(child_scope)
                if inside is None:
                    return each
                scope["route"] = getattr(each, "starlette_route", None) or each
                return scope["route"]
    return None


def _router_of(route: Any) -> Any:
    kind = sys.modules["starlette.routing"].Router
    return next((layer for layer, _ in layers_of(route.app) if isinstance(layer, kind)), None)


def _is_mount(route: Any) -> bool:
    """Return whether a route is a ``Mount`` or ``Host``, which have an application instead of an endpoint."""
    return hasattr(route, "app") and not hasattr(route, "endpoint")


def _mounted(scope: Mapping[str, Any], endpoint: Any) -> Found | None:
    """Return the mount of an application that writes nothing itself, such as static files or a foreign framework.

    If the application has routes of its own, none of which was chosen, the path does not exist and has no route.
    """
    prefix = _prefix(scope, None)
    if hasattr(endpoint, "routes") or not prefix:
        return None
    return Found(prefix, dotted_name(endpoint))


def _path_of(scope: Mapping[str, Any], route: Any) -> str | None:
    """Return the template of a route; for FastAPI's included routers (since 0.12x) the joined template."""
    own = scope.get("fastapi")
    context = own.get("effective_route_context") if isinstance(own, Mapping) else None
    if context is not None and getattr(context, "original_route", None) is route:
        route = context
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else None


def _prefix(scope: Mapping[str, Any], route: Any) -> str:
    """Return the prefix of the mounts, with its parameters as ``{name}``.

    Only a mount writes ``app_root_path``; without it, ``root_path`` is FastAPI's option of that name.
    """
    if "app_root_path" not in scope:
        return ""
    inner = getattr(route, "param_convertors", {})
    outer = {name: value for name, value in scope.get("path_params", {}).items() if name not in inner}
    return templated(mount_of(scope, ""), outer)


def _route_of(scope: Mapping[str, Any], endpoint: Any) -> Any:
    """Return the route with this endpoint, or the mount of this application; if several, one that matches the path."""
    found = None
    for route in _routes(scope.get("router") or scope.get("app"), _DEEPEST):
        if getattr(route, "app" if _is_mount(route) else "endpoint", None) is not endpoint:
            continue
        pattern = getattr(route, "path_regex", None)
        # Before Starlette 0.33 a mount removed its prefix from the path
        if pattern is not None and pattern.match(path_below(scope)):
            return route
        found = found or route
    return found


def _routes(router: Any, depth: int) -> Iterator[Any]:
    for route in (getattr(router, "routes", None) or ()) if depth else ():
        yield route
        yield from _routes(route, depth - 1)
