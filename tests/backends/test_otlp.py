"""One request with both outputs, sent by OTLP/HTTP to a real receiver and read back from it: MLflow's tracking server.

The server is started here, on loopback, with a database in the test's own folder, and stopped when the test is over.
Its identity of a trace is OpenTelemetry's, so that it can be compared with the one in Sentry's envelope.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http",
    reason="opentelemetry-exporter-otlp-proto-http is not installed (nox -s otlp)",
)

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from sentry_web import instrument_asgi, instrument_wsgi
from sentry_web.testing import ASGI3, WSGI, RequestSpec, Script, SendChunk, StartResponse, Wrap, recording

START = 100.0  # seconds that the server may take until it answers; it imports half of the world
ANSWER = 20.0  # seconds that a trace may take until it can be read

#: How MLflow marks identities of traces that are its own.
PREFIX = "tr-"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str) -> Any:
    """The JSON at an address; ``None`` where there is none (yet)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy
    try:
        with opener.open(url, timeout=5) as answer:
            text = answer.read().decode("utf-8")
    except OSError:
        return None
    return json.loads(text) if text.startswith("{") else {"text": text}


def wait_for(url: str, seconds: float, server: subprocess.Popen[bytes]) -> Any:
    """What an address answers, once it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        answer = fetch(url)
        if answer is not None:
            return answer
        time.sleep(0.3)
    return None


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of an MLflow server that lives as long as this module's tests."""
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("mlflow is not installed (nox -s otlp)")
    folder: Path = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'traces.db'}", "--default-artifact-root", str(folder)),
    ]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "OTEL"))},
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    log = (folder / "server.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        ) as server,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            if wait_for(f"{address}/health", START, server) is None:
                pytest.fail(
                    "the server did not start:\n" + (folder / "server.log").read_text("utf-8", "replace")[-3000:]
                )
            yield address, server
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()


def both(provider: TracerProvider) -> Wrap:
    """OpenTelemetry around Sentry, on either protocol."""
    sentry = Wrap.ours()
    otel = Wrap(
        wsgi=lambda app: instrument_wsgi(app, tracer_provider=provider),
        asgi=lambda app: instrument_asgi(app, tracer_provider=provider),
    )
    return otel.around(sentry)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_a_request_with_both_outputs_is_one_trace_in_the_envelope_and_in_the_receiver(
    driver: Any, receiver: tuple[str, subprocess.Popen[bytes]], record_property: Any
) -> None:
    address, server = receiver
    exporter = OTLPSpanExporter(f"{address}/v1/traces", headers={"x-mlflow-experiment-id": "0"})
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    with recording(traces_sample_rate=1.0) as events:
        script = Script((StartResponse(201), SendChunk(b"hello")))
        driver.run(
            script, RequestSpec(method="POST", path="/orders", query="token=abc123secret&page=2"), both(provider)
        )
        (transaction,) = events.transactions
    provider.shutdown()
    trace_id = transaction.trace["trace_id"]

    answer = wait_for(f"{address}/ajax-api/3.0/mlflow/traces/get?trace_id={PREFIX}{trace_id}", ANSWER, server)
    assert answer is not None, f"the receiver does not know the trace {trace_id}"
    text = json.dumps(answer)
    (span,) = answer["trace"]["spans"]
    record_property("trace in the envelope", trace_id)
    record_property("trace in the receiver", answer["trace"]["trace_info"]["trace_id"])
    assert answer["trace"]["trace_info"]["trace_id"] == PREFIX + trace_id
    assert span["name"] == "POST"
    assert "token=[Filtered]&page=2" in text
    assert "abc123secret" not in text
    print("envelope:", trace_id, "receiver:", answer["trace"]["trace_info"]["trace_id"])
