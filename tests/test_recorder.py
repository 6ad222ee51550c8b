"""``recorder``: each exception is reported once, whatever nests. The protocols are proved by type checkers."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest

from sentry_web import (
    AsgiMiddleware,
    SentryAsgiMiddleware,
    SentryWsgiMiddleware,
    WsgiMiddleware,
    instrument_asgi,
    instrument_wsgi,
)
from sentry_web._request import Outcome
from sentry_web.recorder import MOST_CAPTURED, BaseRecorder, BaseRecording, Captured, CapturedInside, check_recorders


class Equal(Exception):  # noqa: N818
    """Equal to every other one: only identity counts."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def test_an_exception_is_new_once() -> None:
    captured = Captured()
    assert not captured
    first, second = Equal(), Equal()
    assert captured.add(first)
    assert not captured.add(first)
    assert captured.add(second)
    assert captured


def test_what_an_inner_request_reported_is_known_to_the_outer_one() -> None:
    outer = Captured()
    inner = CapturedInside(outer)
    error = ValueError()
    assert inner.add(error)
    assert not outer.add(error)


def test_what_the_outer_request_reported_is_not_new_in_the_inner_one() -> None:
    outer = Captured()
    error = ValueError()
    outer.add(error)
    assert not CapturedInside(outer).add(error)


def test_everything_is_let_go() -> None:
    outer = Captured()
    inner = CapturedInside(outer)
    first = ValueError()  # kept, so that its address is not used again
    inner.add(first)
    inner.clear()
    assert not inner
    assert outer
    error = ValueError()
    assert inner.add(error)
    assert outer.add(error)


def raised(kind: type[BaseException]) -> BaseException:
    try:
        raise kind("boom")
    except BaseException as error:
        return error


class Own(Exception):  # noqa: N818 - unlike a built-in one it takes weak references
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("kind", [ValueError, Own])
def test_an_exception_is_known_again_by_identity(kind: type[BaseException]) -> None:
    captured = Captured()
    first, second = raised(kind), raised(kind)
    assert captured.add(first)
    assert captured.add(second)
    assert not captured.add(first)
    assert not captured.add(second)


@pytest.mark.parametrize("kind", [ValueError, Own])
def test_no_exception_is_held(kind: type[BaseException]) -> None:
    captured = Captured()
    error = raised(kind)
    before = sys.getrefcount(error)
    captured.add(error)
    assert sys.getrefcount(error) == before


def test_a_dead_exception_equals_none() -> None:
    captured = Captured()
    captured.add(raised(Own))
    assert captured.add(raised(Own))


def test_an_exception_at_the_address_of_a_dead_one_is_new() -> None:
    """CPython gives the memory of a dead object to the next one of its size, raised by the same line as well."""
    captured = Captured()
    addresses = set()
    for _ in range(1000):
        error = raised(AssertionError)
        error.args = ()  # shared by all that have no arguments
        addresses.add(id(error))
        assert captured.add(error)
        assert not captured.add(error)
        del error
    assert len(addresses) < 1000, "no address was used again"


def test_what_is_remembered_is_bounded_in_number_and_in_time() -> None:
    captured = Captured()
    errors = [raised(ValueError) for _ in range(3 * MOST_CAPTURED)]
    assert all([captured.add(error) for error in errors])  # noqa: C419 - each is added
    assert len(captured) == MOST_CAPTURED
    assert not captured.add(errors[-1])
    assert not captured.add(errors[-MOST_CAPTURED])


@pytest.mark.parametrize("kind", [ValueError, Own])
def test_an_exception_that_was_reported_looks_as_before(kind: type[BaseException]) -> None:
    error, other = raised(kind), raised(kind)
    Captured().add(error)
    assert (vars(error), dir(error), repr(error)) == (vars(other), dir(other), repr(other))
    assert type(pickle.loads(pickle.dumps(error))) is kind


def test_a_base_recording_does_nothing() -> None:
    recording = BaseRecording()
    with recording.running():
        recording.capture_error(ValueError(), handled=False)
        recording.capture_failure(Outcome(0.0))
        recording.set_attribute("a", 1)
        recording.set_name("b")
        recording.finish(Outcome(0.0))
    assert not recording.leaves_to("flask")
    assert recording.body_limit() == 0
    assert recording.trace() is None
    assert recording.trace_headers() == {}
    assert recording.response_headers() == ()
    assert recording.message_span("http.server.send") is None


class Named(BaseRecorder):
    key = "named"


class Nameless(BaseRecorder):
    pass


def test_what_a_recorder_inherits() -> None:
    recorder = Named()
    assert check_recorders(iter([recorder])) == (recorder,)
    assert (recorder.leads, recorder.shares_errors, recorder.active("asgi")) == (False, True, True)
    request: Any = None
    assert recorder.incoming(request) is None
    assert recorder.start(request, *[request] * 4) is None


@pytest.mark.parametrize(
    ("recorders", "message"),
    [
        (None, "invalid value for recorders: None"),
        ("sentry", "invalid value for recorders: 'sentry'"),
        (Named(), "expected an iterable of recorders"),
        ([Named], "expected a recorder, not its class"),
        ([Named(), Nameless()], "Nameless.*a recorder has key; derive it from sentry_web.BaseRecorder"),
        ([object()], "a recorder has key, leads, shares_errors, active, incoming, surroundings, silence, start"),
    ],
)
def test_what_is_no_recorder_is_refused_by_name(recorders: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        check_recorders(recorders)
    for middleware in (AsgiMiddleware, WsgiMiddleware):
        with pytest.raises(TypeError, match=message):
            middleware(print, recorders=recorders)


@pytest.mark.parametrize("middleware", [SentryAsgiMiddleware, SentryWsgiMiddleware, instrument_asgi, instrument_wsgi])
@pytest.mark.parametrize("app", [None, "shop:app"])
def test_what_is_no_application_is_refused(middleware: Any, app: Any) -> None:
    with pytest.raises(TypeError, match=f"invalid value for app: {app!r}"):
        middleware(app)


class AsyncApp:
    """An ASGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize("middleware", [SentryWsgiMiddleware, instrument_wsgi])
@pytest.mark.parametrize("app", [AsyncApp(), AsyncApp().__call__, SentryAsgiMiddleware(AsyncApp())])
def test_an_asynchronous_application_is_no_wsgi_application(middleware: Any, app: Any) -> None:
    with pytest.raises(TypeError, match=r"invalid value for app: .* \(expected a WSGI application; this one is async"):
        middleware(app)
