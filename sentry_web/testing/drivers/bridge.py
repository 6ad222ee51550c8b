"""A driver for WSGI applications behind asgiref's ASGI bridge, with the middleware inside, outside, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asgiref.sync import SyncToAsync
from asgiref.wsgi import WsgiToAsgi

from sentry_web.testing import apps
from sentry_web.testing.drivers.asgi import AsgiDriver
from sentry_web.testing.drivers.base import Job, Wrap
from sentry_web.testing.script import Protocol, Script
from sentry_web.testing.transcript import TranscriptWriter


class BridgeDriver(AsgiDriver):
    """A driver that serves WSGI applications through an ASGI bridge.

    Args:
        inside: Whether to wrap the WSGI application, before it is bridged.
        outside: Whether to wrap the bridged ASGI application.
    """

    def __init__(self, name: str, inside: bool, outside: bool, timeout: float = 10.0) -> None:
        super().__init__(Protocol.BRIDGE, name, timeout)
        self.inside = inside
        self.outside = outside

    def compile(self, script: Script, recorder: TranscriptWriter) -> Any:
        return apps.compile_wsgi(script, recorder)

    def wrap(self, app: Any, wrap: Wrap) -> Any:
        make: Any = WsgiToAsgi  # untyped in asgiref
        bridged = make(wrap.wsgi(app) if self.inside else app)
        return wrap.asgi(bridged) if self.outside else bridged

    def serve(self, jobs: Sequence[Job]) -> None:
        super().serve(jobs)
        # asgiref never closes a response: it is dropped when the thread releases the call, which happens at the
        # next call.
        SyncToAsync.single_thread_executor.submit(int).result()
