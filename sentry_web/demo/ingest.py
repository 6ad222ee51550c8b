"""A Sentry ingest endpoint on loopback that receives and decodes the envelopes of sentry-sdk.

It serves the demo, and tests that include the SDK's own HTTP transport: the DSN of an ``Ingest`` points at a socket of
this process, so it receives the same bytes as Sentry would. This module does not depend on the demo, the middlewares or
a web framework, and it listens only on 127.0.0.1.

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

# Sentry accepts 1 MiB per event and some dozen MiB per envelope; a larger body is a mistake of the sender.
MAX_BODY_BYTES = 32 * 1024 * 1024
ENVELOPE_PATH = re.compile(r"/api/[^/]+/envelope/?(\?.*)?")


@dataclass(frozen=True)
class ReceivedItem:
    """One item of an envelope.

    Attributes:
        type: The item's type by Sentry's name (``event``, ``transaction``, ``span``, ``sessions`` …).
        payload: The decoded JSON, or bytes for an item that is not JSON (an attachment).
        headers: The headers of the item.
        envelope_headers: The headers of the envelope.
        data: The bytes of the payload as they were received.
    """

    type: str
    payload: Any
    headers: Json
    envelope_headers: Json
    data: bytes


class Ingest:
    """A server that receives envelopes on a free port of 127.0.0.1 for the duration of a ``with`` block.

    Everything received is kept, in order of arrival, until :meth:`clear`; the properties are snapshots, which are not
    changed by deliveries in other threads. Instances are independent of each other and of ``sentry_sdk``'s state: pass
    :attr:`dsn` to ``sentry_sdk.init``, and flush or close the client before the block ends.
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

    def __enter__(self) -> Ingest:  # noqa: PYI034 - typing.Self is not available in Python 3.10
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    @property
    def dsn(self) -> str:
        """The DSN to pass to ``sentry_sdk.init``."""
        return f"http://public@127.0.0.1:{self._server.server_address[1]}/1"

    @property
    def items(self) -> list[ReceivedItem]:
        """All items of all envelopes."""
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
        """The streamed spans, extracted from their containers."""
        return [span for container in self._payloads("span") for span in container.get("items", [])]

    @property
    def sessions(self) -> list[Json]:
        """The session updates and session aggregates."""
        return [item.payload for item in self.items if item.type in ("session", "sessions")]

    @property
    def client_reports(self) -> list[Json]:
        """The client reports, in which the SDK counts discarded data by reason."""
        return self._payloads("client_report")

    @property
    def envelopes(self) -> list[bytes]:
        """All envelopes, decompressed."""
        with self._arrival:
            return list(self._bodies)

    @property
    def raw_bytes(self) -> bytes:
        """All envelopes in one, to search for data that should not have been sent."""
        return b"".join(self.envelopes)

    @property
    def rejected(self) -> list[str]:
        """The reasons for rejected requests, such as a wrong path or an unreadable body."""
        with self._arrival:
            return list(self._rejected)

    def clear(self) -> None:
        """Discard everything that has been received."""
        with self._arrival:
            self._items.clear()
            self._bodies.clear()
            self._rejected.clear()

    def wait_for(self, predicate: Callable[[], Result], timeout: float = 5.0) -> Result:
        """Wait until ``predicate()`` is true, and return its result.

        Args:
            predicate: Called at once, and again whenever an envelope has arrived.
            timeout: The maximum time in seconds.

        Raises:
            TimeoutError: If the predicate stays false; the message summarizes what has arrived.
        """
        deadline = monotonic() + timeout
        while True:
            with self._arrival:
                seen = self._arrivals
            # Called without the lock: it may read the properties, flush the client, or be slow.
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
        """Accept one decompressed envelope, as if it had been posted; raise if it is malformed."""
        envelope = Envelope.deserialize(body)
        received = [_received(item, envelope.headers) for item in envelope.items]
        with self._arrival:
            self._bodies.append(body)
            self._items.extend(received)
            self._arrivals += 1
            self._arrival.notify_all()

    def reject(self, reason: str) -> None:
        """Record the reason for a rejected request."""
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
    # Headers and body are written one after the other: the second waits for the client's delayed acknowledgement, 40 ms
    # for each envelope, unless Nagle's algorithm (RFC 896) is off.
    disable_nagle_algorithm = True

    def __init__(self, ingest: Ingest, request: Any, client_address: Any, server: BaseServer) -> None:
        self._ingest = ingest
        super().__init__(request, client_address, server)  # which also handles the request

    def do_POST(self) -> None:
        """Accept one envelope, and respond like Sentry, with JSON."""
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
        except Exception as error:  # noqa: BLE001 - every error in a body must be recorded
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
    """Decode a ``Content-Encoding`` (RFC 9110, 8.4.1): ``gzip``, ``deflate``, ``br``, ``identity`` or none.

    ``br`` needs the package ``brotli``, without which sentry-sdk does not use that encoding either. A malformed body
    leads to the decoder's own error.

    Raises:
        ValueError: If the encoding is unknown.
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
            payload = data  # an attachment or a replay recording, kept unchanged
    return ReceivedItem(str(item.type), payload, dict(item.headers), dict(envelope_headers), data)
