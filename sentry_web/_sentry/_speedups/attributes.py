"""Sets and writes the attributes of streamed spans, logs and metrics by a table of types.

The SDK asks up to five questions about each value when it is set, when the span's size is estimated, and when it is
written. What is no plain value meets the same questions here.
"""

from __future__ import annotations

from contextvars import copy_context
from itertools import compress
from math import isfinite
from operator import not_
from typing import TYPE_CHECKING, Any

from sentry_sdk import utils

from .. import compat
from . import use
from .probing import client_with, enter_scopes

if TYPE_CHECKING or compat.HAS_STREAMED_SPANS:
    from sentry_sdk import _log_batcher, _metrics_batcher, _span_batcher, traces
    from sentry_sdk._span_batcher import SpanBatcher
    from sentry_sdk.traces import NoOpStreamedSpan, StreamedSpan

#: What the protocol calls the types of plain values.
_TYPES = {bool: "boolean", int: "integer", float: "double", str: "string"}
#: Types of which every value is set as it is.
_SET_AS_IS = frozenset((bool, int, str))
#: Types of which the SDK measures what ``str`` returns.
_MEASURED = frozenset((*_TYPES, list))
#: What the SDK estimates for a span without attributes, and for each attribute beside its value, in bytes.
_SPAN_SIZE, _ATTRIBUTE_SIZE = 210, 50

#: The SDK's own functions.
_sdk: dict[str, Any] = {}


def format_attribute(value: Any) -> Any:
    """Return a value as a span keeps it (``sentry_sdk.utils.format_attribute``)."""
    kind = type(value)
    if kind in _SET_AS_IS or (kind is float and isfinite(value)):
        return value
    return value.copy() if kind is list and _is_uniform(value) else _sdk["format_attribute"](value)


def set_attributes(span: Any, attributes: dict[str, Any]) -> bool:
    """Set several attributes of a span, and return whether that was done."""
    if type(span) is not StreamedSpan:
        return False
    others = list(compress(attributes, map(not_, map(_SET_AS_IS.__contains__, map(type, attributes.values())))))
    if others:
        attributes = {**attributes, **{key: format_attribute(attributes[key]) for key in others}}
    span.get_attributes().update(attributes)
    return True


def serialize_attribute(value: Any) -> Any:
    """Return a value with its type (``sentry_sdk.utils.serialize_attribute``)."""
    name = _TYPES.get(type(value))
    if name is None and type(value) is list and _is_uniform(value):
        name = "array"
    return _sdk["serialize_attribute"](value) if name is None else {"value": value, "type": name}


def _is_uniform(values: list[Any]) -> bool:
    """Return whether a list has plain values of one type."""
    kinds = set(map(type, values))
    return len(kinds) == 1 and kinds <= _TYPES.keys()


def to_json(span: Any) -> Any:
    """Return a span as the batcher takes it (``StreamedSpan._to_json``)."""
    if type(span) is not StreamedSpan or getattr(span, "_links", None):
        return _sdk["to_json"](span)
    name: Any = span._name  # noqa: SLF001
    written: dict[str, Any] = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "name": "<unlabeled span>" if name is None else name,
        "status": span._status,  # noqa: SLF001
        "is_segment": span._segment is span,  # noqa: SLF001
        "start_timestamp": span._start_timestamp.timestamp(),  # noqa: SLF001
    }
    if span._end_timestamp:  # noqa: SLF001
        written["end_timestamp"] = span._end_timestamp.timestamp()  # noqa: SLF001
    if span._parent_span_id:  # noqa: SLF001
        written["parent_span_id"] = span._parent_span_id  # noqa: SLF001
    written["attributes"] = span._attributes.copy()  # noqa: SLF001
    return written


def to_transport_format(span: Any) -> Any:
    """Return a span with the types of its attributes (``SpanBatcher._to_transport_format``)."""
    attributes = span.get("attributes")
    if not attributes or "links" in span:
        return _sdk["to_transport_format"](span)
    written = span.copy()
    written.pop("_segment_span", None)
    written["attributes"] = {
        key: serialize_attribute(value) if name is None else {"value": value, "type": name}
        for (key, value), name in zip(attributes.items(), map(_TYPES.get, map(type, attributes.values())))
    }
    return written


def estimate_size(span: Any) -> Any:
    """Return about how large a span is, in bytes (``SpanBatcher._estimate_size``)."""
    attributes = span.get("attributes") or {}
    if "links" in span or not _MEASURED.issuperset(map(type, attributes.values())):
        return _sdk["estimate_size"](span)
    return _SPAN_SIZE + _ATTRIBUTE_SIZE * len(attributes) + sum(map(len, map(str, attributes.values())))


class _Text(str):
    """A text that is another one where it is shown."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown"


_VALUES: tuple[Any, ...] = (
    *("text", "", _Text("given"), True, False, 0, -7, 10**20, 0.5, float("inf"), float("nan")),
    *([], ["a", "b"], [1, 2], [1, "a"], [None], ("a", "b"), None, {"a": 1}, b"bytes", object),
)


def probe() -> bool:
    """Return whether values of each kind, and spans with them, are set and written as the SDK does it."""
    if not compat.HAS_STREAMED_SPANS:
        return False
    _keep()
    plain = {str(key): value for key, value in enumerate(_VALUES) if type(value) in _MEASURED}
    span = {"name": "q", "is_segment": False, "_segment_span": None, "attributes": plain}
    spans: list[dict[str, Any]] = [{**span, "attributes": dict(enumerate(_VALUES))}, span, {**span, "attributes": {}}]
    spans.append({**span, "links": [{"trace_id": "a", "span_id": "b", "attributes": {"a": 1}}]})
    return (
        _sets_the_same(plain)
        and all(map(_writes_the_same, _VALUES))
        and all(map(_batches_the_same, spans))
        and copy_context().run(_hands_over_the_same)
    )


def _keep() -> None:
    """Keep the SDK's own functions."""
    _sdk.setdefault("format_attribute", utils.format_attribute)
    _sdk.setdefault("serialize_attribute", utils.serialize_attribute)
    _sdk.setdefault("to_json", StreamedSpan._to_json)  # noqa: SLF001
    _sdk.setdefault("to_transport_format", SpanBatcher._to_transport_format)  # noqa: SLF001
    _sdk.setdefault("estimate_size", SpanBatcher._estimate_size)  # noqa: SLF001


def _sets_the_same(attributes: dict[str, Any]) -> bool:
    spans: list[Any] = [object.__new__(kind) for kind in (StreamedSpan, StreamedSpan, NoOpStreamedSpan)]
    for span in spans:
        span._attributes = {"0": "before", "known": 1}  # noqa: SLF001
    ours, theirs, unsampled = spans
    theirs.set_attributes(attributes)
    done = set_attributes(ours, attributes) and not set_attributes(unsampled, attributes)
    return done and repr(ours.get_attributes()) == repr(theirs.get_attributes())


def _writes_the_same(value: Any) -> bool:
    kept = repr(format_attribute(value)), repr(_sdk["format_attribute"](value))
    written = repr(serialize_attribute(value)), repr(_sdk["serialize_attribute"](value))
    return kept[0] == kept[1] and written[0] == written[1]


def _hands_over_the_same() -> bool:
    scope = enter_scopes(client_with(trace_lifecycle="stream", traces_sample_rate=1.0))
    root = StreamedSpan(name="root", attributes={"a": 1}, scope=scope)
    child: Any = StreamedSpan(name="q", scope=scope, segment=root, trace_id=root.trace_id, parent_span_id=root.span_id)
    child._name, child._end_timestamp, child._status = None, child._start_timestamp, "error"  # noqa: SLF001
    return all(_shown(to_json(span)) == _shown(_sdk["to_json"](span)) for span in (root, child))


def _shown(written: dict[str, Any]) -> str:
    return repr(list(written.items()))


def _batches_the_same(span: Any) -> bool:
    formats = repr(to_transport_format(span.copy())), repr(_sdk["to_transport_format"](span.copy()))
    sizes = estimate_size(span), _sdk["estimate_size"](span)
    return formats[0] == formats[1] and bool(sizes[0] == sizes[1])


def install() -> None:
    """Replace the functions of the SDK."""
    use("set_attributes", set_attributes)
    modules: list[Any] = [traces, _log_batcher, _metrics_batcher, _span_batcher]
    for module in modules:
        for function in (format_attribute, serialize_attribute):
            if hasattr(module, function.__name__):
                setattr(module, function.__name__, function)
    span: Any = StreamedSpan
    span._to_json = to_json  # noqa: SLF001
    batcher: Any = SpanBatcher
    batcher._to_transport_format = staticmethod(to_transport_format)  # noqa: SLF001
    batcher._estimate_size = staticmethod(estimate_size)  # noqa: SLF001
