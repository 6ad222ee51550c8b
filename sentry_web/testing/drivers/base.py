"""The base of all drivers: the interface, the wrap, and the conversion of a TranscriptWriter to a Transcript.

A driver acts as the server. This module knows no environ, scope or message.
"""

from __future__ import annotations

import contextvars
import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sentry_web.testing import apps, connections, steps
from sentry_web.testing.apps.asgi import AsgiRun
from sentry_web.testing.apps.run import Run
from sentry_web.testing.apps.wsgi import WsgiRun
from sentry_web.testing.request import RequestSpec
from sentry_web.testing.script import Peer, Protocol, Script
from sentry_web.testing.steps import visible_variables
from sentry_web.testing.transcript import Transcript, TranscriptWriter

MAXIMUM_CHUNKS = 10_000  # maximum for one response, so that an endless one ends
JOIN_TIMEOUT = 10.0  # seconds for all background threads of a request

DEFAULT_REQUEST = RequestSpec()
DEFAULT_PEER = Peer()

# The source files of a compiled script's frames.
SCRIPT_FILES = frozenset(
    function.__code__.co_filename
    for function in (
        apps.compile_wsgi,
        AsgiRun.respond,
        Run.common,
        WsgiRun.respond,
        connections.WsScript.compile,
        steps.Act.act,
    )
)


def unwrapped(app: Any) -> Any:
    """Return the application itself: the wrap without a middleware."""
    return app


@dataclass(frozen=True)
class Wrap:
    """A middleware for each protocol: a function that takes an application and returns one.

    Example:
        ``Wrap(wsgi=SentryWsgiMiddleware, asgi=SentryAsgiMiddleware)``
    """

    wsgi: Callable[[Any], Any] = unwrapped
    asgi: Callable[[Any], Any] = unwrapped

    def around(self, other: Wrap) -> Wrap:
        """Return the combination of both middlewares, with this one outside."""
        return Wrap(wsgi=lambda app: self.wsgi(other.wsgi(app)), asgi=lambda app: self.asgi(other.asgi(app)))

    @classmethod
    def ours(cls, **options: Any) -> Wrap:
        """Return the middlewares of ``sentry_web`` with these options."""
        from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware

        return cls(
            wsgi=lambda app: SentryWsgiMiddleware(app, **options),
            asgi=lambda app: SentryAsgiMiddleware(app, **options),
        )


@dataclass
class Response:
    """The response as far as the server has received it."""

    status: str | int | None = None
    headers: tuple[tuple[Any, Any], ...] = ()
    body: bytearray = field(default_factory=bytearray)
    own_object: bool | None = None
    length: int | None = None
    received: int = 0  # chunks that reached the client


@dataclass
class Job:
    """One request for a driver: the wrapped application, the request, the peer, and the results."""

    app: Any
    request: RequestSpec
    peer: Peer
    recorder: TranscriptWriter
    filenames: frozenset[str]  # the application's own source
    response: Response = field(default_factory=Response)
    transcript: Transcript = field(default_factory=Transcript)

    def finish(self) -> None:
        """Release background work, wait for its threads, and freeze the transcript, in the server's context."""
        self.recorder.over.set()
        deadline = time.monotonic() + JOIN_TIMEOUT
        for thread in self.recorder.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        recorder, response = self.recorder, self.response
        recorder.raised.clear()  # the traceback of an exception keeps the response alive, which must be released
        self.transcript = Transcript(
            status=response.status,
            headers=response.headers,
            body=bytes(response.body),
            calls=tuple(recorder.calls),
            background=tuple(sorted(recorder.background, key=str)),
            exceptions=tuple(recorder.exceptions),
            own_object=response.own_object,
            own_scope=recorder.own_scope,
            length=response.length,
            variables=visible_variables(),
            scope_restored=recorder.scope_restored,
            violations=tuple(recorder.violations),
        )


class Driver(ABC):
    """An in-process server for one protocol, without sockets."""

    protocol: Protocol
    name: str

    def __repr__(self) -> str:
        return self.name  # the test id if a test is parametrised over drivers

    @abstractmethod
    def compile(self, script: Script, recorder: TranscriptWriter) -> Any:
        """Return the script as an application that this driver can wrap and serve."""

    @abstractmethod
    def wrap(self, app: Any, wrap: Wrap) -> Any:
        """Return the application, wrapped in the middleware for this protocol."""

    @abstractmethod
    def serve(self, jobs: Sequence[Job]) -> None:
        """Serve the jobs, interleaved if there are several, each up to its ``finish()``."""

    def run(self, script: Script, request: RequestSpec = DEFAULT_REQUEST, wrap: Wrap | None = None) -> Transcript:
        """Run a script as an application once.

        Args:
            script: The behaviour of the application. It must be ``expressible_in`` this driver's protocol.
            request: The request.
            wrap: A middleware around the application.

        Returns:
            The transcript of the request.

        Raises:
            ValueError: If this protocol cannot express the script.
        """
        return self.run_interleaved([(script, request)], wrap)[0]

    def run_interleaved(
        self, pairs: Sequence[tuple[Script, RequestSpec]], wrap: Wrap | None = None
    ) -> list[Transcript]:
        """Run several scripts concurrently, step by step in turn, on one thread (WSGI) or one event loop (ASGI)."""
        jobs = [self._job(script, request, wrap) for script, request in pairs]
        self.serve(jobs)
        return [job.transcript for job in jobs]

    def run_connection(
        self, pairs: Sequence[tuple[Script, RequestSpec]], wrap: Wrap | None = None, leak: int = -1
    ) -> list[Transcript]:
        """Run several scripts one after the other, each in a context that has leaked from the one before.

        asyncio's transports do so on a kept connection: a reader that they register while an application reads or
        sends keeps the context of that moment, and hands it to the next request.

        Args:
            pairs: The scripts with their requests.
            wrap: A middleware around the applications.
            leak: Which of the application's calls to the server leaks its context, counted as a list's index.
        """
        transcripts: list[Transcript] = []
        context = contextvars.copy_context()
        for script, request in pairs:
            job = self._job(script, request, wrap)
            job.recorder.contexts = []
            context.copy().run(self.serve, [job])
            if job.recorder.contexts:
                context = job.recorder.contexts[leak % len(job.recorder.contexts)]
            transcripts.append(job.transcript)
        return transcripts

    def _job(self, script: Script, request: RequestSpec, wrap: Wrap | None) -> Job:
        if not script.expressible_in(self.protocol):
            raise ValueError(f"{script!r} cannot be expressed in {self.protocol.value}")
        recorder = TranscriptWriter()
        return Job(
            self.wrap(self.compile(script, recorder), wrap or Wrap()), request, script.peer, recorder, SCRIPT_FILES
        )

    def run_app(
        self, app: Any, request: RequestSpec = DEFAULT_REQUEST, wrap: Wrap | None = None, peer: Peer = DEFAULT_PEER
    ) -> Transcript:
        """Run a hand-written application once. The transcript then contains only what the server can see."""
        job = Job(self.wrap(app, wrap or Wrap()), request, peer, TranscriptWriter(), source_files(app))
        self.serve([job])
        return job.transcript


def source_files(app: Any) -> frozenset[str]:
    """Return the file of the application's code; empty if it has no Python code."""
    function = inspect.unwrap(app)
    if not inspect.isroutine(function):
        function = type(function).__call__
    code = getattr(function, "__code__", None) or getattr(getattr(function, "__func__", None), "__code__", None)
    return frozenset() if code is None else frozenset({code.co_filename})
