"""The application that a middleware wraps, and those found behind its layers.

Looked at once, at construction. No code of the application runs: attributes are read statically.
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

    #: A router that can be asked: scope or environ, mount prefix → what it would do with the request.
    Router = Callable[[Mapping[str, Any], str], Found | None]

#: Where layers keep what they wrap: middlewares, bound methods, partials, decorated functions, Starlette's classes.
_INWARD = ("app", "wsgi_app", "asgi_app", "application", "__self__", "func", "__wrapped__", "router")
_MOST = 200  # objects to look at; an application has a few layers, and a router may have thousands of routes


class WrappedApplication:
    """What the applications behind a middleware offer, each with the mount prefix under which it was found."""

    __slots__ = ("routers", "views")

    def __init__(self) -> None:
        #: Routers that leave nothing in scope or environ.
        self.routers: list[tuple[str, Router]] = []
        #: Flask's views by endpoint.
        self.views: dict[str, Mapping[Any, Any]] = {}


def layers_of(app: Any) -> Iterator[tuple[Any, str]]:
    """Yield the application and all that is found behind it, the outermost first, with their mount prefixes."""
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
    """Yield applications by prefix: werkzeug's ``DispatcherMiddleware``, and Starlette's ``Mount``."""
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
