"""Logfire, or any receiver of OTLP, beside Sentry: one trace in both.

Without a token Logfire sends nothing; ``OTEL_EXPORTER_OTLP_ENDPOINT`` names a receiver of your own, as the Collector
of ``examples/deploy/collector.yaml``.

``sentry-web run examples.logfire_app:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import logfire
import sentry_sdk

from sentry_web import SentryWsgiMiddleware, instrument_wsgi

sentry_sdk.init(traces_sample_rate=1.0)

logfire.configure(send_to_logfire="if-token-present", service_name="shop", console=False)


def hello(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError("as asked")
    with logfire.span("greet"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]


application = instrument_wsgi(SentryWsgiMiddleware(hello))
