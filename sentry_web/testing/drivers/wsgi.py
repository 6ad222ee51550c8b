"""An in-process WSGI server that is strict about PEP 3333, and able to misbehave as real servers do.

This module knows environ, ``start_response`` and response iterables, but nothing of ASGI or Sentry.
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
    """A driver that serves WSGI applications.

    Args:
        validate: Whether to put ``wsgiref.validate.validator`` outside and inside the middleware, so that the
            middleware is checked both as an application and as a server. Errors of the validators are added to the
            violations. They hide the response object, so that ``own_object`` and ``length`` are meaningless.
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
        if job.peer.leaves_amid_body:
            self.environ["wsgi.input"] = LostStream(job.request.content, job.recorder)
        self.recorder.offered = self.environ
        self.headers_sent = False

    def serve(self) -> Iterator[None]:
        """Serve the request; yield wherever another request may be interleaved."""
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
            gc.collect(1)  # the young generations, with this request's objects; a full collection is slow
            self.recorder.look_around()
        else:
            self.close(result)

    def start_response(self, *arguments: Any) -> Callable[[bytes], None]:
        """Start the response (PEP 3333's ``start_response(status, headers, exc_info=None)``).

        The signature accepts any arguments, to record how it was called.
        """
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
        """Write a part of the body (PEP 3333's ``write`` callable)."""
        self.recorder.server("write", data)
        if self.client_gone():
            raise BrokenPipeError("client gone")
        self.received(data)

    def examine(self, result: Any) -> None:
        """Record the properties of the response object that a server may use."""
        self.recorder.server("returned")
        own, self.recorder.returned = self.recorder.returned, None  # not kept, so that it can be released
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
            if self.peer.peeks:
                iterator = self.guarded("iter", iter, iterator)
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
        # Not recorded as a call, since a middleware may add a close() of its own. A call that reaches the
        # application is recorded there.
        self.guarded("close", _close, result)

    def guarded(self, where: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run application code as a server does: record an exception, and then return ``_FAILED``."""
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
        raise errors.pop()  # popped, since the list belongs to a frame of its traceback
    return outcome[0]


def _from_validator(error: BaseException) -> bool:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    file = traceback.tb_frame.f_code.co_filename if traceback is not None else ""
    return isinstance(error, AssertionError) and file == wsgiref.validate.__file__


@contextmanager
def _validation(jobs: Sequence[Job]) -> Iterator[None]:
    """Record what wsgiref's validators report other than by an exception: a response that was not closed."""
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
    """A ``wsgi.input`` that records every call, since a middleware must not read instead of the application."""

    def __init__(self, content: bytes, recorder: TranscriptWriter) -> None:
        self._file = io.BytesIO(content)
        self._recorder = recorder

    def read(self, *size: int) -> bytes:
        """Read from the body, as defined by PEP 3333."""
        self._recorder.server("input.read", *size)
        return self._file.read(*size)

    def readline(self, *size: int) -> bytes:
        """Read one line, as defined by PEP 3333."""
        self._recorder.server("input.readline", *size)
        return self._file.readline(*size)

    def readlines(self, *hint: int) -> list[bytes]:
        """Read all lines, as defined by PEP 3333."""
        self._recorder.server("input.readlines", *hint)
        return self._file.readlines(*hint)

    def __iter__(self) -> Iterator[bytes]:
        self._recorder.server("input.iter")
        return iter(self._file)

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, as streams of ``io`` do."""
        self._recorder.server("input.readinto", len(buffer))
        return self._file.readinto(buffer)

    def seek(self, *position: int) -> int:
        """Go on elsewhere, as in a file."""
        self._recorder.server("input.seek", *position)
        return self._file.seek(*position)

    def tell(self) -> int:
        """Return the position; not recorded, since asking changes nothing."""
        return self._file.tell()

    def __deepcopy__(self, memo: Any) -> InputStream:
        return self  # there is one connection, however often its environ is copied

    def __enter__(self) -> InputStream:  # noqa: PYI034 - typing.Self is not available in Python 3.10
        self._recorder.server("input.enter")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._recorder.server("input.exit")  # left open, so that a script may read again


class LostStream(InputStream):
    """The input of a client that has gone."""

    def read(self, *size: int) -> bytes:
        """Raise what gunicorn, uWSGI and others do."""
        self._recorder.server("input.read", *size)
        raise OSError("error during read on wsgi.input")


def make_environ(request: RequestSpec, recorder: TranscriptWriter | None = None) -> dict[str, Any]:
    """Return the environ of a request (PEP 3333; RFC 3875).

    Repeated headers are joined with ", " (RFC 9110, 5.3).

    Args:
        request: The request.
        recorder: Records the calls of the application.
    """
    query = request.query.encode("utf-8").decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": wsgi_decoded(request.root_path),
        "PATH_INFO": wsgi_decoded(request.path),
        # No standard key, but most servers pass the target on as the client sent it, with its query
        "RAW_URI": request.wire_path + (f"?{query}" if query else ""),
        "QUERY_STRING": query,
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
