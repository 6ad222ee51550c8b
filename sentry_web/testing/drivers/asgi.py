"""An in-process ASGI server, for ASGI 3 and ASGI 2: http, websocket and lifespan.

This module creates scopes and the client's messages; the connection itself is in ``exchange``. It knows nothing of WSGI
or Sentry.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from typing import Any

from sentry_web.testing import apps
from sentry_web.testing.connections import LifespanScript, WsScript
from sentry_web.testing.drivers.base import DEFAULT_REQUEST, SCRIPT_FILES, Driver, Job, Wrap
from sentry_web.testing.drivers.exchange import AsgiExchange, LifespanExchange, WebSocketExchange
from sentry_web.testing.request import RequestSpec, decoded
from sentry_web.testing.script import Peer, Protocol, Script
from sentry_web.testing.transcript import Transcript, TranscriptWriter


class AsgiDriver(Driver):
    """A driver that serves ASGI applications.

    Args:
        protocol: ``Protocol.ASGI3``, or ``Protocol.ASGI2`` for double callables.
        name: The driver's name in test ids.
        timeout: Seconds after which an application that does not end is cancelled, which counts as a violation.
    """

    def __init__(self, protocol: Protocol, name: str, timeout: float = 10.0) -> None:
        self.protocol = protocol
        self.name = name
        self.timeout = timeout
        self.version = "2.0" if protocol is Protocol.ASGI2 else "3.0"

    def compile(self, script: Script, recorder: TranscriptWriter) -> Any:
        return self.in_version(apps.compile_asgi(script, recorder))

    def in_version(self, app: apps.AsgiApp) -> Any:
        """Return an ASGI 3 application as one of this driver's version."""
        return apps.double_callable(app) if self.protocol is Protocol.ASGI2 else app

    def wrap(self, app: Any, wrap: Wrap) -> Any:
        return wrap.asgi(app)

    def serve(self, jobs: Sequence[Job]) -> None:
        exchanges = []
        for job in jobs:
            scope = make_scope(job.request, self.version)
            messages = request_messages(job.request)
            exchanges.append(AsgiExchange(job, scope, messages, self.protocol, self.timeout))
        _run(exchanges)

    def run_websocket(
        self, script: WsScript, request: RequestSpec = DEFAULT_REQUEST, wrap: Wrap | None = None
    ) -> Transcript:
        """Run a websocket script once. The status is 101 if it was accepted, else that of the denial."""
        scope = make_scope(request, self.version, "websocket")
        job = self._connection(script, request, wrap, Peer(gone_after=script.gone_after))
        messages = websocket_messages(script)
        _run([WebSocketExchange(job, scope, messages, self.protocol, self.timeout)])
        return job.transcript

    def run_lifespan(self, script: LifespanScript, wrap: Wrap | None = None) -> Transcript:
        """Run a lifespan script once. The transcript's last server call is the state that the application has set."""
        scope = {"type": "lifespan", "asgi": {"version": self.version, "spec_version": "2.0"}, "state": {}}
        job = self._connection(script, RequestSpec(), wrap, Peer())
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        _run([LifespanExchange(job, scope, messages, self.protocol, self.timeout)])
        return job.transcript

    def _connection(
        self, script: WsScript | LifespanScript, request: RequestSpec, wrap: Wrap | None, peer: Peer
    ) -> Job:
        recorder = TranscriptWriter()
        app = self.wrap(self.in_version(script.compile(recorder)), wrap or Wrap())
        return Job(app, request, peer, recorder, SCRIPT_FILES)


def _run(exchanges: Sequence[AsgiExchange]) -> None:
    async def main() -> None:
        await asyncio.gather(*(exchange.serve() for exchange in exchanges))

    # In a copy of the context, like a server's own, so that variables set by the application do not leak.
    contextvars.copy_context().run(asyncio.run, main())


def make_scope(request: RequestSpec, version: str = "3.0", kind: str = "http") -> dict[str, Any]:
    """Return the scope of a request (ASGI HTTP & WebSocket 2.5).

    As specified there, ``path`` includes ``root_path``.

    Args:
        request: The request.
        version: The ASGI version, ``3.0`` or ``2.0``.
        kind: ``http`` or ``websocket``.
    """
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": version, "spec_version": "2.4"},
        "http_version": request.http_version,
        "scheme": request.scheme,
        "path": decoded(request.wire_path),
        "raw_path": request.wire_path.encode("ascii"),
        "query_string": request.query.encode("utf-8"),
        "root_path": decoded(request.root_path),
        "headers": [(name.lower(), value) for name, value in request.wire_headers()],
        "client": request.client,
        "server": (request.host, request.server_port),
    }
    if kind == "http":
        scope["method"] = request.method
    else:
        scope["scheme"] = request.scheme.replace("http", "ws")
        scope["subprotocols"] = []
        scope["extensions"] = {"websocket.http.response": {}}
    return scope


def request_messages(request: RequestSpec) -> list[dict[str, Any]]:
    """Return the ``http.request`` messages of the body, one for each piece."""
    pieces = request.body or (b"",)
    last = len(pieces) - 1
    return [{"type": "http.request", "body": piece, "more_body": index < last} for index, piece in enumerate(pieces)]


def websocket_messages(script: WsScript) -> list[dict[str, Any]]:
    """Return the handshake, the client's messages and its disconnect."""
    said = [
        {"type": "websocket.receive", ("text" if isinstance(data, str) else "bytes"): data} for data in script.messages
    ]
    return [{"type": "websocket.connect"}, *said, {"type": "websocket.disconnect", "code": script.leaves_with}]
