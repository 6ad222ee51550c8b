"""``_core.wrapper``: a wrapped application is found and used as the application by command lines and test clients."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import falcon
import falcon.testing
import fastapi
import flask
import flask.cli
import litestar
import pytest
from starlette.applications import Starlette

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware, instrument_asgi
from sentry_web.testing import recording

with warnings.catch_warnings():  # of the test client's own dependencies
    warnings.simplefilter("ignore")
    import litestar.testing
    from starlette.testclient import TestClient


def flask_app() -> flask.Flask:
    app = flask.Flask("shop")
    app.add_url_rule("/books/<int:number>", "book", lambda number: f"book {number}")
    return app


def fastapi_app() -> fastapi.FastAPI:
    app = fastapi.FastAPI()

    async def book(number: int) -> str:
        return f"book {number}"

    app.add_api_route("/books/{number}", book)
    return app


class Plain:
    """An application that is an instance of a class."""

    limit = 1

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return []

    def __repr__(self) -> str:
        return "Plain()"


class PlainAsgi(Plain):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any: ...


@pytest.mark.parametrize(("wrap", "kind"), [(SentryWsgiMiddleware, Plain), (SentryAsgiMiddleware, PlainAsgi)])
def test_attributes_that_the_middleware_does_not_have_are_the_applications(wrap: Any, kind: type[Plain]) -> None:
    app = kind()
    wrapped = wrap(app)
    assert wrapped.limit == 1
    wrapped.limit = 2
    assert app.limit == 2
    del wrapped.limit
    assert app.limit == wrapped.limit == 1
    with pytest.raises(AttributeError, match="nothing"):
        _ = wrapped.nothing
    assert wrapped.app is app
    assert repr(wrapped) == f"<{wrap.__name__} around Plain()>"


@pytest.mark.parametrize(("wrap", "kind"), [(SentryWsgiMiddleware, Plain), (SentryAsgiMiddleware, PlainAsgi)])
def test_it_is_an_instance_of_both_classes(wrap: Any, kind: type[Plain]) -> None:
    wrapped = wrap(wrap(kind()))
    assert isinstance(wrapped, kind)
    assert isinstance(wrapped, wrap)
    assert type(wrapped) is wrap


def test_it_does_not_pose_as_a_function_or_class() -> None:
    def wsgi(environ: Any, start_response: Any) -> Any: ...

    async def asgi(scope: Any, receive: Any, send: Any) -> Any: ...

    class Double:
        def __init__(self, scope: Any) -> None: ...

        async def __call__(self, receive: Any, send: Any) -> Any: ...

    assert SentryWsgiMiddleware(wsgi).__class__ is SentryWsgiMiddleware
    assert SentryAsgiMiddleware(asgi).__class__ is SentryAsgiMiddleware
    assert not isinstance(SentryAsgiMiddleware(Double), type)


def test_dunder_names_are_not_forwarded() -> None:
    app = flask_app()
    app.__wrapped__ = app  # type: ignore[attr-defined]
    assert not hasattr(SentryWsgiMiddleware(app), "__wrapped__")


@pytest.mark.parametrize("wrap", [SentryWsgiMiddleware, lambda app: SentryWsgiMiddleware(SentryWsgiMiddleware(app))])
def test_flasks_own_test_client_asks_the_wrapped_application(wrap: Any) -> None:
    with recording(traces_sample_rate=1.0) as events:
        response = wrap(flask_app()).test_client().get("/books/1")
        assert response.text == "book 1"
        response.close()
        (root,) = events.roots
    assert (root.data["server.address"], root.method_and_path) == ("localhost", ("GET", "/books/1"))


@pytest.mark.parametrize("kind", [fastapi_app, Starlette])
def test_starlettes_test_client(kind: Any) -> None:
    with recording(traces_sample_rate=1.0) as events, TestClient(SentryAsgiMiddleware(kind())) as session:
        session.get("/books/1")
        assert len(events.roots) == 1


def test_litestars_test_client() -> None:
    with recording(traces_sample_rate=1.0) as events:
        with litestar.testing.TestClient(SentryAsgiMiddleware(litestar.Litestar())) as client:
            client.get("/books/1")
        assert len(events.roots) == 1


def test_falcons_test_client() -> None:
    with recording(traces_sample_rate=1.0) as events:
        falcon.testing.TestClient(SentryWsgiMiddleware(falcon.App())).simulate_get("/books/1")
        assert len(events.roots) == 1


SHOP = """
import flask
from sentry_web import SentryWsgiMiddleware

app = flask.Flask("shop")
app = SentryWsgiMiddleware(app)
"""


def test_flask_run_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrapped_shop.py").write_text(SHOP)
    monkeypatch.syspath_prepend(str(tmp_path))
    found: Any = flask.cli.ScriptInfo("wrapped_shop").load_app()
    assert type(found) is SentryWsgiMiddleware
    listed = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wrapped_shop", "routes"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "/static/<path:filename>" in listed.stdout


def test_fastapi_run_finds_it() -> None:
    # What fastapi-cli asks of the names "app" and "api" of a module
    assert isinstance(SentryAsgiMiddleware(fastapi_app()), fastapi.FastAPI)


def test_an_instrumented_application_is_found_too() -> None:
    pytest.importorskip("opentelemetry")
    assert isinstance(instrument_asgi(SentryAsgiMiddleware(fastapi_app())), fastapi.FastAPI)
