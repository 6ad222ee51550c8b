"""``instrument_asgi`` and ``instrument_wsgi``: the adapters with the OpenTelemetry recorder.

OpenTelemetry is an extra: its output is loaded when one of the functions is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..asgi import AsgiMiddleware
from ..wsgi import WsgiMiddleware

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._otel.options import AsgiOptions, CommonOptions


def instrument_asgi(app: Any, *, capture_headers: bool = False, **options: Unpack[AsgiOptions]) -> AsgiMiddleware:
    """Report the requests of an ASGI application (2 or 3) to OpenTelemetry: server spans and metrics.

    In place of ``logfire.instrument_asgi`` and of ``opentelemetry.instrumentation.asgi.OpenTelemetryMiddleware``.

    Args:
        app: The ASGI application; it may be a middleware of this package; then both record from one exchange.
        capture_headers: Report all request and response headers, sanitised.
        options: See the README's table, "OpenTelemetry", such as ``record_send_receive``.

    Returns:
        The application to serve.

    Raises:
        ImportError: OpenTelemetry's API is not installed.
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """
    from_otel = _load_otel()
    given: dict[str, Any] = dict(options)
    version = given.pop("asgi_version", None)
    settings = from_otel.build_settings("asgi", capture_headers=capture_headers, **given)
    recorder = from_otel.OpenTelemetryRecorder(settings)
    return AsgiMiddleware(app, recorders=[recorder], config=settings.config, asgi_version=version)


def instrument_wsgi(app: Any, *, capture_headers: bool = False, **options: Unpack[CommonOptions]) -> WsgiMiddleware:
    """Report the requests of a WSGI application to OpenTelemetry: server spans and metrics.

    In place of ``logfire.instrument_wsgi`` and of ``opentelemetry.instrumentation.wsgi.OpenTelemetryMiddleware``.

    Args:
        app: The WSGI application; it may be a middleware of this package; then both record from one exchange.
        capture_headers: Report all request and response headers, sanitised.
        options: See the README's table, "OpenTelemetry", such as ``record_send_receive``.

    Returns:
        The application to serve.

    Raises:
        ImportError: OpenTelemetry's API is not installed.
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """
    from_otel = _load_otel()
    settings = from_otel.build_settings("wsgi", capture_headers=capture_headers, **options)
    return WsgiMiddleware(app, recorders=[from_otel.OpenTelemetryRecorder(settings)], config=settings.config)


def _load_otel() -> Any:
    """Return the package of the OpenTelemetry output."""
    try:
        from .. import _otel
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise ImportError(
            "instrumenting for OpenTelemetry needs opentelemetry-api: pip install 'sentry-web[otel]'", name=error.name
        ) from error
    return _otel
