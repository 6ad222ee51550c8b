"""A Sentry ingest endpoint on loopback: receives and decodes the envelopes that sentry-sdk sends.

For the demo and for tests that want the SDK's own HTTP transport in the loop: the DSN of an ``Ingest`` points
at a socket of this process, so what arrives is what Sentry would have got, byte for byte. Nothing in here may
know the demo, the middlewares or a web framework; and nothing here listens on anything but 127.0.0.1.

    with Ingest() as ingest:
        sentry_sdk.init(dsn=ingest.dsn)
        sentry_sdk.capture_message("hello")
        ingest.wait_for(lambda: ingest.errors)

The protocol: https://develop.sentry.dev/sdk/data-model/envelopes/
"""

from __future__ import annotations

import importlib
import json
import re
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from time import monotonic
from typing import Any, TypeVar

from sentry_sdk.envelope import Envelope, Item

__all__ = ["Ingest", "ReceivedItem"]

Json = dict[str, Any]
Result = TypeVar("Result")

# Sentry takes 1 MiB an event and some dozen MiB an envelope; more than this is a mistake of the sender.
MAX_BODY_BYTES = 32 * 1024 * 1024
ENVELOPE_PATH = re.compile(r"/api/[^/]+/envelope/?(\?.*)?")


@dataclass(frozen=True)
class ReceivedItem:
    """One item of an envelope.

    ``type`` is the item's type as Sentry names it (``event``, ``transaction``, ``span``, ``sessions`` …),
    ``payload`` the decoded JSON, or bytes where the item holds none (an attachment), ``headers`` the item's
    and ``envelope_headers`` the envelope's, ``data`` the payload's bytes as they arrived.
    """

    type: str
    payload: Any
    headers: Json
    envelope_headers: Json
    data: bytes


class Ingest:
    """Receives envelopes on a free port of 127.0.0.1 for as long as its ``with`` block lasts.

    Everything received is kept, in order of arrival, until :meth:`clear`; the properties are snapshots that
    another thread's deliveries do not change. Instances are independent of each other and of ``sentry_sdk``'s
    state: pass :attr:`dsn` to ``sentry_sdk.init``, and flush or close the client before the block ends.
    """

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._items: list[ReceivedItem] = []
        self._arrivals = 0
        self._bodies: list[bytes] = []
        self._rejected: list[str] = []
        self._server = _Server(("127.0.0.1", 0), lambda *request: _Handler(self, *request))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="ingest", daemon=True
        )

    def __enter__(self) -> Ingest:  # noqa: PYI034 - typing.Self is younger than Python 3.10
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    @property
    def dsn(self) -> str:
        """The DSN to give to ``sentry_sdk.init``."""
        return f"http://public@127.0.0.1:{self._server.server_address[1]}/1"

    @property
    def items(self) -> list[ReceivedItem]:
        """Every item of every envelope."""
        with self._arrival:
            return list(self._items)

    @property
    def errors(self) -> list[Json]:
        """The error and message events."""
        return self._payloads("event")

    @property
    def transactions(self) -> list[Json]:
        """The transaction events."""
        return self._payloads("transaction")

    @property
    def spans(self) -> list[Json]:
        """The spans of ``trace_lifecycle="stream"``, taken out of their containers."""
        return [span for container in self._payloads("span") for span in container.get("items", [])]

    @property
    def sessions(self) -> list[Json]:
        """Session updates and aggregates of sessions, as they are."""
        return [item.payload for item in self.items if item.type in ("session", "sessions")]

    @property
    def client_reports(self) -> list[Json]:
        """What the SDK says it has dropped, and why."""
        return self._payloads("client_report")

    @property
    def raw_bytes(self) -> bytes:
        """All envelopes, decompressed and end to end: where to look for what should not have been sent."""
        with self._arrival:
            return b"".join(self._bodies)

    @property
    def rejected(self) -> list[str]:
        """Why requests were refused: a wrong path, an unreadable body. Empty after a good run."""
        with self._arrival:
            return list(self._rejected)

    def clear(self) -> None:
        """Forget what has been received."""
        with self._arrival:
            self._items.clear()
            self._bodies.clear()
            self._rejected.clear()

    def wait_for(self, predicate: Callable[[], Result], timeout: float = 5.0) -> Result:
        """Wait until ``predicate()`` is true, and return what it returned.

        It is asked at once and again whenever an envelope has arrived. ``timeout`` is in seconds.
        Raises ``TimeoutError``, with a summary of what did arrive, when it stays false.
        """
        deadline = monotonic() + timeout
        while True:
            with self._arrival:
                seen = self._arrivals
            # Asked without the lock: it may look at the properties, flush the client, or take its time.
            result = predicate()
            if result:
                return result
            with self._arrival:
                remaining = deadline - monotonic()
                if remaining < 0 or (self._arrivals == seen and not self._arrival.wait(remaining)):
                    raise TimeoutError(f"not received within {timeout:g} s; so far: {self._summary()}")

    def _payloads(self, item_type: str) -> list[Json]:
        return [item.payload for item in self.items if item.type == item_type]

    def _summary(self) -> str:
        types = [item.type for item in self._items]
        counts = [f"{types.count(name)} {name}" for name in sorted(set(types))]
        return ", ".join(counts + self._rejected) or "nothing"

    def receive(self, body: bytes) -> None:
        """Take one decompressed envelope, as if it had been posted. Raises whatever is wrong with it."""
        envelope = Envelope.deserialize(body)
        received = [_received(item, envelope.headers) for item in envelope.items]
        with self._arrival:
            self._bodies.append(body)
            self._items.extend(received)
            self._arrivals += 1
            self._arrival.notify_all()

    def reject(self, reason: str) -> None:
        """Remember that a request was refused."""
        with self._arrival:
            self._rejected.append(reason)
            self._arrivals += 1
            self._arrival.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Joining the handlers on close would wait for the keep-alive connections of the SDK's pool.
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, ingest: Ingest, request: Any, client_address: Any, server: BaseServer) -> None:
        self._ingest = ingest
        super().__init__(request, client_address, server)  # which handles the request, too

    def do_POST(self) -> None:
        """Take one envelope; answer as Sentry does, with JSON."""
        try:
            body = self._body()
        except ValueError as error:
            # The rest of the body is unread, so the connection cannot be used again.
            self.close_connection = True
            self._refuse(413, str(error))
            return
        if not ENVELOPE_PATH.fullmatch(self.path):
            self._refuse(404, f"no such endpoint: {self.path}")
            return
        try:
            self._ingest.receive(decode(body, self.headers.get("Content-Encoding", "")))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a body must not pass unseen
            self._refuse(400, f"not an envelope: {type(error).__name__}: {error}")
            return
        self._answer(200, {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Print nothing: standard error belongs to the program that embeds this server."""

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length", "-1"))
        if not 0 <= length <= MAX_BODY_BYTES:
            raise ValueError(f"a Content-Length of 0 to {MAX_BODY_BYTES} is required")
        return self.rfile.read(length)

    def _refuse(self, status: int, reason: str) -> None:
        self._ingest.reject(reason)
        self._answer(status, {"detail": reason})

    def _answer(self, status: int, document: Json) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def decode(body: bytes, content_encoding: str) -> bytes:
    """Undo a ``Content-Encoding`` (RFC 9110, 8.4.1): ``gzip``, ``deflate``, ``br``, ``identity`` or none.

    ``br`` needs the package ``brotli``, without which sentry-sdk does not use that encoding either.
    Raises ``ValueError`` for any other encoding, and the decoder's own error for a body that is not in it.
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompress(body, wbits=16 + zlib.MAX_WBITS)
    if encoding == "deflate":
        return zlib.decompress(body)
    if encoding == "br":
        decompressed: bytes = importlib.import_module("brotli").decompress(body)
        return decompressed
    raise ValueError(f"Content-Encoding {content_encoding!r} is not supported")


def _received(item: Item, envelope_headers: Json) -> ReceivedItem:
    payload = item.payload.json
    data = item.get_bytes()
    if payload is None:
        try:
            payload = json.loads(data)
        except ValueError:
            payload = data  # an attachment, a replay recording: kept as it is
    return ReceivedItem(str(item.type), payload, dict(item.headers), dict(envelope_headers), data)
