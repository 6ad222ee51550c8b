"""A plain HTTP/1.1 client on sockets, which keeps the very bytes that the server sent.

``http.client`` hides what matters here: interim responses, chunks, and whether a response broke off.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HOST = "127.0.0.1"
TIMEOUT = 20.0  # seconds for any one answer, on a machine that has other work
DATE = re.compile(rb"(?i)(?<=\r\ndate: )[^\r]*")


@dataclass
class Answer:
    """What came: ``raw`` is all of it but for the date; ``whole`` is false where the body broke off, and ``hangs``
    is true where the server neither went on nor closed the connection.
    """

    raw: bytes
    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool
    continued: bool
    hangs: bool

    def __str__(self) -> str:
        body = self.body.decode("latin-1").strip()
        text = body if len(body) < 40 and "\n" not in body else f"{len(self.body)} bytes"
        end = ", then silence" if self.hangs else "" if self.whole else ", broken off"
        return f"{self.status} {text}{end}"

    def is_like(self, other: Answer) -> bool:
        """Whether the other is the same: to the byte, or, of responses that break off, as far as HTTP goes."""
        if self.whole and other.whole:
            return self.raw == other.raw
        parts = [(one.status, sorted(one.headers.items()), one.body, one.whole) for one in (self, other)]
        return parts[0] == parts[1]


def request_bytes(method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """One request; a body brings its length, unless the headers say otherwise."""
    fields = {"Host": "localhost", "User-Agent": "visitor/1.0", "Connection": "close", **headers}
    if body is not None and "Transfer-Encoding" not in fields:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body if body is not None and "Expect" not in fields else b"")


def chunked(parts: Iterable[bytes]) -> bytes:
    """The parts in chunked coding (RFC 9112, 7.1)."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


class Conversation:
    """One connection: bytes out, bytes in, at whatever pace."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:  # before connecting, or the window is agreed on already
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(TIMEOUT)
        self.received = b""
        try:
            self._socket.connect((HOST, port))
        except BaseException:
            self._socket.close()
            raise
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def send(self, *parts: bytes, pause: float = 0.0) -> None:
        """Send the parts, each after a pause."""
        for part in parts:
            time.sleep(pause)
            self._socket.sendall(part)

    def receive(self, size: int = 65536) -> bool:
        """Read what there is; false at the end of the connection, orderly or not."""
        try:
            part = self._socket.recv(size)
        except ConnectionError:
            return False
        self.received += part
        return bool(part)

    def receive_until(self, enough: Callable[[bytes], bool], seconds: float = TIMEOUT) -> bool:
        """Read until there is enough, the end, or no time left."""
        deadline = time.monotonic() + seconds
        while not enough(self.received):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            self._socket.settimeout(remaining)
            try:
                if not self.receive():
                    return enough(self.received)
            except TimeoutError:
                return False
            finally:
                self._socket.settimeout(TIMEOUT)
        return True

    def reset(self) -> None:
        """Go away with a reset, as a closed laptop does in the end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self._socket.close()

    def answer(self, method: str = "GET", *, pace: float = 0.0, size: int = 65536, patience: float = TIMEOUT) -> Answer:
        """Read to the end of the response or of the connection, with a pause after each read, and take it apart.

        ``patience`` is how long the server may be silent; then the answer has not been finished.
        """
        self._socket.settimeout(patience)
        try:
            while self.receive(size) and not is_complete(self.received, method):
                time.sleep(pace)
        except TimeoutError:
            return parse(self.received, method, hangs=True)
        return parse(self.received, method)


class _Bytes:
    """What ``http.client.HTTPResponse`` wants for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def is_complete(raw: bytes, method: str) -> bool:
    """Whether a response has come to the end that its headers announce (RFC 9112, 6.3).

    Not every server closes the connection when it was asked to, so the end of that is not waited for.
    """
    while raw.startswith(b"HTTP/1.1 100"):
        raw = raw.partition(b"\r\n\r\n")[2]
    head, end, body = raw.partition(b"\r\n\r\n")
    if not end:
        return False
    if method == "HEAD":
        return True
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        return body.endswith(b"\r\n0\r\n\r\n") or body == b"0\r\n\r\n"
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return length is not None and len(body) >= int(length[1])


def parse(raw: bytes, method: str = "GET", *, hangs: bool = False) -> Answer:
    """Take a response apart, that of a closed connection, or of one that hangs."""
    raw = DATE.sub(b"-", raw)
    response: Any = http.client.HTTPResponse(_Bytes(raw), method=method)  # type: ignore[arg-type]
    response.begin()
    try:
        body, whole = response.read(), True
    except http.client.IncompleteRead as error:
        body, whole = error.partial, False
    continued = raw.startswith(b"HTTP/1.1 100")
    return Answer(raw, response.status, dict(response.headers), body, whole, continued, hangs)
