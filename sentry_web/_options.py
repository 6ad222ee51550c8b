"""The options, validated once at construction and frozen.

A bad value fails here, where the developer sees it, with an error that names the option and the value; at request
time nothing is checked again. Nothing is read from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property
from re import Pattern
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ._request.forwarding import Forwarding

if TYPE_CHECKING:
    from ._request import Outcome, Request
    from .recorder import Recording

Style = Literal["endpoint", "url"]
BodyMode = Literal["never", "errors", "always"]
OnRequest = Callable[["Recording", "Request"], None]
OnResponse = Callable[["Recording", "Request", "Outcome"], None]
RouteResolver = Callable[["Request"], str | None]
TrustedProxies = int | str | Sequence[str] | None

#: sentry-sdk's default: every method but HEAD and OPTIONS makes a transaction.
DEFAULT_METHODS = ("CONNECT", "DELETE", "GET", "PATCH", "POST", "PUT", "TRACE")
STYLES = ("endpoint", "url")
TRACE_RESPONSE_HEADERS = ("server-timing", "traceresponse")
BODY_MODES = ("never", "errors", "always")


class OptionTypes(TypedDict, total=False):
    """The keyword options every middleware takes; the README's options table explains each."""

    excluded_urls: str | Iterable[str] | None
    trusted_proxies: TrustedProxies
    continue_traces: bool | Callable[[Request], bool]
    failed_request_status_codes: Container[int]
    capture_body: BodyMode
    capture_response_headers: Iterable[str]
    record_send_receive: bool
    route_resolver: RouteResolver | None
    on_request: OnRequest | None
    on_response: OnResponse | None
    max_path_names: int | None
    trace_response_headers: Iterable[str]


class StyledOptionTypes(OptionTypes, total=False):
    """The options of middlewares that have no positional ``transaction_style``."""

    transaction_style: Style


class Options:
    """Everything one middleware was told, checked and ready for use.

    Frozen by hand, its defaults being the class's: to make a ``NamedTuple`` of so many fields takes 0.5 ms, of the 13
    that the whole import took, and a dataclass 1.0.
    """

    transaction_style: str = "endpoint"
    mechanism_type: str = "asgi"
    span_origin: str = "manual"
    methods: frozenset[str] = frozenset(DEFAULT_METHODS)
    excluded_urls: tuple[Pattern[str], ...] = ()
    forwarding: Forwarding = Forwarding()
    continue_traces: bool | Callable[[Request], bool] = True
    failed_request_status_codes: Container[int] = ()
    capture_body: str = "errors"
    capture_response_headers: tuple[Pattern[str], ...] = ()
    record_send_receive: bool = False
    route_resolver: RouteResolver | None = None
    on_request: OnRequest | None = None
    on_response: OnResponse | None = None
    max_path_names: int | None = 1000
    trace_response_headers: tuple[str, ...] = ()

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} is set at construction")

    def replace(self, **values: Any) -> Options:
        """The same with other values for some of the options."""
        return Options(**{**{name: getattr(self, name) for name in Options.__annotations__}, **values})

    def excludes(self, url: str) -> bool:
        """Whether ``excluded_urls`` names this URL."""
        return any(pattern.search(url) for pattern in self.excluded_urls)

    @cached_property
    def asks_early(self) -> bool:
        """Whether something of the user's is called before the application."""
        return self.route_resolver is not None or self.on_request is not None

    @cached_property
    def asks_of_span(self) -> bool:
        """Whether the options make use of the root span while the request runs, though it may not be sent."""
        return self.asks_early or self.record_send_receive or bool(self.trace_response_headers)

    @cached_property
    def asks_late(self) -> bool:
        """Whether the options say what to do when the response has ended."""
        codes = self.failed_request_status_codes
        return self.on_response is not None or type(codes) is not tuple or bool(codes)


def build_options(
    *,
    transaction_style: object = "endpoint",
    mechanism_type: object = "asgi",
    span_origin: object = "manual",
    http_methods_to_capture: object = DEFAULT_METHODS,
    trusts_everyone: object = False,
    **options: Any,
) -> Options:
    """Validate the arguments of a middleware.

    :param trusts_everyone: sentry-sdk's ``use_x_forwarded_for`` of WSGI: as ``trusted_proxies="*"`` unless
        that option is given itself.
    :raises ValueError: for a value that is not allowed; the message names option and value.
    :raises TypeError: for a value of the wrong type, and for an option that does not exist.
    """
    known = set(Options.__annotations__) - {
        "methods",
        "forwarding",
        "mechanism_type",
        "span_origin",
    }
    known.add("trusted_proxies")
    for name in options:
        if name not in known:
            raise TypeError("unknown option {!r} (known: {})".format(name, ", ".join(sorted(known))))
    get = options.get
    return Options(
        transaction_style=_one_of("transaction_style", transaction_style, STYLES),
        mechanism_type=_typed("mechanism_type", mechanism_type, str, "a string"),
        span_origin=_typed("span_origin", span_origin, str, "a string"),
        methods=frozenset(method.upper() for method in strings("http_methods_to_capture", http_methods_to_capture)),
        excluded_urls=_excluded_urls(get("excluded_urls")),
        forwarding=_forwarding(get("trusted_proxies"), flag("use_x_forwarded_for", trusts_everyone)),
        continue_traces=_flag_or_callable("continue_traces", get("continue_traces", True)),
        failed_request_status_codes=_container("failed_request_status_codes", get("failed_request_status_codes", ())),
        capture_body=_one_of("capture_body", get("capture_body", "errors"), BODY_MODES),
        capture_response_headers=patterns("capture_response_headers", get("capture_response_headers", ())),
        record_send_receive=flag("record_send_receive", get("record_send_receive", False)),
        route_resolver=optional_callable("route_resolver", get("route_resolver")),
        on_request=optional_callable("on_request", get("on_request")),
        on_response=optional_callable("on_response", get("on_response")),
        max_path_names=_count("max_path_names", get("max_path_names", 1000)),
        trace_response_headers=_trace_response_headers(get("trace_response_headers", ())),
    )


def bad(option: str, value: object, expected: str) -> str:
    """What an error says of an option's value."""
    return f"invalid value for {option}: {value!r} (expected {expected})"


def _one_of(option: str, value: Any, allowed: tuple[str, ...]) -> Any:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(bad(option, value, "one of " + ", ".join(map(repr, allowed))))
    return value


def _typed(option: str, value: Any, kind: type, expected: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(bad(option, value, expected))
    return value


def flag(option: str, value: object) -> bool:
    """The value of a switch.

    :raises TypeError: it is neither ``True`` nor ``False``.
    """
    return bool(_typed(option, value, bool, "True or False"))


def _flag_or_callable(option: str, value: Any) -> Any:
    if not isinstance(value, bool) and not callable(value):
        raise TypeError(bad(option, value, "True, False or a callable"))
    return value


def optional_callable(option: str, value: Any) -> Any:
    """A hook, or ``None``.

    :raises TypeError: it is neither.
    """
    if value is not None and not callable(value):
        raise TypeError(bad(option, value, "a callable or None"))
    return value


def _count(option: str, value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ValueError(bad(option, value, "a number from 0, or None for no bound"))
    return value


def _trace_response_headers(value: Any) -> tuple[str, ...]:
    names = tuple(name.lower() for name in strings("trace_response_headers", value))
    for name in names:
        _one_of("trace_response_headers", name, TRACE_RESPONSE_HEADERS)
    return names


def _container(option: str, value: Any) -> Container[int]:
    if isinstance(value, (str, bytes)) or not hasattr(type(value), "__contains__"):
        raise TypeError(bad(option, value, "a container of status codes, such as range(500, 600)"))
    return value  # type: ignore[no-any-return]


def strings(option: str, value: Any) -> tuple[str, ...]:
    """A finite iterable of strings; a lone string is refused, since its letters would be taken one by one."""
    if isinstance(value, (str, bytes)) or not hasattr(type(value), "__iter__"):
        raise TypeError(bad(option, value, "an iterable of strings"))
    items = tuple(value)
    for item in items:
        _typed(option, item, str, "strings only")
    return items


def patterns(option: str, value: Any) -> tuple[Pattern[str], ...]:
    """Regular expressions, compiled; letters match in either case.

    :raises TypeError: not an iterable of strings.
    :raises ValueError: one of them is no regular expression.
    """
    compiled = []
    for item in strings(option, value):
        try:
            compiled.append(re.compile(item, re.IGNORECASE))
        except re.error as error:
            raise ValueError(bad(option, item, f"a regular expression: {error}")) from None
    return tuple(compiled)


def _excluded_urls(value: Any) -> tuple[Pattern[str], ...]:
    """OpenTelemetry's form, a comma-separated string of regexes, or an iterable of regexes."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return patterns("excluded_urls", value)


def _forwarding(trusted_proxies: Any, trusts_everyone: bool) -> Forwarding:
    if trusted_proxies is None and trusts_everyone:
        trusted_proxies = "*"
    try:
        return Forwarding(trusted_proxies)
    except ValueError as error:
        raise ValueError(bad("trusted_proxies", trusted_proxies, str(error))) from None
