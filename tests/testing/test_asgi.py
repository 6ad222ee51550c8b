from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    BRIDGE_BOTH,
    BRIDGE_INSIDE,
    BRIDGE_OUTSIDE,
    WSGI,
    AsgiDriver,
    Cancel,
    Driver,
    Peer,
    Protocol,
    Raise,
    ReadBody,
    ReadVariable,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    SetVariable,
    Sleep,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.drivers import exchange

from .faulty import FaultyAsgiMiddleware

FAULTY = Wrap(asgi=FaultyAsgiMiddleware)
ANSWER = (StartResponse(), SendChunk(b"a"), SendChunk(b"b"))
BOTH = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)


@BOTH
def test_cancellation(driver: AsgiDriver) -> None:
    transcript = driver.run(Script((StartResponse(), Cancel())))
    assert transcript.exceptions[0].what.startswith("CancelledError")


@BOTH
@pytest.mark.parametrize(("gone_after", "sent"), [(0, 0), (1, 1)])
def test_the_client_goes_away(driver: AsgiDriver, gone_after: int, sent: int) -> None:
    transcript = driver.run(Script((*ANSWER, SendChunk(b"c")), peer=Peer(gone_after=gone_after)))
    assert transcript.exceptions[0].what == "OSError('client gone',)"
    assert transcript.body == b"abc"[:sent]


@BOTH
def test_receive_ends_with_a_disconnect(driver: AsgiDriver) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        watcher = asyncio.ensure_future(watch(receive))
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        assert [message["type"] for message in await watcher] == ["http.request", "http.disconnect"]

    async def watch(receive: Any) -> list[Any]:
        return [await receive(), await receive()]

    transcript = driver.run_app(driver.in_version(app))
    assert (transcript.status, transcript.exceptions, transcript.violations) == (204, (), ())


def test_a_reader_whose_client_is_gone_is_told_so() -> None:
    transcript = ASGI3.run(Script((ReadBody(),), peer=Peer(gone_after=0)), RequestSpec(body=(b"abc",)))
    assert transcript.calls[1].details == ({"type": "http.disconnect"},)


def test_an_application_that_does_not_end_is_cancelled() -> None:
    driver = AsgiDriver(Protocol.ASGI3, "impatient", timeout=0.05)
    transcript = driver.run(Script((*ANSWER, Sleep(20.0))))
    assert transcript.violations == ("no end within 0.05 seconds",)


def test_an_endless_response_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAXIMUM_CHUNKS", 3)
    transcript = ASGI3.run(Script((StartResponse(), *[SendChunk()] * 3)))
    assert transcript.exceptions[0].what == "RuntimeError('more than 3 messages',)"


def test_requests_interleaved_on_one_loop() -> None:
    script = Script((SetVariable("v", "1"), *ANSWER))
    other = Script((StartResponse(), SendChunk(b"c"), ReadVariable("v"), SendChunk(b"d")))
    first, second = ASGI3.run_interleaved([(script, RequestSpec()), (other, RequestSpec(path="/2"))])
    assert (first.body, second.body) == (b"ab", b"cd")
    assert (first.variables, second.variables) == ((("v", "1"),), ())


def test_an_http_application_rejects_other_scopes() -> None:
    app = ASGI3.compile(Script(ANSWER), exchange_recorder())
    with pytest.raises(ValueError, match="lifespan"):
        asyncio.run(app({"type": "lifespan"}, None, None))


def exchange_recorder() -> Any:
    from sentry_web.testing import TranscriptWriter

    return TranscriptWriter()


def test_breaches_of_the_protocol_are_listed() -> None:
    transcript = ASGI3.run(Script((SendChunk(b"x"), StartResponse())))
    assert transcript.violations == ("'http.response.body' in state 'initial' of http",)


def test_the_bridge_can_be_wrapped_on_each_side() -> None:
    def marking(name: str) -> Any:
        def wrap(app: Any) -> Any:
            wrapped.append(name)
            return app

        return wrap

    for driver, expected in ((BRIDGE_INSIDE, ["w"]), (BRIDGE_OUTSIDE, ["a"]), (BRIDGE_BOTH, ["w", "a"])):
        wrapped: list[str] = []
        assert driver.run(Script(ANSWER), wrap=Wrap(wsgi=marking("w"), asgi=marking("a"))).body == b"ab"
        assert wrapped == expected
        wrapped.clear()
        driver.run(Script(ANSWER), wrap=Wrap(marking("w2"), marking("a2")).around(Wrap(marking("w"), marking("a"))))
        assert wrapped == [name for plain in expected for name in (plain, f"{plain}2")]


@BOTH
def test_defect_07_the_chain_of_an_exception_is_cut(driver: AsgiDriver) -> None:
    script = Script((Raise(KeyError, cause=ValueError),))
    bare, wrapped = driver.run(script), driver.run(script, wrap=FAULTY)
    assert bare.differing(wrapped) == ("exceptions",)
    assert "cause=ValueError" in bare.diff(wrapped)


def test_returns_do_not_matter_in_asgi() -> None:
    assert ASGI3.run(Script(ANSWER, Returns.LIST)) == ASGI3.run(Script(ANSWER, Returns.WRITE))


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2, BRIDGE_BOTH], ids=repr)
def test_our_own_middlewares(driver: Driver) -> None:
    ours = Wrap.ours(excluded_urls="/health")
    with recording(traces_sample_rate=1.0) as events:
        assert driver.run(Script(ANSWER), RequestSpec(path="/health"), ours).body == b"ab"
        assert driver.run(Script(ANSWER), RequestSpec(path="/shop"), ours).body == b"ab"
    assert [root.method_and_path for root in events.roots] == [("GET", "/shop")]
