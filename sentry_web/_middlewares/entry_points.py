"""The entry points of frameworks: where a request enters an application, so that no middleware has to be placed.

No framework is imported. The entry point of a framework that is imported already is patched at once, that of another as
soon as something imports it. A patch stays for the life of the process, and asks at each call whether it applies.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import types
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from typing import Any, NamedTuple

from .._core.guard import call, report
from .._naming.frameworks import layers_of


class EntryPoint(NamedTuple):
    """A class of applications.

    Attributes:
        module: The module that defines the class.
        name: The class; its ``__call__`` serves a request.
        protocol: ``"asgi"`` (3) or ``"wsgi"``.
        integration: sentry-sdk's integration for the framework, by its identifier.
        instrumented_by_sdk: Whether that integration instruments this entry point; else it does so within the
            application, or has nothing to do with it.
    """

    module: str
    name: str
    protocol: str
    integration: str | None = None
    instrumented_by_sdk: bool = True


ENTRY_POINTS = (
    EntryPoint("flask.app", "Flask", "wsgi", "flask"),
    EntryPoint("django.core.handlers.wsgi", "WSGIHandler", "wsgi", "django"),
    EntryPoint("django.core.handlers.asgi", "ASGIHandler", "asgi", "django"),
    EntryPoint("falcon.app", "App", "wsgi", "falcon"),
    EntryPoint("falcon.asgi.app", "App", "asgi"),
    EntryPoint("bottle", "Bottle", "wsgi", "bottle"),
    EntryPoint("pyramid.router", "Router", "wsgi", "pyramid"),
    EntryPoint("fastapi.applications", "FastAPI", "asgi", "starlette"),  # around the telemetry that it has by itself
    EntryPoint("starlette.applications", "Starlette", "asgi", "starlette"),
    EntryPoint("litestar.app", "Litestar", "asgi", "litestar", instrumented_by_sdk=False),
    EntryPoint("quart.app", "Quart", "asgi", "quart"),
    EntryPoint("blacksheep.server.application", "Application", "asgi"),
)

#: Where servers take an application that may be of no framework.
SERVERS = (
    EntryPoint("uvicorn.config", "Config", "asgi"),
    EntryPoint("gunicorn.app.base", "BaseApplication", "wsgi"),
)

#: Returns the middleware that serves requests to an application in its place, or ``None`` for the application itself.
#: Called with the entry point, the application, and what it is called by without the patch.
Choose = Callable[[EntryPoint, Any, Callable[..., Any]], Any]

#: How many applications of one process have their middlewares kept. The oldest goes first, and is made again at need.
MOST_APPLICATIONS = 64


class Middlewares:
    """The middlewares of applications, each made once.

    Applications are kept alive: not all of them can be referred to weakly, and most are served until the process ends.
    """

    __slots__ = ("_lock", "_made")

    def __init__(self) -> None:
        self._made: dict[tuple[int, str], tuple[Any, Any]] = {}
        self._lock = threading.Lock()

    def get(self, app: Any, place: str, make: Callable[..., Any], *args: Any) -> Any:
        """Return the middleware of an application in a place, made by ``make(*args)`` when it is first asked for.

        Args:
            app: The application.
            place: Where it is called from; a class may call its base class's entry point.
            make: Makes the middleware.
            *args: Its arguments.
        """
        key = id(app), place
        made = self._made.get(key)
        if made is not None:
            return made[1]
        with self._lock:
            if key not in self._made:
                while len(self._made) >= MOST_APPLICATIONS:
                    del self._made[next(iter(self._made))]
                self._made[key] = (app, call(make, *args))  # ``None`` where that failed: logged once
            return self._made[key][1]


def instrument(choose: Choose) -> None:
    """Let requests to the applications of every framework go through the middleware that is chosen for each.

    Args:
        choose: Chooses it, at each request.
    """
    for entry_point in ENTRY_POINTS:
        _IMPORTS.when_imported(entry_point.module, functools.partial(_patch, entry_point, choose))
    for server, patch in zip(SERVERS, (_patch_uvicorn, _patch_gunicorn)):
        _IMPORTS.when_imported(server.module, functools.partial(patch, server, choose))


def _patch(entry_point: EntryPoint, choose: Choose, module: Any) -> None:
    kind = getattr(module, entry_point.name, None)
    if kind is not None:
        wrap = _wsgi_entry if entry_point.protocol == "wsgi" else _asgi_entry
        kind.__call__ = wrap(kind.__call__, entry_point, choose)


def _wsgi_entry(original: Any, entry_point: EntryPoint, choose: Choose) -> Any:
    @functools.wraps(original)
    def __call__(self: Any, environ: Any, start_response: Any) -> Any:  # noqa: N807
        __traceback_hide__ = True
        try:
            middleware = choose(entry_point, self, original)
        except Exception:  # noqa: BLE001 - as call() does
            middleware = report(choose)
        if middleware is None:
            return original(self, environ, start_response)
        return middleware(environ, start_response)

    return __call__


def _asgi_entry(original: Any, entry_point: EntryPoint, choose: Choose) -> Any:
    @functools.wraps(original)
    async def __call__(self: Any, scope: Any, receive: Any, send: Any) -> Any:  # noqa: N807
        __traceback_hide__ = True
        try:
            middleware = choose(entry_point, self, original)
        except Exception:  # noqa: BLE001 - as call() does
            middleware = report(choose)
        if middleware is None:
            return await original(self, scope, receive, send)
        return await middleware(scope, receive, send)

    return __call__


def _patch_uvicorn(server: EntryPoint, choose: Choose, module: Any) -> None:
    load = module.Config.load

    @functools.wraps(load)
    def loaded(self: Any) -> Any:
        result = load(self)
        self.loaded_app = call(_entered, server, choose, self.loaded_app) or self.loaded_app
        return result

    module.Config.load = loaded


def _patch_gunicorn(server: EntryPoint, choose: Choose, module: Any) -> None:
    wsgi = module.BaseApplication.wsgi

    @functools.wraps(wsgi)
    def loaded(self: Any) -> Any:
        app = wsgi(self)
        asgi = inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004
        return app if asgi else call(_entered, server, choose, app) or app  # uvicorn's worker loads what it serves

    module.BaseApplication.wsgi = loaded


def _entered(server: EntryPoint, choose: Choose, app: Any) -> Any:
    """Return an application with an entry point; ``None`` where it is, or has inside, one of a known framework."""
    known = [getattr(sys.modules.get(point.module), point.name, None) for point in ENTRY_POINTS]
    kinds = tuple(kind for kind in known if isinstance(kind, type))
    if any(issubclass(type(layer), kinds) for layer, _ in layers_of(app)):
        return None
    entry = _wsgi_entry(_call, server, choose) if server.protocol == "wsgi" else _asgi_entry(_await, server, choose)
    return types.MethodType(entry, app)


def _call(app: Any, environ: Any, start_response: Any) -> Any:
    __traceback_hide__ = True
    return app(environ, start_response)


async def _await(app: Any, scope: Any, receive: Any, send: Any) -> Any:
    __traceback_hide__ = True
    return await app(scope, receive, send)


class _ImportWatch(MetaPathFinder):
    """A finder that finds nothing itself, and calls functions with certain modules once these have been imported."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Callable[[Any], None]]] = {}

    def when_imported(self, name: str, function: Callable[[Any], None]) -> None:
        """Call the function with the module: now, or once it is imported."""
        module = sys.modules.get(name)
        if module is not None:
            call(function, module)
            return
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        self._waiting.setdefault(name, []).append(function)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return what the other finders find; its loader calls the functions when the module has been executed."""
        if fullname not in self._waiting:
            return None
        for find in self._others():
            spec = find(fullname, path, target)
            if spec is not None:
                call(self._watch, spec.loader, fullname)
                return spec
        return None

    def _others(self) -> Iterator[Any]:
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is not self and find is not None:
                yield find

    def _watch(self, loader: Any, name: str) -> None:
        """Shadow ``exec_module`` of this one loader; a loader of ours would hide the module's source from tools."""
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            for function in self._waiting.pop(name, ()):
                call(function, module)

        loader.exec_module = exec_module


_IMPORTS = _ImportWatch()


def when_imported(name: str, function: Callable[[Any], None]) -> None:
    """Call the function with a module: now, or once it is imported."""
    _IMPORTS.when_imported(name, function)
