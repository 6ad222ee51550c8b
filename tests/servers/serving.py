"""Real servers on free loopback ports, each in a thread of the test process, and a plain HTTP client.

``serve_wsgi`` and ``serve_asgi`` are the two shapes; a server is added here once and its tests come by themselves.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTUP = 10.0  # seconds until a server must answer


@dataclass
class Answer:
    """What the client got; ``body`` as far as it came, ``broken`` where the server cut it off."""

    status: int
    headers: dict[str, str]
    body: bytes
    broken: bool = False


@dataclass
class Client:
    """A client of one server; every request is a connection of its own."""

    port: int
    timeout: float = 10.0
    default_headers: dict[str, str] = field(default_factory=lambda: {"User-Agent": "probe/1.0"})

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request and read the answer to its end, or to where it breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, target, body, {**self.default_headers, **(headers or {})})
            response = connection.getresponse()
            try:
                return Answer(response.status, dict(response.headers), response.read())
            except http.client.IncompleteRead as error:
                return Answer(response.status, dict(response.headers), error.partial, broken=True)
        finally:
            connection.close()

    def leave_after(self, target: str, count: int) -> bytes:
        """Read ``count`` bytes of a response, then go away with a reset, as a closed laptop does."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout) as raw:
            raw.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            received = b""
            while len(received) < count:
                received += raw.recv(count)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            return received


@contextlib.contextmanager
def serve_asgi(app: Any) -> Iterator[Client]:
    """Serve under uvicorn."""
    import uvicorn

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn", daemon=True)
    thread.start()
    _wait(lambda: server.started or not thread.is_alive())
    try:
        yield Client(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(STARTUP)
        assert not thread.is_alive()


@contextlib.contextmanager
def serve_wsgi(app: Any) -> Iterator[Client]:
    """Serve under werkzeug's development server, one thread a request."""
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="werkzeug", daemon=True)
    thread.start()
    try:
        yield Client(server.server_port)
    finally:
        server.shutdown()
        thread.join(STARTUP)
        server.server_close()
        assert not thread.is_alive()


def _wait(ready: Any) -> None:
    deadline = time.monotonic() + STARTUP
    while not ready():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
