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

    :param app: the ASGI application.
    :param unsafe_context_data: accepted for compatibility; every supported Python has context variables.
    :param transaction_style: ``"endpoint"``: the view's dotted name; ``"url"``: its route template.
    :param mechanism_type: the ``mechanism.type`` of error events.
    :param span_origin: the origin of root spans.
    :param http_methods_to_capture: methods that make a root span; every method continues its trace.
    :param asgi_version: 2 or 3; found out if ``None``.
    :param root_path_in_path: accepted for compatibility; a ``root_path`` that is in the path is found by itself.
    :param options: see the options table of the README.
    :raises ValueError: for an option's value that is not allowed; the message names both.
    :raises TypeError: for a value of the wrong type, or an unknown option.
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

    :param app: the ASGI application.
    :param options: ``transaction_style``, and the options table of the README.
    """

    __slots__ = ()

    def __init__(self, app: Any, **options: Unpack[StyledOptionTypes]) -> None:
        super().__init__(app, **options)
