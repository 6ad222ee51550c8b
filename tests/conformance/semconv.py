"""Judges spans and metrics by OpenTelemetry's HTTP conventions, of which ``tests/otel/semconv.json`` is the table.

Each attribute is one of the conventions, of its type and for its signal, or one of ours, outside of their namespaces.
What is required is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from opentelemetry.trace import SpanKind, StatusCode

TABLE: Any = json.loads((Path(__file__).parents[1] / "otel" / "semconv.json").read_text("utf-8"))
SPAN, EVENT, METRICS, NAMESPACES = TABLE["span"], TABLE["event"], TABLE["metrics"], frozenset(TABLE["namespaces"])
TEMPLATES = tuple(name for name, row in SPAN.items() if row["type"].startswith("template"))
#: Of a metric of ours, for which there are no conventions.
OTHER_METRIC = {
    name: {"type": row["type"], "level": "opt_in"}
    for name, row in {**SPAN, "network.io.direction": SPAN["url.path"]}.items()
}
PYTHON_TYPES = {"string": str, "int": int, "boolean": bool, "double": float}


def span_violations(span: Any) -> Iterator[str]:
    """What is wrong with a span of ours; ``span`` is a ``ReadableSpan``."""
    attributes = dict(span.attributes or {})
    if span.kind is SpanKind.SERVER or "http.request.method" in attributes:
        yield from _violations(attributes, SPAN)
        yield from _conditions(attributes, span.status.status_code is StatusCode.ERROR)
    else:
        yield from _violations(attributes, {name: {**row, "level": "opt_in"} for name, row in SPAN.items()})
    for event in span.events:
        yield from _violations(dict(event.attributes or {}), EVENT)


def _conditions(attributes: Mapping[str, Any], is_error: bool) -> Iterator[str]:
    if is_error is not ("error.type" in attributes):
        yield f"error.type is {attributes.get('error.type')!r}, and the status is {'' if is_error else 'not '}an error"
    if attributes.get("http.request.method_original", "") == attributes.get("http.request.method"):
        yield "http.request.method_original is the same as http.request.method"
    if "network.peer.port" in attributes and "network.peer.address" not in attributes:
        yield "network.peer.port without network.peer.address"
    if "server.port" in attributes and "server.address" not in attributes:
        yield "server.port without server.address"


def metric_violations(metric: Any) -> Iterator[str]:
    """What is wrong with a metric of ours, as the SDK's reader has it."""
    row = METRICS.get(metric.name)
    if row is None and metric.name.split(".")[0] in NAMESPACES:
        yield f"the metric {metric.name} is none of the conventions"
    if row is not None and metric.unit != row["unit"]:
        yield f"the unit of {metric.name} is {metric.unit}"
    for point in metric.data.data_points:
        for violation in _violations(dict(point.attributes or {}), OTHER_METRIC if row is None else row["attributes"]):
            yield f"{metric.name}: {violation}"
        version = (point.attributes or {}).get("network.protocol.version")
        if version not in (None, "1.0", "1.1", "2", "3"):
            yield f"{metric.name}: a client's {version!r} makes a series of its own"


def _violations(attributes: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[str]:
    for name, row in table.items():
        if row["level"] == "required" and name not in attributes:
            yield f"{name} is required, and missing"
    for name, value in attributes.items():
        template = next((each for each in TEMPLATES if name.startswith(each + ".")), None)
        row = table.get(name if template is None else template)
        if row is None and name.split(".")[0] in NAMESPACES:
            yield f"{name} is in a namespace of the conventions, which have no such attribute here"
        elif row is not None and not _fits(value, row["type"]):
            yield f"{name} is {value!r}, not of type {row['type']}"


def _fits(value: Any, kind: str) -> bool:
    if kind == "template[string[]]":
        return isinstance(value, (tuple, list)) and all(isinstance(item, str) for item in value)
    return type(value) is PYTHON_TYPES[kind] and (
        kind != "string" or value.encode("utf-8", "replace").decode() == value
    )
