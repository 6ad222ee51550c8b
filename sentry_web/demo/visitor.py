"""The visitor: the demo's requests, and a client of the standard library that makes them.

Both applications receive the same bytes on different ports; the ``Host`` header contains the shop's name, not the
address. Nothing here depends on what is reported.
"""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass

from websockets.sync.client import connect

__all__ = ["CONVERSATION", "SECRETS", "VISITS", "Answer", "Visit", "converse", "make"]

#: Values in requests that only the shop may see.
SECRETS: dict[str, str] = {
    "cookie": "s3ss10n-0f-a-reader",
    "authorization": "b34r3r-0f-a-reader",
    "query token": "t0k3n-0f-a-reader",
    "password": "p4ssw0rd-0f-a-reader",
}

HEADERS: dict[str, str] = {
    "Host": "bookshop.example",
    "User-Agent": "reader/1.0",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Cookie": f"session={SECRETS['cookie']}; theme=dark",
    "Authorization": f"Bearer {SECRETS['authorization']}",
    "X-Forwarded-For": "203.0.113.7",
}

_TIMEOUT = 5.0  # seconds for one answer


@dataclass(frozen=True)
class Visit:
    """One request: its number, its purpose, and its content."""

    number: int
    title: str
    method: str
    target: str
    body: bytes = b""
    content_type: str = ""

    @property
    def trace_id(self) -> str:
        """The id of the trace that the visitor, like an instrumented browser, asks the server to continue.

        It identifies the reports of a visit, and is the same for both applications.
        """
        return f"b00c{self.number:028x}"

    @property
    def sentry_trace(self) -> str:
        """The ``sentry-trace`` header: trace id, parent span id, and the sampling decision."""
        return f"{self.trace_id}-{self.number:016x}-1"


@dataclass(frozen=True)
class Answer:
    """The visitor's answer: status (0 for none), size of the body in bytes, and whether it was incomplete."""

    status: int
    size: int
    broke_off: bool


_ORDER = {"book": 2, "copies": 1, "customer": {"name": "A. Reader", "password": SECRETS["password"]}}

VISITS: tuple[Visit, ...] = (
    Visit(1, "a page", "GET", "/"),
    Visit(2, "a route with a parameter", "GET", f"/books/2?edition=1&token={SECRETS['query token']}"),
    Visit(3, "JSON with a password in it", "POST", "/orders", json.dumps(_ORDER).encode(), "application/json"),
    Visit(4, "a streamed download", "GET", "/catalogue.csv"),
    Visit(5, "a view that raises", "GET", f"/books/3/rating?token={SECRETS['query token']}"),
    Visit(6, "a stream that breaks off", "GET", "/invoices.csv"),
    Visit(7, "nothing there", "GET", "/no/such/shelf"),
)

#: The websocket, which WSGI does not have: it is numbered like the other visits, but not compared.
CONVERSATION = Visit(8, "a websocket", "GET", "/assistant")


def make(visit: Visit, port: int) -> Answer:
    """Make the request to 127.0.0.1, and read the answer as far as it is sent."""
    headers = {**HEADERS, "sentry-trace": visit.sentry_trace}
    if visit.content_type:
        headers["Content-Type"] = visit.content_type
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request(visit.method, visit.target, visit.body or None, headers)
        response = connection.getresponse()
        try:
            return Answer(response.status, len(response.read()), broke_off=False)
        except http.client.IncompleteRead as broken:
            return Answer(response.status, len(broken.partial), broke_off=True)
    finally:
        connection.close()


def converse(visit: Visit, port: int) -> Answer:
    """Ask two questions over a websocket (RFC 6455) at 127.0.0.1; ``size`` counts characters."""
    headers = {name: value for name, value in HEADERS.items() if name not in ("Host", "User-Agent")}
    headers["sentry-trace"] = visit.sentry_trace
    with connect(
        f"ws://{HEADERS['Host']}{visit.target}",
        # Passed explicitly, so that neither the host name in the URL nor a proxy in the environment is used.
        sock=socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT),
        additional_headers=headers,
        user_agent_header=HEADERS["User-Agent"],
        open_timeout=_TIMEOUT,
        close_timeout=_TIMEOUT,
    ) as websocket:
        size = 0
        for question in ("Bach", "an atlas of the moon"):
            websocket.send(question)
            size += len(websocket.recv(timeout=_TIMEOUT))
    return Answer(101, size, broke_off=False)
