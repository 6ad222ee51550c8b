"""The check's parts: what is under test, values as source, applications, and what there was no time for."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from functools import partial
from typing import Any

import pytest
from hypothesis import given

from sentry_web import SentryWsgiMiddleware
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    WSGI,
    WSGI_VALIDATED,
    Finding,
    Peer,
    Protocol,
    Raise,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Verdict,
    Wrap,
    WrongSubjectError,
    check,
    compile_asgi2,
    strategies,
)
from sentry_web.testing.check import Progress, cases, snippets
from sentry_web.testing.check.subject import routes_of, subject_of


def application(environ: Any, start_response: Any) -> Any:
    """One that says at which path it was called."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode("latin-1")]


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


class Asgi2Application:
    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await asgi_application(self.scope, receive, send)


class Text:
    """Sends text, which is no bytes."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["text"]


def given_as(thing: Any, **options: Any) -> Any:
    return subject_of(thing, **{"kind": "auto", "name": None, "sdk": {}, "paths": (), **options})


# --- what is under test ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "drivers"),
    [
        (application, (WSGI, WSGI_VALIDATED)),
        (Text(), (WSGI, WSGI_VALIDATED)),
        (asgi_application, (ASGI3, ASGI3)),
        (lambda scope, receive, send: None, (ASGI3, ASGI3)),
        (Asgi2Application, (ASGI2, ASGI2)),
        (compile_asgi2(Script()), (ASGI2, ASGI2)),
    ],
)
def test_an_application_is_known_by_its_signature(app: Any, drivers: Any) -> None:
    subject = given_as(app)
    assert subject.app is app
    assert (subject.driver, subject.oracle) == drivers
    assert subject.protocol == ("wsgi" if drivers[0] is WSGI else "asgi")


def test_a_middleware_is_known_by_what_it_makes() -> None:
    def for_asgi(app: Any) -> Any:
        return asgi_application

    assert [side.protocol for side in given_as(SentryWsgiMiddleware).sides] == ["wsgi"]
    assert [side.protocol for side in given_as(for_asgi).sides] == ["asgi"]
    assert [side.protocol for side in given_as(Wrap()).sides] == ["wsgi", "asgi", "both"]


def test_what_does_not_show_can_be_said() -> None:
    def unclear(app: Any) -> Any:
        return lambda *args: app(*args)  # noqa: PLW0108 - its signature must be uninformative

    assert given_as(unclear, kind="asgi-middleware").sides[0].protocol == "asgi"
    with pytest.raises(WrongSubjectError, match="say its kind"):
        given_as(unclear)


@pytest.mark.parametrize(
    ("thing", "options", "message"),
    [
        (application, {"kind": "lamp"}, "kind is 'lamp', not one of auto, app"),
        ("text", {}, "an object of type str is neither"),
        (len, {}, "cannot be put around an application: TypeError"),
        (id, {}, "gives an object of type int"),
        (print, {"kind": "app"}, "does not show whether it is WSGI or ASGI"),
        (min, {"kind": "app"}, "does not show whether it is WSGI or ASGI"),
        (SentryWsgiMiddleware, {"kind": "asgi-middleware"}, "takes the arguments of wsgi"),
    ],
)
def test_what_cannot_be_checked(thing: Any, options: Any, message: str) -> None:
    with pytest.raises(WrongSubjectError, match=message):
        given_as(thing, **options)


def test_the_routes_that_an_application_tells() -> None:
    flask, starlette = pytest.importorskip("flask"), pytest.importorskip("starlette.applications")
    app = flask.Flask("shop")
    app.add_url_rule("/books/<int:number>", "book", lambda number: "book")
    assert "/books/<int:number>" in list(routes_of(app))
    routing = pytest.importorskip("starlette.routing")
    routed = starlette.Starlette(routes=[routing.Route("/hello/{name}", lambda request: None), routing.Host("a", app)])
    assert list(routes_of(types.SimpleNamespace(app=routed))) == ["/hello/{name}"]
    assert list(routes_of(application)) == []
    assert given_as(app, paths=("/more",)).paths[0] == "/more"


# --- values as source -----------------------------------------------------------------------------------------------


def made_again(value: Any) -> Any:
    source = "value = " + snippets.literal(value)
    lines = [*snippets.imports_for(source, [value]), source]
    namespace: dict[str, Any] = {}
    exec("\n".join(lines), namespace)
    return namespace["value"]


@given(strategies.odd_scripts(Protocol.WSGI), strategies.odd_requests())
def test_scripts_and_requests_as_source(script: Script, request: RequestSpec) -> None:
    assert made_again(script) == script
    assert made_again(request) == request


def test_long_values_are_broken_into_lines() -> None:
    script = Script((StartResponse(), *[SendChunk(b"x" * 40)] * 4, Raise(asyncio.CancelledError)), peer=Peer(1))
    text = snippets.literal(script)
    assert made_again(script) == script
    assert max(map(len, text.splitlines())) < 100
    assert "\n    peer=Peer(gone_after=1),\n)" in text
    assert snippets.literal("x" * 200) == repr("x" * 200)
    error = Raise(asyncio.CancelledError, ("x" * 100,), cause=KeyError)
    assert made_again(error) == error
    assert "\n    kind=CancelledError,\n" in snippets.literal(error)


def test_names() -> None:
    assert snippets.named(SentryWsgiMiddleware) == (
        "SentryWsgiMiddleware",
        ("from sentry_web import SentryWsgiMiddleware",),
    )
    assert snippets.named(print, "shop.main:app.inner") == ("app.inner", ("from shop.main import app",))
    assert snippets.named(asyncio.CancelledError).imports == ("from asyncio import CancelledError",)
    expression, imports = snippets.named(partial(SentryWsgiMiddleware, use_x_forwarded_for=True))
    assert expression == "partial(SentryWsgiMiddleware, use_x_forwarded_for=True)"
    assert imports[0] == "from functools import partial"
    assert snippets.named(lambda: None, placeholder="it").imports[0].startswith("it = ...  #")


def test_what_is_defined_in_a_script_cannot_be_imported_from_it() -> None:
    code = "def middleware(app): return app"
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(code, namespace)
    assert snippets.named(namespace["middleware"]).expression == "subject"


# --- applications ---------------------------------------------------------------------------------------------------


def test_an_application_without_faults() -> None:
    verdict = check(application, examples=10, paths=["/books/<int:number>"])
    assert verdict.ok
    assert verdict.examples.keys() == {"transparent", "protocol"}
    assert check(asgi_application, examples=5).ok
    assert check(Asgi2Application, examples=5).ok


def test_an_application_that_answers_otherwise_each_time() -> None:
    calls: list[int] = []

    def app(environ: Any, start_response: Any) -> Any:
        calls.append(1)
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Call", str(len(calls)))])
        return [str(len(calls)).encode()]

    assert check(app, examples=5).ok


def test_an_application_that_breaks_its_protocol() -> None:
    (finding,) = check(Text(), examples=5).findings
    assert (finding.property, finding.aspect, finding.protocol) == ("protocol", "violations", "wsgi")
    assert "non-bytestring" in finding.explanation
    assert "app = ...  # what was given to check()" in finding.snippet


def test_an_application_that_can_see_our_middleware() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        status = "500 Seen" if any("sentry_web" in key for key in environ) else "200 OK"
        start_response(status, [("Content-Type", "text/plain")])
        return []

    (finding,) = check(app, examples=5).findings
    assert (finding.property, finding.aspect) == ("transparent", "status")


def test_paths_are_filled_in() -> None:
    found: set[str] = set()

    @given(cases.paths(("/books/<int:number>", "/hello/{name}")))
    def look(path: str) -> None:
        found.add(path)

    look()
    assert {"/books/1", "/hello/1"} <= found


# --- the end --------------------------------------------------------------------------------------------------------


def test_no_time() -> None:
    verdict = check(application, examples=5, seconds=0.0)
    assert verdict.ok
    assert verdict.notes == ("The time was over: not checked at all: transparent (wsgi), protocol (wsgi).",)


def test_progress_and_an_end_before_the_end() -> None:
    seen: list[Progress] = []

    def stop() -> bool:
        return any(progress.property == "protocol" for progress in seen)

    verdict = check(Text(), examples=3, on_progress=seen.append, stop=stop)
    assert seen == [Progress("transparent", "wsgi", 0, 2, 0), Progress("protocol", "wsgi", 1, 2, 0)]
    assert verdict.examples["transparent"] == 3
    assert verdict.notes == ("It was interrupted: not checked at all: protocol (wsgi).",)


def test_what_was_found_before_the_interruption_is_in_the_verdict() -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 4

    verdict = check(Text(), examples=50, only=["protocol"], stop=stop)
    assert [finding.aspect for finding in verdict.findings] == ["violations"]
    assert verdict.notes == ("It was interrupted: checked with fewer examples than asked for: protocol (wsgi).",)


def test_the_verdict_for_people_and_for_programs() -> None:
    verdict = check(Text(), examples=3, name=f"{__name__}:Text")
    text = str(verdict)
    assert text.startswith("[1] protocol, violations (wsgi): the application itself breaks the rules")
    assert f"Text (wsgi application): 1 finding in {verdict.seconds:.1f} s." in text
    again = json.loads(json.dumps(verdict.as_dict()))
    assert again["ok"] is False
    assert again["findings"][0]["aspect"] == "violations"
    assert "nothing found" in str(check(application, examples=1))
    findings = (Finding("once", "errors", "twice", "assert False", defect="a known one"),) * 2
    assert str(findings[0]).splitlines()[1] == "Looks like a known fault: a known one"
    assert Verdict("it", findings, {"once": 2}, ("a note",)).summary.splitlines() == [
        "it: 2 findings in 0.0 s.",
        "Examples run: once 2.",
        "Note: a note",
    ]


def test_greenlets_end_applications_only_where_they_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    greenlet = pytest.importorskip("greenlet")
    assert greenlet.GreenletExit in cases.killed()
    monkeypatch.delitem(sys.modules, "greenlet")
    assert [kind.__name__ for kind in cases.killed()] == ["GeneratorExit", "CancelledError"]


def test_a_property_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^only: prompt is none of .*transparent"):
        check(SentryWsgiMiddleware, only=["same", "prompt"])
