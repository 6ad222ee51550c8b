"""The options of the OpenTelemetry output, from arguments and environment variables, checked at construction.

An argument takes precedence over a variable. Variables are read at construction, never at import or during a request.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from re import Pattern
from typing import Any, cast

from opentelemetry import metrics, trace

from .._conventions import KNOWN_METHODS
from .._options import Options, bad, build_options, flag, optional_callable, patterns
from .._privacy.policy import Policy
from .._privacy.rules import Keys

SCOPE_NAME = "sentry_web"
#: The version of the conventions that ``_conventions`` follows.
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

_CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
_HOOKS = (
    "default_span_details",
    "server_request_hook",
    "request_hook",
    "response_hook",
    "client_request_hook",
    "client_response_hook",
    "metric_attributes",
)
_HEADERS = {
    "http_capture_headers_server_request": _CAPTURE + "SERVER_REQUEST",
    "http_capture_headers_server_response": _CAPTURE + "SERVER_RESPONSE",
    "http_capture_headers_sanitize_fields": _CAPTURE + "SANITIZE_FIELDS",
}
#: The method that each object must have.
_OBJECTS = {
    "tracer_provider": "get_tracer",
    "meter_provider": "get_meter",
    "tracer": "start_span",
    "meter": "create_histogram",
}
#: Options for messages, which only ASGI has.
_OF_ASGI = {"client_request_hook", "client_response_hook", "exclude_spans"}
#: Options that the exchange implements for all outputs; on a recorder alone they would have no effect.
_OF_MIDDLEWARE = {
    "excluded_urls",
    "failed_request_status_codes",
    "max_path_names",
    "on_request",
    "on_response",
    "record_send_receive",
    "route_resolver",
    "trace_response_headers",
    "transaction_style",
}
_OWN = {*_HOOKS, *_HEADERS, *_OBJECTS, "exclude_spans", "capture_headers", "send_default_pii"}
MESSAGES = ("receive", "send")


class OtelSettings:
    """The checked options of one middleware.

    Args:
        protocol: ``"asgi"``, ``"wsgi"``, or ``None`` for a recorder that can be passed to any middleware.
        options: Those of ``instrument_asgi``: OpenTelemetry's and those of this package.

    Raises:
        ValueError: If a value is not allowed; the message names option and value.
        TypeError: If a value has the wrong type, or an option does not exist for this protocol.
    """

    __slots__ = (
        "config",
        "policy",
        "destination",
        "meters",
        "tracer",
        "meter",
        "known_methods",
        "request_headers",
        "response_headers",
        "message_spans",
        "span_details",
        "request_hooks",
        "response_hook",
        "message_hooks",
        "metric_attributes",
        "has_message_hooks",
        "has_live_hooks",
    )

    def __init__(self, protocol: str | None, options: Mapping[str, Any]) -> None:
        for name in _OF_ASGI.intersection(options) if protocol == "wsgi" else ():
            raise TypeError(f"unknown option {name!r} (WSGI has no messages)")
        for name in _OF_MIDDLEWARE.intersection(options) if protocol is None else ():
            raise TypeError(f"unknown option {name!r} (give it to the middleware, not to the recorder)")
        own = {name: options.get(name) for name in _OWN}
        hooks = {name: optional_callable(name, own[name]) for name in _HOOKS}
        for name, method in _OBJECTS.items():
            if own[name] is not None and not callable(getattr(own[name], method, None)):
                raise TypeError(bad(name, own[name], f"an object with {method}(), or None"))
        headers = {name: _headers(name, own[name]) for name in _HEADERS}
        everything = [re.compile("")] if flag("capture_headers", own["capture_headers"] or False) else []
        self.config = _config(protocol, {key: value for key, value in options.items() if key not in _OWN}, hooks)
        self.policy = Policy.plain(
            user_info=flag("send_default_pii", own["send_default_pii"] or False),
            forwarding=self.config.forwarding,
            sensitive_headers=headers["http_capture_headers_sanitize_fields"],
            keys=Keys(self.config.sensitive_keys, self.config.harmless_keys),
        )
        #: Regular expressions that are searched for in a header's name, in lower case.
        self.request_headers = (*everything, *_whole(headers["http_capture_headers_server_request"]))
        self.response_headers = (
            *everything,
            *_whole(headers["http_capture_headers_server_response"]),
            *self.config.capture_response_headers,
        )
        excluded = _kinds("exclude_spans", own["exclude_spans"])
        self.message_hooks = {"receive": hooks["client_request_hook"], "send": hooks["client_response_hook"]}
        # A recorder that is passed to a middleware receives messages only if that middleware records them. A hook gets
        # the span of its message, and is not called for an excluded one
        asked = protocol is None or options.get("record_send_receive")
        wanted = MESSAGES if asked else [what for what in MESSAGES if self.message_hooks[what] is not None]
        self.message_spans: frozenset[str] = frozenset(wanted) - excluded
        self.span_details = hooks["default_span_details"]
        self.request_hooks = tuple(
            hook for hook in (hooks["server_request_hook"], hooks["request_hook"]) if hook is not None
        )
        self.response_hook = hooks["response_hook"]
        self.metric_attributes = hooks["metric_attributes"]
        self.has_message_hooks = any(self.message_hooks.values())
        #: Whether a hook needs the server's scope or environ after the start.
        self.has_live_hooks = self.response_hook is not None or self.has_message_hooks
        self.known_methods = _known_methods()
        self.tracer: Any = own["tracer"] or trace.get_tracer(SCOPE_NAME, _version(), own["tracer_provider"], SCHEMA_URL)
        #: Where the spans go, if not to the global tracer provider.
        self.destination: Any = own["tracer"] or own["tracer_provider"]
        #: Where the metrics go, if not to the global meter provider.
        self.meters: Any = own["meter"] or own["meter_provider"]
        # Not metrics.get_meter(), which accepts no schema URL in the API's oldest releases
        meters = own["meter_provider"] or metrics.get_meter_provider()
        self.meter: Any = own["meter"] or meters.get_meter(SCOPE_NAME, _version(), SCHEMA_URL)
        _warn_of_old_conventions()


def build_settings(protocol: str | None = None, **options: Any) -> OtelSettings:
    """Check the options of a middleware; see :class:`OtelSettings`."""
    return OtelSettings(protocol, options)


def _config(protocol: str | None, options: dict[str, Any], hooks: Mapping[str, Any]) -> Options:
    """Return the options that are common to all outputs."""
    excluded = options.pop("excluded_urls", None)
    listed: Any = None
    if excluded is None:
        for variable in (f"OTEL_PYTHON_{(protocol or '').upper()}_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"):
            if excluded is None and os.environ.get(variable) is not None:
                excluded = [item.pattern for item in patterns(variable, _listed(variable))]
    if callable(getattr(excluded, "url_disabled", None)):  # opentelemetry.util.http.ExcludeList
        listed, excluded = excluded, None
    config = build_options(mechanism_type=protocol or "asgi", excluded_urls=excluded, **options)
    if listed is not None:
        config = config.replace(excluded_urls=(cast("Pattern[str]", _Listed(listed)),))
    if hooks["client_request_hook"] is not None or hooks["client_response_hook"] is not None:
        config = config.replace(record_send_receive=True)  # hooks receive each message, with or without a span
    return config


class _Listed:
    """An adapter that makes OpenTelemetry's ``ExcludeList`` usable as a regular expression."""

    __slots__ = ("_list",)

    def __init__(self, excluded: Any) -> None:
        self._list = excluded

    def search(self, url: str) -> bool:
        """Return whether the list excludes this URL."""
        return bool(self._list.url_disabled(url))


def _headers(option: str, value: Any) -> tuple[Pattern[str], ...]:
    """Return the patterns of header names, from the argument or else from the comma-separated variable."""
    return patterns(_HEADERS[option], _listed(_HEADERS[option])) if value is None else patterns(option, value)


def _listed(variable: str) -> list[str]:
    """Return the items of an environment variable that is a comma-separated list."""
    return [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]


def _whole(expressions: tuple[Pattern[str], ...]) -> list[Pattern[str]]:
    """Return patterns that match whole names only, as OpenTelemetry matches captured headers."""
    return [re.compile(rf"\A(?:{each.pattern})\Z", each.flags) for each in expressions]


def _kinds(option: str, value: Any) -> frozenset[str]:
    """Return the kinds of messages that get no span."""
    kinds = value if isinstance(value, (list, tuple, set, frozenset)) or value is None else [value]
    for kind in kinds or ():
        if kind not in MESSAGES:
            raise ValueError(bad(option, value, "a list of 'receive' and 'send', or None"))
    return frozenset(kinds or ())


def _known_methods() -> frozenset[str] | None:
    """Return the known methods, or ``None`` for all.

    The specification's variable replaces the list; the variable of OpenTelemetry's Python packages allows all methods.
    """
    listed = os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS")
    if listed:
        return frozenset(method.strip().upper() for method in listed.split(",") if method.strip())
    return None if os.environ.get("OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS") else KNOWN_METHODS


def _warn_of_old_conventions() -> None:
    """Warn if the environment requests attributes of the old conventions, which are not supported."""
    wanted = {part.strip() for part in os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")}
    if "http/dup" in wanted:
        warnings.warn(
            "OTEL_SEMCONV_STABILITY_OPT_IN asks for 'http/dup', but sentry_web emits the stable HTTP conventions only:"
            " the old names (http.method, http.url, http.server.duration, ...) are not emitted",
            UserWarning,
            stacklevel=5,
        )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("sentry-web")
    except PackageNotFoundError:  # run from a checkout
        return ""
