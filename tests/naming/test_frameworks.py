"""``_naming.frameworks``: what frameworks leave behind. The frameworks themselves are in ``tests/frameworks``.

Here are the shapes that no shop there has: older releases, other conventions, odd applications.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import bottle
import pytest
from django import dispatch as django_dispatch
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.routing import Map, Rule

from sentry_web._core import guard
from sentry_web._naming import frameworks
from sentry_web._naming.frameworks import (
    NOTHING,
    Found,
    Listener,
    WrappedApplication,
    blacksheep,
    django,
    dotted_name,
    falcon,
    find,
    litestar,
    pallets,
    pyramid,
)
from sentry_web._naming.frameworks._found import has_own_handler
from sentry_web._naming.frameworks._mounts import base_of, full_path, mount_of, path_below, templated
from sentry_web._naming.frameworks._wrapped import layers_of
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_environ


class Thing:
    """Any object with these attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class View:
    def __call__(self) -> None: ...

    def method(self) -> None: ...


def view() -> None: ...


HERE = __name__
VIEW = f"{HERE}.view"


class Heard:
    """A listener that records what is reported to it."""

    def __init__(self) -> None:
        self.routes: list[Any] = []
        self.errors: list[Any] = []
        self.listener = Listener(
            lambda scope_or_environ, tell: self.routes.append((scope_or_environ, tell)),
            lambda error, framework: self.errors.append((error, framework)),
        )


def found(
    scope_or_environ: dict[str, Any], behind: WrappedApplication | None = None, base: str = ""
) -> tuple[str | None, str | None]:
    result = find([scope_or_environ], behind, base)
    return result.route, result.endpoint


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (view, VIEW),
        (View, f"{HERE}.View"),
        (View(), f"{HERE}.View"),
        (View().method, f"{HERE}.View.method"),
        (functools.partial(functools.partial(view)), VIEW),
        ("shop.books", "shop.books"),
        ("", None),
        (len, "builtins.len"),
        ([].append, "list.append"),  # the method of a builtin object has no module
    ],
)
def test_a_view_has_a_dotted_name(what: Any, name: str | None) -> None:
    assert dotted_name(what) == name


def test_nothing_is_found_where_no_framework_was() -> None:
    assert find([{}, {"endpoint": None, "werkzeug.request": object()}]) is NOTHING
    assert find([]) is NOTHING
    assert NOTHING.route is NOTHING.endpoint is None


def test_the_first_mapping_that_a_framework_touched_counts() -> None:
    inner, outer = {"endpoint": view}, {"endpoint": View}
    assert find([{}, inner, outer]).endpoint == VIEW


def test_what_was_told_counts_more_and_the_latest_most() -> None:
    first, second = Found("/first"), Found("/second")
    told: list[Any] = [lambda base: None, lambda base: first, lambda base: second]
    assert find([{"endpoint": view}], reported=told) is first


# --- mounts ----------------------------------------------------------------------------------------------------------


def test_the_prefix_that_mounts_added() -> None:
    assert base_of({"SCRIPT_NAME": "/caf\xc3\xa9/"}) == "/café"
    assert base_of({"root_path": "/api/"}) == "/api"
    assert base_of({"root_path": None}) == base_of({}) == ""
    assert mount_of({"SCRIPT_NAME": "/api/shop"}, "/api") == "/shop"
    assert mount_of({"root_path": "/shop"}, "") == "/shop"
    assert mount_of({"root_path": "/apis"}, "/api") == mount_of({}, "/api") == ""
    assert mount_of({"root_path": "/own/shop", "app_root_path": "/own"}, "") == "/shop"


def test_the_path_below_the_prefix() -> None:
    assert path_below({"PATH_INFO": "/caf\xc3\xa9", "SCRIPT_NAME": "/a"}) == "/café"
    assert path_below({"PATH_INFO": ""}) == path_below({"path": "/a", "root_path": "/"})[:1] == "/"
    assert path_below({"path": "/api/books", "root_path": "/api"}) == "/books"
    assert path_below({"path": "/books", "root_path": "/api"}) == "/books"
    assert full_path({"path": "/api/books", "root_path": "/api"}) == "/api/books"
    assert full_path({"PATH_INFO": "/books", "SCRIPT_NAME": "/api"}) == "/api/books"
    assert full_path({"path": "/books"}) == "/books"


@pytest.mark.parametrize(
    ("path", "parameters", "template"),
    [
        ("/books/12", {"number": 12}, "/books/{number}"),
        ("/a/a", {"first": "a", "second": "a"}, "/{first}/{second}"),
        ("/files/a/b/c", {"rest": "a/b/c"}, "/files/{rest}"),
        ("/books", {"number": "12", "empty": "", "none": None}, "/books"),
    ],
)
def test_a_template_is_made_from_values(path: str, parameters: dict[str, Any], template: str) -> None:
    assert templated(path, parameters) == template


# --- Starlette -------------------------------------------------------------------------------------------------------


def route(path: str, endpoint: Any = view, **attributes: Any) -> Thing:
    pattern = re.compile("^" + re.sub(r"{\w+}", "[^/]+", path) + "$")
    return Thing(path=path, endpoint=endpoint, path_regex=pattern, **attributes)


def test_starlette_writes_endpoint_and_route() -> None:
    assert found({"endpoint": view, "route": route("/u/{id}")}) == ("/u/{id}", VIEW)
    assert found({"route": Thing(path="/u/{id}")}) == ("/u/{id}", None)
    assert found({"route": Thing(path=5), "endpoint": view}) == (None, VIEW)
    assert find([{"route": Thing(path=5)}]) is NOTHING


def test_without_the_route_it_is_looked_for_by_its_endpoint() -> None:
    inner = Thing(routes=[route("/u/{id}")])
    mount = Thing(path="/m", app=inner, routes=inner.routes)
    router = Thing(routes=[route("/other", View), route("/v/{id}"), mount, Thing(endpoint=view, path="/host")])
    scope = {"endpoint": view, "path": "/u/1"}
    assert found(scope) == (None, VIEW)
    assert found({**scope, "router": router}) == ("/u/{id}", VIEW)
    assert found({**scope, "app": Thing(routes=[route("/elsewhere")])}) == ("/elsewhere", VIEW)
    # Before Starlette 0.33 a mount took its prefix off the path
    mounted = {"root_path": "/m", "app_root_path": "", "router": router}
    assert found({**scope, **mounted}) == found({**scope, **mounted, "path": "/m/u/1"}) == ("/m/u/{id}", VIEW)
    # A mount that stands in the scope, with the endpoint of a route in it
    assert found({**scope, "router": router, "route": mount}) == ("/u/{id}", VIEW)


def test_parameters_of_mounts_are_named_those_of_the_route_are_not_taken_for_them() -> None:
    scope = {
        "endpoint": view,
        "route": route("/{id}", param_convertors={"id": None}),
        "root_path": "/api/acme/shop",
        "app_root_path": "/api",
        "path_params": {"tenant": "acme", "id": "shop"},
    }
    assert found(scope, base="/api") == ("/{tenant}/shop/{id}", VIEW)


def test_fastapis_own_root_path_is_no_mount() -> None:
    assert found({"endpoint": view, "route": route("/u"), "root_path": "/api"}) == ("/u", VIEW)


def test_fastapis_included_routers_keep_the_joined_path_beside() -> None:
    own = route("/{id}")
    context = Thing(original_route=own, path="/u/{id}")
    assert found({"endpoint": view, "route": own, "fastapi": {"effective_route_context": context}}) == ("/u/{id}", VIEW)
    stale = Thing(original_route=route("/"), path="/u/{id}")
    assert found({"endpoint": view, "route": own, "fastapi": {"effective_route_context": stale}}) == ("/{id}", VIEW)


def test_a_mounted_application_without_a_word_of_its_own() -> None:
    files = View()
    scope: dict[str, Any] = {"endpoint": files, "route": Thing(path="/files", app=files), "path": "/files/logo.png"}
    assert found({**scope, "root_path": "/files", "app_root_path": ""}) == ("/files", f"{HERE}.View")
    assert find([scope]) is NOTHING
    # Before Starlette 1.0, no mount stands in the scope
    older = {"endpoint": files, "path": "/no", "router": Thing(routes=[Thing(path="", app=files)])}
    assert find([older]) is NOTHING
    # One with routes, none of which was chosen: there is no such path
    router = Thing(routes=[])
    inner = {"endpoint": router, "root_path": "/files", "app_root_path": ""}
    assert find([{**inner, "route": Thing(path="/files", app=router)}]) is NOTHING
    assert find([inner]) is NOTHING


# --- Litestar --------------------------------------------------------------------------------------------------------


def test_litestar_writes_template_and_handler() -> None:
    assert found({"path_template": "/u/{id}", "route_handler": Thing(fn=view)}) == ("/u/{id}", VIEW)
    assert found({"path_template": "/u/{id}", "route_handler": Thing(fn=Thing(value=view))}) == ("/u/{id}", VIEW)
    assert found({"path_template": "/u/{id}", "route_handler": View()}) == ("/u/{id}", f"{HERE}.View")
    assert find([{"path_template": "/u/{id}"}]) is NOTHING


def test_what_litestar_mounts() -> None:
    handler = Thing(is_mount=True, paths={"/files"}, fn=view)
    scope = {"path_template": "/", "route_handler": handler}
    assert found(scope) == ("/files", VIEW)
    assert found({**scope, "route_handler": Thing(is_mount=True, fn=view)}) == ("/", VIEW)
    assert found({**scope, "endpoint": View, "route": route("/u")}) == ("/u", f"{HERE}.View")


class TeapotError(Exception):
    status_code = 418


class ExpectedError(Exception): ...


@pytest.mark.parametrize(
    ("error", "scope", "reported"),
    [
        (ValueError(), {}, True),
        (TeapotError(), {}, False),
        (ExpectedError(), {"litestar_app": Thing(exception_handlers={ExpectedError: view})}, False),
        (ValueError(), {"litestar_app": Thing(exception_handlers={Exception: view, 500: view})}, True),
        (ExpectedError(), {"route_handler": Thing(resolve_exception_handlers=lambda: {ExpectedError: view})}, False),
    ],
)
def test_litestars_hook_tells_failures_from_answers(error: Exception, scope: Any, reported: bool) -> None:
    heard, app = Heard(), Thing(after_exception=[])
    litestar.attach(app, "", WrappedApplication(), heard.listener)
    litestar.attach(app, "", WrappedApplication(), heard.listener)  # once
    (hook,) = app.after_exception
    asyncio.run(hook(error, scope))
    assert heard.errors == ([(error, "litestar")] if reported else [])


def test_what_litestar_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    class WrapperError(Exception): ...

    module: Any = types.ModuleType("litestar.exceptions")
    module.LitestarException = WrapperError
    monkeypatch.setitem(sys.modules, "litestar.exceptions", module)
    cause = ValueError()
    inner, outer, alone = WrapperError(), WrapperError(), WrapperError()
    inner.__cause__, outer.__cause__ = cause, inner
    assert frameworks.unwrap(outer) == [outer, inner, cause]
    assert frameworks.unwrap(alone) == [alone]
    assert frameworks.unwrap(cause) == [cause]
    cause.exceptions = (group_of_two,) = (KeyError(),)  # type: ignore[attr-defined]
    assert frameworks.unwrap(outer) == [outer, inner, cause, group_of_two]
    group_of_two.exceptions = (KeyError(), KeyError())  # type: ignore[attr-defined]
    assert frameworks.unwrap(outer) == [outer, inner, cause, group_of_two]
    assert frameworks.unwrap(cause) == [cause]  # a group that Litestar did not wrap is the application's
    alone.__cause__ = alone
    assert set(frameworks.unwrap(alone)) == {alone}


def test_a_handler_of_its_own() -> None:
    assert has_own_handler(KeyError(), {LookupError: view})
    assert not has_own_handler(KeyError(), {Exception: view, BaseException: view, object: view, ValueError: view})


# --- Flask, Quart, werkzeug ------------------------------------------------------------------------------------------


def flask_environ(endpoint: str = "books.show", rule: str = "/u/<id>", **more: Any) -> dict[str, Any]:
    return {"werkzeug.request": Thing(url_rule=Thing(rule=rule, endpoint=endpoint)), **more}


def behind_of(app: Any) -> WrappedApplication:
    return frameworks.attach_to(app, Heard().listener)


def test_werkzeug_leaves_the_rule_and_flask_knows_the_view() -> None:
    behind = behind_of(Thing(view_functions={"books.show": view}))
    assert found(flask_environ(), behind) == ("/u/<id>", VIEW)
    assert found(flask_environ("other"), behind) == ("/u/<id>", "other")
    assert found(flask_environ(), behind_of(Thing(view_functions=None))) == ("/u/<id>", "books.show")
    assert found({"werkzeug.request": Thing(url_rule=None)}) == (None, None)


def test_the_app_behind_a_bound_method_is_the_app() -> None:
    """``app.wsgi_app = SentryWsgiMiddleware(app.wsgi_app)``."""

    class App:
        view_functions = {"books.show": view}  # noqa: RUF012 - stands for Flask's attribute

        def wsgi_app(self) -> None: ...

    assert found(flask_environ(), behind_of(App().wsgi_app)) == ("/u/<id>", VIEW)


def test_applications_behind_a_dispatcher_are_known_by_their_prefix() -> None:
    main, annex = Thing(view_functions={"books.show": view}), Thing(view_functions={"books.show": View})
    behind = behind_of(DispatcherMiddleware(main, {"/annex": annex}))  # type: ignore[arg-type]
    assert found(flask_environ(), behind) == ("/u/<id>", VIEW)
    assert found(flask_environ(SCRIPT_NAME="/api/annex"), behind, "/api") == ("/annex/u/<id>", f"{HERE}.View")


@pytest.mark.parametrize("standing", [True, False])
def test_behind_other_middlewares_the_app_whose_context_stands_counts(
    standing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    flask: Any = types.ModuleType("flask")
    flask.has_app_context = lambda: standing
    flask.current_app = Thing(view_functions={"books.show": view})
    monkeypatch.setitem(sys.modules, "flask", flask)
    assert found(flask_environ()) == ("/u/<id>", VIEW if standing else "books.show")


def test_without_flask_the_endpoint_is_what_werkzeug_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "flask", raising=False)
    assert found(flask_environ()) == ("/u/<id>", "books.show")


def test_an_application_that_has_nothing_but_werkzeugs_url_map() -> None:
    behind = behind_of(Thing(url_map=Map([Rule("/books/<int:number>", endpoint="book"), Rule("/view", endpoint=view)])))
    assert found(make_environ(RequestSpec(path="/books/1")), behind) == ("/books/<int:number>", "book")
    assert found(make_environ(RequestSpec(path="/view")), behind) == ("/view", VIEW)
    assert find([make_environ(RequestSpec(path="/no"))], behind) is NOTHING
    assert find([{"type": "http", "path": "/books/1"}], behind) is NOTHING
    assert find([make_environ(RequestSpec(path="/books/1", root_path="/annex"))], behind) is NOTHING  # another's mount


class Signal:
    """A signal as blinker and Django have them."""

    def __init__(self) -> None:
        self.receivers: list[Any] = []

    def connect(self, receiver: Any, weak: bool, dispatch_uid: str | None = None) -> None:
        assert not weak
        self.receivers.append(receiver)


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    names = set(frameworks._WATCHES)
    monkeypatch.setattr(frameworks, "_UNWATCHED", names)
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return names  # type: ignore[return-value]


def test_a_framework_is_watched_once_and_when_it_is_there(unwatched: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    frameworks.watch(heard.listener)
    assert unwatched == set(frameworks._WATCHES)

    flask: Any = types.ModuleType("flask")
    flask.got_request_exception = Signal()
    monkeypatch.setitem(sys.modules, "flask", flask)
    frameworks.watch(heard.listener)
    frameworks.watch(heard.listener)
    assert "flask" not in unwatched
    (receiver,) = flask.got_request_exception.receivers
    error = ValueError()
    receiver(object(), exception=error, something="else")
    assert heard.errors == [(error, "flask")]


def test_quart_tells_by_signals() -> None:
    heard = Heard()
    rule = Thing(rule="/u/<id>", endpoint="show")
    scope = {"root_path": "/m"}
    quart = Thing(
        got_request_exception=Signal(),
        got_websocket_exception=Signal(),
        request_started=Signal(),
        websocket_started=Signal(),
        has_request_context=lambda: True,
        request=Thing(url_rule=rule, scope=scope),
        websocket=Thing(url_rule=None, scope=scope),
    )
    pallets.watch_quart(quart, heard.listener)
    app = Thing(view_functions={"show": view})
    asyncio.run(quart.request_started.receivers[0](app))
    ((scope_or_environ, tell),) = heard.routes
    assert scope_or_environ is scope
    assert (tell("").route, tell("").endpoint) == ("/m/u/<id>", VIEW)
    quart.has_request_context = lambda: False
    asyncio.run(quart.websocket_started.receivers[0](app))
    assert len(heard.routes) == 1  # a path that Quart does not know
    error = ValueError()
    asyncio.run(quart.got_websocket_exception.receivers[0](app, exception=error))
    assert heard.errors == [(error, "quart")]


# --- Django ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("/books/{number}", "books/<int:number>"),
        ("/books/{number}", "books/<number>"),
        ("/books/{number}/", r"^books/(?P<number>[0-9]{4}(?:x|\))?)/$"),
        ("/books/{var}", r"^books/(\d+)$"),
        ("/books/all.json", r"^books/(?:all)?\.json\Z"),
        ("/books", r"^books(?=x)(?!y)$"),
        ("/books(", r"books\("),
        ("/books{var}", "books(unclosed"),
        ("/books\\", "books\\"),
        ("/", ""),
    ],
)
def test_djangos_patterns_as_templates(template: str, pattern: str) -> None:
    assert django.route_of(Thing(route=pattern)) == template


def django_urls(monkeypatch: pytest.MonkeyPatch, func: Any = view) -> None:
    module: Any = types.ModuleType("django.urls")

    class Resolver404(Exception): ...  # noqa: N818 - Django's name

    def resolve(path: str) -> Any:
        if path != "/books/1":
            raise Resolver404
        return Thing(route="books/<int:number>", func=func)

    module.resolve, module.Resolver404 = resolve, Resolver404
    monkeypatch.setitem(sys.modules, "django.urls", module)


def test_djangos_resolver_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "django.urls", raising=False)
    scope_or_environ = {"PATH_INFO": "/books/1", "SCRIPT_NAME": "/api/m"}
    assert django.resolve(scope_or_environ) is None
    django_urls(monkeypatch, Thing(view_class=View))
    answer = django.resolve(scope_or_environ, "/api")
    assert answer is not None
    assert (answer.route, answer.endpoint) == ("/m/books/{number}", f"{HERE}.View")
    assert django.resolve({"PATH_INFO": "/no"}) is None


def test_djangos_signals_are_heard_without_a_receiver() -> None:
    heard = Heard()
    signals = Thing(request_started=django_dispatch.Signal(), got_request_exception=django_dispatch.Signal())
    received: list[Any] = []
    signals.request_started.connect(lambda sender, **named: received.append(named), weak=False)
    django.watch(signals, heard.listener)
    started, failed = signals.request_started.send, signals.got_request_exception.send
    environ, scope = {"PATH_INFO": "/"}, {"path": "/"}
    started(sender=object(), environ=environ)
    asyncio.run(signals.request_started.asend(sender=object(), scope=scope, more=1))
    started(object())
    assert [scope_or_environ for scope_or_environ, _ in heard.routes] == [environ, scope]
    assert [each.get("environ", each.get("scope")) for each in received] == [environ, scope, None]
    match = Thing(route="u", func=Thing(cls=View))
    failed(None, request=Thing(resolver_match=match, environ=environ))
    failed(None, request=Thing(resolver_match=match, scope=scope))
    failed(None, request=Thing(resolver_match=None))
    assert [scope_or_environ for scope_or_environ, _ in heard.routes[2:]] == [environ, scope]
    assert heard.routes[2][1]("").endpoint == f"{HERE}.View"
    assert heard.errors == []
    error = ValueError()
    try:
        raise error
    except ValueError:
        failed(None)
    assert heard.errors == [(error, "django")]


# --- Bottle, wsgiorg.routing_args ------------------------------------------------------------------------------------


def test_bottle_mounts_an_application_as_plain_wsgi() -> None:
    outer, inner = bottle.Bottle(), bottle.Bottle()
    inner.route("/u/<number:int>", callback=lambda number: "hello")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 0.13 would rather have a slash at the end of the prefix, and merge the routes
        outer.mount("/m", inner)
    environ = make_environ(RequestSpec(path="/m/u/1"))
    routes: list[Any] = []
    outer(environ, lambda *args: routes.append(found(environ)[0]))
    assert routes == ["/m/u/<number:int>"]


def test_bottle_with_a_path_that_its_route_cannot_build_has_the_route_alone() -> None:
    class Router:
        def build(self, rule: str, **arguments: str) -> str:
            return f"/u/{arguments['name']}"

    route = Thing(rule="/u/<name>", callback=view)
    scope_or_environ = {
        "bottle.route": route,
        "bottle.app": Thing(router=Router()),
        "route.url_args": {"name": "a"},
        "PATH_INFO": "/u/b",
    }
    assert found(scope_or_environ) == ("/u/<name>", VIEW)


@pytest.mark.parametrize(
    ("rule", "path", "route"),
    [
        ("/u/<:re:[0-9]+>", "/m/u/1", "/m/u/<:re:[0-9]+>"),
        ("/files/<:re:.*>", "/m/files/a/b", "/m/files/<:re:.*>"),
        ("/<:re:.*>", "/m/a", "/<:re:.*>"),  # where the prefix ends, nothing says
    ],
)
def test_bottle_with_a_wildcard_without_a_name_is_found_by_the_beginning_of_its_rule(
    rule: str, path: str, route: str
) -> None:
    outer, inner = bottle.Bottle(), bottle.Bottle()
    inner.route(rule, callback=lambda: "hello")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outer.mount("/m", inner)
    environ = make_environ(RequestSpec(path=path))
    routes: list[Any] = []
    outer(environ, lambda *args: routes.append(found(environ)[0]))
    assert routes == [route]


def test_bottle_leaves_its_route() -> None:
    assert found({"bottle.route": Thing(rule="/u/<id>", callback=view)}) == ("/u/<id>", VIEW)
    assert found({"bottle.route": Thing(rule="/u/<id>")}) == ("/u/<id>", "/u/<id>")
    assert found({"bottle.route": None}) == (None, None)


def test_routing_args() -> None:
    environ = {"PATH_INFO": "/books/12/x", "SCRIPT_NAME": "/m"}
    arguments = (("x",), {"number": "12"})
    assert found({**environ, "wsgiorg.routing_args": arguments}) == ("/m/books/{number}/{arg0}", None)
    for nothing in (None, (), ((), {}), ((), "x"), "ab"):
        assert find([{**environ, "wsgiorg.routing_args": nothing}]) is NOTHING


# --- Falcon, Pyramid, BlackSheep -------------------------------------------------------------------------------------


class FalconApp:
    """The parts of Falcon's application that are looked at."""

    def __init__(self, **attributes: Any) -> None:
        self.handled: list[Any] = []
        self._error_handlers: dict[Any, Any] = {Exception: self._python_error_handler}
        self._router = Thing(find=self.find)
        self.__dict__.update(attributes)

    def _python_error_handler(self, *arguments: Any, **keywords: Any) -> None:
        self.handled.append(arguments)

    def add_error_handler(self, kind: Any, handler: Any) -> None:
        self._error_handlers[kind] = handler

    def find(self, path: str) -> Any:
        refuse: Any = types.FunctionType(view.__code__, {"__name__": "falcon.responders"})
        refuse.__module__ = "falcon.responders"
        found = (View(), {"GET": view, "WEBSOCKET": View().method, "PUT": refuse}, {}, "/u/{id}")
        return found if path == "/u/1" else None


@pytest.mark.parametrize(
    ("scope_or_environ", "name"),
    [
        ({"PATH_INFO": "/u/1", "REQUEST_METHOD": "GET"}, VIEW),
        ({"PATH_INFO": "/u/1/", "REQUEST_METHOD": "GET"}, VIEW),
        ({"PATH_INFO": "/u/1", "REQUEST_METHOD": "PUT"}, f"{HERE}.View"),
        ({"PATH_INFO": "/u/1", "REQUEST_METHOD": "ODD"}, f"{HERE}.View"),
        ({"path": "/u/1", "method": "GET", "type": "http"}, VIEW),
        ({"path": "/u/1", "type": "websocket"}, f"{HERE}.View.method"),
    ],
)
def test_falcons_router_is_asked(scope_or_environ: dict[str, Any], name: str) -> None:
    behind = WrappedApplication()
    falcon.attach(FalconApp(), "", behind, Heard().listener)
    assert found(scope_or_environ, behind) == ("/u/{id}", name)
    assert find([{**scope_or_environ, "PATH_INFO": "/no", "path": "/no"}], behind) is NOTHING


def test_falcons_default_handler_is_preceded_once_and_a_users_own_is_left_alone() -> None:
    heard = Heard()
    app, own = FalconApp(), FalconApp(_error_handlers={Exception: view})
    for each in (app, app, own):
        falcon.attach(each, "", WrappedApplication(), heard.listener)
    error = ValueError()
    app._error_handlers[Exception]("req", "resp", error, {})
    assert heard.errors == [(error, "falcon")]
    assert app.handled == [("req", "resp", error, {})]
    assert own._error_handlers == {Exception: view}


class FalconAsgiApp(FalconApp):
    async def _python_error_handler(self, *arguments: Any, **keywords: Any) -> None:  # type: ignore[override]
        self.handled.append((*arguments, keywords))


def test_an_application_is_known_by_its_class_and_what_asgi_swallows_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """sentry-sdk's integration reports nothing of Falcon under ASGI: another name is asked for."""
    monkeypatch.setattr(FalconAsgiApp, "__module__", "falcon.asgi.app")
    module: Any = types.ModuleType("falcon.app")
    module.App = FalconApp
    monkeypatch.setitem(sys.modules, "falcon.app", module)
    heard, app = Heard(), FalconAsgiApp()
    behind = frameworks.attach_to(Layer(app), heard.listener)
    assert found({"path": "/u/1", "method": "GET"}, behind) == ("/u/{id}", VIEW)
    error = ValueError()
    asyncio.run(app._error_handlers[Exception]("req", None, error, {}, ws="ws"))
    assert heard.errors == [(error, "falcon.asgi")]
    assert app.handled == [("req", None, error, {}, {"ws": "ws"})]


def test_falcon_under_asgi_routes_by_the_whole_path() -> None:
    behind = WrappedApplication()
    falcon.attach(FalconApp(), "/u", behind, Heard().listener)
    scope_or_environ = {"path": "/u/1", "root_path": "/u", "method": "GET"}
    assert found(scope_or_environ, behind) == ("/u/{id}", VIEW)


def test_a_falcon_without_its_private_parts() -> None:
    behind = WrappedApplication()
    falcon.attach(object(), "", behind, Heard().listener)
    assert behind.routers == []


class Registry:
    """The parts of Pyramid's registry that are looked at."""

    def __init__(self, *views: Any) -> None:
        self.handlers: list[Any] = []
        self.introspector = self
        self.views = views

    def registeredHandlers(self) -> list[Any]:  # noqa: N802 - zope.interface's name
        return [Thing(factory=handler) for handler in self.handlers]

    def registerHandler(self, handler: Any, required: Any) -> None:  # noqa: N802
        self.handlers.append(handler)

    def get(self, category: str, name: str) -> Any:
        return None if name == "unknown" else self

    def related(self, route: Any) -> list[Any]:
        return [Introspectable(view) for view in self.views]


class Introspectable(dict[str, Any]):
    def __init__(self, view: Any) -> None:
        super().__init__(callable=view)
        self.category_name = "views"


@pytest.mark.parametrize(
    ("views", "name", "endpoint"),
    [
        ((view,), "book", VIEW),
        ((view, View), "book", "book"),
        ((None,), "book", "book"),
        ((view,), "unknown", "unknown"),
    ],
)
def test_pyramids_events_tell_the_route(views: Any, name: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    interfaces: Any = types.ModuleType("pyramid.interfaces")
    interfaces.IBeforeTraversal = object()
    monkeypatch.setitem(sys.modules, "pyramid.interfaces", interfaces)
    heard, registry = Heard(), Registry(*views)
    for _ in range(2):
        pyramid.attach(Thing(registry=registry), "", WrappedApplication(), heard.listener)
    (subscriber,) = registry.handlers
    environ = {"SCRIPT_NAME": "/m"}
    subscriber(Thing(request=Thing(matched_route=None)))
    subscriber(Thing(request=Thing(matched_route=Thing(name=name, pattern="u/{id}"), environ=environ)))
    ((scope_or_environ, tell),) = heard.routes
    assert scope_or_environ is environ
    for _ in range(2):
        assert (tell("").route, tell("").endpoint) == ("/m/u/{id}", endpoint)


class StatusError(Exception):
    status = 404


def test_blacksheeps_middleware_sees_what_it_swallows() -> None:
    heard = Heard()
    app = Thing(router=None, middlewares=[], exceptions_handlers={ExpectedError: view})
    for _ in range(2):
        blacksheep.attach(app, "", WrappedApplication(), heard.listener)
    (middleware,) = app.middlewares

    async def fine(request: Any) -> str:
        return f"answer to {request}"

    assert asyncio.run(middleware("request", fine)) == "answer to request"
    failure = ValueError()
    for error in (failure, StatusError(), ExpectedError()):

        async def fail(request: Any, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)):
            asyncio.run(middleware("request", fail))
    assert heard.errors == [(failure, "blacksheep")]


def test_blacksheeps_router_is_asked() -> None:
    class Router:
        def get_matching_route(self, method: str, path: str) -> Any:
            known = {("GET", "/u/1"): b"/u/:id", ("GET_WS", "/talk"): "/talk"}
            pattern = known.get((method, path))
            return None if pattern is None else Thing(pattern=pattern)

    behind = WrappedApplication()
    blacksheep.attach(Thing(router=Router(), middlewares=[], exceptions_handlers={}), "", behind, Heard().listener)
    assert found({"type": "http", "method": "GET", "path": "/u/1"}, behind) == ("/u/:id", None)
    assert found({"type": "websocket", "path": "/talk"}, behind) == ("/talk", None)
    assert find([{"type": "http", "method": "GET", "path": "/no"}], behind) is NOTHING


# --- behind ----------------------------------------------------------------------------------------------------------


# --- Django Channels -------------------------------------------------------------------------------------------------


class UrlRouter:
    """Channels' ``URLRouter``: its mark, and its routes, which are Django's."""

    _path_routing = True

    def __init__(self, *routes: Any) -> None:
        self.routes = routes


class ProtocolTypeRouter:
    """Channels' router by the kind of scope."""

    def __init__(self, mapping: dict[str, Any]) -> None:
        self.application_mapping = mapping


class Consumer:
    @classmethod
    def as_asgi(cls) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None: ...

        app.consumer_class = cls  # type: ignore[attr-defined]
        return app


class DjangoHandler:
    async def get_response_async(self, request: Any) -> None: ...


def channels_route(pattern: Any, callback: Any) -> Any:
    return Thing(pattern=pattern, callback=callback)


@pytest.fixture
def channels_behind(monkeypatch: pytest.MonkeyPatch) -> WrappedApplication:
    """An application of Channels, as its documentation has it, with routers inside routers."""
    from django.urls.resolvers import RegexPattern, RoutePattern

    module = types.ModuleType("channels.routing")
    module.ProtocolTypeRouter, module.URLRouter = ProtocolTypeRouter, UrlRouter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "channels.routing", module)
    inner = UrlRouter(channels_route(RoutePattern("<slug:room>/", is_endpoint=True), Consumer.as_asgi()))
    sockets = UrlRouter(
        channels_route(RoutePattern("ws/chat/<int:id>/", is_endpoint=True), Consumer.as_asgi()),
        channels_route(RegexPattern(r"^ws/user/(?P<name>\w+)/$", is_endpoint=True), Thing(inner=view)),
        channels_route(RoutePattern("rooms/", is_endpoint=False), inner),
    )
    polls = UrlRouter(
        channels_route(RoutePattern("poll/<int:id>", is_endpoint=True), Consumer.as_asgi()),
        channels_route(RegexPattern("", is_endpoint=False), DjangoHandler()),
    )
    app = ProtocolTypeRouter({"http": polls, "websocket": Thing(application=Thing(inner=sockets))})
    return frameworks.attach_to(app, Heard().listener)


@pytest.mark.parametrize(
    ("kind", "path", "name"),
    [
        ("websocket", "/ws/chat/42/", ("/ws/chat/{id}/", f"{HERE}.Consumer")),
        ("websocket", "/ws/user/zoe/", ("/ws/user/{name}/", f"{HERE}.Thing")),
        ("websocket", "/rooms/attic/", ("/rooms/{room}/", f"{HERE}.Consumer")),
        ("websocket", "/rooms/", (None, None)),
        ("websocket", "/ws/chat/forty-two/", (None, None)),
        ("http", "/ws/chat/42/", (None, None)),  # for Django, which has no such view
        ("http", "/poll/7", ("/poll/{id}", f"{HERE}.Consumer")),
    ],
)
def test_channels_routers_are_asked(channels_behind: WrappedApplication, kind: str, path: str, name: Any) -> None:
    assert found({"type": kind, "path": path}, channels_behind) == name
    assert found({"type": kind, "path": f"/below{path}", "root_path": "/below"}, channels_behind, "/below") == name


def test_a_router_of_channels_without_kinds_answers_for_all(channels_behind: WrappedApplication) -> None:
    from django.urls.resolvers import RoutePattern

    router = UrlRouter(channels_route(RoutePattern("poll/<id>", is_endpoint=True), view))
    behind = frameworks.attach_to(Thing(app=router, inner=router), Heard().listener)
    assert len(behind.routers) == 1
    assert found({"type": "http", "path": "/poll/7"}, behind) == ("/poll/{id}", VIEW)


def test_routers_of_channels_that_hold_one_another_come_to_an_end(channels_behind: WrappedApplication) -> None:
    from django.urls.resolvers import RoutePattern

    router = UrlRouter()
    router.routes = (channels_route(RoutePattern("", is_endpoint=False), router),)
    assert found({"type": "websocket", "path": "/x"}, frameworks.attach_to(router, Heard().listener)) == (None, None)


# --- Starlette, behind a middleware that copies the scope ------------------------------------------------------------


class Copies:
    """A middleware that hands on a copy of the scope, as hypercorn's ProxyFixMiddleware does."""

    def __init__(self, app: Any) -> None:
        self.app = app


async def page(request: Any) -> None: ...


async def files(scope: Any, receive: Any, send: Any) -> None: ...


def starlette_app() -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route, Router, WebSocketRoute

    inner = [Route("/chat/{id}/", page), WebSocketRoute("/chat/{id}/", view)]  # type: ignore[arg-type]
    return Starlette(routes=[Mount("/ws", app=Router(inner)), Mount("/{kind}", routes=[Mount("/files", app=files)])])  # type: ignore[arg-type]


def fastapi_app() -> Any:
    import fastapi

    outer, inner = fastapi.APIRouter(prefix="/ws"), fastapi.APIRouter()
    inner.add_api_route("/chat/{id}/", page)
    inner.add_api_websocket_route("/chat/{id}/", view)
    outer.include_router(inner)
    app = fastapi.FastAPI()
    app.include_router(outer)
    return app


@pytest.mark.parametrize("app", [starlette_app, fastapi_app])
@pytest.mark.parametrize(("kind", "endpoint"), [("http", "page"), ("websocket", "view")])
def test_starlettes_routers_are_asked_where_it_has_written_into_a_copy(app: Any, kind: str, endpoint: str) -> None:
    behind = frameworks.attach_to(Copies(Copies(app())), Heard().listener)
    for base in ("", "/below"):
        scope = {"type": kind, "method": "GET", "path": f"{base}/ws/chat/42/", "root_path": base, "headers": []}
        assert found(scope, behind, base) == ("/ws/chat/{id}/", f"{HERE}.{endpoint}")
        assert found({**scope, "path": f"{base}/ws/nowhere"}, behind, base) == (None, None)


def test_an_application_that_starlette_mounts_is_named_by_its_mounts() -> None:
    behind = frameworks.attach_to(Copies(starlette_app()), Heard().listener)
    scope = {"type": "http", "method": "GET", "path": "/old/files/a/b", "root_path": "", "headers": []}
    assert found(scope, behind) == ("/{kind}/files", f"{HERE}.files")
    assert found({"type": "lifespan"}, behind) == (None, None)


class Layer:
    __slots__ = ("app",)

    def __init__(self, app: Any = None) -> None:
        if app is not None:
            self.app = app

    def __call__(self) -> None: ...


def test_layers_are_looked_through_without_running_their_code() -> None:
    class Explosive:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

        @property
        def app(self) -> Any:
            raise AssertionError

    core, bare = Explosive(), Layer()
    app = functools.partial(Layer(Thing(application=Thing(asgi_app=core), app=bare)))
    seen = [owner for owner, _ in layers_of(app)]
    assert core in seen
    assert bare in seen


def test_mounts_have_prefixes() -> None:
    core, deep, other = object(), object(), object()
    inner = Thing(routes=[Thing(path="/deep/", app=deep), Thing(path="/view", endpoint=view, app=view), Thing(path=5)])
    app = Thing(routes=[Thing(path="/m", app=inner)], mounts={"/x": core}, app=Thing(mounts=[other], routes=()))
    places = {id(owner): prefix for owner, prefix in layers_of(app)}
    assert (places[id(core)], places[id(deep)]) == ("/x", "/m/deep")
    assert id(other) not in places


def test_a_circle_and_a_crowd_come_to_an_end() -> None:
    circle = Thing()
    circle.app = circle
    assert [owner for owner, _ in layers_of(circle)] == [circle]
    crowd = Thing(routes=[Thing(path="/", app=Thing()) for _ in range(1000)])
    assert len(list(layers_of(crowd))) == 200


# --- readers that fail -----------------------------------------------------------------------------------------------


class BadRoute:
    """The route of a release of a framework that nobody knows yet."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


def failing(*args: Any) -> Any:
    raise RuntimeError("a router of another release")


@pytest.mark.parametrize("requests", [1, 50])
def test_a_reader_that_raises_costs_its_own_finding_and_one_log_record(
    requests: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_logged", set())
    wrapped = WrappedApplication()
    wrapped.routers.append(("", failing))
    mapping = {"bottle.route": BadRoute(), "path": "/a", "endpoint": view}
    for _ in range(requests):
        assert frameworks.find([mapping], wrapped, "", [failing]).endpoint == VIEW
        assert frameworks.find([{"bottle.route": BadRoute()}]) is frameworks.NOTHING
    assert [record.args[0] for record in caplog.records if record.args] == ["failing", "look"]
