"""Tools to test web applications and middlewares that report to Sentry.

``recording`` and the pytest plugin record what would have been sent. ``Script``, ``RequestSpec`` and the drivers run
one test body on WSGI, ASGI 3, ASGI 2 and a WSGI-in-ASGI bridge. Neither Hypothesis nor pytest is imported here: import
``sentry_web.testing.strategies`` separately. The rest of ``sentry_web`` may not import this package.

Example:
    >>> from sentry_web.testing import DRIVERS, RequestSpec, Script, SendChunk, StartResponse
    >>> script = Script(steps=(StartResponse(200), SendChunk(b"hello")))
    >>> {driver.run(script, RequestSpec(path="/greeting")).body for driver in DRIVERS}
    {b'hello'}
"""

from __future__ import annotations

from sentry_web.testing.apps import compile_asgi, compile_asgi2, compile_wsgi
from sentry_web.testing.check import Finding, Verdict, WrongSubjectError, check
from sentry_web.testing.connections import (
    Accept,
    CloseSocket,
    Deny,
    LifespanScript,
    Receive,
    Send,
    WsScript,
)
from sentry_web.testing.drivers import (
    ASGI2,
    ASGI3,
    BRIDGE,
    BRIDGE_BOTH,
    BRIDGE_INSIDE,
    BRIDGE_OUTSIDE,
    DRIVERS,
    WSGI,
    WSGI_VALIDATED,
    AsgiDriver,
    Driver,
    Wrap,
)
from sentry_web.testing.events import Events, Reported
from sentry_web.testing.request import RequestSpec
from sentry_web.testing.script import Close, Peer, Protocol, Returns, Script
from sentry_web.testing.steps import (
    Breadcrumb,
    Cancel,
    CaptureMany,
    CaptureMessage,
    ChildSpan,
    Feature,
    Log,
    Raise,
    ReadBody,
    ReadVariable,
    RestartWithExcInfo,
    SendChunk,
    SetTag,
    SetVariable,
    Sleep,
    SpawnTask,
    SpawnThread,
    StartResponse,
    Step,
    StopReading,
    Translate,
)
from sentry_web.testing.transcript import Call, ExceptionFacts, Transcript, TranscriptWriter
from sentry_web.testing.transport import FAKE_DSN, RecordingTransport, recording

__all__ = [
    "ASGI2",
    "ASGI3",
    "BRIDGE",
    "BRIDGE_BOTH",
    "BRIDGE_INSIDE",
    "BRIDGE_OUTSIDE",
    "DRIVERS",
    "FAKE_DSN",
    "WSGI",
    "WSGI_VALIDATED",
    "Accept",
    "AsgiDriver",
    "Breadcrumb",
    "Call",
    "Cancel",
    "CaptureMany",
    "CaptureMessage",
    "ChildSpan",
    "Close",
    "CloseSocket",
    "Deny",
    "Driver",
    "Events",
    "ExceptionFacts",
    "Feature",
    "Finding",
    "LifespanScript",
    "Log",
    "Peer",
    "Protocol",
    "Raise",
    "ReadBody",
    "ReadVariable",
    "Receive",
    "RecordingTransport",
    "Reported",
    "RequestSpec",
    "RestartWithExcInfo",
    "Returns",
    "Script",
    "Send",
    "SendChunk",
    "SetTag",
    "SetVariable",
    "Sleep",
    "SpawnTask",
    "SpawnThread",
    "StartResponse",
    "Step",
    "StopReading",
    "Transcript",
    "TranscriptWriter",
    "Translate",
    "Verdict",
    "Wrap",
    "WrongSubjectError",
    "WsScript",
    "check",
    "compile_asgi",
    "compile_asgi2",
    "compile_wsgi",
    "recording",
]
