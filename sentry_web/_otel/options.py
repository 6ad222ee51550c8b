"""The types of the options, for type checkers and readers; ``settings`` validates the values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from .._options import OptionTypes, Style

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from .._request import Outcome, Request

#: A hook that is called with the span and the scope or environ.
RequestHook = Callable[["Span", Any], None]
#: A hook that is called with the span, the scope or environ, a status line such as ``200 OK``, and the headers.
ResponseHook = Callable[["Span", Any, str, "list[tuple[str, str]]"], None]
#: A hook that is called with the span, the scope and the message.
MessageHook = Callable[["Span", Any, Any], None]
#: A function of the scope or environ that returns the span's name and initial attributes.
SpanDetails = Callable[[Any], "tuple[str, Mapping[str, Any]]"]

#: A function of the request and its outcome that returns attributes for the metrics.
MetricAttributes = Callable[["Request", "Outcome"], "Mapping[str, str | bool | int | float] | None"]


class CommonOptions(OptionTypes, total=False):
    """The options for both protocols; ``instrument_asgi`` explains each."""

    transaction_style: Style
    default_span_details: SpanDetails | None
    server_request_hook: RequestHook | None
    request_hook: RequestHook | None
    response_hook: ResponseHook | None
    metric_attributes: MetricAttributes | None
    tracer_provider: TracerProvider | None
    meter_provider: MeterProvider | None
    tracer: Tracer | None
    meter: Meter | None
    http_capture_headers_server_request: Iterable[str] | None
    http_capture_headers_server_response: Iterable[str] | None
    http_capture_headers_sanitize_fields: Iterable[str] | None
    send_default_pii: bool


class AsgiOptions(CommonOptions, total=False):
    """The options for ASGI, which add those for messages."""

    asgi_version: int | None
    client_request_hook: MessageHook | None
    client_response_hook: MessageHook | None
    exclude_spans: Sequence[Literal["receive", "send"]] | None
