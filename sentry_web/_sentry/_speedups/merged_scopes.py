"""Merges of a request's scopes what streamed spans, logs and metrics take from them, and the rest if it is asked for.

The SDK copies the global scope and merges two others into it for each span, log and metric, to add their attributes and
the user; it adds attributes one by one, and asks for the client twice to learn that the user is not to be sent.
"""

# ruff: noqa: SLF001 - it takes apart what the SDK's scopes are made of

from __future__ import annotations

from collections.abc import Mapping
from contextvars import copy_context
from itertools import product
from typing import TYPE_CHECKING, Any

import sentry_sdk
import sentry_sdk.scope
from sentry_sdk import Scope

from ..._core.guard import call
from .. import compat
from ..redaction import MergedScope, RedactingScope, blank_telemetry, redact_telemetry
from .probing import client_with, enter_scopes

if TYPE_CHECKING or compat.HAS_STREAMED_SPANS:
    from sentry_sdk.traces import StreamedSpan, start_span

_module: Any = sentry_sdk.scope
_isolation: Any = getattr(_module, "_isolation_scope", None)
_current: Any = getattr(_module, "_current_scope", None)
_merge_all = RedactingScope._merge_scopes  # before it is replaced
_SLOTS: tuple[str, ...] = Scope.__slots__


class PartlyMerged(MergedScope):
    """A merged scope with attributes, user, span and trace; all scopes are merged once it is asked for anything else.

    It is used at once, within the call that makes it.
    """

    __slots__ = ("_of",)

    def apply_to_telemetry(self, telemetry: Any) -> None:
        """Add the scopes' attributes, and the user, to a streamed span, and redact it; the SDK completes the rest."""
        if type(telemetry) is not StreamedSpan:
            super().apply_to_telemetry(telemetry)
            return
        attributes = telemetry._attributes
        attributes.update({**self._attributes, **attributes})  # in the SDK's order
        if self._user is not None and _may_send_users(sentry_sdk.get_client().options):
            self._apply_user_attributes_to_telemetry(telemetry)
        if not call(redact_telemetry, self, telemetry):
            call(blank_telemetry, telemetry)

    def __getattr__(self, name: str) -> Any:
        """Called where an attribute has no value yet."""
        if name not in _SLOTS:
            raise AttributeError(name)
        whole = _merge_all(self._of)
        for slot in _SLOTS:
            if hasattr(whole, slot) and not _has(self, slot):
                setattr(self, slot, getattr(whole, slot))
        return object.__getattribute__(self, name)


def _may_send_users(options: Mapping[str, Any]) -> Any:
    collection = options.get("data_collection")
    if collection and collection.get("provided_by_user", True):
        return collection["user_info"]
    return options.get("send_default_pii")


def _has(scope: Any, slot: str) -> bool:
    try:
        object.__getattribute__(scope, slot)
    except AttributeError:
        return False
    return True


def merge(scope: Any, *args: Any, **kwargs: Any) -> Any:
    """Merge the global, the isolation and the current scope (``Scope._merge_scopes``)."""
    try:
        if not args and not kwargs:
            around, isolation, current = _module._global_scope, _isolation.get(), _current.get()
            if scope is current and around is not None and isolation is not None:
                return _merged(around, isolation, current)
    except Exception:  # noqa: BLE001, S110 - a fault of ours: the application's own call goes on
        pass
    return _merge_all(scope, *args, **kwargs)


def _merged(around: Any, isolation: Any, current: Any) -> Any:
    merged: Any = object.__new__(PartlyMerged)
    merged._of = current
    merged._should_capture = around._should_capture  # of the scope that the SDK copies
    merged._attributes = {**around._attributes, **isolation._attributes, **current._attributes}
    user = current._user
    if user is None:
        user = around._user if isolation._user is None else isolation._user
    merged._user = user
    merged._span = current._span or isolation._span or around._span
    merged._propagation_context = (
        current._propagation_context or isolation._propagation_context or around._propagation_context
    )
    compat.set_processors(merged, compat.processors_of(current))
    return merged


def probe() -> bool:
    """Return whether spans, logs and metrics get the same from both."""
    return compat.HAS_STREAMED_SPANS and copy_context().run(_agrees)


#: Settings with which users are sent, or not.
_SETTINGS: tuple[dict[str, Any], ...] = (
    {"data_collection": {"user_info": True, "provided_by_user": True}},
    {"data_collection": {"user_info": False, "provided_by_user": True}},
    {"data_collection": {"user_info": True, "provided_by_user": False}, "send_default_pii": True},
    {"data_collection": {"user_info": False, "provided_by_user": False}, "send_default_pii": False},
)
_USERS: tuple[Any, ...] = ((None, None), ({"id": "1"}, None), ({"id": "1"}, {"id": "2", "email": "a@b"}))


def _agrees() -> bool:
    Scope.get_global_scope()  # which sentry_sdk.init makes, too
    current: Any = None
    for settings, users in product(_SETTINGS, _USERS):
        options = {"trace_lifecycle": "stream", "traces_sample_rate": 1.0, **settings}
        current = enter_scopes(client_with(**options), RedactingScope)
        root = start_span("root", parent_span=None)
        isolation: Any = Scope.get_isolation_scope()
        isolation._user, current._user = users
        isolation.set_attributes({"a": 1, "b": 1})
        current.set_attributes({"b": 2, "c": 2})
        for span in (None, root):
            current._span = span
            if _applied(_merge_all, current) != _applied(merge, current):
                return False
    return type(merge(current)) is PartlyMerged and repr(_rest(merge(current))) == repr(_rest(_merge_all(current)))


def _applied(merging: Any, scope: Any) -> str:
    """Return what a log, a metric and a span have from the merged scopes."""
    telemetry: list[Any] = [{"body": "b", "attributes": {"a": 0}}, {"name": "n", "trace_id": "t", "attributes": {}}]
    for each in telemetry:
        merging(scope).apply_to_telemetry(each)
    span = StreamedSpan(name="q", attributes={"c": 0}, scope=scope, active=False)
    merging(scope).apply_to_telemetry(span)
    return repr((telemetry, span.get_attributes()))


def _rest(scope: Any) -> Any:
    return scope._level, scope._tags, scope.get_traceparent()


def install() -> None:
    """Switch it on, for the scopes of requests."""
    scopes: Any = RedactingScope
    scopes._merge_scopes = merge
