"""The table of the conventions that judges every span and metric of the tests (``conformance/semconv.py``)."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")
pytest.importorskip("opentelemetry.semconv", reason="opentelemetry-semantic-conventions is not installed")

from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv._incubating import attributes as incubating
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import SpanKind, StatusCode

from sentry_web._conventions import KNOWN_METHODS, OTHER_METHOD
from sentry_web._otel.settings import SCHEMA_URL
from sentry_web.testing import DRIVERS, Script, SendChunk, StartResponse

TABLE = json.loads((Path(__file__).parent / "semconv.json").read_text("utf-8"))
SAME_RELEASE = hasattr(Schemas, "V" + TABLE["version"].replace(".", "_"))


def constants(*packages: Any) -> set[str]:
    """The names of all attributes in the installed registry."""
    modules = [
        f"{package.__name__}.{info.name}" for package in packages for info in pkgutil.iter_modules(package.__path__)
    ]
    return {
        value
        for module in map(importlib.import_module, modules)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    }


def test_the_schema_url_is_that_of_the_table() -> None:
    assert TABLE["schema_url"] == SCHEMA_URL
    assert set(TABLE["methods"]) == {*KNOWN_METHODS, OTHER_METHOD}


@pytest.mark.skipif(
    not SAME_RELEASE, reason="not with this opentelemetry-semantic-conventions: it is older than the table"
)
def test_the_table_agrees_with_the_installed_registry() -> None:
    names = constants(stable, incubating)
    assert set(TABLE["span"]) | set(TABLE["event"]) <= names
    assert {name.split(".")[0] for name in names} <= set(TABLE["namespaces"]), version(
        "opentelemetry-semantic-conventions"
    )
    methods = importlib.import_module("opentelemetry.semconv.attributes.http_attributes").HttpRequestMethodValues
    assert {method.value for method in methods} - {"QUERY"} == set(TABLE["methods"]) - {"QUERY"}


@pytest.mark.parametrize(
    ("attributes", "violation"),
    [
        ({"url.full": "http://shop.example/"}, "url.full is in a namespace"),
        ({"http.client.gone": True}, "http.client.gone is in a namespace"),
        ({"http.response.status_code": "200"}, "not of type int"),
        ({"http.request.header.x-one": "1"}, "not of type template"),
        ({"url.path": None}, "url.path is required"),
        ({"error.type": "500"}, "the status is not an error"),
        ({"http.request.method_original": "GET"}, "the same as http.request.method"),
        ({"network.peer.port": 1}, "without network.peer.address"),
        ({"url.query": "a=\ud800"}, "not of type string"),
    ],
)
def test_what_breaks_the_conventions_is_found(telemetry: Any, attributes: dict[str, Any], violation: str) -> None:
    judge = sys.modules["sentry_web_tests_telemetry"].semconv
    whole = {"http.request.method": "GET", "url.path": "/", "url.scheme": "http", **attributes}
    span = SimpleNamespace(
        attributes={name: value for name, value in whole.items() if value is not None},
        kind=SpanKind.SERVER,
        status=SimpleNamespace(status_code=StatusCode.UNSET),
        events=[],
    )
    assert violation in "".join(judge.span_violations(span))


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_metric_of_a_clients_making_is_found(driver: Any, telemetry: Any) -> None:
    driver.run(Script((StartResponse(), SendChunk(b"a"))), wrap=telemetry.wrap())
    module = sys.modules["sentry_web_tests_telemetry"]
    metrics = telemetry.reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    assert [violation for metric in metrics for violation in module.semconv.metric_violations(metric)] == []
    point = SimpleNamespace(
        attributes={"http.request.method": "GET", "network.protocol.version": "1.7", "http.mine": "a"}
    )
    metric = SimpleNamespace(name="http.server.request.duration", unit="ms", data=SimpleNamespace(data_points=[point]))
    found = "\n".join(module.semconv.metric_violations(metric))
    assert "the unit" in found
    assert "url.scheme is required" in found
    assert "'1.7' makes a series" in found
    assert "http.mine is in a namespace" in found
