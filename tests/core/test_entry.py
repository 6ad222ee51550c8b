"""``_core.entry``: which requests are recorded, and the mark that keeps one from being recorded twice."""

from __future__ import annotations

import contextvars
from typing import Any

import pytest

from sentry_web._core import entry as entry_module
from sentry_web._core.context import current
from sentry_web._core.entry import MARKERS, Entry
from sentry_web._core.exchange import Exchange
from sentry_web._core.nested import NestedExchange
from sentry_web._naming import frameworks
from sentry_web._naming.frameworks import Found
from sentry_web._options import build_options
from sentry_web._request.environ import EnvironRequest
from sentry_web._request.scope import ScopeRequest
from sentry_web.recorder import BaseRecorder, BaseRecording
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_environ, make_scope


class Output(BaseRecorder, BaseRecording):
    """A recorder that starts nothing; the calls for a request are tested in ``test_exchange``."""

    def __init__(self, key: str = "test", active: bool = True) -> None:
        self.key, self.is_active = key, active
        self.lives: list[Any] = []

    def active(self, protocol: str) -> bool:
        return self.is_active

    def start(self, request: Any, naming: Any, captured: Any, outcome: Any, scope_or_environ: Any) -> Any:
        self.lives.append(scope_or_environ)
        return self


def entry(*outputs: Any, protocol: str = "asgi", **options: Any) -> Entry:
    read: Any = ScopeRequest if protocol == "asgi" else EnvironRequest
    return Entry(print, build_options(**options), outputs or [Output()], protocol, read)


def test_a_request_is_opened_and_marked_in_the_servers_own_dict() -> None:
    output = Output()
    scope = make_scope(RequestSpec(path="/a"))
    exchange = entry(output).open(scope)
    assert isinstance(exchange, Exchange)
    assert scope[MARKERS["asgi"]] is exchange
    assert output.lives[0] is scope
    assert exchange.request.path == "/a"


@pytest.mark.parametrize("outputs", [[], [Output(active=False)]])
def test_without_an_output_that_has_something_to_do_the_dict_stays_as_it_is(outputs: list[Any]) -> None:
    scope = make_scope(RequestSpec())
    assert Entry(print, build_options(), outputs, "asgi", ScopeRequest).open(scope) is None
    assert MARKERS["asgi"] not in scope


def test_an_excluded_url_is_not_recorded() -> None:
    for path, recorded in (("/health", False), ("/books", True)):
        scope = make_scope(RequestSpec(path=path))
        assert (entry(excluded_urls="/health").open(scope) is not None) is recorded
        assert (MARKERS["asgi"] in scope) is recorded


def test_a_marked_request_is_recorded_once_an_output() -> None:
    sentry, otel = Output("sentry"), Output("otel")
    scope = make_scope(RequestSpec())
    outer = entry(sentry).open(scope)
    assert entry(Output("sentry")).open(scope) is None
    assert entry(Output("sentry"), otel).open(scope) is not None
    assert len(otel.lives) == 1
    assert outer is not None


@pytest.mark.parametrize("mark", [None, "somebody else's", 5])
def test_a_mark_that_is_not_ours_is_none(mark: Any) -> None:
    assert entry().open({**make_scope(RequestSpec()), MARKERS["asgi"]: mark}) is not None


def test_a_closed_request_marks_nothing() -> None:
    """Servers and test clients may use one dict for several requests."""
    scope = make_scope(RequestSpec())
    first = entry().open(scope)
    assert first is not None
    first.recordings = []
    first.close()
    second = entry().open(scope)
    assert second is not None
    assert second is not first


SENT = RequestSpec(path="/b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher", query="q=1", headers=(("X-A", "b"),))


def bridged(outer: Exchange, protocol: str, scope_or_environ: dict[str, Any]) -> Any:
    """Open a second time, inside of the first; in a context of its own, as the current one is left as it was."""

    def inside() -> Any:
        entered = outer.enter()
        try:
            return entry(protocol=protocol).open(scope_or_environ)
        finally:
            outer.leave(entered)

    return contextvars.copy_context().run(inside)


def test_a_request_that_a_bridge_carried_over_is_the_same() -> None:
    outer = entry().open(make_scope(SENT))
    assert outer is not None
    environ = make_environ(SENT)
    assert bridged(outer, "wsgi", environ) is None
    assert environ[MARKERS["wsgi"]] is outer
    assert outer.naming._inside[0] is environ
    assert current() is None


def test_another_output_joins_the_request_that_a_bridge_carried_over() -> None:
    outer, other = entry().open(make_scope(SENT)), Output("other")
    assert isinstance(outer, Exchange)
    environ = make_environ(SENT)
    entered = outer.enter()
    try:
        joined = entry(other, protocol="wsgi").open(environ)
    finally:
        outer.leave(entered)
    assert isinstance(joined, NestedExchange)
    assert joined.request is outer.request
    assert outer.records_with(other)


def test_another_url_is_a_request_of_its_own() -> None:
    outer = entry().open(make_scope(SENT))
    assert outer is not None
    assert bridged(outer, "wsgi", make_environ(RequestSpec(path="/other"))) is not None


def test_the_same_request_by_the_same_protocol_is_a_request_of_its_own() -> None:
    outer = entry().open(make_scope(SENT))
    assert outer is not None
    assert bridged(outer, "asgi", make_scope(SENT)) is not None


def test_after_its_end_a_request_takes_nothing_over() -> None:
    outer = entry().open(make_scope(SENT))
    assert outer is not None
    outer.recordings = []
    outer.close()
    assert bridged(outer, "wsgi", make_environ(SENT)) is not None


def test_what_a_framework_tells_reaches_the_current_request() -> None:
    scope = make_scope(RequestSpec(path="/u/1"))
    exchange = entry().open(scope)
    assert exchange is not None
    told: list[Any] = []
    entered = exchange.enter()
    try:
        entry_module._report_route(scope, lambda base: Found("/u/{id}"))
        entry_module._report_swallowed(ValueError(), "flask")
    finally:
        exchange.leave(entered)
    entry_module._report_route(scope, told.append)  # no request is running here
    entry_module._report_swallowed(ValueError(), "flask")
    assert exchange.naming.find().value == "/u/{id}"
    assert exchange.outcome.failed
    assert told == []


def test_an_application_that_cannot_be_looked_into_is_served_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(app: Any) -> Any:
        raise ValueError("our own fault")

    monkeypatch.setattr(frameworks, "layers_of", fail)
    assert entry().open(make_scope(RequestSpec())) is not None
