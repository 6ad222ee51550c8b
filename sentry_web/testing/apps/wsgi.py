"""Execution of a script's steps in WSGI, and the response objects. This module knows nothing of ASGI."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sentry_web.testing.apps.run import Run
from sentry_web.testing.script import Returns, Script
from sentry_web.testing.steps import (
    LOST,
    ChildSpan,
    ReadBody,
    RestartWithExcInfo,
    SendChunk,
    Sleep,
    StartResponse,
    Step,
    Translate,
)
from sentry_web.testing.transcript import TranscriptWriter


class WsgiRun(Run):
    """The execution of a script for one WSGI request."""

    def __init__(self, script: Script, recorder: TranscriptWriter, environ: Any, start_response: Any) -> None:
        super().__init__(script, recorder)
        self.environ = environ
        self.start_response = start_response
        self.write: Any = None
        self.failed = False

    def respond(self) -> Any:
        steps, returns = self.script.steps, self.script.returns
        if returns is Returns.LAZY_GENERATOR:
            return self.chunks(steps)
        if returns in (Returns.GENERATOR, Returns.ITERATOR):
            head = _head(steps)
            deque(self.chunks(steps[:head]), maxlen=0)  # these steps send no chunk
            stream = self.chunks(steps[head:])
            return stream if returns is Returns.GENERATOR else ClosingIterator(stream, self.close)
        if returns is Returns.WRITE:
            for chunk in self.chunks(steps):
                self.write(chunk)
            return []
        return self.pack(list(self.chunks(steps)), returns)

    def pack(self, chunks: list[bytes], returns: Returns) -> Any:
        if returns is Returns.TUPLE:
            return tuple(chunks)
        if returns is Returns.SIZED:
            return SizedIterable(chunks, self.close)
        if returns is Returns.REITERABLE:
            return ReiterableResponse(chunks, self.close)
        if returns is Returns.FILE_WRAPPER:
            return self.environ["wsgi.file_wrapper"](ClosingFile(b"".join(chunks), self.close))
        return chunks if returns is Returns.LIST else None

    def close(self) -> None:
        self.recorder.app("close")
        if not self.failed:
            deque(self.chunks(self.script.after), maxlen=0)

    def chunks(self, steps: Iterable[Step]) -> Iterator[bytes]:
        """Execute the steps, and yield each chunk that is sent."""
        try:
            for step in steps:
                yield from self.perform(step)
        except GeneratorExit:
            self.recorder.app("generator closed")
            raise
        except BaseException:
            self.failed = True
            raise

    def perform(self, step: Step) -> Iterator[bytes]:
        if self.common(step):
            return
        if isinstance(step, SendChunk):
            yield step.data
        elif isinstance(step, ChildSpan):
            with step.open():
                for inner in step.steps:
                    yield from self.perform(inner)
        elif isinstance(step, Translate):
            yield from self.translate(step)
        elif isinstance(step, StartResponse):
            self.write = self.start_response(_status_line(step), list(step.headers))
        elif isinstance(step, RestartWithExcInfo):
            self.restart(step)
        elif isinstance(step, ReadBody):
            self.read(step.size, step.way)
        elif isinstance(step, Sleep):
            time.sleep(step.seconds)
        else:
            raise NotImplementedError(f"{step!r} cannot be done in WSGI")

    def translate(self, step: Translate) -> Iterator[bytes]:
        try:
            for inner in step.steps:
                yield from self.perform(inner)
        except LOST as error:
            raise step.translated(error, self.recorder)  # noqa: B904 - the step says whether it is chained

    def restart(self, step: RestartWithExcInfo) -> None:
        try:
            step.error.act(self.recorder)
        except BaseException:
            line = f"{step.status} Status"
            self.write = self.start_response(line, list(step.headers), sys.exc_info())

    def read(self, size: int, way: str) -> None:
        if self.reading:
            # PEP 3333: an application should not read past CONTENT_LENGTH; many servers would block.
            limit = int(self.environ.get("CONTENT_LENGTH") or 0)
            self.recorder.app("read", _read(self.environ["wsgi.input"], limit if size < 0 else size, way))


class ClosingIterator:
    """An iterator with ``close()``."""

    def __init__(self, chunks: Iterator[bytes], close: Callable[[], None]) -> None:
        self._chunks = chunks
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)


class ReiterableResponse:
    """An iterable with ``close()`` that starts again with each ``iter()``, like Django's ``HttpResponse``."""

    def __init__(self, chunks: list[bytes], close: Callable[[], None]) -> None:
        self._chunks = chunks
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


class SizedIterable(ReiterableResponse):
    """Such an iterable with ``len()`` that is not a list, like some responses of werkzeug and Django."""

    def __len__(self) -> int:
        return len(self._chunks)


class ClosingFile:
    """A file with ``close()``. It is not an ``io`` class, since those close themselves when they are collected."""

    def __init__(self, content: bytes, close: Callable[[], None]) -> None:
        self._content = content
        self.close = close

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        piece, self._content = self._content[:size], self._content[size:]
        return piece


def _read(stream: Any, size: int, way: str) -> bytes:
    """Read in one of ``steps.READING_WAYS``; by ``read`` where the stream (wsgiref.validate's) has nothing else."""
    if way == "with" and hasattr(type(stream), "__enter__"):
        with stream as entered:
            return bytes(entered.read(size))
    if way == "again" and hasattr(stream, "seek"):
        position = stream.tell()
        stream.read(size)
        stream.seek(position)
    if way == "into" and hasattr(stream, "readinto"):
        buffer = bytearray(size)
        return bytes(buffer[: stream.readinto(buffer)])
    return bytes(stream.read(size))


def _status_line(step: StartResponse) -> str:
    return str(step.status) if step.reason is None else f"{step.status} {step.reason}"


def _head(steps: tuple[Step, ...]) -> int:
    """Return how many steps a streaming application executes in the call: those up to the start of the response."""
    for index, step in enumerate(steps):
        if isinstance(step, (SendChunk, ChildSpan)):
            return index
        if isinstance(step, StartResponse):
            return index + 1
    return len(steps)
