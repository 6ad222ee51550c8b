"""Resolvers for the option ``route_resolver``, which make the route known to a sampler.

Without a resolver, the name of a request is its path until the framework has chosen the route. A resolver calls the
framework's router before the framework does, which doubles the work of routing; therefore none is enabled by default.

    SentryAsgiMiddleware(app, route_resolver=starlette_resolver(app))
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from ._naming.frameworks.django import match_path, route_of
from ._request import Request

__all__ = ["django_resolver", "starlette_resolver", "werkzeug_resolver"]

Resolver = Callable[[Request], str | None]
_DEEPEST = 20  # mounts inside mounts


def _below(path: str, root_path: str) -> str:
    """Return the path without the prefix of the deployment."""
    return path[len(root_path) :] or "/" if root_path and path.startswith(root_path + "/") else path


def starlette_resolver(app: Any, *, root_path: str = "") -> Resolver:
    """Return a resolver for Starlette and FastAPI.

    Args:
        app: The application, or a ``Router``.
        root_path: The prefix of the deployment, as the server sets it; none by default.

    Returns:
        A function of a request that returns the route's template, with the prefixes of its mounts, or ``None``.
    """
    root_path = root_path.rstrip("/")

    def resolve(request: Request) -> str | None:
        host = (request.host or "").encode("latin-1", "replace")
        scope = {
            "type": request.kind,
            "method": request.method,
            "path": _below(request.path, root_path),
            "root_path": "",
            "headers": [(b"host", host)],
        }
        return _starlette_route(app, scope, _DEEPEST)

    return resolve


def _starlette_route(router: Any, scope: dict[str, Any], depth: int) -> str | None:
    """Return the first route that matches the request, or else the first that matches its path (a 405)."""
    partial = None
    for route in _starlette_routes(router) if depth else ():
        match, child = route.matches(scope)
        if match.name == "FULL":
            if hasattr(route, "endpoint"):
                return str(route.path)
            prefix = getattr(route, "path", "")
            if not getattr(route, "routes", None):
                return str(prefix) or None
            inner = _starlette_route(route, {**scope, **child}, depth - 1)
            return None if inner is None else prefix + inner
        if match.name == "PARTIAL" and partial is None:
            partial = str(route.path)
    return partial


def _starlette_routes(router: Any) -> Iterator[Any]:
    """Yield a router's routes; those of FastAPI's included routers with their joined paths."""
    for route in router.routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
            continue
        for context in contexts():
            plain = context.starlette_route
            yield _Included(context) if plain is None else plain


class _Included:
    """A route of a router that is included in a FastAPI application under a prefix."""

    def __init__(self, context: Any) -> None:
        self.path = context.path
        self.endpoint = context.endpoint
        self._context = context

    def matches(self, scope: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Match a scope as Starlette's routes do."""
        from starlette.routing import Match

        path, root_path = scope["path"], scope["root_path"]
        if not self._context.path_regex.match(_below(path, root_path)):
            return Match.NONE, {}
        methods = self._context.methods
        return Match.PARTIAL if methods and scope["method"] not in methods else Match.FULL, {}


def werkzeug_resolver(url_map: Any, *, root_path: str = "") -> Resolver:
    """Return a resolver for Flask, Quart and werkzeug's routing.

    Args:
        url_map: A ``werkzeug.routing.Map``, or an application that has one as ``url_map``.
        root_path: The prefix of the deployment (``SCRIPT_NAME``); none by default.

    Returns:
        A function of a request that returns the rule, or ``None``.
    """
    from werkzeug.exceptions import HTTPException

    url_map = getattr(url_map, "url_map", url_map)
    root_path = root_path.rstrip("/")

    def resolve(request: Request) -> str | None:
        adapter = url_map.bind(request.host or "localhost", url_scheme=request.scheme)
        try:
            rule, _ = adapter.match(
                _below(request.path, root_path),
                request.method,
                return_rule=True,
                websocket=request.kind == "websocket",
            )
        except HTTPException:  # not found, wrong method, or a redirect
            return None
        return str(rule.rule)

    return resolve


def django_resolver(*, root_path: str = "") -> Resolver:
    """Return a resolver for Django, which uses ``ROOT_URLCONF``.

    A ``request.urlconf`` that a middleware of the application sets is not known yet when the resolver runs.

    Args:
        root_path: The prefix of the deployment (``FORCE_SCRIPT_NAME``); none by default.

    Returns:
        A function of a request that returns the route's template, such as ``/books/{number}``, or ``None``.
    """
    importlib.import_module("django.urls")  # for match_path; not imported directly, since Django has no types
    root_path = root_path.rstrip("/")

    def resolve(request: Request) -> str | None:
        match = match_path(_below(request.path, root_path))
        return None if match is None else route_of(match)

    return resolve
