"""The steps of an application script, as far as they are common to the protocols.

A step is a frozen value. ``Act`` steps touch neither request nor response and are executed here, in the same way for
every protocol; the others are executed in ``apps``. This module knows no environ, scope or message.
"""

from __future__ import annotations

import contextvars
import enum
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sentry_sdk

from sentry_web.testing.request import Described
from sentry_web.testing.sdk import is_streaming

if TYPE_CHECKING:
    from sentry_web.testing.transcript import TranscriptWriter

LOGGER_NAME = "sentry_web.testing.app"

# CPython never frees ContextVars that are created at run time, hence one per name for the life of the process.
_VARIABLES: dict[str, contextvars.ContextVar[str]] = {}


class Feature(enum.Enum):
    """A feature that a script may need and that not every protocol has."""

    CLOSE = "the server calls close() on the response (PEP 3333)"
    EXC_INFO = "start_response with exc_info (PEP 3333)"
    WRITE = "the write callable (PEP 3333)"
    FILE_WRAPPER = "wsgi.file_wrapper (PEP 3333)"
    ITERATION = "a server that iterates: closes early, abandons, or changes threads"
    NO_RESPONSE_OBJECT = "an application that returns None instead of an iterable"
    LATE_WORK = "code that runs after the last body byte"
    TASK = "an event loop to run tasks on"
    LOST_BODY = "a client that leaves before it has sent its body, whose reader the application itself is"
    CANCEL = "a server that cancels the application's task"


class ClientDisconnect(Exception):  # noqa: N818 - Starlette's name, by which such classes are known
    """What a framework raises at an application that reads the body of a client that has gone."""


class WebSocketDisconnect(Exception):  # noqa: N818 - Starlette's name
    """What a framework raises at an application that uses a websocket whose client has gone."""


class Step(Described):
    """The base class of all steps."""

    def needs(self) -> Iterator[Feature]:
        """Yield the protocol features that this step needs."""
        return iter(())


class Act(Step):
    """A step that touches neither request nor response."""

    def act(self, recorder: TranscriptWriter) -> None:
        """Execute the step in the current context.

        Args:
            recorder: Records what the application sees.
        """
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class SetTag(Act):
    """Set a tag on the request's Sentry scope."""

    key: str
    value: str

    def act(self, recorder: TranscriptWriter) -> None:
        sentry_sdk.set_tag(self.key, self.value)


@dataclass(frozen=True, repr=False)
class Log(Act):
    """Write to the logger ``sentry_web.testing.app``."""

    message: str
    level: int = logging.INFO

    def act(self, recorder: TranscriptWriter) -> None:
        logging.getLogger(LOGGER_NAME).log(self.level, self.message)


@dataclass(frozen=True, repr=False)
class Breadcrumb(Act):
    """Add a breadcrumb."""

    message: str
    category: str = "app"

    def act(self, recorder: TranscriptWriter) -> None:
        sentry_sdk.add_breadcrumb(message=self.message, category=self.category)


@dataclass(frozen=True, repr=False)
class CaptureMessage(Act):
    """Send a message event."""

    message: str

    def act(self, recorder: TranscriptWriter) -> None:
        sentry_sdk.capture_message(self.message)


@dataclass(frozen=True, repr=False)
class SetVariable(Act):
    """Set a ContextVar; the server can see it afterwards (``Transcript.variables``)."""

    name: str
    value: str

    def act(self, recorder: TranscriptWriter) -> None:
        variable(self.name).set(self.value)


@dataclass(frozen=True, repr=False)
class ReadVariable(Act):
    """Read a ContextVar that an earlier step has set, possibly in another thread."""

    name: str

    def act(self, recorder: TranscriptWriter) -> None:
        recorder.app("variable", self.name, variable(self.name).get(None))


@dataclass(frozen=True, repr=False)
class Raise(Act):
    """Raise a new exception.

    Args:
        kind: The class of the exception, called with ``args``.
        args: The arguments.
        cause: The class of its ``__cause__`` (as set by ``raise … from``).
        context: The class of its ``__context__``, the exception that was being handled.
        suppress: Its ``__suppress_context__``; ``None`` to leave it as Python sets it.
    """

    kind: type[BaseException] = RuntimeError
    args: tuple[object, ...] = ("boom",)
    cause: type[BaseException] | None = None
    context: type[BaseException] | None = None
    suppress: bool | None = None

    def act(self, recorder: TranscriptWriter) -> None:
        raise self.make(recorder)

    def make(self, recorder: TranscriptWriter) -> BaseException:
        """Return the exception with its chain, registered with the recorder as the application's own."""
        error = self.kind(*self.args)
        if self.cause is not None:
            error.__cause__ = self.cause("cause")
        if self.context is not None:
            error.__context__ = self.context("context")
        if self.suppress is not None:
            error.__suppress_context__ = self.suppress
        recorder.raised.append(error)
        return error


@dataclass(frozen=True, repr=False)
class CaptureMany(Act):
    """Raise exceptions in one line, capture each, and let it go; then let the same line raise one that is not captured.

    Memory that is given back is used again, so that the last exception may have the address of a captured one.

    Args:
        times: The number of exceptions that are captured.
        kind: The class of the exceptions.
        fails: Whether the last one is raised.
    """

    times: int = 1
    kind: type[Exception] = ValueError
    fails: bool = True

    def act(self, recorder: TranscriptWriter) -> None:
        for number in range(self.times + self.fails):
            try:
                raise self.kind("captured")  # noqa: TRY301 - each must come from this line
            except self.kind as error:
                if number == self.times:
                    recorder.raised.append(error)
                    raise
                sentry_sdk.capture_exception(error)


#: Ways to read from a WSGI input stream: plainly, as a context manager, twice from the same position, into a buffer.
READING_WAYS = ("read", "with", "again", "into")


@dataclass(frozen=True, repr=False)
class ReadBody(Step):
    """Read up to ``size`` bytes of the request body; a negative size reads to the end.

    ``way`` is how a WSGI application does it, where the stream offers that (``READING_WAYS``).
    """

    size: int = -1
    way: str = "read"


@dataclass(frozen=True, repr=False)
class StopReading(Step):
    """Ignore every later ``ReadBody``, so that the rest of the body is not read."""


@dataclass(frozen=True, repr=False)
class StartResponse(Step):
    """Send status and headers.

    ``reason`` is the reason phrase of the status line under WSGI, or ``None`` for a status line without one.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    reason: str | None = "Status"


@dataclass(frozen=True, repr=False)
class RestartWithExcInfo(Step):
    """Call ``start_response`` with the ``exc_info`` of a handled exception (PEP 3333, "Error Handling")."""

    status: int = 500
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    error: Raise = Raise()

    def needs(self) -> Iterator[Feature]:
        yield Feature.EXC_INFO


@dataclass(frozen=True, repr=False)
class SendChunk(Step):
    """Send a piece of the response body."""

    data: bytes = b"chunk"


@dataclass(frozen=True, repr=False)
class Sleep(Step):
    """Wait for some seconds; under ASGI without blocking the event loop."""

    seconds: float = 0.001


@dataclass(frozen=True, repr=False)
class ChildSpan(Step):
    """Execute ``steps`` inside a span. Chunks among them are sent while the span is open."""

    name: str
    steps: tuple[Step, ...] = ()
    op: str = "function"

    def needs(self) -> Iterator[Feature]:
        for step in self.steps:
            yield from step.needs()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Open the span, of the kind that belongs to the SDK's trace lifecycle."""
        if is_streaming():
            from sentry_sdk import traces  # releases without this module do not have the mode

            span: Any = traces.start_span(name=self.name, attributes={"sentry.op": self.op})
        else:
            span = sentry_sdk.start_span(name=self.name, op=self.op)
        with span:
            yield


@dataclass(frozen=True, repr=False)
class Translate(Step):
    """Execute ``steps`` as a framework does: a lost connection becomes an exception of its own.

    Args:
        steps: The steps.
        kind: The class of the exception.
        chained: Whether it is raised ``from`` the original one; otherwise that is its context only.
    """

    steps: tuple[Step, ...] = ()
    kind: type[Exception] = RuntimeError
    chained: bool = True

    def needs(self) -> Iterator[Feature]:
        for step in self.steps:
            yield from step.needs()

    def translated(self, error: BaseException, recorder: TranscriptWriter) -> BaseException:
        """Return the exception to raise in the place of another one, registered as the application's own."""
        translated = self.kind("connection lost")
        translated.__context__ = error
        if self.chained:
            translated.__cause__ = error
        recorder.raised.append(translated)
        return translated


#: What a step raises where the client has gone.
LOST = (OSError, ClientDisconnect, WebSocketDisconnect)


@dataclass(frozen=True, repr=False)
class SpawnThread(Step):
    """Start a thread, in a copy of the current context, that executes ``steps`` after the request has ended."""

    steps: tuple[Act, ...] = ()


@dataclass(frozen=True, repr=False)
class SpawnTask(Step):
    """Start an asyncio task that executes ``steps`` after the request has ended."""

    steps: tuple[Act, ...] = ()

    def needs(self) -> Iterator[Feature]:
        yield Feature.TASK


@dataclass(frozen=True, repr=False)
class Cancel(Step):
    """Cancel the application, as a server may after a disconnect: the next ``await`` raises ``CancelledError``."""

    def needs(self) -> Iterator[Feature]:
        yield Feature.CANCEL


def variable(name: str) -> contextvars.ContextVar[str]:
    """Return the ContextVar of that name, always the same one."""
    return _VARIABLES.setdefault(name, contextvars.ContextVar(name))


def visible_variables() -> tuple[tuple[str, str], ...]:
    """Return the scripted ContextVars that are set in the current context, by name."""
    found = [(name, known.get(None)) for name, known in sorted(_VARIABLES.items())]
    return tuple((name, value) for name, value in found if value is not None)
