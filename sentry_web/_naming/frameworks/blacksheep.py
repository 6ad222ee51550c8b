"""BlackSheep: its router is queried, and a middleware inside the application sees the exceptions it handles."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ..._core.guard import call, pass_on
from ._found import Found, Listener, has_own_handler
from ._mounts import join, path_below
from ._wrapped import WrappedApplication


def attach(app: Any, prefix: str, wrapped: WrappedApplication, listener: Listener) -> None:
    """Note the router, and insert a middleware as the outermost one, once, before the application starts."""
    wrapped.routers.append((prefix, functools.partial(_ask, app.router)))
    if not any(isinstance(each, _Middleware) for each in app.middlewares):
        app.middlewares.insert(0, _Middleware(app.exceptions_handlers, listener))


class _Middleware:
    """A middleware that reports the exceptions to which the application responds with 500."""

    __slots__ = ("_handlers", "_listener")

    def __init__(self, handlers: Mapping[Any, Any], listener: Listener) -> None:
        self._handlers = handlers
        self._listener = listener

    async def __call__(self, request: Any, handler: Any) -> Any:
        __traceback_hide__ = True
        try:
            return await handler(request)
        except Exception:
            call(pass_on, self._hear)
            raise

    def _hear(self, error: BaseException) -> None:
        if getattr(error, "status", 500) >= 500 and not has_own_handler(error, self._handlers):
            self._listener.swallowed(error, "blacksheep")


def _ask(router: Any, scope_or_environ: Mapping[str, Any], mount: str) -> Found | None:
    method = "GET_WS" if scope_or_environ.get("type") == "websocket" else scope_or_environ.get("method", "")
    route = router.get_matching_route(method, path_below(scope_or_environ))
    if route is None:
        return None
    pattern = route.pattern.decode() if isinstance(route.pattern, bytes) else str(route.pattern)
    return Found(join(mount, pattern))  # the handler is hidden in a chain of closures
