"""Values that pass from frameworks to the naming: found routes, and the listener for reports."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias


class Found:
    """A route template and the dotted name of the view, each where known."""

    __slots__ = ("route", "endpoint")

    def __init__(self, route: str | None = None, endpoint: str | None = None) -> None:
        self.route = route
        self.endpoint = endpoint


NOTHING = Found()

#: Returns what a framework knows of a request; called, with the base of the mounts, when a name is needed.
RouteFinder: TypeAlias = "Callable[[str], Found | None]"


class Listener:
    """Receives what frameworks report while they handle a request; it finds out by itself which request is meant.

    Args:
        routed: Called by a framework that handles a request, with its scope or environ and a function that finds the
            route.
        swallowed: Called with an exception that a framework answers by itself, and with the framework's name among
            those of the outputs.
    """

    __slots__ = ("routed", "swallowed")

    def __init__(
        self, routed: Callable[[Mapping[str, Any], RouteFinder], None], swallowed: Callable[[BaseException, str], None]
    ) -> None:
        self.routed = routed
        self.swallowed = swallowed


def dotted_name(view: Any) -> str | None:
    """Return module and qualified name of a view: ``"shop.views.book"``.

    Of a ``partial`` those of its function, of an instance those of its class.
    """
    while isinstance(view, functools.partial):
        view = view.func
    if isinstance(view, str):
        return view or None
    named = view if hasattr(view, "__qualname__") else type(view)
    module = getattr(named, "__module__", None)
    return f"{module}.{named.__qualname__}" if module else str(named.__qualname__)


def has_own_handler(error: BaseException, handlers: Mapping[Any, Any]) -> bool:
    """Return whether the application has a handler for this class of exceptions, and so expected it.

    A handler for ``Exception``, or for the status 500, only draws the page.
    """
    return any(kind in handlers for kind in type(error).__mro__ if kind not in (Exception, BaseException, object))
