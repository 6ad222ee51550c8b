"""The public Sentry middlewares for ASGI."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, overload

from .._options import build_options, documents_options
from .._sentry import SentryRecorder, asgi_parameters
from ..asgi import AsgiMiddleware

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._options import OptionTypes, Style, StyledOptionTypes


@documents_options
class SentryAsgiMiddleware(AsgiMiddleware):
    """Report the errors, requests and traces of an ASGI application (2 or 3) to Sentry.

    It takes the place of ``sentry_sdk.integrations.asgi.SentryAsgiMiddleware``. Positional parameters are those of the
    installed sentry-sdk: all of the following in this order with 2.x, and those from ``mechanism_type`` on with 3.x. By
    keyword, each is accepted with either.

    Args:
        app: The ASGI application.
        unsafe_context_data: Accepted for compatibility; every supported Python has context variables.
        transaction_style: ``"endpoint"``: the view's dotted name; ``"url"``: its route template.
        mechanism_type: The ``mechanism.type`` of error events.
        span_origin: The origin of root spans.
        http_methods_to_capture: Methods that make a root span; every method continues its trace.
        asgi_version: 2 or 3; found out if ``None``.
        root_path_in_path: Accepted for compatibility; a ``root_path`` that is in the path is found by itself.
        options: The options below.

    Raises:
        ValueError: For an option's value that is not allowed; the message names both.
        TypeError: For a value of the wrong type, an unknown option, or more positional arguments than parameters.
    """

    __slots__ = ()

    @overload
    def __init__(
        self,
        app: Any,
        unsafe_context_data: bool = ...,
        transaction_style: Style = ...,
        mechanism_type: str = ...,
        span_origin: str = ...,
        http_methods_to_capture: tuple[str, ...] = ...,
        asgi_version: int | None = ...,
        root_path_in_path: Any = ...,
        **options: Unpack[OptionTypes],
    ) -> None: ...

    @overload
    def __init__(
        self,
        app: Any,
        mechanism_type: str = ...,
        span_origin: str = ...,
        http_methods_to_capture: tuple[str, ...] = ...,
        asgi_version: int | None = ...,
        root_path_in_path: Any = ...,
        **options: Unpack[StyledOptionTypes],
    ) -> None: ...

    def __init__(self, app: Any, *positional: Any, **options: Any) -> None:
        if positional:
            options = _by_name(positional, options)
        if options.pop("unsafe_context_data", False):
            warnings.warn(
                "unsafe_context_data has no effect: every supported Python has context variables", stacklevel=2
            )
        options.pop("root_path_in_path", None)
        asgi_version = options.pop("asgi_version", None)
        config = build_options(**options)
        super().__init__(app, recorders=[SentryRecorder(config)], config=config, asgi_version=asgi_version)


def _by_name(positional: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments of :class:`SentryAsgiMiddleware` but the application by name."""
    names = asgi_parameters()
    if len(positional) > len(names):
        raise TypeError(
            f"SentryAsgiMiddleware takes at most {len(names) + 1} positional arguments "
            f"(app, {', '.join(names)}), but {len(positional) + 1} were given"
        )
    named = dict(zip(names, positional))
    for name in named.keys() & options.keys():
        raise TypeError(f"SentryAsgiMiddleware got multiple values for argument {name!r}")
    return {**named, **options}


@documents_options
class SentryMiddleware(SentryAsgiMiddleware):
    """:class:`SentryAsgiMiddleware` under the name of the archived ``sentry-asgi`` package.

    Args:
        app: The ASGI application.
        options: The options below.
    """

    __slots__ = ()

    def __init__(self, app: Any, **options: Unpack[StyledOptionTypes]) -> None:
        super().__init__(app, **options)
