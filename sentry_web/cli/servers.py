"""The two servers of the command line: uvicorn for ASGI, werkzeug's for WSGI, each on a socket already bound.

Served in the foreground until Ctrl-C (``serve``) or in a thread while a ``with`` block lasts (``serving``).
Applications come in ready-made: no middleware, no Sentry, no loading of anybody's module in here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import weakref
from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["SERVER_LOGGERS", "QuietRequestHandler", "bind", "serve", "serving", "url_of"]

#: The loggers that servers write to, ours and those that the user may choose; werkzeug's because ``_WsgiServer.log``
#: says so.
SERVER_LOGGERS = ("uvicorn.error", "werkzeug", "hypercorn.error", "gunicorn.error", "granian", "_granian", "waitress")

_START_SECONDS = 10.0
_STOP_SECONDS = 3


class _Server(Protocol):
    def run(self) -> None: ...

    def started(self) -> bool: ...

    def stop(self) -> None: ...


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket bound to ``host`` and ``port`` (0: any free one), not yet listening.

    Bound by us, since both servers answer a port that is taken by printing and leaving the process.
    Raises ``OSError`` when the port is taken or the host is unknown.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows the option lets two processes listen on one port
            # Otherwise a restart within a minute of the last connection fails (TIME_WAIT, RFC 9293 3.6.1).
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a client finds the socket: ``http://127.0.0.1:8000``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: Any, interface: str, listener: socket.socket) -> None:
    """Serve in this thread, which must be the main one, until SIGINT or SIGTERM; then return.

    Raises ``SystemExit`` with uvicorn's own status 3 when the application's lifespan refuses to start.
    """
    server = _SERVERS[interface](app, listener)
    # SIGTERM is to end things as Ctrl-C does: what is still unsent is flushed by our caller.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.run()
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def serving(app: Any, interface: str) -> Generator[int, None, None]:
    """Serve on a free port of 127.0.0.1, in a thread, while the block lasts; yields the port.

    Raises ``TimeoutError`` when the server is not up within ten seconds.
    """
    listener = bind("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    server = _SERVERS[interface](app, listener)
    thread = threading.Thread(target=server.run, name=f"{interface} server", daemon=True)
    thread.start()
    try:
        _wait_for(server.started, _START_SECONDS)
        yield port
    finally:
        server.stop()
        thread.join(_STOP_SECONDS + 2)


def _wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            raise TimeoutError(f"the server did not start within {seconds:g} s")
        sleep(0.01)


class _AsgiServer:
    def __init__(self, app: Any, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            # Not "auto", which with older releases means websockets' deprecated legacy API.
            ws="websockets-sansio",
            # None leaves logging as the user's module has configured it; the access log is what we print.
            log_config=None,
            access_log=False,
            # Whose forwarding headers count is the middleware's question (`trusted_proxies`), not the server's.
            proxy_headers=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._listener = listener
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        with self._listener:  # uvicorn closes it only where it has started
            self._server.run(sockets=[self._listener])
        if not self._server.started:
            sys.exit(3)  # what newer releases of uvicorn do by themselves

    def started(self) -> bool:
        return self._server.started

    def stop(self) -> None:
        self._server.should_exit = True


class _WsgiServer(ThreadedWSGIServer):
    def __init__(self, app: Any, listener: socket.socket) -> None:
        self._request_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        host, port = listener.getsockname()[:2]
        listener.listen(self.request_queue_size)
        # werkzeug duplicates the descriptor; ours is closed so that the port is free afterwards.
        super().__init__(host, port, app, handler=QuietRequestHandler, fd=listener.fileno())
        listener.close()

    def run(self) -> None:
        self.serve_forever(poll_interval=0.05)
        # As uvicorn does: requests under way may end. They run in daemon threads, and one that still writes
        # while the interpreter ends takes the process down with a fatal error.
        deadline = monotonic() + _STOP_SECONDS
        for thread in list(self._request_threads):
            thread.join(max(0.0, deadline - monotonic()))

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._request_threads.add(threading.current_thread())
        super().process_request_thread(request, client_address)

    def started(self) -> bool:
        return True  # it listens from the start; a request that comes early waits in the queue

    def stop(self) -> None:
        self.shutdown()

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        # werkzeug's own would put a handler of its own on the logger, beside those that the user configured.
        getattr(logging.getLogger("werkzeug"), type)(message, *args)


class QuietRequestHandler(WSGIRequestHandler):
    """werkzeug's handler in HTTP/1.1 and without its access log."""

    protocol_version = "HTTP/1.1"  # streams are sent in chunks, so that a client notices when one breaks

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing, as with uvicorn: the access log is what we print."""


_SERVERS: dict[str, Callable[[Any, socket.socket], _Server]] = {"asgi": _AsgiServer, "wsgi": _WsgiServer}
