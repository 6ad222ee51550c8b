"""``_options``: a bad value fails at construction, with an error that names the option and the value."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web import SentryAsgiMiddleware, SentryMiddleware, SentryWsgiMiddleware
from sentry_web._options import DEFAULT_METHODS, Options, OptionTypes, StyledOptionTypes, build_options
from sentry_web._request.forwarding import Forwarding


def function(*args: object) -> None:
    """Any callable will do: nothing is called at construction."""


def test_the_defaults_are_those_of_the_readme() -> None:
    config, plain = build_options(), Options()
    assert vars(config) == vars(plain.replace(forwarding=config.forwarding))  # which is compared by identity
    assert config.methods == set(DEFAULT_METHODS)
    assert not {"HEAD", "OPTIONS"} & config.methods
    assert config.forwarding.trusts("127.0.0.1")
    assert not config.forwarding.trusts("8.8.8.8")


def test_a_config_is_frozen() -> None:
    with pytest.raises(AttributeError):
        build_options().capture_body = "always"  # type: ignore[misc]


BAD: list[tuple[str, Any, type[Exception]]] = [
    ("transaction_style", "path", ValueError),
    ("transaction_style", None, ValueError),
    ("transaction_style", ["url"], ValueError),
    ("mechanism_type", 1, TypeError),
    ("span_origin", None, TypeError),
    ("http_methods_to_capture", "GET", TypeError),
    ("http_methods_to_capture", b"GET", TypeError),
    ("http_methods_to_capture", 7, TypeError),
    ("http_methods_to_capture", ("GET", None), TypeError),
    ("excluded_urls", 7, TypeError),
    ("excluded_urls", "/health,(", ValueError),
    ("excluded_urls", ["[a"], ValueError),
    ("excluded_urls", [None], TypeError),
    ("trusted_proxies", "10.0.0.0/8", ValueError),
    ("trusted_proxies", -1, ValueError),
    ("trusted_proxies", True, ValueError),
    ("trusted_proxies", ["nowhere"], ValueError),
    ("trusted_proxies", object, ValueError),
    ("proxy_header", "X Forwarded", ValueError),
    ("proxy_header", "", ValueError),
    ("proxy_header", 1, TypeError),
    ("sensitive_keys", "shoe_size", TypeError),
    ("harmless_keys", [1], TypeError),
    ("continue_traces", "yes", TypeError),
    ("continue_traces", None, TypeError),
    ("continue_traces", 1, TypeError),
    ("failed_request_status_codes", 500, TypeError),
    ("failed_request_status_codes", "500", TypeError),
    ("failed_request_status_codes", b"500", TypeError),
    ("failed_request_status_codes", None, TypeError),
    ("capture_body", "sometimes", ValueError),
    ("capture_body", True, ValueError),
    ("capture_response_headers", "X-Total", TypeError),
    ("capture_response_headers", ["*"], ValueError),
    ("capture_response_headers", [3], TypeError),
    ("capture_response_headers", None, TypeError),
    ("record_send_receive", "no", TypeError),
    ("record_send_receive", 1, TypeError),
    ("route_resolver", "view", TypeError),
    ("on_request", 1, TypeError),
    ("on_response", [], TypeError),
]


@pytest.mark.parametrize(("option", "value", "error"), BAD)
def test_a_bad_value_is_refused_by_name(option: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        build_options(**{option: value})
    message = str(caught.value)
    assert message.startswith(f"invalid value for {option}: ")
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    assert any(repr(culprit) in message for culprit in (value, *parts))
    assert "(expected " in message


def test_a_flag_of_the_positional_arguments_is_checked_too() -> None:
    with pytest.raises(TypeError, match="use_x_forwarded_for: 'on'"):
        SentryWsgiMiddleware(function, use_x_forwarded_for="on")  # type: ignore[arg-type]


GOOD: list[tuple[str, Any]] = [
    ("transaction_style", "url"),
    ("excluded_urls", None),
    ("excluded_urls", ""),
    ("excluded_urls", "/health, ^https://internal"),
    ("excluded_urls", {"/health"}),
    ("excluded_urls", iter(["/health"])),
    ("trusted_proxies", None),
    ("trusted_proxies", 0),
    ("trusted_proxies", 2),
    ("trusted_proxies", "*"),
    ("trusted_proxies", ()),
    ("trusted_proxies", ["10.0.0.0/8", "2001:db8::1"]),
    ("proxy_header", None),
    ("proxy_header", "CF-Connecting-IP"),
    ("sensitive_keys", ["shoe_size"]),
    ("harmless_keys", {"max_tokens"}),
    ("continue_traces", False),
    ("continue_traces", function),
    ("failed_request_status_codes", range(500, 600)),
    ("failed_request_status_codes", {503}),
    ("capture_body", "never"),
    ("capture_body", "always"),
    ("capture_response_headers", ("x-total", "^etag$")),
    ("record_send_receive", True),
    ("route_resolver", function),
    ("on_request", function),
    ("on_response", function),
    ("on_response", None),
]


@pytest.mark.parametrize(("option", "value"), GOOD)
@pytest.mark.parametrize("middleware", [SentryAsgiMiddleware, SentryWsgiMiddleware, SentryMiddleware])
def test_every_middleware_takes_every_option(middleware: Any, option: str, value: Any) -> None:
    middleware(function, **{option: value})


@pytest.mark.parametrize("middleware", [SentryAsgiMiddleware, SentryWsgiMiddleware, SentryMiddleware])
def test_an_unknown_option_is_refused_and_the_known_ones_named(middleware: Any) -> None:
    with pytest.raises(TypeError, match=r"unknown option 'exclude' \(known: .*excluded_urls.*trusted_proxies"):
        middleware(function, exclude="/health")


def test_methods_are_compared_in_capitals() -> None:
    assert build_options(http_methods_to_capture=["get", "Head"]).methods == {"GET", "HEAD"}


def test_use_x_forwarded_for_believes_everyone_unless_trusted_proxies_says_else() -> None:
    assert build_options(trusts_everyone=True).forwarding.trusts("8.8.8.8")
    assert not build_options(trusts_everyone=True, trusted_proxies=()).forwarding.trusts("8.8.8.8")


def test_urls_are_excluded_by_search_in_any_case() -> None:
    config = build_options(excluded_urls="/health, ^https://internal, ,")
    assert len(config.excluded_urls) == 2
    assert config.excludes("http://shop.example/Health/live")
    assert config.excludes("https://internal.example/")
    assert not config.excludes("http://shop.example/books")
    assert not build_options().excludes("http://shop.example/health")


@given(st.lists(st.text("abc/-", min_size=1, max_size=6), max_size=4))
def test_a_comma_separated_string_is_the_list_of_its_parts(parts: list[str]) -> None:
    joined = build_options(excluded_urls=", ".join(parts)).excluded_urls
    assert joined == build_options(excluded_urls=parts).excluded_urls


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.lists(st.text())))
def test_any_value_is_taken_or_refused_by_name(value: object) -> None:
    for option in (*OptionTypes.__annotations__, "transaction_style"):
        complaint = option
        try:
            build_options(**{option: value})
        except (TypeError, ValueError) as error:
            complaint = str(error)
        assert option in complaint


def test_every_keyword_option_is_in_the_typed_dict_and_refused_under_no_other_name() -> None:
    """The names that ``_options`` keeps to itself are no options."""
    with pytest.raises(TypeError, match=r"unknown option 'forwarding'") as caught:
        build_options(forwarding=Forwarding())
    known = set(re.findall(r"\w+", str(caught.value).partition("known: ")[2]))
    assert known == set(OptionTypes.__annotations__) | {"transaction_style"} == set(StyledOptionTypes.__annotations__)
