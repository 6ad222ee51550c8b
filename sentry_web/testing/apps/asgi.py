"""Execution of a script's steps in ASGI. This module knows nothing of WSGI."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from typing import Any

from sentry_web.testing.apps.run import BACKGROUND_TIMEOUT, Run
from sentry_web.testing.request import encode_header
from sentry_web.testing.script import Script
from sentry_web.testing.steps import (
    LOST,
    Act,
    Cancel,
    ChildSpan,
    ClientDisconnect,
    ReadBody,
    SendChunk,
    Sleep,
    SpawnTask,
    StartResponse,
    Step,
    Translate,
)
from sentry_web.testing.transcript import TranscriptWriter

_POLL = 0.001  # seconds


class AsgiRun(Run):
    """The execution of a script for one ASGI request."""

    def __init__(self, script: Script, recorder: TranscriptWriter, receive: Any, send: Any) -> None:
        super().__init__(script, recorder)
        self.receive = receive
        self.send = send
        self.started = False
        self.unread = b""
        self.more = True

    async def respond(self) -> None:
        for step in self.script.steps:
            await self.perform(step)
        if self.started:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})
        for step in self.script.after:
            await self.perform(step)

    async def perform(self, step: Step) -> None:
        if self.common(step):
            return
        if isinstance(step, SendChunk):
            await self.send({"type": "http.response.body", "body": step.data, "more_body": True})
        elif isinstance(step, (ChildSpan, Translate)):
            await self.perform_inner(step)
        elif isinstance(step, StartResponse):
            await self.start(step)
        elif isinstance(step, ReadBody):
            await self.read(step.size)
        elif isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, SpawnTask):
            self.recorder.tasks.append(asyncio.ensure_future(self.outlive(step.steps)))
        elif isinstance(step, Cancel):
            await self.be_cancelled()
        else:
            raise NotImplementedError(f"{step!r} cannot be done in ASGI")

    async def perform_inner(self, step: ChildSpan | Translate) -> None:
        try:
            with step.open() if isinstance(step, ChildSpan) else nullcontext():
                for inner in step.steps:
                    await self.perform(inner)
        except LOST as error:
            if isinstance(step, ChildSpan):
                raise
            raise step.translated(error, self.recorder)  # noqa: B904 - the step says whether it is chained

    async def start(self, step: StartResponse) -> None:
        self.started = True
        headers = [(encode_header(name.lower()), encode_header(value)) for name, value in step.headers]
        await self.send({"type": "http.response.start", "status": step.status, "headers": headers})

    async def read(self, size: int) -> None:
        if not self.reading:
            return
        while self.more and (size < 0 or len(self.unread) < size):
            message = await self.receive()
            if message["type"] == "http.disconnect" and self.script.peer.leaves_amid_body:
                raise ClientDisconnect
            self.unread += message.get("body", b"")
            self.more = message["type"] == "http.request" and message.get("more_body", False)
        end = len(self.unread) if size < 0 else size
        self.recorder.app("read", self.unread[:end])
        self.unread = self.unread[end:]

    async def outlive(self, steps: tuple[Act, ...]) -> None:
        deadline = time.monotonic() + BACKGROUND_TIMEOUT
        # Polled, since the end is signalled by a threading.Event, which serves both threads and tasks.
        while not self.recorder.over.is_set() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL)
        self.in_background(steps)

    async def be_cancelled(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # a coroutine runs in a task
        task.cancel()
        await asyncio.sleep(0)
