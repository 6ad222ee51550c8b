"""Django Channels: its routers, which write into copies of the scope only, are queried."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ._found import Found, Listener, dotted_name
from ._mounts import join, path_below
from ._wrapped import WrappedApplication, _static, layers_of
from .django import template_of

_DEEPEST = 20  # routers inside routers


def attach(app: Any, prefix: str, wrapped: WrappedApplication, listener: Listener) -> None:
    """Note a ``URLRouter``; one inside a ``ProtocolTypeRouter`` with the kind of scope that it is for."""
    kinds = _static(app, "application_mapping")
    if not isinstance(kinds, Mapping):
        _note(app, None, prefix, wrapped)
        return
    for kind, inner in kinds.items():
        for layer, mount in layers_of(inner):
            if _is_router(layer):
                _note(layer, kind, prefix + mount, wrapped)


def _note(router: Any, kind: str | None, prefix: str, wrapped: WrappedApplication) -> None:
    noted = [each.args[0] for _, each in wrapped.routers if isinstance(each, functools.partial)]
    if not any(router is each for each in noted):
        wrapped.routers.append((prefix, functools.partial(_ask, router, kind)))


def _is_router(layer: Any) -> bool:
    """Return whether an application is a ``URLRouter``, by the mark with which Channels recognises them."""
    return getattr(type(layer), "_path_routing", False) is True


def _ask(router: Any, kind: str | None, scope: Mapping[str, Any], mount: str) -> Found | None:
    if kind is not None and scope.get("type") != kind:
        return None
    templates: list[str] = []
    remaining = path_below(scope).lstrip("/")
    while len(templates) < _DEEPEST:
        route, remaining = _match(router, remaining)
        if route is None:
            return None
        templates.append(template_of(str(route.pattern)).lstrip("/"))
        layers = [layer for layer, _ in layers_of(route.callback)]
        router = next(filter(_is_router, layers), None)
        if router is None:
            return _found(join(mount, "".join(templates)), route.callback, layers)
    return None


def _match(router: Any, path: str) -> tuple[Any, str]:
    """Return the first route that matches, and what is left of the path."""
    for route in router.routes:
        match = route.pattern.match(path)
        if match:
            return route, match[0].lstrip("/")
    return None, path


def _found(template: str, callback: Any, layers: list[Any]) -> Found | None:
    if any(hasattr(type(layer), "get_response_async") for layer in layers):
        return None  # Django itself, which routes the request by its own URLconf
    consumers = [getattr(layer, "consumer_class", None) for layer in layers]
    consumer = next((each for each in consumers if each is not None), callback)
    return Found(template, dotted_name(consumer))
