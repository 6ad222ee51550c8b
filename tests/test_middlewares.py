"""``_middlewares``: the public names, with sentry-sdk's positional parameters and defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import sentry_sdk.integrations.asgi
import sentry_sdk.integrations.wsgi

from sentry_web import SentryAsgiMiddleware, SentryMiddleware, SentryWsgiMiddleware
from sentry_web.testing import DRIVERS, Events, Request, Script, SendChunk, StartResponse, Wrap, recording

THEIRS: dict[Any, Any] = {
    SentryAsgiMiddleware: sentry_sdk.integrations.asgi.SentryAsgiMiddleware,
    SentryWsgiMiddleware: sentry_sdk.integrations.wsgi.SentryWsgiMiddleware,
}
#: A default of theirs that ours finds out by itself.
OTHER_DEFAULTS = {"root_path_in_path"}


def positional(function: Any) -> dict[str, Any]:
    """Parameters that can be given by position, and their defaults; those younger than the SDK under test left out."""
    parameters = inspect.signature(function).parameters.values()
    return {item.name: item.default for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize("ours", THEIRS)
def test_changing_the_import_is_the_whole_migration(ours: Any) -> None:
    mine, theirs = positional(ours.__init__), positional(THEIRS[ours].__init__)
    # What a later release appends is not taken yet; that none of ours is lost is the next test but one.
    for (name, found), (their_name, default) in zip(mine.items(), theirs.items()):
        assert name == their_name
        assert name in OTHER_DEFAULTS or found == default or sorted(found) == sorted(default)


def app(*args: Any) -> None: ...


def test_a_middleware_shows_the_application_it_wraps() -> None:
    assert all(middleware(app).app is app for middleware in (*THEIRS, SentryMiddleware))
    assert issubclass(SentryMiddleware, SentryAsgiMiddleware)


def test_every_positional_parameter_is_taken() -> None:
    SentryAsgiMiddleware(app, False, "url", "own", "auto.http.own", ("GET",), 3, object())
    SentryWsgiMiddleware(app, True, "auto.http.own", ("GET",))
    SentryMiddleware(app, transaction_style="url")
    with pytest.raises(TypeError):
        SentryMiddleware(app, True)  # type: ignore[call-arg]  # sentry-asgi had no second parameter


def reported(driver: Any, request: Request, wrap: Wrap) -> Events:
    with recording(traces_sample_rate=1.0) as events:
        driver.run(Script(steps=(StartResponse(), SendChunk())), request, wrap)
        len(events)
    return events


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_methods_and_origin_are_those_asked_for(driver: Any) -> None:
    wrap = Wrap.ours(http_methods_to_capture=("head",), span_origin="auto.http.own")
    assert reported(driver, Request(method="GET"), wrap).transactions == []
    (transaction,) = reported(driver, Request(method="HEAD"), wrap).transactions
    assert transaction.trace["origin"] == "auto.http.own"


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_an_excluded_url_is_not_reported(driver: Any) -> None:
    wrap = Wrap.ours(excluded_urls="/health")
    assert reported(driver, Request(path="/health"), wrap).transactions == []
    assert len(reported(driver, Request(path="/books"), wrap).transactions) == 1
