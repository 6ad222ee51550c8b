"""A WSGI application that streams ten chunks, each in a span of its own; for servers that run as processes.

Read from the environment: ``DSN`` and ``SDK_MODE`` (``transactions`` or ``stream``).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import sentry_sdk

from sentry_web import SentryWsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNKS = 10
PAUSE = 0.03  # seconds in each span
STREAM = os.environ.get("SDK_MODE") == "stream"

if "DSN" in os.environ:
    mode: dict[str, Any] = {"trace_lifecycle": "stream"} if STREAM else {}
    sentry_sdk.init(dsn=os.environ["DSN"], traces_sample_rate=1.0, default_integrations=False, **mode)


def start_span(name: str) -> Any:
    """Start a span in the SDK's mode."""
    if STREAM:
        from sentry_sdk import traces

        return traces.start_span(name=name)
    return sentry_sdk.start_span(op="chunk", name=name)


def download(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Stream."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    for number in range(CHUNKS):
        with start_span(f"chunk {number}"):
            time.sleep(PAUSE)
        yield b"%d\n" % number


application = SentryWsgiMiddleware(download)
