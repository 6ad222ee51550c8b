"""``_core.aftermath``: the requests that an exception has left, found in its traceback."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from sentry_web import AsgiMiddleware, BaseRecorder, BaseRecording, WsgiMiddleware
from sentry_web._core.aftermath import aftermath_of, aftermath_of_chain, exchanges_left
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers.asgi import make_scope
from sentry_web.testing.drivers.wsgi import make_environ


class Recording(BaseRecording):
    aftermath = "what is left"


class Recorder(BaseRecorder):
    key = "own"

    def start(self, *args: Any) -> Recording:
        return Recording()


class Silent(BaseRecorder):
    key = "silent"

    def start(self, *args: Any) -> BaseRecording:
        return BaseRecording()


def leave_wsgi(error: BaseException) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise error

    WsgiMiddleware(app, recorders=[Recorder(), Silent()])(make_environ(RequestSpec()), None)


def leave_stream(error: BaseException) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        yield b"x"
        raise error

    list(WsgiMiddleware(app, recorders=[Recorder(), Silent()])(make_environ(RequestSpec()), None))


def leave_asgi(error: BaseException) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    asyncio.run(AsgiMiddleware(app, recorders=[Recorder(), Silent()])(make_scope(RequestSpec()), None, None))  # type: ignore[arg-type]


LEAVE = pytest.mark.parametrize("leave", [leave_wsgi, leave_stream, leave_asgi])


@LEAVE
def test_an_exception_leads_to_what_its_request_has_left(leave: Any) -> None:
    with pytest.raises(KeyError) as raised:
        leave(KeyError())
    assert aftermath_of(raised.value) == aftermath_of_chain(raised.value) == ["what is left"]
    assert len(list(exchanges_left(raised.value))) == 1


@LEAVE
def test_so_does_one_that_was_raised_because_of_it(leave: Any) -> None:
    def outside() -> None:
        try:
            leave(KeyError())
        except KeyError:
            raise ValueError("outside") from None  # the context is still there

    with pytest.raises(ValueError, match="outside") as raised:
        outside()
    assert aftermath_of(raised.value) == []
    assert aftermath_of_chain(raised.value) == ["what is left"]


def test_one_that_has_left_no_request_leads_nowhere() -> None:
    with pytest.raises(KeyError) as raised:
        raise KeyError
    assert aftermath_of_chain(raised.value) == list(exchanges_left(raised.value)) == []


def test_a_chain_that_goes_round_in_a_circle_comes_to_an_end() -> None:
    first, second = KeyError(), ValueError()
    first.__context__, second.__context__ = second, first
    assert aftermath_of_chain(first) == []


@LEAVE
def test_nothing_is_kept_longer_than_the_exception(leave: Any) -> None:
    class Kept:
        pass

    class Keeping(BaseRecording):
        def __init__(self) -> None:
            self.aftermath = Kept()
            kept.append(weakref.ref(self.aftermath))

    kept: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "start", lambda *args: Keeping())
        with pytest.raises(KeyError) as raised:
            leave(KeyError())
    assert len(aftermath_of(raised.value)) == 1
    del raised
    gc.collect()
    assert [each() for each in kept] == [None]
