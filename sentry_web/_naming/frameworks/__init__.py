"""Routes, endpoints and handled errors as frameworks report them.

No framework is imported: each is recognised by the keys that it writes, or looked up in ``sys.modules``. Each family of
frameworks has one module and one entry in :data:`FRAMEWORKS`. No vendor is known here.

A route is found in one of three ways: the framework reports it by a signal or hook (``Listener.routed``), its router is
queried (``WrappedApplication.routers``), or the framework has written it into the scope or environ.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from ..._core.guard import attempt
from ._found import NOTHING, Found, Listener, RouteFinder, dotted_name
from ._mounts import base_of, full_path, mount_of
from ._wrapped import Router, WrappedApplication, layers_of

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
    "layers_of",
    "unwrap",
    "watch",
]


class Framework(NamedTuple):
    """The integration points of one family of frameworks.

    Attributes:
        module: The module in this package.
        imported: Modules of the framework, one of which is imported if the framework is in use.
        written: Keys that the framework writes into the scope or environ; ``look`` of ``module`` reads them.
        application: The module and class of the framework's applications, into which ``attach`` of ``module`` hooks
            when the middleware is constructed.
        signals: Modules of the framework that have signals, each with the function of ``module`` that connects to
            them.
    """

    module: str
    imported: tuple[str, ...]
    written: tuple[str, ...] = ()
    application: tuple[str, str] | None = None
    signals: tuple[tuple[str, str], ...] = ()


#: Frameworks that are mounted in others come first, since their keys take precedence.
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
    Framework("starlette", ("starlette",), written=("endpoint", "route"), application=("starlette.routing", "Router")),
    # Channels' two routers; the outer one comes first, since it knows the kind of scope that the inner one is for
    Framework("channels", ("channels.routing",), application=("channels.routing", "ProtocolTypeRouter")),
    Framework("channels", ("channels.routing",), application=("channels.routing", "URLRouter")),
    Framework("django", ("django",), signals=(("django.core.signals", "watch"),)),
    Framework(
        "blacksheep", ("blacksheep.server.application",), application=("blacksheep.server.application", "Application")
    ),
    Framework("falcon", ("falcon.app",), application=("falcon.app", "App")),
    Framework("pyramid", ("pyramid.router",), application=("pyramid.router", "Router")),
)

#: The keys that frameworks write; without any of them, the ``look`` functions are not called.
WRITTEN = frozenset(key for framework in FRAMEWORKS for key in framework.written)

_NOTHING_WRAPPED = WrappedApplication()


def _module(name: str) -> Any:
    """Import a module of this package."""
    return import_module(f"{__name__}.{name}")


@functools.cache
def _looks() -> tuple[Callable[[Mapping[str, Any], WrappedApplication, str], Found | None], ...]:
    """Return the functions that read the keys written by frameworks.

    Their modules are loaded only if one of the frameworks is in use.
    """
    return tuple(_module(framework.module).look for framework in FRAMEWORKS if framework.written)


def find(
    scopes_or_environs: Sequence[Any],
    wrapped: WrappedApplication | None = None,
    base: str = "",
    reported: Sequence[RouteFinder] = (),
) -> Found:
    """Return the route and endpoint that the frameworks behind the middleware have found for a request.

    One that raises, for a release of a framework that nobody knows yet, costs no more than its own finding.

    Args:
        scopes_or_environs: The scopes or environs of the request, the innermost first.
        wrapped: The applications that were found behind the middleware at its construction.
        base: The mount prefix with which the request arrived (:func:`base_of`).
        reported: The route finders that frameworks have reported during this request, the latest first.
    """
    wrapped = wrapped or _NOTHING_WRAPPED
    for find_route in reported:
        found = attempt(find_route, base)
        if found is not None:
            return found
    for mapping in scopes_or_environs:
        found = attempt(_ask, wrapped.routers, mapping, base) if wrapped.routers else None
        if found is not None:
            return found
        for look in () if mapping.keys().isdisjoint(WRITTEN) else _looks():
            found = attempt(look, mapping, wrapped, base)
            if found is not None:
                return found
    for mapping in scopes_or_environs if wrapped.fallbacks else ():
        found = attempt(_ask, wrapped.fallbacks, mapping, base)
        if found is not None:
            return found
    return NOTHING


def _ask(routers: Sequence[tuple[str, Router]], mapping: Mapping[str, Any], base: str) -> Found | None:
    """Return what the routers below the middleware find; it may itself be below mounts, which are in the scope."""
    mount, below = mount_of(mapping, base), base_of(mapping)[len(base) :]
    for prefix, router in routers:
        found = attempt(router, mapping, mount) if prefix == below else None
        if found is not None:
            return found
    return None


def attach_to(app: Any, listener: Listener) -> WrappedApplication:
    """Hook into the frameworks without signals that are found in the layers of an application.

    The modules for imported frameworks are loaded now, rather than during a request.

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
    """Return an exception that a framework has raised, and those that the framework has wrapped in it."""
    unwrapped = _module("litestar").unwrap if "litestar.exceptions" in sys.modules else None
    return [error] if unwrapped is None else list(unwrapped(error))


#: The modules with signals, each with the module and function of this package that connect to them.
_WATCHES = {signals: (each.module, function) for each in FRAMEWORKS for signals, function in each.signals}
_UNWATCHED = set(_WATCHES)


def are_unwatched() -> bool:
    """Return whether a framework with signals has been imported to which :func:`watch` has not connected yet."""
    return not sys.modules.keys().isdisjoint(_UNWATCHED)


def watch(listener: Listener) -> None:
    """Connect to the signals of each framework that has been imported so far, once per process.

    Such a framework responds with 500 without raising, so that no middleware sees the exception.

    Args:
        listener: Receives what the frameworks report.
    """
    for name in _UNWATCHED & sys.modules.keys():
        _UNWATCHED.discard(name)
        signals: Any = sys.modules[name]
        if signals is not None:  # ``None`` in ``sys.modules`` makes the import fail
            module, function = _WATCHES[name]
            getattr(_module(module), function)(signals, listener)
