"""Logfire, or any receiver of OTLP, beside Sentry: one trace in both.

Without a token Logfire sends nothing; ``OTEL_EXPORTER_OTLP_ENDPOINT`` names a receiver of your own, as the Collector
of ``examples/deploy/collector.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import logfire

from sentry_web import SentryWsgiMiddleware, instrument_wsgi

logfire.configure(send_to_logfire="if-token-present", service_name="shop", console=False)


def hello(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError("as asked")
    with logfire.span("greet"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]


application = instrument_wsgi(SentryWsgiMiddleware(hello))
