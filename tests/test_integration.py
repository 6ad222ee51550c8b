"""``integration``: one line in ``sentry_sdk.init`` in place of a middleware. Each framework: ``tests/frameworks``."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
import sentry_sdk
import sentry_sdk.integrations
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as GenericAsgi
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as GenericWsgi
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware, WebIntegration, integration
from sentry_web._middlewares import entry_points
from sentry_web._sentry import recorder
from sentry_web.testing import ASGI2, ASGI3, WSGI, Events, Raise, RequestSpec, Script, SendChunk, StartResponse, Wrap
from sentry_web.testing.drivers import make_environ, make_scope
from sentry_web.testing.sdk import STATIC, STREAM
from sentry_web.testing.transport import recording

TOKEN = "1-terces-yrev"[::-1]  # backwards: the SDK sends source lines
REQUEST = RequestSpec(path="/books/1", query=f"token={TOKEN}")
ANSWER = (StartResponse(200), SendChunk(b"whole"))


@pytest.fixture(autouse=True)
def patched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo our patches after each test; the SDK's, which it makes once a process, are there from the beginning.

    The other order, in which the SDK patches what we have patched, is ``tests/frameworks/one_line.py``'s.
    """
    with recording(integrations=[FlaskIntegration(), StarletteIntegration()]):
        pass
    for owner, name in ((GenericWsgi, "__call__"), (GenericAsgi, "_run_app")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    for point in entry_points.ENTRY_POINTS:
        if point.module in sys.modules:
            kind = getattr(sys.modules[point.module], point.name)
            monkeypatch.setattr(kind, "__call__", kind.__call__)
    monkeypatch.setattr(WebIntegration, "_is_set_up", WebIntegration._is_set_up)  # true where an earlier test left it
    monkeypatch.setattr(entry_points, "_IMPORTS", entry_points._ImportWatch())
    forget()
    former = list(sys.meta_path)
    yield
    sys.meta_path[:] = former
    forget()


def forget() -> None:
    """Have the SDK forget that it has set up our integration, as test suites do."""
    for known in (sentry_sdk.integrations._processed_integrations, sentry_sdk.integrations._installed_integrations):
        known.discard(WebIntegration.identifier)


class FlaskSite:
    """A Flask application without a middleware of ours."""

    sdks = FlaskIntegration
    protocol = "wsgi"

    def __init__(self) -> None:
        self.app: Any = flask.Flask("shop")
        self.app.logger.disabled = True
        self.app.add_url_rule("/books/<int:number>", "book", self.book)
        self.app.add_url_rule("/broken", "broken", self.broken)

    @staticmethod
    def book(number: int) -> str:
        sentry_sdk.get_isolation_scope().set_tag("seen", f"token={TOKEN}")
        return "book"

    @staticmethod
    def broken() -> str:
        raise LookupError(f"no {TOKEN}")

    def register_inside(self) -> None:
        self.app.wsgi_app = SentryWsgiMiddleware(self.app.wsgi_app)

    def get(self, path: str = "/books/1", app: Any = None) -> None:
        environ = make_environ(RequestSpec(path=path, query=f"token={TOKEN}"))
        response = (app or self.app)(environ, lambda *args: None)
        assert b"".join(response)
        response.close()


class StarletteSite:
    """A Starlette application without a middleware of ours."""

    sdks = StarletteIntegration
    protocol = "asgi"

    def __init__(self) -> None:
        self.app: Any = Starlette(routes=[Route("/books/{number:int}", self.book), Route("/broken", self.broken)])

    @staticmethod
    async def book(request: Any) -> Any:
        sentry_sdk.get_isolation_scope().set_tag("seen", f"token={TOKEN}")
        return PlainTextResponse("book")

    @staticmethod
    async def broken(request: Any) -> Any:
        raise LookupError(f"no {TOKEN}")

    def register_inside(self) -> None:
        self.app.add_middleware(SentryAsgiMiddleware)

    def get(self, path: str = "/books/1", app: Any = None) -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None: ...

        scope = make_scope(RequestSpec(path=path, query=f"token={TOKEN}"))
        try:
            asyncio.run((app or self.app)(scope, receive, send))
        except LookupError:  # Starlette leaves it to the server, too
            assert path == "/broken"


sites = pytest.mark.parametrize("site", [FlaskSite, StarletteSite])
switched = pytest.mark.parametrize("on", [False, True], ids=["off", "on"])
Init = Callable[..., Events]


@pytest.fixture(params=[STATIC, STREAM], ids=["transactions", "stream"])
def init(request: pytest.FixtureRequest) -> Iterator[Init]:
    """Initialise the SDK in one of its tracing modes."""
    contexts = []

    def begin(*integrations: Any) -> Events:
        context = recording(traces_sample_rate=1.0, integrations=list(integrations), **request.param)
        contexts.append(context)
        return context.__enter__()

    yield begin
    for context in reversed(contexts):
        context.__exit__(None, None, None)


def leaks(events: Events) -> bool:
    return TOKEN.encode() in events.all_bytes


@sites
@switched
def test_one_line_is_enough(site: Any, on: bool, init: Init) -> None:
    events = init(WebIntegration(), *([site.sdks()] if on else []))
    shop = site()
    shop.get()
    shop.get("/broken")
    assert len(events.roots) == 2
    assert [error.exception[0] for error in events.errors] == ["LookupError"]
    assert not leaks(events)


@sites
def test_the_order_of_the_integrations_does_not_matter(site: Any, init: Init) -> None:
    events = init(site.sdks(), WebIntegration())
    site().get()
    assert len(events.roots) == 1
    assert not leaks(events)


@sites
def test_a_second_init_without_it_gives_the_sdks_own_behaviour_back(site: Any, init: Init) -> None:
    init(WebIntegration(), site.sdks())
    shop = site()
    shop.get()
    events = init(site.sdks())
    shop.get("/broken")
    assert len(events.roots) == len(events.errors) == 1
    assert leaks(events)


@sites
@switched
def test_a_second_init_with_it_is_enough(site: Any, on: bool, init: Init) -> None:
    integrations = [site.sdks()] if on else []
    before = init(*integrations)
    shop = site()
    shop.get()
    assert len(before.roots) == on
    events = init(*integrations, WebIntegration())
    shop.get()
    assert len(events.roots) == 1
    assert not leaks(events)


@sites
@switched
def test_the_sdk_may_forget_that_it_has_set_it_up(site: Any, on: bool, init: Init) -> None:
    integrations = [site.sdks()] if on else []
    init(*integrations, WebIntegration())
    forget()
    events = init(*integrations, WebIntegration())
    shop = site()
    shop.get()
    shop.get("/broken")
    assert len(events.roots) == 2
    assert len(events.errors) == 1
    assert not leaks(events)


@sites
@switched
def test_the_middleware_is_made_once_an_application(
    site: Any, on: bool, init: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    for protocol, kind in list(integration._MIDDLEWARES.items()):

        def make(app: Any, kind: Any = kind, **options: Any) -> Any:
            made.append(app)
            return kind(app, **options)

        monkeypatch.setitem(integration._MIDDLEWARES, protocol, make)
    init(WebIntegration(), *([site.sdks()] if on else []))
    shop = site()
    for _ in range(3):
        shop.get()
    assert len(made) == 1
    site().get()
    assert len(made) == 2


@sites
@switched
def test_registered_inside_the_framework_too_the_request_is_reported_once(site: Any, on: bool, init: Init) -> None:
    events = init(WebIntegration(), *([site.sdks()] if on else []))
    shop = site()
    shop.register_inside()
    shop.get()
    shop.get("/broken")
    assert len(events.roots) == 2
    assert len(events.errors) == 1
    assert not leaks(events)


@sites
@switched
def test_wrapped_from_the_outside_too_the_request_is_reported_once(site: Any, on: bool, init: Init) -> None:
    events = init(WebIntegration(), *([site.sdks()] if on else []))
    shop = site()
    wrap: Any = SentryWsgiMiddleware if site.protocol == "wsgi" else SentryAsgiMiddleware
    shop.get(app=wrap(shop.app))
    assert len(events.roots) == 1
    assert not leaks(events)


@sites
def test_inside_without_it_says_once_what_to_do(site: Any, init: Init, caplog: pytest.LogCaptureFixture) -> None:
    recorder._warn_once.cache_clear()
    init(site.sdks())
    shop = site()
    shop.register_inside()
    shop.get()
    shop.get()
    (record,) = [record for record in caplog.records if record.name == "sentry_web"]
    assert record.levelno == logging.WARNING
    assert "integrations=[sentry_web.WebIntegration()]" in record.message
    assert "application = SentryWsgiMiddleware(app)" in record.message


@sites
def test_outside_and_with_it_nothing_is_said(site: Any, init: Init, caplog: pytest.LogCaptureFixture) -> None:
    recorder._warn_once.cache_clear()
    wrap: Any = SentryWsgiMiddleware if site.protocol == "wsgi" else SentryAsgiMiddleware
    init(site.sdks())
    shop = site()
    shop.get(app=wrap(shop.app))
    init(site.sdks(), WebIntegration())
    shop = site()
    shop.register_inside()
    shop.get()
    assert [record for record in caplog.records if record.name == "sentry_web"] == []


@sites
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transaction_style": "route"}, "invalid value for transaction_style: 'route'"),
        ({"capture_body": "sometimes"}, "invalid value for capture_body: 'sometimes'"),
        ({"colour": "red"}, "unknown option 'colour'"),
    ],
)
def test_a_bad_option_fails_at_construction(site: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        WebIntegration(**options)


@sites
@switched
def test_options_count(site: Any, on: bool, init: Init) -> None:
    seen: list[str] = []
    web = WebIntegration(excluded_urls="/broken", on_request=lambda recording, request: seen.append(request.path))
    events = init(web, *([site.sdks()] if on else []))
    shop = site()
    shop.get()
    shop.get("/broken")
    assert seen == ["/books/1"]
    assert len(events.roots) == 1


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2])
def test_the_sdks_own_middleware_becomes_ours(driver: Any, init: Init) -> None:
    events = init(WebIntegration())
    script = Script((*ANSWER, Raise()))
    bare = driver.run(script, REQUEST)
    wrapped = driver.run(script, REQUEST, Wrap(wsgi=GenericWsgi, asgi=GenericAsgi))
    assert wrapped == bare
    assert len(events.roots) == len(events.errors) == 1
    assert not leaks(events)


def test_somebodys_subclass_of_the_sdks_middleware_keeps_its_rules(init: Init) -> None:
    class Lenient(GenericAsgi):
        def _capture_request_exception(self, exc: Exception) -> None: ...

    events = init(WebIntegration())
    ASGI3.run(Script((Raise(),)), REQUEST, Wrap(asgi=Lenient))
    assert len(events.roots) == 1
    assert events.errors == []


@sites
@switched
def test_a_failure_of_ours_leaves_the_request_to_the_sdk(
    site: Any, on: bool, init: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise RuntimeError("ours")

    for protocol in list(integration._MIDDLEWARES):
        monkeypatch.setitem(integration._MIDDLEWARES, protocol, fail)
    events = init(WebIntegration(), *([site.sdks()] if on else []))
    shop = site()
    shop.get()
    shop.get()
    assert len(events.roots) == 2 * on


def test_applications_that_come_and_go_are_not_kept_for_ever() -> None:
    kept = entry_points.Middlewares()
    apps = [object() for _ in range(entry_points.MOST_APPLICATIONS + 3)]
    made = [kept.get(app, "", lambda app=app: [app]) for app in apps]
    assert [kept.get(app, "", list) is each for app, each in zip(apps[3:], made[3:])] == [True] * (len(apps) - 3)
    assert len(kept._made) == entry_points.MOST_APPLICATIONS
    assert kept.get(apps[0], "", list) == []


# --- Frameworks that are imported later ------------------------------------------------------------------------------


def test_a_module_is_seen_when_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_framework.py").write_text("class App: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen: list[Any] = []
    entry_points._IMPORTS.when_imported("late_framework", seen.append)
    assert seen == []
    module = importlib.import_module("late_framework")
    assert seen == [module]
    assert "class App" in str(module.__loader__.get_source("late_framework"))  # type: ignore[union-attr]
    entry_points._IMPORTS.when_imported("late_framework", seen.append)
    assert seen == [module, module]
    monkeypatch.delitem(sys.modules, "late_framework")


def test_a_module_that_is_not_there_is_not_found_as_without_us() -> None:
    entry_points._IMPORTS.when_imported("no_such_framework", print)
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_framework'"):
        importlib.import_module("no_such_framework")


def test_a_module_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "torn_framework.py"
    source.write_text("raise RuntimeError('torn')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen: list[Any] = []
    entry_points._IMPORTS.when_imported("torn_framework", seen.append)
    with pytest.raises(RuntimeError, match="torn"):
        importlib.import_module("torn_framework")
    assert seen == []
    source.write_text("whole = True  # longer, so that no stale bytecode is used\n")
    importlib.invalidate_caches()
    module = importlib.import_module("torn_framework")
    assert seen == [module]
    monkeypatch.delitem(sys.modules, "torn_framework")
