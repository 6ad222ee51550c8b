"""An application that runs near the recursion limit goes on as it does without us.

It answers from as deep as it can, and from above where that fails, as a recursive serializer or template may. Our own
frames take some of the stack, so that a call may fail that would not have failed without us; nothing is done by half.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections import deque
from typing import Any

import pytest

from sentry_web.testing import RequestSpec, Wrap
from sentry_web.testing.drivers import make_environ, make_scope

from .properties import MODES, ONCE, TRACED, sdk

DEEPEST = 100  # frames below the first attempt, in the last of the runs


def descend(frames: int, act: Any) -> Any:
    """Do something that many frames deeper."""
    return act() if frames <= 0 else descend(frames - 1, act)


async def descend_waiting(frames: int, act: Any) -> Any:
    """Await something that many frames deeper."""
    return await act() if frames <= 0 else await descend_waiting(frames - 1, act)


# How many frames are left is measured. Counting those on the stack does not tell: before Python 3.12 calls in C count,
# too, and a greenlet of an earlier test may have left the interpreter's counter off by some.


def frames_left() -> int:
    """Return how many frames deeper ``descend`` can go from here."""
    reached = 0

    def further(frames: int, act: Any) -> Any:
        nonlocal reached
        reached += 1
        return further(frames + 1, act)

    with pytest.raises(RecursionError):
        further(0, None)
    return reached


async def frames_left_waiting() -> int:
    """Return how many frames deeper ``descend_waiting`` can go from here."""
    reached = 0

    async def further(frames: int, act: Any) -> Any:
        nonlocal reached
        reached += 1
        return await further(frames + 1, act)

    with pytest.raises(RecursionError):
        await further(0, None)
    return reached


class Answering:
    """An application that answers from where this many frames are left, or else from above.

    Args:
        left: The number of frames.
    """

    def __init__(self, left: int) -> None:
        self.left = left
        self.failed = 0

    def tried(self, act: Any) -> Any:
        try:
            return descend(frames_left() - self.left, act)
        except RecursionError:
            self.failed += 1
        return act()

    async def tried_waiting(self, act: Any) -> Any:
        try:
            return await descend_waiting(await frames_left_waiting() - self.left, act)
        except RecursionError:
            self.failed += 1
        return await act()

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        self.tried(lambda: environ["wsgi.input"].read(1))
        self.tried(lambda: start_response("200 OK", []))
        return self.parts()

    def parts(self) -> Any:
        yield b"one"
        yield self.tried(lambda: b"two")

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        await self.tried_waiting(receive)
        await self.tried_waiting(lambda: send({"type": "http.response.start", "status": 200, "headers": []}))
        await self.tried_waiting(lambda: send({"type": "http.response.body", "body": b"one", "more_body": True}))
        await self.tried_waiting(lambda: send({"type": "http.response.body", "body": b"two"}))


def served_by_wsgi(app: Answering, wrap: Wrap) -> Any:
    """What a server saw that does each thing in one step."""
    started: list[Any] = []
    request = RequestSpec(method="POST", body=(b"body",))

    def start_response(*args: Any) -> None:
        started.append(args)

    environ = make_environ(request)
    return list(wrap.wsgi(app.wsgi)(environ, start_response)), started, environ["wsgi.input"].read()


def served_by_wsgi_in_c(app: Answering, wrap: Wrap) -> Any:
    """What such a server saw, whose ``start_response`` takes no frame of Python's, as uWSGI's and mod_wsgi's."""
    started: deque[Any] = deque()
    environ = make_environ(RequestSpec(method="POST", body=(b"body",)))

    def status_only(environ: Any, start_response: Any) -> Any:
        return app.wsgi(environ, lambda status, headers: start_response(status))

    return list(wrap.wsgi(status_only)(environ, started.append)), list(started)


def served_by_asgi(app: Answering, wrap: Wrap) -> Any:
    sent: list[Any] = []
    messages = deque([{"type": "http.request", "body": b"body", "more_body": False}])

    async def receive() -> Any:
        return messages.popleft()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(wrap.asgi(app.asgi)(make_scope(RequestSpec(method="POST")), receive, send))
    return sent, list(messages)


@pytest.mark.parametrize("mode", [mode for mode in ("no client", "errors only", *TRACED) if mode in MODES])
@pytest.mark.parametrize("serve", [served_by_wsgi, served_by_wsgi_in_c, served_by_asgi])
def test_an_answer_from_near_the_recursion_limit_is_the_same(serve: Any, mode: str) -> None:
    failures = []
    for left in range(DEEPEST):
        app = Answering(left)
        expected = serve(Answering(left), Wrap())
        with sdk(mode) as events:
            actual = serve(app, ONCE)
            roots = len(events.roots)
        failures.append(app.failed)
        assert actual == expected, left
        assert roots == (mode in TRACED), left
    assert failures[0] > 0, "the set-up does not reach the limit any more"
    assert failures[-1] == 0


class Reading(Answering):
    """An application that reads a secret there, and fails above with the secret in its variables."""

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        body = self.tried(lambda: environ["wsgi.input"].read(len(SECRET)))
        raise KeyError(len(body))

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await self.tried_waiting(receive))["body"]
        raise KeyError(len(body))


WORD = f"hunter2-{17}"  # so that no line of this file, which an error shows, has it
SECRET = json.dumps({"password": WORD}).encode()


def read_by_wsgi(app: Answering, wrap: Wrap) -> None:
    environ = make_environ(RequestSpec(method="POST", body=(SECRET,)))
    environ["wsgi.input"] = io.BytesIO(SECRET)  # whose methods take no frame of Python's
    wrap.wsgi(app.wsgi)(environ, lambda *args: None)


def read_by_asgi(app: Answering, wrap: Wrap) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": SECRET, "more_body": False}

    async def send(message: Any) -> None:
        return None

    asyncio.run(wrap.asgi(app.asgi)(make_scope(RequestSpec(method="POST")), receive, send))


@pytest.mark.parametrize("mode", [mode for mode in ("errors only", *TRACED) if mode in MODES])
@pytest.mark.parametrize("serve", [read_by_wsgi, read_by_asgi])
def test_what_is_read_near_the_recursion_limit_stays(serve: Any, mode: str) -> None:
    shown = 0
    for left in range(DEEPEST):
        with sdk(mode) as events:
            with pytest.raises(KeyError):
                serve(Reading(left), ONCE)
            (error,) = events.errors
            shown += bool(error["exception"]["values"][-1]["stacktrace"]["frames"][-1].get("vars"))
            assert WORD.encode() not in events.all_bytes, left
    assert 0 < shown < DEEPEST  # where the body was not seen, the event is blanked
