"""``instrument_asgi`` and ``instrument_wsgi``: adapters, options and the OpenTelemetry recorder put together.

OpenTelemetry is an extra: its room is loaded when one of the functions is called, and nothing of it is known here.
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

    :param app: the ASGI application; it may be a middleware of ours, and then both record from one exchange.
    :param capture_headers: tell all request and response headers, sanitised.
    :param options: see the README's table, "OpenTelemetry", such as ``record_send_receive``.
    :returns: the application to serve.
    :raises ImportError: OpenTelemetry's API is not installed.
    :raises ValueError: for an option's value that is not allowed; the message names both.
    :raises TypeError: for a value of the wrong type, or an unknown option.
    """
    from_otel = _otel()
    given: dict[str, Any] = dict(options)
    version = given.pop("asgi_version", None)
    settings = from_otel.build_settings("asgi", capture_headers=capture_headers, **given)
    recorder = from_otel.OpenTelemetryRecorder(settings)
    return AsgiMiddleware(app, recorders=[recorder], config=settings.config, asgi_version=version)


def instrument_wsgi(app: Any, *, capture_headers: bool = False, **options: Unpack[CommonOptions]) -> WsgiMiddleware:
    """Report the requests of a WSGI application to OpenTelemetry: server spans and metrics.

    In place of ``logfire.instrument_wsgi`` and of ``opentelemetry.instrumentation.wsgi.OpenTelemetryMiddleware``.

    :param app: the WSGI application; it may be a middleware of ours, and then both record from one exchange.
    :param capture_headers: tell all request and response headers, sanitised.
    :param options: see the README's table, "OpenTelemetry", such as ``record_send_receive``.
    :returns: the application to serve.
    :raises ImportError: OpenTelemetry's API is not installed.
    :raises ValueError: for an option's value that is not allowed; the message names both.
    :raises TypeError: for a value of the wrong type, or an unknown option.
    """
    from_otel = _otel()
    settings = from_otel.build_settings("wsgi", capture_headers=capture_headers, **options)
    return WsgiMiddleware(app, recorders=[from_otel.OpenTelemetryRecorder(settings)], config=settings.config)


def _otel() -> Any:
    """The room, once it is needed."""
    try:
        from .. import _otel as room
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise ImportError(
            "instrumenting for OpenTelemetry needs opentelemetry-api: pip install 'sentry-web[otel]'", name=error.name
        ) from error
    return room
