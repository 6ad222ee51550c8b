"""Who is compared: the bare application, ours, and what a user would pick instead; each in every configuration.

A peer that cannot be imported, or that has no such configuration, is left out of the row.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as TheirAsgi
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as TheirWsgi
from sentry_sdk.transport import Transport
from sentry_sdk.worker import BackgroundWorker

import sentry_web

from . import least, production

#: The configurations, in the order of what they cost; those with tracing are those of ``production``.
TRACED = tuple(column.title for column in production.COLUMNS if column.options)
COLUMNS = ("no client", "errors only", *TRACED)

BARE, OURS, SDK, OTEL, OURS_OTEL = "bare", "sentry_web", "sentry-sdk", "OpenTelemetry", "sentry_web (otel)"
ELASTIC, DATADOG = "elastic-apm", "ddtrace"
#: What nobody can go below: see ``least``.
LEAST, LEAST_OTEL = "the least", "the least (otel)"

Wrap = Callable[[Any], Any]

#: Nothing is sent anywhere; the client wants an address all the same.
DSN = "http://key@127.0.0.1:1/1"


class Nowhere(Transport):
    """Takes every envelope and drops it, so that no network is measured."""

    def capture_envelope(self, envelope: Any) -> None:
        """Drop it."""


class Written(Transport):
    """Writes every envelope as bytes, on the thread on which the SDK would send it, and drops those."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._worker = BackgroundWorker(queue_size=options["transport_queue_size"])

    def capture_envelope(self, envelope: Any) -> None:
        """Write it, later."""
        self._worker.submit(envelope.serialize)

    def flush(self, timeout: float, callback: Any = None) -> None:
        """Wait until all are written."""
        self._worker.flush(timeout, callback)

    def kill(self) -> None:
        """End the thread."""
        self._worker.kill()


class Kept(Transport):
    """Keeps every envelope until it is flushed, and then writes it as bytes, on the thread that flushes."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._envelopes: list[Any] = []

    def capture_envelope(self, envelope: Any) -> None:
        """Keep it."""
        self._envelopes.append(envelope)

    def flush(self, timeout: float, callback: Any = None) -> None:
        """Write all."""
        while self._envelopes:
            self._envelopes.pop(0).serialize()


def sentry_options(column: str, transport: type[Transport] = Nowhere) -> dict[str, Any] | None:
    """The options of ``sentry_sdk.init`` for a configuration; ``None``: it is not called."""
    if column == "no client":
        return None
    options: dict[str, Any] = {"dsn": DSN, "default_integrations": False}
    options["transport"] = transport
    options["transport_queue_size"] = 10_000  # what is lost costs less than what is kept
    # No release, so no sessions (sentry-sdk's middlewares make the object all the same); else the SDK would ask git
    options["release"] = ""
    if column != "errors only":
        # As near to never as makes no difference: with 0.0 the SDK skips a part of the decision
        options["traces_sample_rate"] = 1e-12 if column == "unsampled" else 1.0
    if column == "stream":
        options["trace_lifecycle"] = "stream"
    return options


@contextmanager
def configured(column: str, transport: type[Transport] = Nowhere) -> Iterator[None]:
    """The process's Sentry client, for the time of the measurements."""
    options = sentry_options(column, transport)
    with client(options):
        yield


@contextmanager
def client(options: dict[str, Any] | None, transport: type[Transport] = Nowhere) -> Iterator[bool]:
    """The same with any options; yields whether this release of the SDK knows them all."""
    scope = sentry_sdk.get_global_scope()
    try:
        made = None if options is None else sentry_sdk.Client(**{"dsn": DSN, "transport": transport, **options})
    except TypeError as error:
        if "Unknown option" not in str(error):
            raise
        yield False
        return
    scope.set_client(made)
    try:
        yield True
    finally:
        scope.set_client(None)
        if made is not None:
            made.close(timeout=0)


def peers(protocol: str, column: str, written: bool = False) -> dict[str, Wrap]:
    """Each peer's way to wrap an application, by name.

    :param written: whether what would be sent is written too; those with which that cannot be done are left out.
    """
    found: dict[str, Wrap] = {
        BARE: lambda app: app,
        OURS: sentry_web.SentryAsgiMiddleware if protocol == "asgi" else sentry_web.SentryWsgiMiddleware,
        SDK: TheirAsgi if protocol == "asgi" else TheirWsgi,
        LEAST: least.asgi if protocol == "asgi" else least.wsgi,
    }
    if column in ("unsampled", "sampled"):
        found.update(_opentelemetry(protocol, column, written))
        if not written:
            found.update({**_elastic(protocol, column), **_datadog(protocol, column)})
    return found


def wait_for_exports(name: str) -> None:
    """Wait until what a peer's threads have been given is written."""
    if name in (OURS, SDK, LEAST):
        sentry_sdk.get_client().flush(timeout=10)
    elif name in (OTEL, OURS_OTEL, LEAST_OTEL) and _providers:
        _providers[-1].force_flush()


#: OpenTelemetry's, in the order in which they were made.
_providers: list[Any] = []


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package around it is missing
        return False


def provider(column: str, written: bool = False) -> Any:
    """OpenTelemetry's provider with batch export to nowhere; ``written``: as OTLP's bytes."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

    write: Callable[[Any], Any] = _otlp if written else len

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> Any:
            write(spans)
            return SpanExportResult.SUCCESS

    made = TracerProvider(sampler=ALWAYS_OFF if column == "unsampled" else ALWAYS_ON)
    # The default queue of 2,048 overflows in a benchmark, and a dropped span costs less than one that is kept
    made.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=100_000, schedule_delay_millis=500))
    _providers.append(made)
    return made


def _otlp(spans: Any) -> bytes:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    return encode_spans(spans).SerializeToString()


def _opentelemetry(protocol: str, column: str, written: bool) -> dict[str, Wrap]:
    if written and not _installed("opentelemetry.exporter.otlp.proto.common"):
        return {}
    if not _installed("opentelemetry.sdk") or not _installed(f"opentelemetry.instrumentation.{protocol}"):
        return {}
    # Both speak the stable conventions; theirs needs to be told
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    if protocol == "asgi":
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as Theirs
    else:
        from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as Theirs  # type: ignore[assignment]

    theirs: Any = Theirs
    made = provider(column, written)
    # As users have it: without the spans of each message, which none of the others records
    more = {"exclude_spans": ["send", "receive"]} if protocol == "asgi" else {}
    found: dict[str, Wrap] = {OTEL: lambda app: theirs(app, tracer_provider=made, **more)}
    instrument = getattr(sentry_web, f"instrument_{protocol}", None)
    if instrument is not None:
        found[OURS_OTEL] = lambda app: instrument(app, tracer_provider=made)
    found[LEAST_OTEL] = lambda app: least.opentelemetry(protocol, app, made)
    return found


def _elastic(protocol: str, column: str) -> dict[str, Wrap]:
    # Its middlewares for raw WSGI and ASGI: the former is only for errors, so it has no row on WSGI
    if protocol == "wsgi" or not _installed("elasticapm"):
        return {}
    logging.getLogger("elasticapm").setLevel(logging.CRITICAL)
    import elasticapm
    from elasticapm.contrib.asgi import ASGITracingMiddleware

    options = {
        "service_name": "benchmark",
        "disable_send": True,
        "instrument": False,
        "metrics_interval": "0",
        "central_config": False,
        "cloud_provider": "none",
        "transaction_sample_rate": 0.0 if column == "unsampled" else 1.0,
    }

    def wrap(app: Any) -> Any:
        client = elasticapm.get_client() or elasticapm.Client(options)
        client.config.update(version=column, transaction_sample_rate=str(options["transaction_sample_rate"]))
        wrapped = ASGITracingMiddleware(app)
        wrapped.client = client
        return wrapped

    return {ELASTIC: wrap}


def _datadog(protocol: str, column: str) -> dict[str, Wrap]:
    if column != "sampled" or not _installed("ddtrace"):  # it has no global rate that is changed while it runs
        return {}
    for name in ("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "DD_REMOTE_CONFIGURATION_ENABLED", "DD_TRACE_STARTUP_LOGS"):
        os.environ[name] = "false"
    os.environ["DD_TRACE_AGENT_URL"] = "http://127.0.0.1:1"
    logging.getLogger("ddtrace").setLevel(logging.CRITICAL)
    from ddtrace.trace import TraceFilter, tracer

    class Nowhere(TraceFilter):
        def process_trace(self, trace: Any) -> Any:
            return None

    tracer.configure(trace_processors=[Nowhere()])
    if protocol == "asgi":
        from ddtrace.contrib.asgi import TraceMiddleware

        return {DATADOG: TraceMiddleware}
    from ddtrace.contrib.wsgi import DDWSGIMiddleware

    return {DATADOG: DDWSGIMiddleware}


def versions() -> dict[str, str]:
    """What is compared, by distribution."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"Python": sys.version.split()[0]}
    names = "sentry-sdk opentelemetry-sdk opentelemetry-instrumentation-asgi elastic-apm ddtrace uvicorn gunicorn"
    for name in names.split():
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
