"""The public Sentry middlewares for WSGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._options import DEFAULT_METHODS, build_options, documents_options
from .._sentry import SentryRecorder
from ..wsgi import WsgiMiddleware

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._options import StyledOptionTypes


@documents_options
class SentryWsgiMiddleware(WsgiMiddleware):
    """Report the errors, requests and traces of a WSGI application to Sentry.

    It takes the place of ``sentry_sdk.integrations.wsgi.SentryWsgiMiddleware``, with the same positional parameters.

    Args:
        app: The WSGI application.
        use_x_forwarded_for: Trust forwarding headers from everybody, as ``trusted_proxies="*"`` does.
        span_origin: The origin of root spans.
        http_methods_to_capture: Methods that make a root span; every method continues its trace.
        options: The options below.

    Raises:
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """

    __slots__ = ()

    def __init__(
        self,
        app: Any,
        use_x_forwarded_for: bool = False,
        span_origin: str = "manual",
        http_methods_to_capture: tuple[str, ...] = DEFAULT_METHODS,
        **options: Unpack[StyledOptionTypes],
    ) -> None:
        config = build_options(
            mechanism_type="wsgi",
            span_origin=span_origin,
            http_methods_to_capture=http_methods_to_capture,
            trusts_everyone=use_x_forwarded_for,
            **options,
        )
        super().__init__(app, recorders=[SentryRecorder(config)], config=config)
