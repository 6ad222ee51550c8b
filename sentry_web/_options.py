"""The options of a middleware, checked once at construction and frozen.

A bad value fails here, where the developer sees it, with an error that names the option and the value; at request
time nothing is checked again. Nothing is read from the environment.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import cached_property, partial
from importlib import import_module
from re import Pattern
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from ._request.forwarding import Forwarding

if TYPE_CHECKING:
    from ._request import Outcome, Request
    from .recorder import Recording

Style = Literal["endpoint", "url"]
BodyMode = Literal["never", "errors", "always"]
OnRequest = Callable[["Recording", "Request"], None]
OnResponse = Callable[["Recording", "Request", "Outcome"], None]
RouteResolver = Callable[["Request"], str | None]
T = TypeVar("T")
TrustedProxies = int | str | Sequence[str] | None

#: sentry-sdk's default: every method but HEAD and OPTIONS makes a transaction.
DEFAULT_METHODS = ("CONNECT", "DELETE", "GET", "PATCH", "POST", "PUT", "TRACE")
STYLES = ("endpoint", "url")
TRACE_RESPONSE_HEADERS = ("server-timing", "traceresponse")
BODY_MODES = ("never", "errors", "always")


class OptionTypes(TypedDict, total=False):
    """The types of the keyword options that every middleware takes; :class:`Options` explains them."""

    excluded_urls: str | Iterable[str] | None
    trusted_proxies: TrustedProxies
    proxy_header: str | None
    sensitive_keys: Iterable[str]
    harmless_keys: Iterable[str]
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
    speedups: bool


class StyledOptionTypes(OptionTypes, total=False):
    """The same for middlewares that have no positional ``transaction_style``."""

    transaction_style: Style


class GeneralOptionTypes(StyledOptionTypes, total=False):
    """The same for the general middlewares, which take as keywords what has a position in sentry-sdk's."""

    http_methods_to_capture: Iterable[str]
    mechanism_type: str
    span_origin: str


class Options:
    """The checked options of one middleware, frozen; the class holds the defaults.

    This docstring is the one place where the options are explained: :func:`documents_options` puts it into the
    docstrings of the public classes, and ``tests/docs/options_page.py`` into the documentation.

    It is frozen by hand, since a ``NamedTuple`` or dataclass of so many fields is a large part of the whole import.

    Args:
        transaction_style: Name transactions by the view's dotted name (``"endpoint"``), or by the route template
            (``"url"``). Where it is given to ``WebIntegration``, it precedes the names of sentry-sdk's integrations.
            Example: ``transaction_style="url"``.
        excluded_urls: Regular expressions, in one comma-separated string or an iterable, that are searched in the whole
            URL. A request that matches goes straight to the application, and what happens in it is not recorded.
            Example: ``excluded_urls="/healthz,/metrics"``.
        trusted_proxies: Whose forwarding headers count. ``None``: loopback, private and unix-socket peers. An iterable:
            peers in these networks (CIDR). A number: that many hops. ``"*"``: everybody. ``()``: nobody.
            Example: ``trusted_proxies=["10.0.0.0/8"]``.
        proxy_header: The header in which the proxies write the client's address. ``None``: ``X-Forwarded-For``, else
            ``Forwarded``, else ``X-Real-IP``. Example: ``proxy_header="cf-connecting-ip"``.
        sensitive_keys: Names of headers, cookies, parameters and fields whose values are secret, in addition to the
            built-in ones. They match as whole words. Example: ``sensitive_keys=["shoe_size"]``.
        harmless_keys: Names whose values are no secrets, although the built-in rules say so. They match whole names.
            Example: ``harmless_keys=["session_kind"]``.
        continue_traces: Whether an incoming trace is continued; or a function of the request that says so. Where it is
            not, it is linked, and its sampling decision is ignored. Example: ``continue_traces=False``.
        failed_request_status_codes: A container of status codes that are reported as an error event although no
            exception was raised. Example: ``failed_request_status_codes=range(500, 600)``.
        capture_body: Which events carry what the application has read of the request body: ``"never"``, ``"errors"``,
            or ``"always"`` (transactions too); within sentry-sdk's ``max_request_body_size`` and ``data_collection``.
            Example: ``capture_body="never"``.
        capture_response_headers: Regular expressions of the names of response headers that are recorded on the root
            span, sanitised. Example: ``capture_response_headers=["content-type", "x-cache.*"]``.
        record_send_receive: ASGI: start a child span for each message that is sent or received, at most 1,000 a
            connection. Example: ``record_send_receive=True``.
        route_resolver: A function of the request that returns a route template or ``None``. It is called before
            sampling, so that a sampler knows the route; see ``sentry_web.resolvers``.
            Example: ``route_resolver=starlette_resolver(app)``.
        on_request: A function ``(recording, request)`` that is called when the recordings have started. What it raises
            is logged and ignored. Example: ``on_request=add_tenant``.
        on_response: A function ``(recording, request, outcome)`` that is called when the response has ended. What it
            raises is logged and ignored. Example: ``on_response=add_cache_status``.
        max_path_names: How many paths that no route explains become names as they are. Later ones have ``*`` in place
            of what looks like a value, and then share one name. ``None``: no bound. Example: ``max_path_names=200``.
        trace_response_headers: Response headers that identify the trace to the caller: ``"server-timing"``,
            ``"traceresponse"``. Example: ``trace_response_headers=["server-timing"]``.
        speedups: Whether the Sentry output may use its accelerations, which change nothing in what is sent.
            ``SENTRY_WEB_NO_SPEEDUPS=1`` switches them off for the whole process. Example: ``speedups=False``.
    """

    transaction_style: str = "endpoint"
    #: Whether names in that style precede those of sentry-sdk's integrations: the user has chosen it.
    prefers_style: bool = False
    #: The ``mechanism.type`` of error events.
    mechanism_type: str = "asgi"
    #: The origin of root spans.
    span_origin: str = "manual"
    #: Methods that make a root span (``http_methods_to_capture``).
    methods: frozenset[str] = frozenset(DEFAULT_METHODS)
    excluded_urls: tuple[Pattern[str], ...] = ()
    #: Whose forwarding headers count (``trusted_proxies``), and which of them (``proxy_header``).
    forwarding: Forwarding = Forwarding()
    sensitive_keys: tuple[str, ...] = ()
    harmless_keys: tuple[str, ...] = ()
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
    speedups: bool = True

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} is set at construction")

    def replace(self, **values: Any) -> Options:
        """Return the same options with other values for some of them."""
        return Options(**{**{name: getattr(self, name) for name in Options.__annotations__}, **values})

    def excludes(self, url: str) -> bool:
        """Return whether ``excluded_urls`` matches this URL."""
        return any(pattern.search(url) for pattern in self.excluded_urls)

    @cached_property
    def asks_late(self) -> bool:
        """Whether the options say what to do when the response has ended."""
        codes = self.failed_request_status_codes
        return self.on_response is not None or type(codes) is not tuple or bool(codes)


def documents_options(documented: T) -> T:
    """Append the explanations of all options to the docstring of a class or function that takes them."""
    if documented.__doc__ and Options.__doc__:  # not with `python -OO`
        options = inspect.cleandoc(Options.__doc__).partition("\nArgs:\n")[2]
        documented.__doc__ = f"{inspect.cleandoc(documented.__doc__)}\n\nOptions:\n{options}\n"
    return documented


def build_options(*, trusts_everyone: object = False, **given: Any) -> Options:
    """Check the arguments of a middleware.

    Args:
        trusts_everyone: sentry-sdk's ``use_x_forwarded_for`` of WSGI: as ``trusted_proxies="*"`` unless that option is
            given itself.
        **given: Options by name; each of them may be missing.

    Raises:
        ValueError: For a value that is not allowed; the message names option and value.
        TypeError: For a value of the wrong type, and for an option that does not exist.
    """
    for name in given:
        if name not in _CHECKS:
            known = ", ".join(sorted(_CHECKS.keys() - _SET_BY_POSITION))
            raise TypeError(f"unknown option {name!r} (known: {known})")
    if flag("use_x_forwarded_for", trusts_everyone) and given.get("trusted_proxies") is None:
        given["trusted_proxies"] = "*"
    header = given.pop("proxy_header", None)
    given.setdefault("prefers_style", given.get("transaction_style", STYLES[0]) != STYLES[0])
    values = {_ATTRIBUTES.get(name, name): check(name, given[name]) for name, check in _CHECKS.items() if name in given}
    if header is not None:
        values["forwarding"] = _forwarding("proxy_header", given.get("trusted_proxies"), _header_name(header))
    return Options().replace(**values)


def bad(option: str, value: object, expected: str) -> str:
    """Return the message of an error about an option's value."""
    return f"invalid value for {option}: {value!r} (expected {expected})"


def _one_of(allowed: tuple[str, ...], option: str, value: Any) -> Any:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(bad(option, value, "one of " + ", ".join(map(repr, allowed))))
    return value


def _string(option: str, value: Any) -> str:
    return str(_typed(option, value, str, "a string"))


def _typed(option: str, value: Any, kind: type, expected: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(bad(option, value, expected))
    return value


def flag(option: str, value: object) -> bool:
    """Return the value of a switch.

    Raises:
        TypeError: It is neither ``True`` nor ``False``.
    """
    return bool(_typed(option, value, bool, "True or False"))


def _flag_or_callable(option: str, value: Any) -> Any:
    if not isinstance(value, bool) and not callable(value):
        raise TypeError(bad(option, value, "True, False or a callable"))
    return value


def optional_callable(option: str, value: Any) -> Any:
    """Return a hook, or ``None``.

    Raises:
        TypeError: It is neither.
    """
    if value is not None and not callable(value):
        raise TypeError(bad(option, value, "a callable or None"))
    return value


def _count(option: str, value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ValueError(bad(option, value, "a number from 0, or None for no bound"))
    return value


def _trace_response_headers(option: str, value: Any) -> tuple[str, ...]:
    names = tuple(name.lower() for name in strings(option, value))
    for name in names:
        _one_of(TRACE_RESPONSE_HEADERS, option, name)
    return names


def _container(option: str, value: Any) -> Container[int]:
    if isinstance(value, (str, bytes)) or not hasattr(type(value), "__contains__"):
        raise TypeError(bad(option, value, "a container of status codes, such as range(500, 600)"))
    return value  # type: ignore[no-any-return]


def strings(option: str, value: Any) -> tuple[str, ...]:
    """Return an iterable of strings as a tuple; refuse a lone string, whose letters would be taken one by one."""
    if isinstance(value, (str, bytes)) or not hasattr(type(value), "__iter__"):
        raise TypeError(bad(option, value, "an iterable of strings"))
    items = tuple(value)
    for item in items:
        _typed(option, item, str, "strings only")
    return items


def patterns(option: str, value: Any) -> tuple[Pattern[str], ...]:
    """Return regular expressions, compiled; letters match in either case.

    Raises:
        TypeError: Not an iterable of strings.
        ValueError: One of them is no regular expression.
    """
    compiled = []
    for item in strings(option, value):
        try:
            compiled.append(re.compile(item, re.IGNORECASE))
        except re.error as error:
            raise ValueError(bad(option, item, f"a regular expression: {error}")) from None
    return tuple(compiled)


def _excluded_urls(option: str, value: Any) -> tuple[Pattern[str], ...]:
    """Return the patterns in a comma-separated string of them (OpenTelemetry's form) or an iterable of them."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return patterns(option, value)


def _header_name(value: object) -> str:
    name = str(_typed("proxy_header", value, str, "the name of a header, or None")).strip().lower()
    if not name or not set(name) <= _TOKEN:
        raise ValueError(bad("proxy_header", value, "the name of a header, or None"))
    return name


def _forwarding(option: str, value: Any, header: str | None = None) -> Forwarding:
    try:
        return Forwarding(value, header)
    except ValueError as error:
        raise ValueError(bad(option, value, str(error))) from None


def _methods(option: str, value: Any) -> frozenset[str]:
    return frozenset(method.upper() for method in strings(option, value))


#: What checks the value of each option and makes it ready for use.
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "transaction_style": partial(_one_of, STYLES),
    "prefers_style": flag,
    "mechanism_type": _string,
    "span_origin": _string,
    "http_methods_to_capture": _methods,
    "excluded_urls": _excluded_urls,
    "trusted_proxies": _forwarding,
    "proxy_header": lambda option, value: value,  # read together with ``trusted_proxies``
    "sensitive_keys": strings,
    "harmless_keys": strings,
    "continue_traces": _flag_or_callable,
    "failed_request_status_codes": _container,
    "capture_body": partial(_one_of, BODY_MODES),
    "capture_response_headers": patterns,
    "record_send_receive": flag,
    "route_resolver": optional_callable,
    "on_request": optional_callable,
    "on_response": optional_callable,
    "max_path_names": _count,
    "trace_response_headers": _trace_response_headers,
    "speedups": flag,
}
#: RFC 9110, 5.6.2: what the name of a header consists of.
_TOKEN = set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
#: Those that are parameters of their own, where a middleware takes them.
_SET_BY_POSITION = {"http_methods_to_capture", "mechanism_type", "prefers_style", "span_origin"}
#: Options whose attribute has another name.
_ATTRIBUTES = {"http_methods_to_capture": "methods", "trusted_proxies": "forwarding"}


# --- Options as text, for environment variables ----------------------------------------------------------------------


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _switch(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    return known[text.lower()]


def _number(text: str) -> int | None:
    return None if text.lower() == "none" else int(text)


def _proxies(text: str) -> Any:
    return text if text == "*" else int(text) if text.isdigit() else _words(text)


def _codes(text: str) -> frozenset[int]:
    spans = [(first, last or first) for first, _, last in (word.partition("-") for word in _words(text))]
    return frozenset(code for first, last in spans for code in range(int(first), int(last) + 1))


def _imported(text: str) -> Any:
    module, _, name = text.partition(":")
    return getattr(import_module(module), name)


#: How each option is written in an environment variable: the form for people, and what reads it.
AS_TEXT: dict[str, tuple[str, Callable[[str], Any]]] = {
    "transaction_style": ("`endpoint` or `url`", str),
    "excluded_urls": ("regular expressions, separated by commas", str),
    "trusted_proxies": ("`*`, a number of hops, or networks separated by commas", _proxies),
    "proxy_header": ("a name", str),
    "sensitive_keys": ("names, separated by commas", _words),
    "harmless_keys": ("names, separated by commas", _words),
    "continue_traces": ("`true` or `false`", _switch),
    "failed_request_status_codes": ("codes and ranges, separated by commas: `429,500-599`", _codes),
    "capture_body": ("`never`, `errors` or `always`", str),
    "capture_response_headers": ("regular expressions, separated by commas", _words),
    "record_send_receive": ("`true` or `false`", _switch),
    "route_resolver": ("`module:function`", _imported),
    "on_request": ("`module:function`", _imported),
    "on_response": ("`module:function`", _imported),
    "max_path_names": ("a number, or `none`", _number),
    "trace_response_headers": ("`server-timing`, `traceresponse`, separated by commas", _words),
    "speedups": ("`true` or `false`", _switch),
}
PREFIX = "SENTRY_WEB_"


def options_of(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that environment variables give: ``SENTRY_WEB_`` and the option's name in capitals.

    Args:
        environment: The variables; empty ones count as missing.

    Raises:
        ValueError: For a value that is not allowed; the message names the variable.
    """
    options = {}
    for name, (form, read) in AS_TEXT.items():
        variable = PREFIX + name.upper()
        text = environment.get(variable, "").strip()
        if text:
            try:
                options[name] = read(text)
                build_options(**{name: options[name]})
            except (LookupError, TypeError, ValueError, ImportError, AttributeError):
                raise ValueError(bad(variable, text, form)) from None
    return options
