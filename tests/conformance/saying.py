"""An application's use of a value: the forms in which it writes it, and the ways in which it sends it to Sentry.

Steps for scripts, on every protocol the same. No literal of this file is ever a secret, since the SDK sends the lines
of source around a frame. The tests are in ``test_privacy.py``.
"""

from __future__ import annotations

import base64
import collections
import json
import logging
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import sentry_sdk

from sentry_web.testing import ChildSpan
from sentry_web.testing.steps import Act

LOGGER = logging.getLogger("shop.orders")


class Mark(str):
    """A string of an application's own kind."""

    __slots__ = ()


@dataclass
class Holder:
    """An object whose repr shows what it holds."""

    value: Any


class Pair(NamedTuple):
    """A tuple with names."""

    name: str
    value: Any


def _deep(value: str) -> Any:
    """Nested further than the SDK follows; it writes the rest with ``repr``."""
    nested: Any = {"value": value, value: "key"}
    for _ in range(8):
        nested = [{"below": nested}]
    return nested


#: Forms in which code holds a value.
FORMS: dict[str, Callable[[str], Any]] = {
    "plain": lambda value: value,
    "in a text": lambda value: f"before {value} after",
    "bytes": lambda value: value.encode("utf-8"),
    "latin-1 bytes": lambda value: value.encode("latin-1", "replace"),
    "bytearray": lambda value: bytearray(value, "utf-8"),
    "repr": repr,
    "repr of bytes": lambda value: repr(value.encode("utf-8")),
    "JSON": lambda value: json.dumps({"value": value}),
    "JSON with Unicode": lambda value: json.dumps([value], ensure_ascii=False),
    "JSON in JSON": lambda value: json.dumps(json.dumps([value])),
    "repr of JSON": lambda value: repr(json.dumps([value])),
    "percent-encoded": lambda value: quote(value, safe=""),
    "percent-encoded path": quote,
    "form-encoded": quote_plus,
    "in a URL": lambda value: f"https://other.example/in?value={quote_plus(value)}#end",
    "base64": lambda value: base64.b64encode(value.encode("utf-8")).decode("ascii"),
    "hexadecimal": lambda value: value.encode("utf-8").hex(),
    "list": lambda value: [value],
    "tuple": lambda value: (1, value),
    "set": lambda value: {value},
    "frozenset": lambda value: frozenset([value]),
    "dict": lambda value: {"value": value},
    "dict key": lambda value: {value: 1},
    "bytes dict": lambda value: {b"value": value.encode("utf-8")},
    "header list": lambda value: [(b"x-any", value.encode("utf-8")), (b"x-other", b"1")],
    "deep": _deep,
    "named tuple": lambda value: Pair("value", value),
    "mapping": lambda value: types.MappingProxyType({"value": value}),
    "deque": lambda value: collections.deque([value]),
    "string subclass": Mark,
    "object": Holder,
    "exception": ValueError,
}


def message(value: Any) -> None:
    sentry_sdk.capture_message(f"it is {value}")


def message_with_parameters(value: Any) -> None:
    sentry_sdk.capture_event({"logentry": {"message": "it is %s", "params": [value]}, "level": "info"})


def log(value: Any) -> None:
    LOGGER.info("it is %s", value)


def error_log(value: Any) -> None:
    LOGGER.error("it is %s", value, extra={"found": value})


def breadcrumb(value: Any) -> None:
    sentry_sdk.add_breadcrumb(message=f"it is {value}", data={"found": value}, category="shop")


def extra(value: Any) -> None:
    sentry_sdk.get_isolation_scope().set_extra("found", value)


def context(value: Any) -> None:
    sentry_sdk.get_isolation_scope().set_context("order", {"found": value})


def tag(value: Any) -> None:
    sentry_sdk.set_tag("found", str(value))


def user(value: Any) -> None:
    sentry_sdk.set_user({"id": "17", "username": str(value), "data": {"found": value}})


def fingerprint(value: Any) -> None:
    sentry_sdk.get_current_scope().fingerprint = ["orders", str(value)]


def transaction_name(value: Any) -> None:
    sentry_sdk.get_current_scope().set_transaction_name(f"order {value}", source="custom")


def span(value: Any) -> None:
    """A span whose name, data and link contain it."""
    with ChildSpan(f"order {value}").open():
        current = sentry_sdk.get_current_scope()
        inner = getattr(current, "streamed_span", None) or current.span
        if inner is None:
            return
        if hasattr(inner, "set_data"):
            inner.set_data("found", value)
            inner.set_tag("found", str(value))
        else:
            inner.set_attribute("found", value)
            inner.set_attribute("list", [str(value)])
        if hasattr(inner, "add_link"):  # since sentry-sdk 3
            inner.add_link({"trace_id": inner.trace_id, "span_id": inner.span_id, "attributes": {"found": value}})


def root_span(value: Any) -> None:
    current = sentry_sdk.get_current_scope()
    root = getattr(current, "streamed_span", None) or current.span
    if root is not None:
        (root.set_data if hasattr(root, "set_data") else root.set_attribute)("found", value)


def handled_exception(value: Any) -> None:
    try:
        raise LookupError(f"it is {value}", value)
    except LookupError as error:
        sentry_sdk.capture_exception(error)


def exception_chain(value: Any) -> None:
    try:
        try:
            raise KeyError(value if isinstance(value, str) else str(value))
        except KeyError as error:
            raise LookupError("not found") from error
    except LookupError as error:
        if hasattr(error, "add_note"):
            error.add_note(f"it is {value}")
        sentry_sdk.capture_exception(error)


def local_variable(value: Any) -> None:
    """A frame that holds it, alone and among others."""
    found = value
    several = {"found": value, "page": [2, found]}
    try:
        raise LookupError(f"not found among {len(several)}")
    except LookupError as error:
        sentry_sdk.capture_exception(error)


def text_of_local_variable(value: Any) -> None:
    """A frame that holds its repr, and the repr of that."""
    once = repr(value)
    twice = repr([once])
    try:
        raise LookupError(f"not found in {len(twice)} characters")
    except LookupError as error:
        sentry_sdk.capture_exception(error)


WAYS: dict[str, Callable[[Any], None]] = {
    function.__name__.replace("_", " "): function
    for function in (
        message,
        message_with_parameters,
        log,
        error_log,
        breadcrumb,
        extra,
        context,
        tag,
        user,
        fingerprint,
        transaction_name,
        span,
        root_span,
        handled_exception,
        exception_chain,
        local_variable,
        text_of_local_variable,
    )
}


@dataclass(frozen=True, repr=False)
class Say(Act):
    """Send a value to Sentry.

    Args:
        way: One of ``WAYS``.
        form: One of ``FORMS``.
        value: The value.
    """

    way: str
    form: str
    value: str

    def act(self, recorder: Any) -> None:
        WAYS[self.way](FORMS[self.form](self.value))
