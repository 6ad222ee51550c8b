"""What frameworks know of a request: its route, its endpoint, and the errors that they answer by themselves.

No framework is imported: each is recognised by what it wrote, or looked up in ``sys.modules``. One module a family of
frameworks, and one entry each in :data:`FRAMEWORKS`. No vendor is known here.

There are three ways to a route: a framework reports it by a signal or hook (``Listener.routed``); it has a router that
can be asked (``WrappedApplication.routers``); or it has written it into the scope or environ.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from ._found import NOTHING, Found, Listener, RouteFinder, dotted_name
from ._mounts import base_of, full_path, mount_of
from ._wrapped import WrappedApplication, layers_of

__all__ = [
    "FRAMEWORKS",
    "NOTHING",
    "WRITTEN",
    "Found",
    "Framework",
    "Listener",
    "RouteFinder",
    "WrappedApplication",
    "are_unwatched",
    "attach_to",
    "base_of",
    "dotted_name",
    "find",
    "full_path",
    "unwrap",
    "watch",
]


class Framework(NamedTuple):
    """What one family of frameworks offers, and which of our modules makes use of it.

    Attributes:
        module: The module in this package.
        imported: Modules of theirs, one of which is imported where the framework is in use.
        written: Keys that it writes into scope or environ; ``look`` of our module reads them.
        application: The module and class of its applications, which ``attach`` of our module hooks into at
            construction.
        signals: Modules of theirs that have signals, and the function of our module that connects to them.
    """

    module: str
    imported: tuple[str, ...]
    written: tuple[str, ...] = ()
    application: tuple[str, str] | None = None
    signals: tuple[tuple[str, str], ...] = ()


#: Those that are mounted in others come first: what they have written counts.
FRAMEWORKS = (
    Framework("litestar", ("litestar",), written=("route_handler",), application=("litestar.app", "Litestar")),
    Framework("bottle", ("bottle",), written=("bottle.route",)),
    Framework(
        "pallets",  # Flask, Quart, and anything with an URL map of werkzeug's
        ("werkzeug",),
        written=("werkzeug.request",),
        application=("builtins", "object"),
        signals=(("flask", "watch_flask"), ("quart", "watch_quart")),
    ),
    Framework("routing_args", ("routes",), written=("wsgiorg.routing_args",)),
    Framework("starlette", ("starlette",), written=("endpoint", "route")),
    Framework("django", ("django",), signals=(("django.core.signals", "watch"),)),
    Framework(
        "blacksheep", ("blacksheep.server.application",), application=("blacksheep.server.application", "Application")
    ),
    Framework("falcon", ("falcon.app",), application=("falcon.app", "App")),
    Framework("pyramid", ("pyramid.router",), application=("pyramid.router", "Router")),
)

#: The keys that frameworks write; where none of them is there, no framework is asked.
WRITTEN = frozenset(key for framework in FRAMEWORKS for key in framework.written)

_NOTHING_WRAPPED = WrappedApplication()


def _module(name: str) -> Any:
    """Import one of our modules."""
    return import_module(f"{__name__}.{name}")


@functools.cache
def _looks() -> tuple[Callable[[Mapping[str, Any], WrappedApplication, str], Found | None], ...]:
    """Return the functions that read what frameworks have written.

    Their modules are loaded only where one of the frameworks is in use.
    """
    return tuple(_module(framework.module).look for framework in FRAMEWORKS if framework.written)


def find(
    scopes_or_environs: Sequence[Any],
    wrapped: WrappedApplication | None = None,
    base: str = "",
    reported: Sequence[RouteFinder] = (),
) -> Found:
    """Return what the frameworks behind the middleware know of this request.

    Args:
        scopes_or_environs: The scopes or environs of the request, the innermost first.
        wrapped: What was found behind the middleware at its construction.
        base: The mount prefix that was there when the request arrived (:func:`base_of`).
        reported: What frameworks have reported during this request, the latest first.
    """
    wrapped = wrapped or _NOTHING_WRAPPED
    for find_route in reported:
        found = find_route(base)
        if found is not None:
            return found
    for mapping in scopes_or_environs:
        found = _ask_routers(mapping, wrapped, base) if wrapped.routers else None
        if found is not None:
            return found
        for look in () if mapping.keys().isdisjoint(WRITTEN) else _looks():
            found = look(mapping, wrapped, base)
            if found is not None:
                return found
    return NOTHING


def _ask_routers(mapping: Mapping[str, Any], wrapped: WrappedApplication, base: str) -> Found | None:
    mount = mount_of(mapping, base)
    for prefix, router in wrapped.routers:
        found = router(mapping, mount) if prefix == mount else None
        if found is not None:
            return found
    return None


def attach_to(app: Any, listener: Listener) -> WrappedApplication:
    """Look through the layers of an application, and hook into the frameworks found there that have no signal.

    What requests will need for a framework that is imported is loaded now, rather than inside a request.

    Args:
        app: The application that a middleware wraps.
        listener: Receives what the frameworks report.
    """
    wrapped = WrappedApplication()
    in_use = [framework for framework in FRAMEWORKS if not sys.modules.keys().isdisjoint(framework.imported)]
    if any(framework.written for framework in in_use):
        _looks()
    for framework in in_use:
        if framework.signals:
            _module(framework.module)
    for layer, prefix in layers_of(app):
        for framework in in_use:
            if _is_application(layer, framework):
                _module(framework.module).attach(layer, prefix, wrapped, listener)
    return wrapped


def _is_application(layer: Any, framework: Framework) -> bool:
    module, name = framework.application or ("", "")
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and issubclass(type(layer), kind)


def unwrap(error: BaseException) -> list[BaseException]:
    """Return an exception that leaves a framework and those that the framework wrapped in it."""
    unwrapped = _module("litestar").unwrap if "litestar.exceptions" in sys.modules else None
    return [error] if unwrapped is None else list(unwrapped(error))


#: The modules with signals, and what connects to them: our module and its function.
_WATCHES = {signals: (each.module, function) for each in FRAMEWORKS for signals, function in each.signals}
_UNWATCHED = set(_WATCHES)


def are_unwatched() -> bool:
    """Return whether :func:`watch` has something to do."""
    return not sys.modules.keys().isdisjoint(_UNWATCHED)


def watch(listener: Listener) -> None:
    """Connect to the signals of each framework that has been imported by now; once a process.

    Such a framework answers 500 without raising, so that no middleware sees the exception.

    Args:
        listener: Receives what the frameworks report.
    """
    for name in _UNWATCHED & sys.modules.keys():
        _UNWATCHED.discard(name)
        signals: Any = sys.modules[name]
        if signals is not None:  # None: somebody lets its import fail
            module, function = _WATCHES[name]
            getattr(_module(module), function)(signals, listener)
