"""``instrumentor``: every framework to OpenTelemetry, by ``instrument()`` and by ``opentelemetry-instrument``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastapi
import flask
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sentry_web import instrument_asgi
from sentry_web._middlewares import entry_points
from sentry_web.instrumentor import SentryWebInstrumentor
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers import make_scope

TOKEN = "1-terces-yrev"[::-1]


class Spans:
    """A tracer provider that keeps its spans."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def take(self) -> list[str]:
        """The names of the server spans; forgets them."""
        spans = self._exporter.get_finished_spans()
        assert TOKEN not in str([dict(span.attributes or {}) for span in spans])
        self._exporter.clear()
        return [span.name for span in spans if span.kind.name == "SERVER"]


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo the patches, and make a new instrumentor: it is one a process."""
    for point in entry_points.ENTRY_POINTS:
        if point.module in sys.modules:
            kind = getattr(sys.modules[point.module], point.name)
            monkeypatch.setattr(kind, "__call__", kind.__call__)
    monkeypatch.setattr(entry_points, "_IMPORTS", entry_points._ImportWatch())
    monkeypatch.setattr(SentryWebInstrumentor, "_instance", None)
    former = list(sys.meta_path)
    yield
    sys.meta_path[:] = former


def get_flask(app: flask.Flask) -> None:
    with app.test_client() as client:
        client.get("/books/1", query_string={"token": TOKEN}).close()


def flask_app() -> flask.Flask:
    app = flask.Flask("shop")
    app.add_url_rule("/books/<int:number>", "book", lambda number: f"book {number}")
    return app


def get_asgi(app: Any) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None: ...

    asyncio.run(app(make_scope(RequestSpec(path="/books/1", query=f"token={TOKEN}")), receive, send))


def fastapi_app(**options: Any) -> fastapi.FastAPI:
    app = fastapi.FastAPI(**options)

    @app.get("/books/{number}")
    async def book(number: int) -> int:
        return number

    return app


def test_instrument_and_uninstrument(spans: Spans) -> None:
    app = flask_app()
    instrumentor = SentryWebInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider)
    get_flask(app)
    assert spans.take() == ["GET /books/<int:number>"]
    instrumentor.uninstrument()
    get_flask(app)
    assert spans.take() == []
    instrumentor.instrument(tracer_provider=spans.provider, excluded_urls="/books")
    get_flask(app)
    assert spans.take() == []


def test_options_of_one_protocol_are_left_out_of_the_other(spans: Spans) -> None:
    SentryWebInstrumentor().instrument(tracer_provider=spans.provider, exclude_spans=["send"], record_send_receive=True)
    get_flask(flask_app())
    get_asgi(fastapi_app())
    assert spans.take() == ["GET /books/<int:number>", "GET /books/{number}"]


@pytest.mark.parametrize("options", [{"colour": "red"}, {"excluded_urls": "("}, {"send_default_pii": "yes"}])
def test_a_bad_option_fails_at_once(options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        SentryWebInstrumentor().instrument(**options)


def test_a_framework_that_opentelemetrys_own_instrumentation_has_is_left_to_it(
    spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs: Any = types.ModuleType("opentelemetry.instrumentation.flask")
    theirs.FlaskInstrumentor = lambda: types.SimpleNamespace(is_instrumented_by_opentelemetry=True)
    monkeypatch.setitem(sys.modules, theirs.__name__, theirs)
    SentryWebInstrumentor().instrument(tracer_provider=spans.provider)
    get_flask(flask_app())
    assert spans.take() == []
    get_asgi(fastapi_app())
    assert spans.take() == ["GET /books/{number}"]


native = pytest.mark.skipif(
    not hasattr(fastapi.FastAPI(), "_native_telemetry"), reason="FastAPI before 0.165 has no telemetry of its own"
)


@native
def test_fastapis_own_telemetry_steps_aside(spans: Spans) -> None:
    app = fastapi_app(telemetry={"tracer_provider": spans.provider})
    get_asgi(instrument_asgi(app, tracer_provider=spans.provider))
    assert spans.take() == ["GET /books/{number}"]
    SentryWebInstrumentor().instrument(tracer_provider=spans.provider)
    get_asgi(app)
    assert spans.take() == ["GET /books/{number}"]


def test_starlettes_own_telemetry_outside_or_inside_is_not_doubled(spans: Spans) -> None:
    middleware = pytest.importorskip("starlette.middleware.opentelemetry").OpenTelemetryMiddleware
    app = fastapi_app(telemetry={"tracing": False, "metrics": False})
    inside = instrument_asgi(middleware(app, tracer_provider=spans.provider), tracer_provider=spans.provider)
    get_asgi(inside)
    assert len(spans.take()) == 1
    middleware_outside = middleware(
        instrument_asgi(app, tracer_provider=spans.provider), tracer_provider=TracerProvider()
    )
    get_asgi(middleware_outside)
    assert spans.take() == []


# --- The real command -------------------------------------------------------------------------------------------------

SHOP = """
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only a test", LOGGING_CONFIG=None)
import fastapi
import flask
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("books/<int:number>", lambda request, number: HttpResponse("book"))]
django_wsgi, django_asgi = get_wsgi_application(), get_asgi_application()

flask_app = flask.Flask("shop")
flask_app.add_url_rule("/books/<int:number>", "book", lambda number: "book")

fastapi_app = fastapi.FastAPI()

@fastapi_app.get("/books/{number}")
async def book(number: int):
    return number

def raw_wsgi(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"book"]

async def raw_asgi(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"book"})
"""
#: Ours, and what the package opentelemetry-distro brings, which sets up the SDK.
ENTRY_POINTS = """\
[opentelemetry_instrumentor]
sentry_web = sentry_web.instrumentor:SentryWebInstrumentor
[opentelemetry_configurator]
configurator = opentelemetry.sdk._configuration:_OTelSDKConfigurator
"""
COMMAND = shutil.which("opentelemetry-instrument", path=str(Path(sys.executable).parent))
ROUTES = {
    "flask_app": "GET /books/<int:number>",
    "django_wsgi": "GET /books/{number}",
    "django_asgi": "GET /books/{number}",
    "fastapi_app": "GET /books/{number}",
    "raw_wsgi": "GET",
    "raw_asgi": "GET",
}
SERVED = [
    *(("gunicorn", app) for app in ("flask_app", "django_wsgi", "raw_wsgi")),
    *(("uvicorn", app) for app in ("fastapi_app", "django_asgi", "raw_asgi")),
    *(("gunicorn with uvicorn's worker", app) for app in ("fastapi_app", "django_asgi", "raw_asgi")),
]


def served(server: str, app: str, folder: Path, **environment: str) -> str:
    """Serve one request under ``opentelemetry-instrument``, and return what the console exporters print."""
    (folder / "instrumented_shop.py").write_text(SHOP)
    info = folder / "sentry_web_for_tests-0.dist-info"  # the package may be a checkout without entry points
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sentry-web-for-tests\nVersion: 0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    target = f"instrumented_shop:{app}"
    commands = {
        "gunicorn": ["gunicorn", "-b", f"127.0.0.1:{port}", target],
        "gunicorn with uvicorn's worker": [
            *("gunicorn", "-b", f"127.0.0.1:{port}", "-k", "uvicorn_worker.UvicornWorker", target)
        ],
        "uvicorn": ["uvicorn", "--no-access-log", "--port", str(port), target],
    }
    command, *arguments = commands[server]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "console",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        **environment,
    }
    with (folder / "out.txt").open("w+") as out:
        process = subprocess.Popen(
            [str(COMMAND), str(Path(sys.executable).parent / command), *arguments],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        try:
            get(f"http://127.0.0.1:{port}/books/1?token={TOKEN}")
            wanted = (
                "http.server.request.duration" if "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS" not in environment else ""
            )
            deadline = time.monotonic() + 20
            while wanted not in (folder / "out.txt").read_text() and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
        return (folder / "out.txt").read_text()


def get(url: str) -> None:
    """Ask until the server listens."""
    deadline = time.monotonic() + 40
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@pytest.mark.skipif(COMMAND is None, reason="opentelemetry-instrument is not installed")
@pytest.mark.parametrize(("server", "app"), SERVED)
def test_one_server_span_and_one_duration_a_request(server: str, app: str, tmp_path: Path) -> None:
    out = served(server, app, tmp_path)
    names = re.findall(r'^    "name": "(.*)",\n    "context"', out, re.MULTILINE)
    kinds = re.findall(r'"kind": "SpanKind\.(\w+)"', out)
    assert [name for name, kind in zip(names, kinds) if kind == "SERVER"] == [ROUTES[app]]
    last = out[out.rindex('"resource_metrics"') :]
    assert re.findall(r'"name": "http\.server\.request\.duration".*?"count": (\d+)', last, re.DOTALL) == ["1"]
    assert TOKEN not in out


@pytest.mark.skipif(COMMAND is None, reason="opentelemetry-instrument is not installed")
def test_it_can_be_switched_off_by_its_name(tmp_path: Path) -> None:
    out = served("gunicorn", "flask_app", tmp_path, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="sentry_web")
    assert "SpanKind" not in out
