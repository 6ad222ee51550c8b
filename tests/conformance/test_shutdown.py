"""What is waiting to be sent goes before the lifespan ends: some servers leave without Python's ``atexit`` then.

With real servers: ``tests/servers/test_shutdown.py``.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.transport import HttpTransport

from sentry_web import AsgiMiddleware, BaseRecorder, BaseRecording, SentryAsgiMiddleware
from sentry_web.testing import ASGI2, ASGI3, LifespanScript, Raise, Wrap

from .properties import TRACED, sdk


class FlushRecording(BaseRecording):
    def __init__(self, seen: list[Any]) -> None:
        self.flush = lambda: seen.append("flush")  # type: ignore[method-assign]


class FlushRecorder(BaseRecorder):
    key = "flush"

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def start(self, *_: Any) -> BaseRecording:
        return FlushRecording(self.seen)


def live(wrap: Any, *answers: str, fails: bool = False) -> list[str]:
    """Run one lifespan; the messages that the server got, and what else was noted, in order."""
    seen: list[str] = []
    waiting = iter(("lifespan.startup", "lifespan.shutdown"))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for answer in answers:
            await receive()
            await send({"type": f"lifespan.{answer}"})
        if fails:
            await receive()
            raise RuntimeError("a shutdown that fails")

    async def receive() -> Any:
        return {"type": next(waiting)}

    async def send(message: Any) -> None:
        seen.append(message["type"])

    async def main() -> None:
        await wrap(app, seen)({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    try:
        asyncio.run(main())
    except RuntimeError:
        seen.append("raised")
    return seen


def recorded(app: Any, seen: list[str]) -> Any:
    return AsgiMiddleware(app, recorders=[FlushRecorder(seen)])


@pytest.mark.parametrize("end", ["shutdown.complete", "shutdown.failed"])
def test_outputs_flush_before_the_lifespan_ends(end):
    assert live(recorded, "startup.complete", end) == ["lifespan.startup.complete", "flush", f"lifespan.{end}"]


def test_outputs_flush_before_the_lifespan_ends_with_an_exception():
    assert live(recorded, "startup.complete", fails=True) == ["lifespan.startup.complete", "flush", "raised"]


def test_nothing_is_flushed_where_the_lifespan_has_but_begun():
    assert live(recorded, "startup.complete") == ["lifespan.startup.complete"]


@pytest.mark.parametrize("mode", TRACED)
def test_the_client_is_flushed_before_the_lifespan_ends(mode, monkeypatch):
    def wrap(app: Any, seen: list[str]) -> Any:
        monkeypatch.setattr(sentry_sdk.get_client(), "flush", lambda *_, **__: seen.append("flush"))
        return SentryAsgiMiddleware(app)

    with sdk(mode):
        assert live(wrap, "startup.complete", "shutdown.complete")[1:] == ["flush", "lifespan.shutdown.complete"]
        monkeypatch.undo()


@pytest.mark.parametrize("driver", [ASGI2, ASGI3], ids=repr)
def test_a_flush_that_fails_does_not_show(driver, monkeypatch):
    def flush(*_: Any, **__: Any) -> None:
        raise RuntimeError("no thread any more")

    for script in (LifespanScript(), LifespanScript(shutdown_failed="no"), LifespanScript(shutdown=(Raise(KeyError),))):
        bare = driver.run_lifespan(script)
        with sdk(TRACED[0]):
            monkeypatch.setattr(sentry_sdk.get_client(), "flush", flush)
            assert driver.run_lifespan(script, Wrap.ours()) == bare
            monkeypatch.undo()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_flush_before_the_lifespan_ends_takes_no_longer_than_the_sdk_allows():
    """With an ingest that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"http://key@127.0.0.1:{silent.getsockname()[1]}/1"
        with sdk(TRACED[0], dsn=dsn, transport=HttpTransport, shutdown_timeout=0.5):
            sentry_sdk.capture_message("waiting")
            begun = time.monotonic()
            live(lambda app, _: SentryAsgiMiddleware(app), "startup.complete", "shutdown.complete")
            taken = time.monotonic() - begun
    assert 0.4 < taken < 5
