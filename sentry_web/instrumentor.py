"""``SentryWebInstrumentor``: every WSGI and ASGI framework of the process to OpenTelemetry, with no code.

``opentelemetry-instrument`` finds it by its entry point, and its name there, ``sentry_web``, switches it off in
``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS``. It needs the package ``opentelemetry-instrumentation``.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from ._middlewares.entry_points import EntryPoint, Middlewares, instrument
from ._middlewares.instrument import instrument_asgi, instrument_wsgi

_STARLETTE = (
    ("opentelemetry.instrumentation.fastapi", "FastAPIInstrumentor"),
    ("opentelemetry.instrumentation.starlette", "StarletteInstrumentor"),
)
#: OpenTelemetry's own instrumentation of a framework, by the module of the entry point.
_OTHERS = {
    "flask.app": (("opentelemetry.instrumentation.flask", "FlaskInstrumentor"),),
    "django.core.handlers.wsgi": (("opentelemetry.instrumentation.django", "DjangoInstrumentor"),),
    "django.core.handlers.asgi": (("opentelemetry.instrumentation.django", "DjangoInstrumentor"),),
    "falcon.app": (("opentelemetry.instrumentation.falcon", "FalconInstrumentor"),),
    "falcon.asgi.app": (("opentelemetry.instrumentation.falcon", "FalconInstrumentor"),),
    "pyramid.router": (("opentelemetry.instrumentation.pyramid", "PyramidInstrumentor"),),
    "fastapi.applications": _STARLETTE,
    "starlette.applications": _STARLETTE,
}
#: Options of ``instrument_asgi`` that ``instrument_wsgi`` does not have.
_ASGI_ONLY = {"asgi_version", "client_request_hook", "client_response_hook", "exclude_spans"}


class SentryWebInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Instruments every WSGI and ASGI framework, those that are imported later too.

    A framework that OpenTelemetry's own instrumentation has instrumented is left to it.
    """

    _options: dict[str, Any]
    _middlewares: Middlewares
    _active = False
    _patched = False

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return no packages: each framework is instrumented if it is there."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        """Instrument; the options are those of ``instrument_asgi`` and ``instrument_wsgi``.

        Raises:
            ValueError: For an option's value that is not allowed; the message names both.
            TypeError: For a value of the wrong type, or an unknown option.
        """
        options = {name: value for name, value in kwargs.items() if name not in _OF_THE_COMMAND}
        _make("asgi", _nothing, options)  # a bad value fails here
        self._options = options
        self._middlewares = Middlewares()
        self._active = True
        if not self._patched:
            self._patched = True
            instrument(self._choose)

    def _uninstrument(self, **kwargs: Any) -> None:
        """Leave the frameworks alone; patches of entry points stay, and do nothing."""
        self._active = False

    def _choose(self, entry_point: EntryPoint, app: Any, original: Any) -> Any:
        if not self._active or _is_instrumented(entry_point):
            return None
        return self._middlewares.get(app, entry_point.module, self._make, entry_point, app, original)

    def _make(self, entry_point: EntryPoint, app: Any, original: Any) -> Any:
        return _make(entry_point.protocol, types.MethodType(original, app), self._options)


#: What ``opentelemetry-instrument`` passes to every instrumentor, for the base class.
_OF_THE_COMMAND = {"skip_dep_check", "raise_exception_on_conflict"}


def _make(protocol: str, app: Any, options: dict[str, Any]) -> Any:
    if protocol == "asgi":
        given: dict[str, Any] = {"asgi_version": 3, **options}
        return instrument_asgi(app, **given)
    return instrument_wsgi(app, **{name: value for name, value in options.items() if name not in _ASGI_ONLY})


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """Do nothing, as an application to check options with."""


def _is_instrumented(entry_point: EntryPoint) -> bool:
    """Return whether OpenTelemetry's own instrumentation of the framework is in use."""
    for module, name in _OTHERS.get(entry_point.module, ()):
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and kind().is_instrumented_by_opentelemetry:
            return True
    return False
