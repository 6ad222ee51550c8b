from __future__ import annotations

import pytest

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    Accept,
    AsgiDriver,
    CloseSocket,
    Deny,
    LifespanScript,
    Raise,
    Receive,
    Send,
    SendChunk,
    SetTag,
    Wrap,
    WsScript,
)

from .faulty import FaultyAsgiMiddleware

BOTH = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
FAULTY = Wrap(asgi=FaultyAsgiMiddleware)


def received(transcript: object) -> list[object]:
    return [call.details[0] for call in transcript.calls if call.name == "received"]  # type: ignore[attr-defined]


@BOTH
def test_a_conversation(driver: AsgiDriver) -> None:
    script = WsScript(
        (Accept("chat", (("X-A", "1"),)), Receive(), Send("text"), Send(b"bytes"), Receive(), Receive()),
        messages=("hi", b"\xff"),
        leaves_with=1001,
    )
    transcript = driver.run_websocket(script)
    assert (transcript.status, transcript.headers) == (101, ((b"x-a", b"1"),))
    assert received(transcript) == [
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.receive", "bytes": b"\xff"},
        {"type": "websocket.disconnect", "code": 1001},
    ]
    assert (transcript.violations, transcript.exceptions) == ((), ())
    assert transcript == driver.run_websocket(script)


@BOTH
@pytest.mark.parametrize(
    ("step", "status", "body"), [(CloseSocket(4000), 403, b""), (Deny(401), 401, b"denied")], ids=repr
)
def test_refusals(driver: AsgiDriver, step: CloseSocket, status: int, body: bytes) -> None:
    transcript = driver.run_websocket(WsScript((step,)))
    assert (transcript.status, transcript.body, transcript.violations) == (status, body, ())


def test_after_the_application_closed_it_receives_its_own_code() -> None:
    transcript = ASGI3.run_websocket(WsScript((Accept(), CloseSocket(1011), Receive()), messages=("unread",)))
    assert transcript.status == 101
    assert received(transcript) == [{"type": "websocket.disconnect", "code": 1011}]


def test_sending_after_its_own_close_is_a_violation() -> None:
    transcript = ASGI3.run_websocket(WsScript((Accept(), CloseSocket(), Send())))
    assert transcript.violations == ("'websocket.send' in state 'done' of websocket",)


@pytest.mark.parametrize(
    "script",
    [WsScript((Accept(), Send(), Send()), gone_after=1), WsScript((Accept(), Receive(), Send()))],
    ids=["broken", "left"],
)
def test_sending_to_a_client_that_is_gone(script: WsScript) -> None:
    assert ASGI3.run_websocket(script).exceptions[0].what == "OSError('client gone',)"


def test_receiving_from_a_client_that_is_gone() -> None:
    transcript = ASGI3.run_websocket(WsScript((Accept(), Send(), Receive(), Receive()), gone_after=1))
    assert received(transcript) == [{"type": "websocket.disconnect", "code": 1006}] * 2


@BOTH
def test_an_exception_on_a_websocket(driver: AsgiDriver) -> None:
    script = WsScript((Accept(), SetTag("t", "1"), Raise(KeyError, cause=ValueError)))
    bare = driver.run_websocket(script)
    assert bare.exceptions[0].own
    assert bare.differing(driver.run_websocket(script, wrap=FAULTY)) == ("exceptions",)


def test_a_step_of_http_cannot_be_done_on_a_websocket() -> None:
    assert "NotImplementedError" in ASGI3.run_websocket(WsScript((SendChunk(),))).exceptions[0].what


@BOTH
def test_a_lifespan(driver: AsgiDriver) -> None:
    script = LifespanScript(
        before=(SetTag("a", "1"),), startup=(SetTag("b", "1"),), state=(("pool", 1),), shutdown=(SetTag("c", "1"),)
    )
    transcript = driver.run_lifespan(script)
    assert [call.details[0] for call in transcript.calls if call.name == "state"] == [{"pool": 1}]
    assert (transcript.violations, transcript.exceptions) == ((), ())
    assert transcript == driver.run_lifespan(script)


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_a_lifespan_that_fails(phase: str) -> None:
    transcript = ASGI3.run_lifespan(LifespanScript(**{f"{phase}_failed": "no database"}))
    sent = [call.details[0] for call in transcript.calls if call.name == "send"]
    assert sent[-1] == {"type": f"lifespan.{phase}.failed", "message": "no database"}
    assert transcript.violations == ()


@pytest.mark.parametrize("phase", ["before", "startup", "shutdown"])
def test_a_lifespan_that_raises(phase: str) -> None:
    script = LifespanScript(**{phase: (Raise(ValueError, cause=KeyError),)})
    bare = ASGI3.run_lifespan(script)
    assert bare.exceptions[0].own
    assert bare.differing(ASGI3.run_lifespan(script, wrap=FAULTY)) == ("exceptions",)
