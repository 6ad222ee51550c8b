"""The application that a middleware wraps, and the applications inside it.

They are inspected once, at construction. No code of the application runs: attributes are read statically.
"""

from __future__ import annotations

import inspect
import types
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ._found import Found

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

#: A function of the scope or environ and the mount prefix that returns the route a router would choose.
Router: TypeAlias = "Callable[[Mapping[str, Any], str], Found | None]"

#: The attributes in which middlewares, bound methods, partials, decorated functions and routers keep what they wrap.
_INWARD = ("app", "wsgi_app", "asgi_app", "application", "inner", "__self__", "func", "__wrapped__", "router")
_MOST = 200  # objects to inspect; an application has a few layers, but a router may have thousands of routes


class WrappedApplication:
    """The routers and views of the applications behind a middleware."""

    __slots__ = ("routers", "fallbacks", "views")

    def __init__(self) -> None:
        #: Routers of frameworks that write nothing into the scope or environ, with their mount prefixes.
        self.routers: list[tuple[str, Router]] = []
        #: Routers of frameworks that write into the scope, for one that a middleware has copied before.
        self.fallbacks: list[tuple[str, Router]] = []
        #: Flask's views by endpoint.
        self.views: dict[str, Mapping[Any, Any]] = {}


def layers_of(app: Any) -> Iterator[tuple[Any, str]]:
    """Yield the application and everything that it wraps, the outermost first, with their mount prefixes."""
    waiting: deque[tuple[Any, str]] = deque([(app, "")])
    seen: set[int] = set()
    while waiting and len(seen) < _MOST:
        here, prefix = waiting.popleft()
        if here is None or id(here) in seen:
            continue
        seen.add(id(here))
        yield here, prefix
        waiting.extend((_static(here, name), prefix) for name in _INWARD)
        waiting.extend((inner, prefix + mount) for mount, inner in _mounted(here))


def _mounted(here: Any) -> Iterator[tuple[str, Any]]:
    """Yield the prefixes and applications of werkzeug's ``DispatcherMiddleware`` and of Starlette's ``Mount``.

    Django Channels' ``ProtocolTypeRouter`` has one application for each kind of scope.
    """
    kinds = _static(here, "application_mapping")
    for inner in kinds.values() if isinstance(kinds, dict) else ():
        yield "", inner
    mounts = _static(here, "mounts")
    for mount, inner in mounts.items() if isinstance(mounts, dict) else ():
        yield str(mount).rstrip("/"), inner
    routes = _static(here, "routes")
    for route in routes if isinstance(routes, list) else ():
        path = _static(route, "path")
        if isinstance(path, str) and _static(route, "endpoint") is None:
            yield path.rstrip("/"), _static(route, "app")


def _static(here: Any, name: str) -> Any:
    """Return an attribute of the instance, without running a property or ``__getattr__``; ``None`` if there is none."""
    value = inspect.getattr_static(here, name, None)
    if isinstance(value, types.MemberDescriptorType):  # a slot, or an attribute of a built-in type
        return getattr(here, name, None)
    return value
