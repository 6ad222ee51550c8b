"""The page of options is that of the sources, and what it says of an option holds."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import sentry_web
from sentry_web._middlewares.instrument import instrument_asgi, instrument_wsgi
from sentry_web._options import AS_TEXT, Options, OptionTypes, StyledOptionTypes, build_options
from sentry_web.resolvers import starlette_resolver

from .options_page import PAGE, default_of, explained, filled, options, otel_options, types

OPTIONS = {option.name: option for option in options()}
#: What the examples name.
NAMES: dict[str, Any] = {
    "starlette_resolver": starlette_resolver,
    "app": print,
    "add_tenant": print,
    "add_cache_status": print,
    "name_tenant": print,
    "add_header": print,
    "count_messages": print,
    "describe": print,
    "tenant_of": print,
}
TAKES_ALL_OPTIONS = (
    sentry_web.AsgiMiddleware,
    sentry_web.SentryAsgiMiddleware,
    sentry_web.SentryMiddleware,
    sentry_web.SentryWsgiMiddleware,
    sentry_web.WebIntegration,
    sentry_web.WsgiMiddleware,
    instrument_asgi,
    instrument_wsgi,
)


def test_the_page_is_that_of_the_sources() -> None:
    page = PAGE.read_text("utf-8")
    assert page == filled(page), "python -m tests.docs.options_page writes it"


def test_every_option_is_explained() -> None:
    assert set(OPTIONS) == {*OptionTypes.__annotations__, *StyledOptionTypes.__annotations__} == set(AS_TEXT)
    assert set(OPTIONS) <= set(types())


def test_every_option_of_opentelemetry_is_explained() -> None:
    pytest.importorskip("opentelemetry")
    from sentry_web._otel.options import AsgiOptions

    own = {*AsgiOptions.__annotations__, "capture_headers"} - set(OPTIONS) - {"asgi_version"}
    assert {option.name for option in otel_options()} == own


@pytest.mark.parametrize("name", OPTIONS)
def test_the_default_is_that_of_the_middleware(name: str) -> None:
    default, given = vars(build_options()), vars(build_options(**{name: eval(default_of(name))}))
    for values in (default, given):
        forwarding = values.pop("forwarding")  # which is compared by identity
        values.update((name, getattr(forwarding, name)) for name in type(forwarding).__slots__)
    assert given == default


@pytest.mark.parametrize("name", OPTIONS)
def test_the_example_is_accepted_and_is_another_value(name: str) -> None:
    given = eval(f"dict({OPTIONS[name].example})", NAMES)
    assert list(given) == [name]
    assert repr(given[name]) != default_of(name)
    build_options(**given)


@pytest.mark.parametrize("option", otel_options(), ids=lambda option: option.name)
def test_the_example_for_opentelemetry_is_accepted(option: Any) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    provider: Any = sdk.TracerProvider()
    if option.name.startswith("meter"):
        provider = pytest.importorskip("opentelemetry.sdk.metrics").MeterProvider()
    given = eval(f"dict({option.example})", {**NAMES, "provider": provider})
    assert list(given) == [option.name]
    instrument_asgi(lambda scope, receive, send: None, **given)


@pytest.mark.parametrize("public", TAKES_ALL_OPTIONS, ids=lambda public: public.__name__)
def test_help_explains_every_option(public: Any) -> None:
    documented = inspect.getdoc(public) or ""
    assert documented.partition("\nOptions:\n")[2].strip() == (
        inspect.cleandoc(Options.__doc__ or "").partition("\nArgs:\n")[2].strip()
    )


def test_an_explanation_ends_where_the_next_section_begins() -> None:
    docstring = """Do it.

    Args:
        first: What it is,
            in two lines. Example: ``first=1``.
        second: Another.

    Raises:
        TypeError: It is no number.
    """
    assert explained(docstring) == [("first", "What it is, in two lines.", "first=1"), ("second", "Another.", "")]
