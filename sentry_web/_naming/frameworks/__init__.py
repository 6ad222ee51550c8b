"""What frameworks leave behind in scope and environ, or tell when asked: route, endpoint, swallowed errors.

No framework is imported: each is recognised by what it wrote, or looked up in ``sys.modules``. One module a family of
frameworks. No vendor is known here.

Three ways lead to a name: a framework *tells* it, by a signal or hook (``Listener.routed``); it has a router that can
be *asked* (``WrappedApplication.routers``); it *wrote* its route into the scope or environ.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._found import NOTHING, Found, Listener, RouteFinder, dotted_name
from ._mounts import base_of, full_path, mount_of
from ._wrapped import WrappedApplication, layers_of

__all__ = [
    "NOTHING",
    "WRITTEN",
    "Found",
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

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Mapping, what is behind the middleware, base of the mounts → what was found, or ``None``.
    _Look = Callable[[Mapping[str, Any], WrappedApplication, str], Found | None]


@functools.cache
def _looks() -> tuple[_Look, ...]:
    """One entry a framework; those that are mounted in others come first.

    Like the other modules of a framework, these are loaded where there is one: nine modules are a tenth of the import.
    """
    from . import bottle, litestar, pallets, routing_args, starlette

    return (
        litestar.look,
        bottle.look,
        pallets.look,
        routing_args.look,
        starlette.look,
    )


#: With which of them imported a request will look; with another router that leaves its word (``wsgiorg.routing_args``),
#: the first such request loads three small modules.
_LOOKED_AT = frozenset(("bottle", "litestar", "routes", "starlette", "werkzeug"))
_NOBODY = WrappedApplication()
#: One of the keys that each of them reads; where none is there, none is asked (0.2 µs in the place of 0.8).
WRITTEN = frozenset(("route_handler", "bottle.route", "werkzeug.request", "wsgiorg.routing_args", "endpoint", "route"))


def find(
    scope_or_environ: Sequence[Any],
    behind: WrappedApplication | None = None,
    base: str = "",
    told: Sequence[RouteFinder] = (),
) -> Found:
    """What the framework behind the middleware knows of this request.

    Args:
        scope_or_environ: The scopes or environs of the request, the innermost first.
        behind: What was found behind the middleware at its construction.
        base: The mount prefix that was there when the request arrived (:func:`base_of`).
        told: What frameworks told in this request, the latest first.
    """
    behind = behind or _NOBODY
    for tell in told:
        found = tell(base)
        if found is not None:
            return found
    for mapping in scope_or_environ:
        found = _ask_routers(mapping, behind, base) if behind.routers else None
        if found is not None:
            return found
        for look in () if mapping.keys().isdisjoint(WRITTEN) else _looks():
            found = look(mapping, behind, base)
            if found is not None:
                return found
    return NOTHING


def _ask_routers(mapping: Mapping[str, Any], behind: WrappedApplication, base: str) -> Found | None:
    mount = mount_of(mapping, base)
    for prefix, router in behind.routers:
        found = router(mapping, mount) if prefix == mount else None
        if found is not None:
            return found
    return None


#: Applications that are hooked into at construction: module, class → our module whose ``attach`` does it.
_HOOKS = (
    ("blacksheep.server.application", "Application", "blacksheep"),
    ("falcon.app", "App", "falcon"),
    ("litestar.app", "Litestar", "litestar"),
    ("pyramid.router", "Router", "pyramid"),
)


def _room(name: str) -> Any:
    """A framework's own module in here."""
    return import_module(f"{__name__}.{name}")


def attach_to(app: Any, listener: Listener) -> WrappedApplication:
    """Look through the layers of an application, and hook into the frameworks found there that have no signal.

    What the requests will need for a framework that is there is loaded now.
    """
    behind = WrappedApplication()
    if not sys.modules.keys().isdisjoint(_LOOKED_AT):
        _looks()
    if sys.modules.get("django"):
        _room("django")
    attach = _room("pallets").attach if "werkzeug" in sys.modules else None
    for owner, prefix in layers_of(app):
        for module, name, room in _HOOKS:
            kind = getattr(sys.modules.get(module), name, None)
            if kind is not None and issubclass(type(owner), kind):
                _room(room).attach(owner, prefix, behind, listener)
        if attach is not None:
            attach(owner, prefix, behind)
    return behind


def unwrap(error: BaseException) -> list[BaseException]:
    """What an exception that leaves a framework was made of: itself, and what it wraps."""
    unwrapped = _room("litestar").unwrap if "litestar.exceptions" in sys.modules else None
    return [error] if unwrapped is None else list(unwrapped(error))


#: Frameworks with signals, by the module that has them.
_WATCHES: dict[str, Callable[[Any, Listener], None]] = {
    "django.core.signals": lambda signals, listener: _room("django").watch(signals, listener),
    "flask": lambda flask, listener: _room("pallets").watch_flask(flask, listener),
    "quart": lambda quart, listener: _room("pallets").watch_quart(quart, listener),
}
_UNWATCHED = set(_WATCHES)


def are_unwatched() -> bool:
    """Whether :func:`watch` has something to do."""
    return not sys.modules.keys().isdisjoint(_UNWATCHED)


def watch(listener: Listener) -> None:
    """Connect to the signals of each framework that has been imported by now; once a process.

    Such a framework answers 500 without raising, so that no middleware sees the exception.
    """
    for name in _UNWATCHED & sys.modules.keys():
        _UNWATCHED.discard(name)
        module: Any = sys.modules[name]
        if module is not None:  # None: somebody lets its import fail
            _WATCHES[name](module, listener)
