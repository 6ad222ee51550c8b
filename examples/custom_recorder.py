"""An output of one's own: an access log with the route, the duration and the trace, beside whatever else records.

A recorder starts a recording for each request; a recording overrides what it is interested in.

``sentry-web run examples.custom_recorder:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

import logging
from typing import Any

import sentry_sdk

from sentry_web import BaseRecorder, BaseRecording, Outcome, Request, SentryRecorder, WsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)

logger = logging.getLogger("access")


class AccessLog(BaseRecorder):
    key = "access log"  # keeps a request from being logged twice where two middlewares are nested

    def active(self, protocol: str) -> bool:
        return logger.isEnabledFor(logging.INFO)

    def start(self, request: Request, naming: Any, captured: Any, outcome: Outcome, scope_or_environ: Any) -> Line:
        return Line(request, naming)


class Line(BaseRecording):
    def __init__(self, request: Request, naming: Any) -> None:
        self.request, self.naming = request, naming

    def finish(self, outcome: Outcome) -> None:
        where = self.naming.find().route or "-"  # the route: a path may hold what should not be logged
        trace = self.request.trace.trace_id if self.request.trace else "-"
        milliseconds = 1000 * (outcome.duration or 0)
        facts = (self.request.method, where, outcome.status, outcome.body_size, milliseconds, trace)
        logger.info("%s %s %s %d bytes %.1f ms trace=%s", *facts)


def hello(environ: Any, start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError("as asked")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]


application = WsgiMiddleware(hello, recorders=[SentryRecorder(), AccessLog()])
