"""Routes found by frameworks, and the listener to which frameworks report."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias


class Found:
    """A route template and the dotted name of the view, each ``None`` if unknown."""

    __slots__ = ("route", "endpoint")

    def __init__(self, route: str | None = None, endpoint: str | None = None) -> None:
        self.route = route
        self.endpoint = endpoint


NOTHING = Found()

#: A function that returns the route found by a framework; called with the base of the mounts when a name is needed.
RouteFinder: TypeAlias = "Callable[[str], Found | None]"


class Listener:
    """The callbacks to which frameworks report while they handle a request; they determine the request themselves.

    Args:
        routed: Called by a framework that handles a request, with its scope or environ and a function that finds the
            route.
        swallowed: Called with an exception that a framework handles itself, and with the framework's name as outputs
            know it.
    """

    __slots__ = ("routed", "swallowed")

    def __init__(
        self, routed: Callable[[Mapping[str, Any], RouteFinder], None], swallowed: Callable[[BaseException, str], None]
    ) -> None:
        self.routed = routed
        self.swallowed = swallowed


def dotted_name(view: Any) -> str | None:
    """Return the module and qualified name of a view, such as ``"shop.views.book"``.

    For a ``partial`` these are those of its function, for an instance those of its class.
    """
    while isinstance(view, functools.partial):
        view = view.func
    if isinstance(view, str):
        return view or None
    named = view if hasattr(view, "__qualname__") else type(view)
    module = getattr(named, "__module__", None)
    return f"{module}.{named.__qualname__}" if module else str(named.__qualname__)


def has_own_handler(error: BaseException, handlers: Mapping[Any, Any]) -> bool:
    """Return whether the application has a handler for this class of exceptions, and thus expects it.

    A handler for ``Exception``, or for the status 500, does not count, since it only renders the error page.
    """
    return any(kind in handlers for kind in type(error).__mro__ if kind not in (Exception, BaseException, object))
