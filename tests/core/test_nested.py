"""``nested``: an inner middleware with other outputs, around which something stands between it and the outer one."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest

from sentry_web._core.exchange import Exchange
from sentry_web._core.nested import NestedExchange
from sentry_web.asgi import AsgiMiddleware
from sentry_web.recorder import BaseRecorder, BaseRecording
from sentry_web.testing import DRIVERS, Raise, RequestSpec, Script, SendChunk, StartResponse, Wrap
from sentry_web.wsgi import WsgiMiddleware


class Note(BaseRecording):
    """A recording that notes its calls in order."""

    def __init__(self, told: list[Any]) -> None:
        self.told = told

    def capture_error(self, error: BaseException, handled: bool) -> None:
        self.told.append(type(error).__name__)

    def finish(self, outcome: Any) -> None:
        self.told.append((outcome.status, outcome.body_size, outcome.failed))


class Notes(BaseRecorder):
    """An output of any name."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.told: list[Any] = []
        self.requests: list[Any] = []

    def active(self, protocol: str) -> bool:
        return True

    def start(self, request: Any, *_: Any) -> Note:
        self.requests.append(request)
        return Note(self.told)


def wrap(output: Notes, **options: Any) -> Wrap:
    return Wrap(
        wsgi=lambda app: WsgiMiddleware(app, recorders=[output], **options),
        asgi=lambda app: AsgiMiddleware(app, recorders=[output], **options),
    )


def between(app: Any) -> Any:
    """A middleware of somebody else, which hides what it wraps."""

    @functools.wraps(app, updated=())
    def layer(*arguments: Any) -> Any:
        return app(*arguments)

    return layer


BETWEEN = Wrap(wsgi=between, asgi=between)
ANSWER = Script((StartResponse(201), SendChunk(b"hello")))


@pytest.mark.parametrize("apart", [False, True], ids=["directly", "with something between"])
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_two_middlewares_record_one_request_from_one_exchange(driver: Any, apart: bool) -> None:
    outer, inner = Notes("outer"), Notes("inner")
    both = wrap(outer).around(BETWEEN.around(wrap(inner)) if apart else wrap(inner))
    plain = driver.run(ANSWER)
    assert driver.run(ANSWER, wrap=both) == plain
    assert outer.told == inner.told == [(201, 5, False)]
    assert outer.requests[0] is inner.requests[0]


@pytest.mark.parametrize("apart", [False, True], ids=["directly", "with something between"])
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_each_of_them_is_told_of_an_exception_once(driver: Any, apart: bool) -> None:
    outer, inner = Notes("outer"), Notes("inner")
    both = wrap(outer).around(BETWEEN.around(wrap(inner)) if apart else wrap(inner))
    driver.run(Script((Raise(),)), wrap=both)
    assert outer.told == inner.told == ["RuntimeError", (500, 0, True)]


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_each_has_its_own_options(driver: Any) -> None:
    outer, inner = Notes("outer"), Notes("inner")
    both = wrap(outer, excluded_urls="/health").around(wrap(inner, excluded_urls="/metrics"))
    for path in ("/health", "/metrics", "/books"):
        driver.run(ANSWER, RequestSpec(path=path), both)
    assert [request.path for request in outer.requests] == ["/metrics", "/books"]
    assert [request.path for request in inner.requests] == ["/health", "/books"]


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_an_output_that_fails_to_start_does_not_keep_the_other_from_it(driver: Any) -> None:
    outer, inner = Notes("outer"), Notes("inner")
    outer.start = None  # type: ignore[method-assign, assignment]
    assert driver.run(ANSWER, wrap=wrap(outer).around(wrap(inner))) == driver.run(ANSWER)
    assert inner.told == [(201, 5, False)]


def test_it_takes_every_input_of_an_exchange() -> None:
    def inputs(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}

    # What adapters do not ask, or ask only of the exchange that is the request's own
    assert inputs(Exchange) - inputs(NestedExchange) == {
        *(
            "before",
            "leaked",
            "naming",
            "over",
            "recordings",
            "records",
            "records_with",
            "silence",
            "start",
            "state",
            "start_one",
            "close_one",
            "swallowed",
            "add_context_of",
            "forget_contexts",
        ),
    }
