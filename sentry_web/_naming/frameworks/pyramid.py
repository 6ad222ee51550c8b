"""Pyramid: its events carry the request with the matched route."""

from __future__ import annotations

import functools
import sys
from typing import Any

from ..._core.guard import call
from ._found import Found, Listener, dotted_name
from ._mounts import join, mount_of
from ._wrapped import WrappedApplication


def attach(app: Any, prefix: str, wrapped: WrappedApplication, listener: Listener) -> None:
    """Subscribe to ``BeforeTraversal`` (since 1.8), which follows the choice of the route, once per registry."""
    interfaces = sys.modules["pyramid.interfaces"]
    registry = app.registry
    if not any(isinstance(each.factory, _Subscriber) for each in registry.registeredHandlers()):
        registry.registerHandler(_Subscriber(registry, listener), (interfaces.IBeforeTraversal,))


class _Subscriber:
    """A subscriber that reports the route of each request, and caches the views of routes."""

    __slots__ = ("_introspector", "_listener", "_views")

    def __init__(self, registry: Any, listener: Listener) -> None:
        self._introspector = registry.introspector
        self._listener = listener
        self._views: dict[str, str] = {}

    def __call__(self, event: Any) -> None:
        call(self._hear, event)

    def _hear(self, event: Any) -> None:
        route = getattr(event.request, "matched_route", None)
        if route is not None:
            environ = event.request.environ
            self._listener.routed(environ, functools.partial(self._find_route, route, environ))

    def _find_route(self, route: Any, environ: Any, base: str) -> Found:
        view = self._views.get(route.name)
        if view is None:
            view = self._views[route.name] = self._view_of(route.name)
        return Found(join(mount_of(environ, base), route.pattern), view)

    def _view_of(self, name: str) -> str:
        """Return the view of a route; the route's name if it has several views (by predicates), or none is known."""
        introspector = self._introspector
        route = introspector.get("routes", name)
        views = {
            dotted_name(each["callable"])
            for each in (introspector.related(route) if route is not None else ())
            if each.category_name == "views" and each["callable"] is not None
        }
        return (views.pop() or name) if len(views) == 1 else name
