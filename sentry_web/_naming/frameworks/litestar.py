"""Litestar: it writes its route into the scope, and handles exceptions itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..._core.guard import call
from ._found import Found, Listener, dotted_name, has_own_handler
from ._mounts import join, mount_of
from ._wrapped import WrappedApplication

_DEEPEST = 10  # layers of Litestar around one exception


def look(scope: Mapping[str, Any], wrapped: WrappedApplication, base: str) -> Found | None:
    """Return the route in ``path_template`` and ``route_handler``, which Litestar's router writes (since 2.0)."""
    template, handler = scope.get("path_template"), scope.get("route_handler")
    if not isinstance(template, str) or handler is None:
        return None
    if getattr(handler, "is_mount", False):
        if "endpoint" in scope:  # a mounted application has routed the request
            return None
        template = min(getattr(handler, "paths", None) or (template,))
    view = getattr(handler, "fn", None)
    view = getattr(view, "value", view)  # a wrapper around the function, before 2.2
    return Found(join(mount_of(scope, base), template), dotted_name(handler if view is None else view))


class _AfterException:
    """A hook for Litestar's ``after_exception``, which is called before an exception handler responds."""

    __slots__ = ("_listener",)

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def __call__(self, error: Exception, scope: Mapping[str, Any]) -> None:
        call(self._hear, error, scope)

    def _hear(self, error: Exception, scope: Mapping[str, Any]) -> None:
        if _is_failure(error, scope):
            self._listener.swallowed(error, "litestar")


def _is_failure(error: Exception, scope: Mapping[str, Any]) -> bool:
    """Return whether an exception leads to an unintended 500.

    An exception with a status below 500 is a response, and one with a handler for its own class is expected.
    """
    if getattr(error, "status_code", 500) < 500:
        return False
    handler = scope.get("route_handler") or scope.get("litestar_app")
    resolve = getattr(handler, "resolve_exception_handlers", None)
    handlers = resolve() if resolve is not None else getattr(handler, "exception_handlers", None)
    return not has_own_handler(error, handlers or {})


def unwrap(error: BaseException) -> list[BaseException]:
    """Return the exception and those inside it, if Litestar raised it because the response had already started.

    The innermost is the original one; sentry-sdk does not show the members of an exception group that is only a cause.
    """
    kind = getattr(sys.modules.get("litestar.exceptions"), "LitestarException", None)
    layers = [error]
    while len(layers) < _DEEPEST:
        inner = layers[-1].__cause__ if type(layers[-1]) is kind else None
        if inner is None and len(layers) > 1:
            inner = _only_member(layers[-1])
        if inner is None:
            break
        layers.append(inner)
    return layers


def _only_member(error: BaseException) -> BaseException | None:
    """Return the only member of an exception group, as raised by the task group in which Litestar streams."""
    members = getattr(error, "exceptions", None)
    return members[0] if isinstance(members, tuple) and len(members) == 1 else None


def attach(app: Any, prefix: str, wrapped: WrappedApplication, listener: Listener) -> None:
    """Hook into an application, once."""
    if not any(isinstance(hook, _AfterException) for hook in app.after_exception):
        app.after_exception.append(_AfterException(listener))
