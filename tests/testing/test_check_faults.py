"""Every row of the check's expectations can fail: a middleware that is wrong in that one way breaks it.

Each on an example that shows it; that such examples are found is proved on sentry-sdk's middlewares, in test_check.
"""

from __future__ import annotations

import contextvars
import math
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.scope import Scope

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import (
    WSGI,
    CaptureMessage,
    ChildSpan,
    Raise,
    ReadBody,
    ReadVariable,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    SetTag,
    SetVariable,
    SpawnThread,
    StartResponse,
    Wrap,
    check,
)
from sentry_web.testing.check.expectations import SAME, TRANSPARENT
from sentry_web.testing.check.properties import properties_of
from sentry_web.testing.check.search import Trial, constants_of
from sentry_web.testing.check.subject import subject_of
from sentry_web.testing.sdk import HAS_TRANSACTIONS, STREAM, start_root
from sentry_web.testing.steps import variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def broken(middleware: Any, kind: str, name: str, aspect: str, **values: Any) -> frozenset[str]:
    """What breaks with an example, of the property that has this aspect."""
    subject = subject_of(middleware, kind=kind, name=None, sdk={}, paths=())
    (tested,) = [
        each for each in properties_of(subject) if each.name == name and aspect in {row.aspect for row in each.expects}
    ]
    (side,) = [side for side in subject.sides if side.protocol == tested.protocol]
    trial = Trial(tested, constants_of(subject, side), examples=1, seed=0, deadline=math.inf, stop=lambda: False)
    return trial.judge(values).broken


def around(change: Callable[[Any, Any, Any], Any]) -> Any:
    """A WSGI middleware from a function of the application, the environ and start_response."""

    def middleware(app: Any) -> Any:
        return lambda environ, start_response: change(app, environ, start_response)

    return middleware


class Body:
    """A response that is handed on part by part, to be made wrong in one way."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)

    def close(self) -> None:
        if hasattr(self.body, "close"):
            self.body.close()


class Swallowing(Body):
    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.body
        except Exception:
            return


class DeafToClose(Body):
    def close(self) -> None:
        pass


class QuietClose(Body):
    def close(self) -> None:
        try:
            super().close()
        except Exception:
            return


class BadLength(Body):
    def __len__(self) -> int:
        raise LookupError


def swallow(app: Any, environ: Any, start_response: Any) -> Any:
    try:
        return app(environ, start_response)
    except Exception:
        return []


def another(app: Any, environ: Any, start_response: Any) -> Any:
    try:
        return app(environ, start_response)
    except Exception as error:
        raise type(error)(*error.args) from error.__cause__


def unchained(app: Any, environ: Any, start_response: Any) -> Any:
    try:
        return app(environ, start_response)
    except Exception as error:
        raise error from None


def no_traceback(app: Any, environ: Any, start_response: Any) -> Any:
    try:
        return app(environ, start_response)
    except Exception as error:
        raise error.with_traceback(None)  # noqa: B904 - the fault itself


def as_list(app: Any, environ: Any, start_response: Any) -> Any:
    response = app(environ, start_response)
    return list(response) if type(response) is list else response


def teapot(app: Any, environ: Any, start_response: Any) -> Any:
    return app(environ, lambda status, *rest: start_response("418 Teapot", *rest))


def signed(app: Any, environ: Any, start_response: Any) -> Any:
    return app(environ, lambda status, headers, *rest: start_response(status, [*headers, ("X-Signed", "1")], *rest))


def in_context(app: Any, environ: Any, start_response: Any) -> Any:
    return contextvars.copy_context().run(app, environ, start_response)


def left_behind(app: Any, environ: Any, start_response: Any) -> Any:
    Scope.set_isolation_scope(Scope.get_isolation_scope().fork())
    return app(environ, start_response)


def stray_variable(app: Any, environ: Any, start_response: Any) -> Any:
    variable("v1").set("stray")
    return app(environ, start_response)


def greedy(app: Any, environ: Any, start_response: Any) -> Any:
    environ["wsgi.input"].read(0)
    return app(environ, start_response)


ANSWER = (StartResponse(), SendChunk(b"a"), SendChunk(b"b"))
CLOSING = Script(ANSWER, Returns.ITERATOR, after=(Raise(AttributeError),))

TRANSPARENT_FAULTS: dict[str, tuple[Any, Script]] = {
    "exception out of the call": (swallow, Script((Raise(),))),
    "exception out of the iteration": (lambda app, *rest: Swallowing(app(*rest)), Script((*ANSWER, Raise()))),
    "exception out of close()": (lambda app, *rest: QuietClose(app(*rest)), CLOSING),
    "exception out of len()": (lambda app, *rest: BadLength(app(*rest)), Script(ANSWER)),
    "exception object": (another, Script((Raise(),))),
    "exception chain": (unchained, Script((Raise(),))),
    "traceback": (no_traceback, Script((Raise(),))),
    "wsgi.file_wrapper": (lambda app, *rest: Body(app(*rest)), Script(ANSWER, Returns.FILE_WRAPPER)),
    "response object": (as_list, Script(ANSWER, Returns.LIST)),
    "len()": (lambda app, *rest: Body(app(*rest)), Script(ANSWER, Returns.SIZED)),
    "close()": (lambda app, *rest: DeafToClose(app(*rest)), Script(ANSWER, Returns.ITERATOR)),
    "status": (teapot, Script(ANSWER)),
    "headers": (signed, Script(ANSWER)),
    "body": (lambda app, *rest: [*app(*rest), b"!"], Script(ANSWER)),
    "own_scope": (lambda app, environ, start_response: app(dict(environ), start_response), Script(ANSWER)),
    "variables": (in_context, Script((SetVariable("v1", "1"), *ANSWER))),
    "scope_restored": (left_behind, Script(ANSWER)),
    "background": (stray_variable, Script((SpawnThread((ReadVariable("v1"),)), *ANSWER))),
    "violations": (lambda app, *rest: (b"early", *app(*rest)), Script((SendChunk(),), Returns.LAZY_GENERATOR)),
    "calls": (greedy, Script(ANSWER)),
}


def test_a_fault_for_every_aspect_of_transparency() -> None:
    assert set(TRANSPARENT_FAULTS) == {expected.aspect for expected in TRANSPARENT}


@pytest.mark.parametrize("aspect", TRANSPARENT_FAULTS)
def test_transparent(aspect: str) -> None:
    change, script = TRANSPARENT_FAULTS[aspect]
    values = {"driver": WSGI, "script": script, "request": RequestSpec()}
    assert aspect in broken(around(change), "wsgi-middleware", "transparent", aspect, **values)
    assert not broken(around(plain), "wsgi-middleware", "transparent", aspect, **values)


def plain(app: Any, environ: Any, start_response: Any) -> Any:
    return app(environ, start_response)


def test_what_says_the_same_less_clearly_is_not_said() -> None:
    values = {"driver": WSGI, "script": Script(ANSWER), "request": RequestSpec()}
    assert broken(around(teapot), "wsgi-middleware", "transparent", "calls", **values) == {"status"}


def test_missing_keys() -> None:
    def needy(app: Any, environ: Any, start_response: Any) -> Any:
        return app(environ, start_response) if environ["QUERY_STRING"] is not None else []

    for missing, expected in (("QUERY_STRING", {"missing keys"}), ("SCRIPT_NAME", set())):
        values = {"driver": WSGI, "script": Script(ANSWER), "missing": missing}
        assert broken(around(needy), "wsgi-middleware", "transparent", "missing keys", **values) == expected


def test_a_middleware_that_cannot_be_imported_and_reports_nothing() -> None:
    verdict = check(around(teapot), kind="wsgi-middleware", examples=5)
    (finding,) = verdict.findings
    assert finding.aspect == "status"
    assert verdict.examples.keys() - {"isolation"} == {"transparent"}  # OpenTelemetry's spans need no report to Sentry
    assert [note.partition(" to ")[0] for note in verdict.notes] == [
        "It reports no errors",
        "It reports no transactions",
    ]
    first, rest = finding.snippet.split("\n", 1)
    assert first == "middleware = ...  # what was given to check(): it cannot be imported by name"
    with pytest.raises(AssertionError):
        exec(rest, {"middleware": around(teapot)})


# --- reports --------------------------------------------------------------------------------------------------------


def reporting(change: Callable[[Any, Any, Any], Any]) -> Any:
    """Our middleware inside of a faulty one."""
    return lambda app: around(change)(SentryWsgiMiddleware(app))


def one_more(app: Any, environ: Any, start_response: Any) -> Any:
    with start_root("one more"):
        return app(environ, start_response)


def twice(app: Any, environ: Any, start_response: Any) -> Any:
    try:
        return app(environ, start_response)
    except Exception as error:
        sentry_sdk.capture_exception(error)
        raise


def unmarked(app: Any, environ: Any, start_response: Any) -> Any:
    for key in [key for key in environ if "sentry_web" in key]:
        del environ[key]
    return app(environ, start_response)


@pytest.mark.parametrize(
    ("change", "aspect"),
    [(one_more, "transactions"), (twice, "errors"), (unmarked, "transactions, wrapped twice")],
)
def test_once(change: Any, aspect: str) -> None:
    values = {"driver": WSGI, "script": Script((Raise(),)), "request": RequestSpec()}
    assert aspect in broken(reporting(change), "wsgi-middleware", "once", aspect, **values)
    assert not broken(reporting(plain), "wsgi-middleware", "once", aspect, **values)


class OnOneScope:
    """Reports, with one scope for all requests at once."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with start_root(environ["PATH_INFO"]):
            return self.app(environ, start_response)


class OnSwappedScopes(OnOneScope):
    """Reports, with the tags of one request on the events of the other."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        sentry_sdk.set_tag("second" if environ["PATH_INFO"] == "/first" else "first", "1")
        return SentryWsgiMiddleware(self.app)(environ, start_response)


@pytest.mark.parametrize(
    ("middleware", "aspect"), [(OnOneScope, "tags"), (OnSwappedScopes, "request"), (SentryWsgiMiddleware, None)]
)
def test_isolation(middleware: Any, aspect: str | None) -> None:
    first, second = (Script((SetTag(tag, "1"), CaptureMessage("hello"), *ANSWER)) for tag in ("first", "second"))
    found = broken(middleware, "wsgi-middleware", "isolation", "tags", driver=WSGI, first=first, second=second)
    assert aspect in found if aspect else not found


@contextmanager
def streamed_spans_changed(of_segments: bool, **parts: Any) -> Iterator[None]:
    """Change each segment, or each other streamed span, as it is handed over to be sent."""
    from sentry_sdk.traces import StreamedSpan

    to_json = StreamedSpan._to_json

    def changed(span: Any) -> Any:
        written = to_json(span)
        return {**written, **parts} if written["is_segment"] == of_segments else written

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StreamedSpan, "_to_json", changed)
        yield


def tells_of_spans(of_segments: bool, **parts: Any) -> Any:
    """An ASGI middleware that changes its segments, or its other streamed spans, before they are sent."""

    def middleware(app: Any) -> Any:
        wrapped = SentryAsgiMiddleware(app)

        async def asgi(scope: Any, receive: Any, send: Any) -> None:
            with streamed_spans_changed(of_segments, **parts):
                await wrapped(scope, receive, send)

        return asgi

    return middleware


def tells(**facts: Any) -> Any:
    """An ASGI middleware that changes each event and transaction before it is sent."""

    def middleware(app: Any) -> Any:
        wrapped = SentryAsgiMiddleware(app)

        async def asgi(scope: Any, receive: Any, send: Any) -> None:
            def change(event: Any, hint: Any) -> Any:
                for key, value in facts.items():
                    if isinstance(value, dict) and isinstance(event.get(key), dict):
                        event[key].update(value)
                    else:
                        event[key] = value
                return event

            sentry_sdk.get_global_scope().add_event_processor(change)
            try:
                await wrapped(scope, receive, send)
            finally:
                sentry_sdk.get_global_scope()._event_processors.remove(change)

        return asgi

    return middleware


PARITY_FAULTS: dict[str, dict[str, Any]] = {
    "errors": {"exception": {"values": [{"type": "Other", "value": "other"}]}},
    "messages": {"message": "other"},
    "names": {"transaction": "other"},
    "status": {"contexts": {"trace": {"trace_id": "0" * 32, "span_id": "0" * 16, "status": "other"}}},
    "tags": {"tags": {"other": "1"}},
    "spans": {"spans": [{"description": "other"}]},
    "url": {"request": {"url": "other"}},
    "query": {"request": {"query_string": "other"}},
    "headers": {"request": {"headers": {"Other": "1"}}},
    "peer": {"request": {"env": {"REMOTE_ADDR": "192.0.2.99"}}},
}


#: The same where spans are streamed.
STREAMED_FAULTS: dict[str, Any] = {
    "names": tells_of_spans(True, name="other"),
    "status": tells_of_spans(True, status="ok"),
    "spans": tells_of_spans(False, name="other"),
}


def tampered_with(fact: str) -> Any:
    """Return an ASGI middleware that reports this fact as nobody else does."""
    if fact not in PARITY_FAULTS:
        return partial(SentryAsgiMiddleware, trusted_proxies="*")
    if fact in STREAMED_FAULTS and (STREAM.items() <= DEFAULT_OPTIONS.items() or not HAS_TRANSACTIONS):
        return STREAMED_FAULTS[fact]
    return tells(**PARITY_FAULTS[fact])


def test_a_fault_for_every_fact_of_parity() -> None:
    assert {*PARITY_FAULTS, "user"} == {expected.aspect for expected in SAME}


SPEAKING = Script(
    (SetTag("t1", "a"), CaptureMessage("hello"), StartResponse(), ChildSpan("query"), ReadBody(), Raise())
)


@pytest.mark.filterwarnings("ignore:The send_default_pii option is deprecated")
@pytest.mark.parametrize("fact", [*PARITY_FAULTS, "user"])
def test_same(fact: str) -> None:
    values = {
        "script": SPEAKING,
        "request": RequestSpec(query="q=1", headers=(("X-Forwarded-For", "198.51.100.1"),)),
        "sdk": {"traces_sample_rate": 1.0, "send_default_pii": True},
    }
    ours = partial(SentryWsgiMiddleware, trusted_proxies=())
    assert fact in broken(Wrap(wsgi=ours, asgi=tampered_with(fact)), "auto", "same", fact, **values)
    pair = Wrap(wsgi=ours, asgi=partial(SentryAsgiMiddleware, trusted_proxies=()))
    assert not broken(pair, "auto", "same", fact, **values)
