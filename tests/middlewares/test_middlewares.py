"""``_middlewares``: the public names, with sentry-sdk's positional parameters and defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import sentry_sdk.integrations.asgi
import sentry_sdk.integrations.wsgi

from sentry_web import SentryAsgiMiddleware, SentryMiddleware, SentryWsgiMiddleware
from sentry_web._sentry import asgi_parameters
from sentry_web.testing import DRIVERS, Events, RequestSpec, Script, SendChunk, StartResponse, Wrap, recording

THEIRS: dict[Any, Any] = {
    SentryAsgiMiddleware: sentry_sdk.integrations.asgi.SentryAsgiMiddleware,
    SentryWsgiMiddleware: sentry_sdk.integrations.wsgi.SentryWsgiMiddleware,
}
#: What is passed for each parameter of sentry-sdk's middlewares, and what it does to ours.
ARGUMENTS: dict[str, Any] = {
    "use_x_forwarded_for": True,
    "unsafe_context_data": False,
    "transaction_style": "url",
    "mechanism_type": "own",
    "span_origin": "auto.http.own",
    "http_methods_to_capture": ("GET",),
    "asgi_version": 3,
    "root_path_in_path": object(),
}


def parameters_of(middleware: Any) -> dict[str, Any]:
    """The parameters that can be given by position, after the application, and their defaults."""
    parameters = list(inspect.signature(middleware).parameters.values())[1:]
    return {item.name: item.default for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD}


def settings(middleware: Any) -> dict[str, Any]:
    """The settings of a middleware of ours by sentry-sdk's names."""
    config = middleware._entry._config
    return {
        "transaction_style": config.transaction_style,
        "mechanism_type": config.mechanism_type,
        "span_origin": config.span_origin,
        "http_methods_to_capture": config.methods,
        "use_x_forwarded_for": config.forwarding.trusts("203.0.113.9"),
    }


@pytest.mark.parametrize("ours", THEIRS)
def test_changing_the_import_is_the_whole_migration(ours: Any) -> None:
    names = [name for name in parameters_of(THEIRS[ours]) if name in ARGUMENTS]
    values = [ARGUMENTS[name] for name in names]
    assert len(names) >= 3
    # By position, each argument before the first that a later release may have put among them.
    assert names == list(parameters_of(THEIRS[ours]))[: len(names)]
    by_position, by_name = settings(ours(app, *values)), settings(ours(app, **dict(zip(names, values))))
    assert by_position == by_name
    unchanged = settings(ours(app))
    assert {name for name in by_name if by_name[name] != unchanged[name]} == {
        name for name in names if name in unchanged
    }


@pytest.mark.parametrize("ours", THEIRS)
def test_the_defaults_are_those_of_sentry_sdk(ours: Any) -> None:
    defaults = parameters_of(THEIRS[ours])
    given = {name: defaults[name] for name in settings(ours(app)) if name in defaults}
    assert settings(ours(app, **given)) == settings(ours(app))


@pytest.mark.parametrize("name", ["unsafe_context_data", "transaction_style", "root_path_in_path"])
def test_parameters_of_the_other_major_are_accepted_by_keyword(name: str) -> None:
    assert settings(SentryAsgiMiddleware(app, **{name: ARGUMENTS[name]}))["mechanism_type"] == "asgi"


def test_a_parameter_without_effect_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="unsafe_context_data has no effect"):
        SentryAsgiMiddleware(app, unsafe_context_data=True)


def test_arguments_that_do_not_fit_are_named() -> None:
    names = asgi_parameters()
    with pytest.raises(TypeError, match=rf"at most {len(names) + 1} positional arguments \(app, .*root_path_in_path\)"):
        SentryAsgiMiddleware(app, *[ARGUMENTS[name] for name in names], None)
    with pytest.raises(TypeError, match="multiple values for argument"):
        SentryAsgiMiddleware(app, ARGUMENTS[names[0]], **{names[0]: ARGUMENTS[names[0]]})


def app(*args: Any) -> None: ...


def test_a_middleware_shows_the_application_it_wraps() -> None:
    assert all(middleware(app).app is app for middleware in (*THEIRS, SentryMiddleware))
    assert issubclass(SentryMiddleware, SentryAsgiMiddleware)


def test_the_middleware_of_sentry_asgi_has_no_second_parameter() -> None:
    assert settings(SentryMiddleware(app, transaction_style="url"))["transaction_style"] == "url"
    with pytest.raises(TypeError):
        SentryMiddleware(app, True)  # type: ignore[call-arg]


def reported(driver: Any, request: RequestSpec, wrap: Wrap) -> Events:
    with recording(traces_sample_rate=1.0) as events:
        driver.run(Script(steps=(StartResponse(), SendChunk())), request, wrap)
        len(events)
    return events


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_methods_and_origin_are_those_asked_for(driver: Any) -> None:
    wrap = Wrap.ours(http_methods_to_capture=("head",), span_origin="auto.http.own")
    assert reported(driver, RequestSpec(method="GET"), wrap).roots == []
    (root,) = reported(driver, RequestSpec(method="HEAD"), wrap).roots
    assert root.origin == "auto.http.own"


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_an_excluded_url_is_not_reported(driver: Any) -> None:
    wrap = Wrap.ours(excluded_urls="/health")
    assert reported(driver, RequestSpec(path="/health"), wrap).roots == []
    assert len(reported(driver, RequestSpec(path="/books"), wrap).roots) == 1
