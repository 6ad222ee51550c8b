"""A WSGI application without a framework. Serve it: ``sentry-web run examples.raw_wsgi:application``."""

from __future__ import annotations

from typing import Any

from sentry_web import SentryWsgiMiddleware


def hello(environ: Any, start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError("as asked")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]


application = SentryWsgiMiddleware(hello)
