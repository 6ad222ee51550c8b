"""A WSGI application without a framework.

``sentry-web run examples.raw_wsgi:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

from typing import Any

import sentry_sdk

from sentry_web import SentryWsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)


def hello(environ: Any, start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError("as asked")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]


application = SentryWsgiMiddleware(hello)
