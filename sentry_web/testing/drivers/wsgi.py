"""A WSGI server in this process, strict about PEP 3333, and able to misbehave as servers do.

It knows environ, start_response and response iterables; nothing of ASGI may enter, and nothing of Sentry.
"""

from __future__ import annotations

import contextvars
import gc
import io
import sys
import threading
import warnings
import wsgiref.validate
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from wsgiref.util import FileWrapper

from sentry_web.testing import apps
from sentry_web.testing.drivers.base import MAXIMUM_CHUNKS, Driver, Job, Wrap
from sentry_web.testing.request import RequestSpec, wsgi_decoded
from sentry_web.testing.script import Close, Protocol, Script
from sentry_web.testing.transcript import TranscriptWriter

_FAILED = object()
_END = object()


class WsgiDriver(Driver):
    """Serves WSGI applications.

    Args:
        validate: Put ``wsgiref.validate.validator`` outside and inside of the middleware, so that the middleware is
            checked both as an application and as a server. What the validators find is listed among the violations.
            They hide the response object, hence ``own_object`` and ``length`` say nothing then.
    """

    protocol = Protocol.WSGI

    def __init__(self, validate: bool = False) -> None:
        self.validate = validate
        self.name = "WSGI_VALIDATED" if validate else "WSGI"

    def compile(self, script: Script, recorder: TranscriptWriter) -> Any:
        return apps.compile_wsgi(script, recorder)

    def wrap(self, app: Any, wrap: Wrap) -> Any:
        if not self.validate:
            return wrap.wsgi(app)
        return wsgiref.validate.validator(wrap.wsgi(wsgiref.validate.validator(app)))

    def serve(self, jobs: Sequence[Job]) -> None:
        context = contextvars.copy_context()
        if not self.validate:
            context.run(_interleave, jobs)
            return
        with _validation(jobs):
            context.run(_interleave, jobs)
            gc.collect(1)


def _interleave(jobs: Sequence[Job]) -> None:
    exchanges = [(job, WsgiExchange(job).serve()) for job in jobs]
    while exchanges:
        going_on = []
        for job, exchange in exchanges:
            if next(exchange, _END) is _END:
                job.finish()
            else:
                going_on.append((job, exchange))
        exchanges = going_on


class WsgiExchange:
    """One request and its response, from the server's side."""

    def __init__(self, job: Job) -> None:
        self.app = job.app
        self.job = job
        self.peer = job.peer
        self.recorder = job.recorder
        self.response = job.response
        self.environ = make_environ(job.request, job.recorder)
        self.recorder.offered = self.environ
        self.headers_sent = False

    def serve(self) -> Iterator[None]:
        """Serve the request; yields wherever another request may have its turn."""
        self.recorder.look_around()
        result = self.guarded("call", self.app, self.environ, self.start_response)
        yield
        if result is _FAILED:
            return
        self.examine(result)
        if self.peer.close is not Close.BEFORE:
            yield from self.iterate(result)
        if self.peer.close is Close.NEVER:
            del result
            gc.collect(1)  # young, since of this request; a full collection is slow
            self.recorder.look_around()
        else:
            self.close(result)

    def start_response(self, *arguments: Any) -> Callable[[bytes], None]:
        """PEP 3333's ``start_response(status, headers, exc_info=None)``, written so as to see how it was called."""
        status, headers, exc_info = arguments if len(arguments) == 3 else (*arguments, None)
        error = None if exc_info is None else repr(exc_info[1])
        self.recorder.server("start_response", status, tuple(headers), len(arguments), error)
        if exc_info is not None and self.headers_sent:
            raise exc_info[1].with_traceback(exc_info[2])
        if exc_info is None and self.response.status is not None:
            self.recorder.violation("start_response called again without exc_info")
        self.response.status, self.response.headers = status, tuple(headers)
        return self.write

    def write(self, data: bytes) -> None:
        """PEP 3333's ``write`` callable."""
        self.recorder.server("write", data)
        if self.client_gone():
            raise BrokenPipeError("client gone")
        self.received(data)

    def examine(self, result: Any) -> None:
        """Note what a server may ask of the response object itself."""
        self.recorder.server("returned")
        own, self.recorder.returned = self.recorder.returned, None  # kept no longer, so that it can be dropped
        if isinstance(own, (FileWrapper, list)):
            self.response.own_object = result is own
        if hasattr(type(result), "__len__"):
            length = self.guarded("len", len, result)
            self.response.length = None if length is _FAILED else length

    def iterate(self, result: Any) -> Iterator[None]:
        iterator = self.guarded("iter", iter, result)
        for _ in range(MAXIMUM_CHUNKS):
            if iterator is _FAILED or self.client_gone():
                return
            chunk = self.guarded("next", next, iterator, _END)
            yield
            if chunk is _END and self.response.status is None:
                self.recorder.violation("no start_response before the end of the response")
            if chunk is _END or chunk is _FAILED:
                return
            self.recorder.server("chunk", chunk)
            self.received(chunk)
            if self.peer.close is Close.DURING:
                return
        self.recorder.violation(f"more than {MAXIMUM_CHUNKS} chunks")

    def received(self, chunk: Any) -> None:
        if not isinstance(chunk, bytes):
            self.recorder.violation(f"a chunk that is not bytes: {chunk!r}")
        elif chunk:
            if self.response.status is None:
                self.recorder.violation("body before start_response")
            self.headers_sent = True
            self.response.received += 1
            self.response.body += chunk

    def client_gone(self) -> bool:
        return self.peer.gone_after is not None and self.response.received >= self.peer.gone_after

    def close(self, result: Any) -> None:
        # Not noted as a call: a middleware may well add a close() of its own. What reaches the application is noted
        # there.
        self.guarded("close", _close, result)

    def guarded(self, where: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run application code as a server does: what it raises is noted, then ``_FAILED`` is returned."""
        try:
            if self.peer.thread_hopping and where != "call":
                return _in_thread(function, *arguments)
            return function(*arguments)
        except BaseException as error:
            if _from_validator(error):
                self.recorder.violation(f"wsgiref.validate: {error}")
            else:
                self.recorder.exception(where, error, self.job.filenames)
            return _FAILED
        finally:
            self.recorder.look_around()


def _close(result: Any) -> None:
    if hasattr(result, "close"):
        result.close()


def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    outcome: list[Any] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(function(*arguments))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()  # popped, since the list is in a frame of its traceback
    return outcome[0]


def _from_validator(error: BaseException) -> bool:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    file = traceback.tb_frame.f_code.co_filename if traceback is not None else ""
    return isinstance(error, AssertionError) and file == wsgiref.validate.__file__


@contextmanager
def _validation(jobs: Sequence[Job]) -> Iterator[None]:
    """Catch what wsgiref's validators say by other ways than an exception: a response that nobody closed."""
    abandoned = all(job.peer.close is Close.NEVER for job in jobs)

    def hook(unraisable: Any) -> None:
        if not abandoned:
            jobs[0].recorder.violation(f"wsgiref.validate: {unraisable.exc_value}")

    previous, stderr = sys.unraisablehook, sys.stderr
    sys.unraisablehook, sys.stderr = hook, io.StringIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wsgiref.validate.WSGIWarning)  # on unusual methods and status lines
            yield
    finally:
        sys.unraisablehook, sys.stderr = previous, stderr


class InputStream:
    """``wsgi.input``: every call is noted, since a middleware must not read in the application's place."""

    def __init__(self, content: bytes, recorder: TranscriptWriter) -> None:
        self._file = io.BytesIO(content)
        self._recorder = recorder

    def read(self, *size: int) -> bytes:
        """As PEP 3333 says."""
        self._recorder.server("input.read", *size)
        return self._file.read(*size)

    def readline(self, *size: int) -> bytes:
        """As PEP 3333 says."""
        self._recorder.server("input.readline", *size)
        return self._file.readline(*size)

    def readlines(self, *hint: int) -> list[bytes]:
        """As PEP 3333 says."""
        self._recorder.server("input.readlines", *hint)
        return self._file.readlines(*hint)

    def __iter__(self) -> Iterator[bytes]:
        self._recorder.server("input.iter")
        return iter(self._file)


def make_environ(request: RequestSpec, recorder: TranscriptWriter | None = None) -> dict[str, Any]:
    """The environ of a request (PEP 3333; RFC 3875). Repeated headers are joined with ", " (RFC 9110, 5.3)."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": wsgi_decoded(request.root_path),
        "PATH_INFO": wsgi_decoded(request.path),
        "QUERY_STRING": request.query.encode("utf-8").decode("latin-1"),
        "SERVER_NAME": request.host,
        "SERVER_PORT": str(request.server_port),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": InputStream(request.content, recorder or TranscriptWriter()),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    if request.client is not None:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = request.client[0], str(request.client[1])
    for name, value in request.wire_headers():
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ", "
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    return environ
