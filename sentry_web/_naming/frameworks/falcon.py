"""Falcon (WSGI and ASGI): its router is queried, and its default error handler is wrapped."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ..._core.guard import call
from ._found import Found, Listener, dotted_name
from ._mounts import join, path_below
from ._wrapped import WrappedApplication


def attach(app: Any, prefix: str, wrapped: WrappedApplication, listener: Listener) -> None:
    """Note the router, and wrap the default handler of ``Exception``; a user's own handler is left alone.

    Falcon's handlers and its router are private attributes; without them, nothing is done. The router's ``find`` is
    public (Falcon, "Custom Routers"). Outputs with an integration of their own for Falcon report WSGI only.
    """
    find = getattr(getattr(app, "_router", None), "find", None)
    if find is not None:
        wrapped.routers.append((prefix, functools.partial(_ask, find)))
    handlers, default = getattr(app, "_error_handlers", {}), getattr(app, "_python_error_handler", None)
    if default is None or handlers.get(Exception) != default:
        return
    if _is_asgi(app):
        app.add_error_handler(Exception, _asgi_handler(default, listener))
    else:
        app.add_error_handler(Exception, _wsgi_handler(default, listener))


def _is_asgi(app: Any) -> bool:
    return any(kind.__module__.startswith("falcon.asgi") for kind in type(app).__mro__)


def _wsgi_handler(default: Any, listener: Listener) -> Any:
    def handle(req: Any, resp: Any, ex: BaseException, params: Any) -> Any:
        call(listener.swallowed, ex, "falcon")
        return default(req, resp, ex, params)

    return handle


def _asgi_handler(default: Any, listener: Listener) -> Any:
    async def handle(req: Any, resp: Any, ex: BaseException, params: Any, ws: Any = None) -> Any:
        call(listener.swallowed, ex, "falcon.asgi")
        return await default(req, resp, ex, params, ws=ws)

    return handle


def _ask(find: Any, scope_or_environ: Mapping[str, Any], mount: str) -> Found | None:
    path = path_below(scope_or_environ)
    prefixed = scope_or_environ.get("path", path)
    if prefixed != path:
        path, mount = prefixed, ""  # Falcon routes by ASGI's whole path, with the prefix
    route = find(path) or find(path.rstrip("/"))  # without the slash, for the option strip_url_path_trailing_slash
    if not route:
        return None
    resource, methods, _, template = route
    method = (
        "WEBSOCKET"
        if scope_or_environ.get("type") == "websocket"
        else scope_or_environ.get("REQUEST_METHOD", scope_or_environ.get("method"))
    )
    responder = methods.get(method)
    if responder is None or str(getattr(responder, "__module__", "")).startswith("falcon."):
        responder = resource  # Falcon's own responder for a method that the resource does not have
    return Found(join(mount, template), dotted_name(responder))
