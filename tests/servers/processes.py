"""The servers of the matrix: how each is started, and a running one with the ingest that it reports to.

A server is added in ``SERVERS``, and as a class in ``test_asgi`` or ``test_wsgi``. All of them listen on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from sentry_web.demo.ingest import Ingest

from .client import HOST, TIMEOUT, Answer, Conversation, request_bytes
from .roots import Root, roots_of
from .shop import OutOfStockError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

HERE = Path(__file__).parent
START = 40.0  # seconds until a server must answer
STOP = 15.0  # seconds in which a server must end after SIGTERM
ARRIVAL = 20.0  # seconds in which a report must arrive
INGESTION = 5.0  # seconds for the ingest of a busy machine to read what a process has sent that is gone
PYTHON = (sys.executable, "-m")
UWSGI = Path(sys.executable).with_name("uwsgi")


@dataclass(frozen=True)
class Server:
    """A server under one interface: its command, with ``{port}`` and ``{workers}`` to be filled in."""

    name: str
    interface: str
    package: str
    command: tuple[str, ...]
    workers: int = 1  # processes that serve
    features: frozenset[str] = frozenset()  # "websocket", "lifespan", "http2"
    silences: Mapping[str, float] = field(default_factory=dict)  # by scenario: where it never says the word it owes

    @property
    def installed(self) -> bool:
        return UWSGI.exists() if self.package == "uwsgi" else find_spec(self.package) is not None

    def patience(self, scenario: str) -> float:
        """How many seconds its next word is waited for: long, for a busy machine's sake, where there should be one."""
        return self.silences.get(scenario, TIMEOUT)


def _server(name: str, interface: str, command: str, workers: int = 1, features: str = "", **silences: float) -> Server:
    program, *rest = command.split()
    package = program.partition(".")[0]
    start = (str(UWSGI),) if package == "uwsgi" else (sys.executable,) if program == "serve.py" else (*PYTHON, program)
    rest = [program, *rest] if program == "serve.py" else rest
    package = {"serve.py": "werkzeug"}.get(package + (".py" if program == "serve.py" else ""), package)
    return Server(name, interface, package, (*start, *rest), workers, frozenset(features.split()), silences)


_WSGI, _ASGI = "served:wsgi_application", "served:asgi_application"
# A connection is kept alive for longer than a busy machine may keep the client from its next request.
_GUNICORN = (
    "gunicorn --bind=127.0.0.1:{port} --workers={workers} --graceful-timeout=8 --keep-alive=8 --no-control-socket"
)
_UVICORN = "uvicorn --host=127.0.0.1 --port={port} --workers={workers} --timeout-graceful-shutdown=8"
# http11-socket speaks HTTP in the workers themselves, with keep-alive. The hook lets them finish what they serve at
# SIGTERM, which --die-on-term would cut off. A connection that was kept alive occupies its worker until the timeout.
_UWSGI = (
    "uwsgi --http11-socket=127.0.0.1:{port} --master --processes={workers} --enable-threads --need-app"
    " --hook-master-start=unix_signal:15{space}gracefully_kill_them_all --offload-threads=1 --socket-timeout=2"
    f" --virtualenv={sys.prefix} --pythonpath={HERE}"
)

SERVERS = {
    server.name: server
    for server in (
        _server("uvicorn, uvloop + httptools", "asgi", f"{_UVICORN} --loop=uvloop --http=httptools"
                f" --ws=websockets-sansio {_ASGI}", 2, "websocket lifespan"),
        _server("uvicorn, asyncio + h11", "asgi", f"{_UVICORN} --loop=asyncio --http=h11 --ws=wsproto {_ASGI}",
                2, "websocket lifespan"),
        _server("hypercorn (ASGI)", "asgi", "hypercorn --bind=127.0.0.1:{port} --workers={workers}"
                f" --graceful-timeout=8 {_ASGI}", 2, "websocket lifespan http2"),
        _server("daphne", "asgi", f"daphne -b 127.0.0.1 -p {{port}} -v0 {_ASGI}", 1, "websocket",
                **{"break in mid-stream": 2, "websocket": 2}),
        _server("granian (ASGI)", "asgi", "granian --interface=asgi --host=127.0.0.1 --port={port} --workers={workers}"
                f" --workers-kill-timeout=8 {_ASGI}", 2, "websocket lifespan http2"),
        _server("gunicorn, uvicorn worker", "asgi", f"{_GUNICORN} --worker-class=uvicorn_worker.UvicornWorker {_ASGI}",
                2, "websocket lifespan"),
        _server("gunicorn, sync", "wsgi", f"{_GUNICORN} {_WSGI}", 2),
        _server("gunicorn, gthread", "wsgi", f"{_GUNICORN} --worker-class=gthread --threads=4 {_WSGI}", 2),
        _server("gunicorn, gevent", "wsgi", f"{_GUNICORN} --worker-class=gevent {_WSGI}", 2),
        _server("hypercorn (WSGI)", "wsgi", "hypercorn --bind=127.0.0.1:{port} --workers={workers}"
                f" --graceful-timeout=8 wsgi:{_WSGI}", 2, "http2"),
        _server("granian (WSGI)", "wsgi", "granian --interface=wsgi --host=127.0.0.1 --port={port} --workers={workers}"
                f" --workers-kill-timeout=8 {_WSGI}", 2, "http2"),
        _server("waitress", "wsgi", f"waitress --listen=127.0.0.1:{{port}} {_WSGI}"),
        _server("cheroot", "wsgi", f"cheroot --bind=127.0.0.1:{{port}} {_WSGI}"),
        _server("uWSGI", "wsgi", f"{_UWSGI} --module={_WSGI}", 2, **{"100-continue": 0.5}),
        _server("werkzeug", "wsgi", "serve.py werkzeug {port}"),
        _server("wsgiref", "wsgi", "serve.py wsgiref {port}", **{"100-continue": 0.5}),
    )
}  # fmt: skip


def reserve_port() -> tuple[int, socket.socket]:
    """A port, and a socket that keeps it free for a server until it is closed.

    A port that was only found free may be another process's by the time that the server binds it, seconds later on a
    busy machine. This one stays bound and never listens: so Linux gives its port to nobody who asks for any port, but
    to a server that asks for this one with ``SO_REUSEADDR``, as all of them do.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind((HOST, 0))
    port = keeper.getsockname()[1]
    if sys.platform != "linux":
        keeper.close()  # elsewhere the server could not bind it either
    return port, keeper


class Process:
    """A server that was started: its port, what it printed, and how to end it."""

    def __init__(self, server: Server, folder: Path, workers: int, **environment: str) -> None:
        self.port, self._keeper = reserve_port()
        self.log = folder / f"{server.interface}-{self.port}.log"
        command = [part.format(port=self.port, workers=workers, space=" ") for part in server.command]
        # Coverage would run in each worker, too, and make greenlets spin; the tests in process measure that code.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "SENTRY_"))}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=HERE,
                env={**kept, **environment, "NO_PROXY": HOST, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __str__(self) -> str:
        return self.log.read_text("utf-8", "replace")[-20000:]

    @property
    def status(self) -> int | None:
        """The exit status, once there is one."""
        return self._process.poll()

    def answers(self) -> bool:
        """Whether the bare shop answers."""
        try:
            with Conversation(self.port) as conversation:
                conversation.send(request_bytes("GET", "/", {"X-Bare": "1"}))
                return conversation.answer().status == 200
        except Exception:  # refused, reset, or cut off while a worker is still coming up
            return False

    def wait_until_it_answers(self) -> None:
        """Wait, within bounds, and say what the server printed where it does not come up."""
        assert wait_until(lambda: self.answers() or self.status is not None, START), f"did not start: {self}"
        assert self.status is None, f"ended with {self.status}: {self}"

    def terminate(self) -> None:
        """Ask it to end, as a container's runtime does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def ended(self, seconds: float = STOP) -> bool:
        """Wait for the end."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End it, kindly and then not; no worker of it may live on."""
        self.terminate()
        self.ended(5.0)
        kill_group(self._process)
        self._keeper.close()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and its workers at once. On a busy machine even that takes its time."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(START)


@dataclass
class Site:
    """A running server with the ingest that its middleware reports to.

    Every request has a trace of its own, by which its report is found; ``ledger`` holds how many root spans and
    errors are waited for, then how many were found, so that in the end nothing that came besides stays unseen.
    """

    server: Server
    process: Process
    ingest: Ingest
    folder: Path
    ledger: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.process.port

    def new_trace(self, roots: int = 1, errors: int = 0) -> str:
        """A trace id, and how many reports there will be of it."""
        trace = f"{len(self.ledger) + 1:032x}"
        self.ledger[trace] = (roots, errors)
        return trace

    def headers(self, trace: str | None, more: dict[str, str] | None = None) -> dict[str, str]:
        """The headers of a request with this trace; without one, of a request for the bare shop."""
        own = {"X-Bare": "1"} if trace is None else {"sentry-trace": f"{trace}-{1:016x}-1"}
        return {**own, **(more or {})}

    def fetch(self, trace: str | None, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        with Conversation(self.port) as conversation:
            conversation.send(request_bytes(method, target, self.headers(trace, more), body))
            return conversation.answer(method)

    def roots(self, trace: str) -> list[Root]:
        return [one for one in roots_of(self.ingest) if one.trace_id == trace]

    def errors(self, trace: str) -> list[Any]:
        return [one for one in self.ingest.errors if one["contexts"]["trace"]["trace_id"] == trace]

    def report(self, trace: str, patience: float = ARRIVAL) -> str:
        """What was reported of a trace, in one line; asked once all that there should be is there."""
        roots, errors = self.ledger[trace]
        with contextlib.suppress(TimeoutError):
            self.ingest.wait_for(
                lambda: len(self.roots(trace)) >= roots and len(self.errors(trace)) >= errors, patience
            )
        self.ledger[trace] = len(self.roots(trace)), len(self.errors(trace))
        told = [describe(one) for one in self.roots(trace)] + [describe_error(one) for one in self.errors(trace)]
        return "; ".join(told) or "nothing"


def describe(root: Root) -> str:
    """A root span in some words: name, status, HTTP status, size; for a websocket its messages and its end."""
    data = root.data
    words = [f"{root.name.rpartition('.')[2]}: {root.status}"]
    words.append(str(data.get("http.response.status_code", "no status")))
    if root.op == "websocket.server":
        words.append(f"{data.get('websocket.messages.received')} in, {data.get('websocket.messages.sent')} out")
        if "websocket.close_code" in data:
            words.append(f"closed by the {data['websocket.closed_by']} with {data['websocket.close_code']}")
    elif "sentry_web.client_gone" in data:
        words.append("client gone")
    else:
        words.append(f"{data['http.response.body.size']} bytes")
    return ", ".join(words)


def describe_error(event: Any) -> str:
    """An error event in some words; how others word their exceptions is theirs to change."""
    exception = event["exception"]["values"][-1]
    handled = "handled" if exception["mechanism"]["handled"] else "unhandled"
    message = f" {exception['value']!r}" if exception["type"] == OutOfStockError.__name__ else ""
    return f"{exception['type']}{message}, {handled}"


@contextlib.contextmanager
def process_of(server: Server, folder: Path, dsn: str, workers: int | None = None, **more: str) -> Iterator[Process]:
    """A server while the block lasts, not waited for."""
    if not server.installed:
        pytest.skip(f"{server.package} is not installed")
    file = folder / "file.bin"
    if not file.exists():
        file.write_bytes(bytes(range(256)) * 1024)
    process = Process(server, folder, workers or server.workers, SHOP_DSN=dsn, SHOP_FILE=str(file), **more)
    try:
        yield process
    finally:
        process.stop()


@contextlib.contextmanager
def site_of(server: Server, folder: Path) -> Iterator[Site]:
    """A server that answers, while the block lasts."""
    with Ingest() as ingest, process_of(server, folder, ingest.dsn) as process:
        process.wait_until_it_answers()
        yield Site(server, process, ingest, folder)


def read_what_was_sent(ingest: Ingest, others: Collection[threading.Thread] = ()) -> None:
    """Wait until an ingest has read all that processes have sent which are gone.

    Connections are accepted in turn, so that an answer on a new one means that there is a thread for each before it;
    and those threads end with their connections, which have ended with the processes. ``others`` are threads that read
    from processes which live on.
    """
    connection = http.client.HTTPConnection(urlsplit(ingest.dsn).netloc.rpartition("@")[2], timeout=INGESTION)
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()

    def none_reads() -> bool:
        threads = set(threading.enumerate()).difference(others)
        return not any("process_request_thread" in thread.name for thread in threads)

    wait_until(none_reads, INGESTION)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again, within bounds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
