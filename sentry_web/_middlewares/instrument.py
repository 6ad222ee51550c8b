"""``instrument_asgi`` and ``instrument_wsgi``: the adapters with the OpenTelemetry recorder.

OpenTelemetry is an extra: its output is loaded when one of the functions is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._options import documents_options
from ..asgi import AsgiMiddleware
from ..wsgi import WsgiMiddleware

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._otel.options import AsgiOptions, CommonOptions


#: The options that ``opentelemetry.instrumentation.asgi.OpenTelemetryMiddleware`` takes by position, in its order.
_ASGI_POSITIONS = (
    "excluded_urls",
    "default_span_details",
    "server_request_hook",
    "client_request_hook",
    "client_response_hook",
    "tracer_provider",
    "meter_provider",
    "tracer",
    "meter",
    "http_capture_headers_server_request",
    "http_capture_headers_server_response",
    "http_capture_headers_sanitize_fields",
    "exclude_spans",
)
#: The same of ``opentelemetry.instrumentation.wsgi.OpenTelemetryMiddleware``.
_WSGI_POSITIONS = ("request_hook", "response_hook", "tracer_provider", "meter_provider")


@documents_options
def instrument_asgi(
    app: Any, *positional: Any, capture_headers: bool = False, **options: Unpack[AsgiOptions]
) -> AsgiMiddleware:
    """Report the requests of an ASGI application (2 or 3) to OpenTelemetry: server spans and metrics.

    It takes the place of ``logfire.instrument_asgi`` and of
    ``opentelemetry.instrumentation.asgi.OpenTelemetryMiddleware``.

    Args:
        app: The ASGI application; it may be a middleware of this package; then both record from one exchange.
        positional: Options by position, in the order of OpenTelemetry's middleware, from ``excluded_urls`` on.
        capture_headers: Record all request and response headers, sanitised. Example: ``capture_headers=True``.
        http_capture_headers_server_request: Regular expressions of whole names of request headers to record, as
            ``http.request.header.<name>``. Example: ``http_capture_headers_server_request=["accept.*"]``.
        http_capture_headers_server_response: The same for response headers, as ``http.response.header.<name>``.
            Example: ``http_capture_headers_server_response=["content-type"]``.
        http_capture_headers_sanitize_fields: Regular expressions of names of headers whose values become
            ``[Filtered]``, in addition to the sensitive ones.
            Example: ``http_capture_headers_sanitize_fields=["x-customer.*"]``.
        send_default_pii: Record the addresses of clients. Example: ``send_default_pii=True``.
        tracer_provider: The source of the tracer; ``None``: the global one. Example: ``tracer_provider=provider``.
        meter_provider: The source of the meter; ``None``: the global one. Example: ``meter_provider=provider``.
        tracer: A tracer, in the place of the provider's. Example: ``tracer=provider.get_tracer("shop")``.
        meter: A meter, in the place of the provider's. Example: ``meter=provider.get_meter("shop")``.
        server_request_hook: A function ``(span, scope or environ)`` that is called when the span has started.
            Example: ``server_request_hook=name_tenant``.
        request_hook: The same under the name that OpenTelemetry's WSGI middleware uses.
            Example: ``request_hook=name_tenant``.
        response_hook: A function ``(span, scope or environ, status line, headers)`` that is called before the headers
            of the response are sent; what it changes in the list of headers is sent.
            Example: ``response_hook=add_header``.
        client_request_hook: ASGI: a function ``(span, scope, message)`` that is called for each message received. The
            span is that of the message. Example: ``client_request_hook=count_messages``.
        client_response_hook: ASGI: the same for each message before it is sent, which the function may change.
            Example: ``client_response_hook=count_messages``.
        exclude_spans: ASGI: which messages get no span, ``"receive"``, ``"send"`` or both.
            Example: ``exclude_spans=["send"]``.
        default_span_details: A function of the scope or environ that returns ``(name, attributes)`` of the span; that
            name stays. Example: ``default_span_details=describe``.
        metric_attributes: A function ``(request, outcome)`` that returns more attributes of the metrics, each a string,
            bool or number. Example: ``metric_attributes=tenant_of``.
        options: The options below; ``capture_body`` and ``speedups`` have no effect here.

    Returns:
        The application to serve.

    Raises:
        ImportError: OpenTelemetry's API is not installed.
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """
    from_otel = _load_otel()
    given = _named("instrument_asgi", _ASGI_POSITIONS, positional, dict(options))
    version = given.pop("asgi_version", None)
    settings = from_otel.build_settings("asgi", capture_headers=capture_headers, **given)
    recorder = from_otel.OpenTelemetryRecorder(settings)
    return AsgiMiddleware(app, recorders=[recorder], config=settings.config, asgi_version=version)


@documents_options
def instrument_wsgi(
    app: Any, *positional: Any, capture_headers: bool = False, **options: Unpack[CommonOptions]
) -> WsgiMiddleware:
    """Report the requests of a WSGI application to OpenTelemetry: server spans and metrics.

    It takes the place of ``logfire.instrument_wsgi`` and of
    ``opentelemetry.instrumentation.wsgi.OpenTelemetryMiddleware``.

    Args:
        app: The WSGI application; it may be a middleware of this package; then both record from one exchange.
        positional: Options by position, in the order of OpenTelemetry's middleware, from ``request_hook`` on.
        capture_headers: Record all request and response headers, sanitised.
        options: Those of :func:`instrument_asgi`, except for the ones that are for ASGI only, and the options below;
            ``capture_body`` and ``speedups`` have no effect here.

    Returns:
        The application to serve.

    Raises:
        ImportError: OpenTelemetry's API is not installed.
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """
    from_otel = _load_otel()
    given = _named("instrument_wsgi", _WSGI_POSITIONS, positional, dict(options))
    settings = from_otel.build_settings("wsgi", capture_headers=capture_headers, **given)
    return WsgiMiddleware(app, recorders=[from_otel.OpenTelemetryRecorder(settings)], config=settings.config)


def _named(
    function: str, names: tuple[str, ...], positional: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Any]:
    """Return options by name, those given by position among them."""
    if len(positional) > len(names):
        given = len(positional) + 1
        raise TypeError(f"{function}() takes at most {len(names) + 1} positional arguments ({given} given)")
    for name in names[: len(positional)]:
        if name in options:
            raise TypeError(f"{function}() got multiple values for argument {name!r}")
    return {**dict(zip(names, positional)), **options}


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
