"""The public Sentry middlewares for ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._options import DEFAULT_METHODS, build_options
from .._sentry import SentryRecorder
from ..asgi import AsgiMiddleware

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._options import OptionTypes, Style, StyledOptionTypes


class SentryAsgiMiddleware(AsgiMiddleware):
    """Reports the errors, requests and traces of an ASGI application (2 or 3) to Sentry.

    In place of ``sentry_sdk.integrations.asgi.SentryAsgiMiddleware``, with the same positional parameters.

    Args:
        app: The ASGI application.
        unsafe_context_data: Accepted for compatibility; every supported Python has context variables.
        transaction_style: ``"endpoint"``: the view's dotted name; ``"url"``: its route template.
        mechanism_type: The ``mechanism.type`` of error events.
        span_origin: The origin of root spans.
        http_methods_to_capture: Methods that make a root span; every method continues its trace.
        asgi_version: 2 or 3; found out if ``None``.
        root_path_in_path: Accepted for compatibility; a ``root_path`` that is in the path is found by itself.
        options: See the options table of the README.

    Raises:
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, or an unknown option.
    """

    __slots__ = ()

    def __init__(  # noqa: PLR0917 - sentry-sdk's signature
        self,
        app: Any,
        unsafe_context_data: bool = False,
        transaction_style: Style = "endpoint",
        mechanism_type: str = "asgi",
        span_origin: str = "manual",
        http_methods_to_capture: tuple[str, ...] = DEFAULT_METHODS,
        asgi_version: int | None = None,
        root_path_in_path: Any = None,
        **options: Unpack[OptionTypes],
    ) -> None:
        config = build_options(
            transaction_style=transaction_style,
            mechanism_type=mechanism_type,
            span_origin=span_origin,
            http_methods_to_capture=http_methods_to_capture,
            **options,
        )
        super().__init__(app, recorders=[SentryRecorder(config)], config=config, asgi_version=asgi_version)


class SentryMiddleware(SentryAsgiMiddleware):
    """:class:`SentryAsgiMiddleware` under the name of the archived ``sentry-asgi`` package.

    Args:
        app: The ASGI application.
        options: ``transaction_style``, and the options table of the README.
    """

    __slots__ = ()

    def __init__(self, app: Any, **options: Unpack[StyledOptionTypes]) -> None:
        super().__init__(app, **options)
