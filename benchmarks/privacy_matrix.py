"""What leaves the process when a request fails: a hundred places of a secret, three instrumentations, both protocols.

``python benchmarks/privacy_matrix.py`` needs ``sentry_web[testing]``, ``opentelemetry-sdk``,
``opentelemetry-instrumentation-wsgi`` and ``-asgi``. It prints the table of ``privacy_matrix.md`` and, with
``--write``, puts it there and between the markers in the README.

For each place one request with a new secret in it, and in no other place, goes through each instrumentation around
one and the same application, with personal data off (the default), everything else as shipped, and traces sampled.
The application reads headers, body and ``Basic`` credentials into local variables, as frameworks do, begins the
response, and fails with an exception whose message says nothing. Then the secret is looked for in the bytes that would
be sent: the envelopes of sentry-sdk, or OpenTelemetry's spans with their attributes and events. OpenTelemetry sends no
local variables, hence its short column. Nothing listens on a port and nothing is sent.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import ASGI3, WSGI, Driver, RequestSpec, Wrap, recording
from sentry_web.testing.places import PLACES, Place, basic_credentials, traces_of

HERE = Path(__file__).resolve().parent
MARKER = "<!-- privacy matrix -->"

Sent = Callable[[], bytes]


def wsgi_app(place: Place, secret: str) -> Any:
    """The application, in WSGI. What it answers is made by a callable, so that no local variable holds it before."""
    headers = [place.answer] if place.answer else []

    def application(environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        found = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
        user = basic_credentials(found.get("HTTP_AUTHORIZATION", ""))
        answer = [("Content-Type", "text/plain"), *(make(secret) for make in headers)]
        start_response("200 OK", answer)
        raise RuntimeError(f"{len(body)} bytes, {len(user)} characters")

    return application


def asgi_app(place: Place, secret: str) -> Any:
    """The same in ASGI."""
    headers = [place.answer] if place.answer else []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        found = {name: value.decode("latin-1") for name, value in scope["headers"]}
        user = basic_credentials(found.get(b"authorization", ""))
        answer = [("content-type", "text/plain"), *(make(secret) for make in headers)]
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer]
        await send({"type": "http.response.start", "status": 200, "headers": encoded})
        raise RuntimeError(f"{len(body)} bytes, {len(user)} characters")

    return application


@contextmanager
def sentry() -> Iterator[Sent]:
    """sentry-sdk as shipped, but for a transport that keeps what it is given; traces sampled."""
    with recording(traces_sample_rate=1.0, default_integrations=True) as events:
        yield lambda: events.all_bytes


@contextmanager
def opentelemetry() -> Iterator[Sent]:
    """OpenTelemetry's SDK as shipped, with an exporter that keeps what it is given."""
    exporter = PROVIDERS["exporter"]
    exporter.clear()
    yield lambda: "".join(span.to_json() for span in exporter.get_finished_spans()).encode()


PROVIDERS: dict[str, Any] = {}


def provide_opentelemetry() -> None:
    """Set up OpenTelemetry's SDK, once for the process, as it wants it."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    PROVIDERS["exporter"] = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(PROVIDERS["exporter"]))
    trace.set_tracer_provider(provider)


def columns() -> list[tuple[str, Driver, Wrap, Any]]:
    """The instrumentations: title, driver, middleware, and what collects what is sent."""
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as OtelAsgi
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as OtelWsgi
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as SdkAsgi
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as SdkWsgi

    sdk = f"sentry-sdk {version('sentry-sdk')}"
    otel = f"OpenTelemetry {version('opentelemetry-instrumentation-asgi')}"
    return [
        (f"{sdk} WSGI", WSGI, Wrap(wsgi=SdkWsgi), sentry),
        (f"{sdk} ASGI", ASGI3, Wrap(asgi=SdkAsgi), sentry),
        (f"{otel} WSGI", WSGI, Wrap(wsgi=OtelWsgi), opentelemetry),
        (f"{otel} ASGI", ASGI3, Wrap(asgi=OtelAsgi), opentelemetry),
        ("sentry_web WSGI", WSGI, Wrap(wsgi=SentryWsgiMiddleware), sentry),
        ("sentry_web ASGI", ASGI3, Wrap(asgi=SentryAsgiMiddleware), sentry),
    ]


_numbers = itertools.count(1)


def new_secret(place: Place) -> str:
    """A value that was never seen before and that no rule could know."""
    if place.holds == "address":
        return f"81.{100 + secrets.randbelow(100)}.{100 + secrets.randbelow(100)}.{100 + next(_numbers) % 100}"
    return "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(20))


def leaks(place: Place, driver: Driver, wrap: Wrap, collect: Any) -> bool:
    """Send one request with a secret in this place; whether the secret is in what leaves the process."""
    secret = new_secret(place)
    request = place.plant(RequestSpec(path="/orders/17", query="page=2"), secret)
    make = wsgi_app if driver is WSGI else asgi_app
    with collect() as sent:
        driver.run_app(make(place, secret), request, wrap)
        found = sent()
    if not found:
        raise SystemExit(f"nothing was sent: {place.name}, {driver}")
    return any(trace in found for trace in traces_of(place, secret))


def matrix() -> str:
    """The table, in Markdown."""
    provide_opentelemetry()
    titles = columns()
    counts = [0] * len(titles)
    lines = []
    for place in PLACES:
        cells = []
        for number, (_, driver, wrap, collect) in enumerate(titles):
            leaked = leaks(place, driver, wrap, collect)
            counts[number] += leaked
            cells.append("**leaks**" if leaked else "–")
        lines.append(f"| {place.name} | {' | '.join(cells)} |")
    head = f"| a secret in | {' | '.join(title for title, *_ in titles)} |"
    total = f"| **{len(PLACES)} places** | {' | '.join(f'**{count}**' for count in counts)} |"
    return "\n".join([head, "|---|" + "---|" * len(titles), *lines, total])


def write(table: str) -> None:
    """Put the table into ``privacy_matrix.md``, and its head and last line between the markers in the README."""
    (HERE / "privacy_matrix.md").write_text(table + "\n", "utf-8")
    readme = HERE.parent / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(MARKER)
    _, marker, after = rest.partition(MARKER)
    if not marker:
        raise SystemExit(f"README.md lacks two markers {MARKER}")
    head, rule, *_, total = table.splitlines()
    readme.write_text("\n".join([before + MARKER, head, rule, total, MARKER + after]), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="update privacy_matrix.md and the README")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    table = matrix()
    print(table)
    if arguments.write:
        write(table)


if __name__ == "__main__":
    main()
