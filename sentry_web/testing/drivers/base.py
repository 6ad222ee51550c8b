"""What all drivers share: the interface, the wrap, and how a TranscriptWriter becomes a Transcript.

A driver plays the server. No environ, scope or message may enter this file.
"""

from __future__ import annotations

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

MAXIMUM_CHUNKS = 10_000  # of one response, so that an endless one ends
JOIN_TIMEOUT = 10.0  # seconds for all background threads of a request

DEFAULT_REQUEST = RequestSpec()
DEFAULT_PEER = Peer()

# The files that hold a compiled script's frames.
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
    """The application itself: the wrap of no middleware."""
    return app


@dataclass(frozen=True)
class Wrap:
    """A middleware, by protocol: each is a function from an application to an application.

    Example:
        ``Wrap(wsgi=SentryWsgiMiddleware, asgi=SentryAsgiMiddleware)``
    """

    wsgi: Callable[[Any], Any] = unwrapped
    asgi: Callable[[Any], Any] = unwrapped

    def around(self, other: Wrap) -> Wrap:
        """Both middlewares, this one outside."""
        return Wrap(wsgi=lambda app: self.wsgi(other.wsgi(app)), asgi=lambda app: self.asgi(other.asgi(app)))

    @classmethod
    def ours(cls, **options: Any) -> Wrap:
        """The middlewares of ``sentry_web`` with these options."""
        from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware

        return cls(
            wsgi=lambda app: SentryWsgiMiddleware(app, **options),
            asgi=lambda app: SentryAsgiMiddleware(app, **options),
        )


@dataclass
class Response:
    """The response as far as the server has it."""

    status: str | int | None = None
    headers: tuple[tuple[Any, Any], ...] = ()
    body: bytearray = field(default_factory=bytearray)
    own_object: bool | None = None
    length: int | None = None
    received: int = 0  # chunks that reached the client


@dataclass
class Job:
    """One request for a driver: the wrapped application, the request, the peer; and what comes of it."""

    app: Any
    request: RequestSpec
    peer: Peer
    recorder: TranscriptWriter
    filenames: frozenset[str]  # the application's own source
    response: Response = field(default_factory=Response)
    transcript: Transcript = field(default_factory=Transcript)

    def finish(self) -> None:
        """Let background work go on, wait for its threads, and freeze the transcript, in the server's context."""
        self.recorder.over.set()
        deadline = time.monotonic() + JOIN_TIMEOUT
        for thread in self.recorder.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        recorder, response = self.recorder, self.response
        recorder.raised.clear()  # by its traceback an exception holds the response, which must be free to be dropped
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
    """A server for one protocol, in this process and without sockets."""

    protocol: Protocol
    name: str

    def __repr__(self) -> str:
        return self.name  # becomes the test id when a test is parametrised over drivers

    @abstractmethod
    def compile(self, script: Script, recorder: TranscriptWriter) -> Any:
        """The script as an application that this driver can wrap and serve."""

    @abstractmethod
    def wrap(self, app: Any, wrap: Wrap) -> Any:
        """Put the middleware around the application, for this protocol."""

    @abstractmethod
    def serve(self, jobs: Sequence[Job]) -> None:
        """Serve the jobs, interleaved when they are several, each to its ``finish()``."""

    def run(self, script: Script, request: RequestSpec = DEFAULT_REQUEST, wrap: Wrap | None = None) -> Transcript:
        """Run a script as an application, once.

        Args:
            script: What the application does. It must be ``expressible_in`` this driver's protocol.
            request: What the client sends.
            wrap: A middleware to put around it.

        Raises:
            ValueError: this protocol cannot express the script.
        """
        return self.run_interleaved([(script, request)], wrap)[0]

    def run_interleaved(
        self, pairs: Sequence[tuple[Script, RequestSpec]], wrap: Wrap | None = None
    ) -> list[Transcript]:
        """Run several scripts at once, step by step in turn: on one thread (WSGI) or one event loop (ASGI)."""
        jobs = []
        for script, request in pairs:
            if not script.expressible_in(self.protocol):
                raise ValueError(f"{script!r} cannot be expressed in {self.protocol.value}")
            recorder = TranscriptWriter()
            app = self.wrap(self.compile(script, recorder), wrap or Wrap())
            jobs.append(Job(app, request, script.peer, recorder, SCRIPT_FILES))
        self.serve(jobs)
        return [job.transcript for job in jobs]

    def run_app(
        self, app: Any, request: RequestSpec = DEFAULT_REQUEST, wrap: Wrap | None = None, peer: Peer = DEFAULT_PEER
    ) -> Transcript:
        """Run a hand-written application, once. The transcript then holds only what the server can see."""
        job = Job(self.wrap(app, wrap or Wrap()), request, peer, TranscriptWriter(), source_files(app))
        self.serve([job])
        return job.transcript


def source_files(app: Any) -> frozenset[str]:
    """The file in which the application's code is; nothing when it has none in Python."""
    function = inspect.unwrap(app)
    if not inspect.isroutine(function):
        function = type(function).__call__
    code = getattr(function, "__code__", None) or getattr(getattr(function, "__func__", None), "__code__", None)
    return frozenset() if code is None else frozenset({code.co_filename})
