"""One ASGI connection from the server's side: http, websocket or lifespan.

This module handles messages; scopes are created in ``asgi``, and the order of messages is checked in ``checker``. It
knows nothing of Sentry.
"""

from __future__ import annotations

import asyncio
import copy
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from sentry_web.testing.drivers.base import MAXIMUM_CHUNKS, Job
from sentry_web.testing.drivers.checker import AsgiChecker
from sentry_web.testing.script import Protocol


class AsgiExchange:
    """One connection, from the server's side."""

    def __init__(
        self,
        job: Job,
        scope: dict[str, Any],
        incoming: Sequence[Mapping[str, Any]],
        protocol: Protocol,
        timeout: float,
    ) -> None:
        self.job = job
        self.recorder = job.recorder
        self.response = job.response
        self.scope = scope
        self.incoming = list(incoming)
        self.protocol = protocol
        self.timeout = timeout
        self.checker = AsgiChecker(scope, job.recorder.violation)
        self.ended: asyncio.Event  # set when both sides are done
        self.messages = 0
        if protocol is not Protocol.BRIDGE:  # a bridged application receives an environ
            self.recorder.offered = scope

    async def serve(self) -> None:
        """Serve the connection, up to the end of its background work."""
        self.ended = asyncio.Event()
        self.recorder.look_around()
        task = asyncio.current_task()
        assert task is not None  # a coroutine runs in a task
        watchdog = asyncio.get_running_loop().call_later(self.timeout, self.time_out, task)
        try:
            await self.call()
        except BaseException as error:
            self.recorder.exception("call", error, self.job.filenames)
            if self.protocol is Protocol.BRIDGE:
                # A cycle of asgiref's frame, its future and the exception keeps the response alive, which asgiref never
                # closes and which must be released
                traceback.clear_frames(error.__traceback__)
        else:
            self.recorder.server("returned")
            self.checker.returned()
        watchdog.cancel()
        self.recorder.look_around()
        self.recorder.over.set()
        if self.recorder.tasks:
            await asyncio.wait(self.recorder.tasks, timeout=self.timeout)
        self.job.finish()

    async def call(self) -> None:
        """Call the application according to its version."""
        if self.protocol is Protocol.ASGI2:
            await self.job.app(self.scope)(self.receive, self.send)
        else:
            await self.job.app(self.scope, self.receive, self.send)

    def time_out(self, task: asyncio.Task[Any]) -> None:
        """Cancel an application that does not end."""
        self.recorder.violation(f"no end within {self.timeout} seconds")
        task.cancel()

    async def receive(self) -> Mapping[str, Any]:
        """Return the client's next message; after the last one, wait for the end and return the disconnect."""
        await asyncio.sleep(0)
        if self.job.peer.leaves_amid_body:
            message = self.disconnect()
        elif self.incoming and not self.client_gone():
            message = self.incoming.pop(0)
        else:
            if not self.client_gone():
                await self.ended.wait()
            message = self.disconnect()
        self.recorder.server("receive", copy.deepcopy(message))
        self.checker.received(message)
        return message

    def disconnect(self) -> Mapping[str, Any]:
        """Return the message for a client that has disconnected."""
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Accept a message of the application (ASGI's ``send``)."""
        await asyncio.sleep(0)
        self.recorder.server("send", copy.deepcopy(message))
        if self.client_gone():
            raise OSError("client gone")  # ASGI HTTP 2.4: "Disconnected Client - send exception"
        self.messages += 1
        if self.messages > MAXIMUM_CHUNKS:
            raise RuntimeError(f"more than {MAXIMUM_CHUNKS} messages")
        self.checker.sent(message)
        self.note(message)

    def note(self, message: Any) -> None:
        """Update the response from a message."""
        if message["type"].endswith("http.response.start"):
            self.response.status = message.get("status")
            self.response.headers = tuple(tuple(pair) for pair in message.get("headers", ()))
        elif message["type"].endswith("http.response.body"):
            body = message.get("body", b"")
            self.response.body += body
            self.response.received += bool(body)
            if not message.get("more_body"):
                self.ended.set()

    def client_gone(self) -> bool:
        """Return whether the client has disconnected, after the number of chunks that it wanted."""
        gone_after = self.job.peer.gone_after
        return gone_after is not None and self.response.received >= gone_after


class WebSocketExchange(AsgiExchange):
    """A websocket connection. The last of ``incoming`` is the client's disconnect."""

    close_code = 1006  # RFC 6455, 7.1.5: no close frame was received

    async def receive(self) -> Mapping[str, Any]:
        message = await super().receive()
        if message["type"] == "websocket.disconnect":
            self.close(message["code"])
        return message

    def close(self, code: int) -> None:
        """Close the connection for either side: from now on ``receive`` returns a disconnect with this code."""
        self.close_code = code
        self.incoming.clear()
        self.ended.set()

    def disconnect(self) -> Mapping[str, Any]:
        return {"type": "websocket.disconnect", "code": self.close_code}

    def note(self, message: Any) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self.response.status = 101
            self.response.headers = tuple(tuple(pair) for pair in message.get("headers", ()))
        elif kind == "websocket.send":
            self.response.received += 1
        elif kind == "websocket.close":
            self.response.status = self.response.status or 403
            self.close(message.get("code", 1000))
        else:
            super().note(message)

    def client_gone(self) -> bool:
        return super().client_gone() or (self.ended.is_set() and not self.by_application())

    def by_application(self) -> bool:
        """Return whether the application has closed; then ``send`` does not raise, unlike after the client has left."""
        return self.checker.state == "done"


class LifespanExchange(AsgiExchange):
    """A lifespan connection; the state that the application has set is recorded at the end."""

    async def call(self) -> None:
        try:
            await super().call()
        finally:
            self.recorder.server("state", dict(self.scope["state"]))
