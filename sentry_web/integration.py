"""``WebIntegration``: every WSGI and ASGI framework of the process, by one line in ``sentry_sdk.init``.

sentry-sdk's own integration for a framework puts the SDK's generic middleware around each request. There, ours takes
its place, with the parameters that the integration chose; names, users and bodies remain the integration's. A framework
without an integration, or with its integration off, is wrapped at its entry point (``_middlewares.entry_points``).

Like the SDK's integrations, it patches once a process, and each patch asks whether the client of the moment has it.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.integrations import Integration

from ._core.entry import is_recorded
from ._core.guard import report
from ._middlewares.asgi import SentryAsgiMiddleware
from ._middlewares.entry_points import EntryPoint, Middlewares, instrument
from ._middlewares.wsgi import SentryWsgiMiddleware
from ._options import build_options, documents_options
from ._sentry import SentryRecorder

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import StyledOptionTypes

_MIDDLEWARES: dict[str, Any] = {"asgi": SentryAsgiMiddleware, "wsgi": SentryWsgiMiddleware}
#: Parameters that sentry-sdk's integrations choose for the SDK's middlewares, of those which ours have too.
_PARAMETERS = ("http_methods_to_capture", "mechanism_type", "span_origin", "transaction_style", "use_x_forwarded_for")


@documents_options
class WebIntegration(Integration):
    """An integration for ``sentry_sdk.init`` that reports the requests of every WSGI and ASGI framework.

    It counts for the client that has it: a later ``sentry_sdk.init`` without it restores sentry-sdk's own behaviour.

    Example:
        >>> sentry_sdk.init(dsn="…", integrations=[WebIntegration()])  # doctest: +SKIP

    Args:
        options: The options below. A ``transaction_style`` that is not given is that of the framework's integration in
            sentry-sdk, where that is on.

    Raises:
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """

    identifier = "sentry_web"
    _is_set_up = False

    def __init__(self, **options: Unpack[StyledOptionTypes]) -> None:
        build_options(**options)  # a bad value fails here, where the developer sees it
        self._options: dict[str, Any] = {**options, "prefers_style": "transaction_style" in options}
        self._middlewares = Middlewares()

    @staticmethod
    def setup_once() -> None:
        """Patch the SDK's generic middlewares, and the entry points of frameworks.

        This happens once, also where a test suite has the SDK forget which integrations it has set up: a second patch
        of an entry point would call the first, and that the second one's middleware, without end.
        """
        if WebIntegration._is_set_up:
            return
        WebIntegration._is_set_up = True
        _take_over_wsgi()
        _take_over_asgi()
        instrument(_choose)

    def middleware_of(self, entry_point: EntryPoint, app: Any, original: Any, origin: str | None) -> Any:
        """Return the middleware around an application at its entry point."""
        return self._middlewares.get(app, entry_point.module, self._make_at_entry, entry_point, app, original, origin)

    def _make_at_entry(self, entry_point: EntryPoint, app: Any, original: Any, origin: str | None) -> Any:
        given = self._options if origin is None else {"span_origin": origin, **self._options}
        return _MIDDLEWARES[entry_point.protocol](types.MethodType(original, app), **given)

    def in_place_of(self, generic: Any, protocol: str) -> Any:
        """Return the middleware to use in the place of one of the SDK's, which may have been made for this request."""
        app = _application_of(generic.app)
        return self._middlewares.get(app, "in place", self._make_in_place, generic, app, protocol)

    def _make_in_place(self, generic: Any, app: Any, protocol: str) -> Any:
        chosen = {name: getattr(generic, name) for name in _PARAMETERS if hasattr(generic, name)}
        version = {"asgi_version": 3} if protocol == "asgi" else {}
        return _MIDDLEWARES[protocol](app, **{**chosen, **version, **self._options})


def _current_integration() -> WebIntegration | None:
    """Return the integration of the current client, if it has it."""
    web: Any = sentry_sdk.get_client().get_integration(WebIntegration.identifier)
    return web  # type: ignore[no-any-return]


def _choose(entry_point: EntryPoint, app: Any, original: Any) -> Any:
    """Return the middleware for an application at its entry point; none where the SDK's integration has one there."""
    get: Any = sentry_sdk.get_client().get_integration
    name = entry_point.integration
    framework = None if name is None else get(name)
    if framework is not None and entry_point.instrumented_by_sdk:
        return None
    web = get(WebIntegration.identifier)
    return None if web is None else web.middleware_of(entry_point, app, original, getattr(framework, "origin", None))


def _application_of(served: Any) -> Any:
    """Return the application that a callable serves, where one of the SDK's integrations made it for this request.

    They make bound methods, and closures over the ``self`` of the application's ``__call__``.
    """
    if isinstance(served, types.FunctionType):
        names = served.__code__.co_freevars
        if "self" in names and served.__closure__:
            app = served.__closure__[names.index("self")].cell_contents
            return app if callable(app) else served
        return served
    return served.__self__ if isinstance(served, types.MethodType) else served


def _take_over_wsgi() -> None:
    """Use our middleware where the SDK's would run, for clients with this integration."""
    from sentry_sdk.integrations.wsgi import (
        SentryWsgiMiddleware as GenericWsgi,  # imports Django, where it is installed
    )

    original: Any = GenericWsgi.__call__

    def __call__(self: Any, environ: Any, start_response: Any) -> Any:  # noqa: N807
        __traceback_hide__ = True
        web = _current_integration()
        if web is None:
            return original(self, environ, start_response)
        try:
            middleware = web.in_place_of(self, "wsgi") if type(self) is GenericWsgi else None
        except Exception:  # noqa: BLE001 - as call() does
            middleware = report(web.in_place_of)
        if middleware is not None:
            return middleware.around(self.app)(environ, start_response)
        if is_recorded(environ, "wsgi", SentryRecorder.key):
            return self.app(environ, start_response)
        return original(self, environ, start_response)

    GenericWsgi.__call__ = __call__  # type: ignore[method-assign]


def _take_over_asgi() -> None:
    """Use our middleware where the SDK's would run, for clients with this integration.

    ``_run_app`` is what both forms of the SDK's middleware, and the integrations that call ``_run_asgi3``, come down
    to. A subclass has rules of its own (Litestar's leaves errors to a hook): it does nothing inside a request of ours,
    else it works as without us.
    """
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as GenericAsgi  # the same

    original: Any = GenericAsgi._run_app  # noqa: SLF001

    async def _run_app(self: Any, scope: Any, receive: Any, send: Any, asgi_version: int) -> Any:
        __traceback_hide__ = True
        web = _current_integration()
        if web is None:
            return await original(self, scope, receive, send, asgi_version)
        app = self.app if asgi_version == 3 else functools.partial(_run_double, self.app)
        try:
            middleware = web.in_place_of(self, "asgi") if type(self) is GenericAsgi else None
        except Exception:  # noqa: BLE001 - as call() does
            middleware = report(web.in_place_of)
        if middleware is not None:
            return await middleware.around(app)(scope, receive, send)
        if is_recorded(scope, "asgi", SentryRecorder.key):
            return await app(scope, receive, send)
        return await original(self, scope, receive, send, asgi_version)

    GenericAsgi._run_app = _run_app  # type: ignore[method-assign]  # noqa: SLF001


async def _run_double(app: Any, scope: Any, receive: Any, send: Any) -> Any:
    """Call an ASGI 2 application as ASGI 3."""
    __traceback_hide__ = True
    return await app(scope)(receive, send)
