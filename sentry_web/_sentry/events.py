"""Request data, client address and transaction name of events, added by an event processor.

It is the first processor on the request's scope, so that processors and hooks of the application can find and scrub the
request data. It outlives the request in scopes of child tasks and threads, so it holds values only, never a scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import not_
from typing import Any

import sentry_sdk

from .._naming.naming import Names
from .._privacy.policy import Address, Filtered, Policy
from .._request import Name, Outcome, Request
from .._request.http import build_url
from ..recorder import Captured
from .compat import AnnotatedValue, event_from_exception, transaction_name, transaction_source

#: The key in the hint of an event by which this output knows its own reports again.
OWN = "sentry_web"
_TEXT = frozenset((str,))
#: Parts of a request's data that are dictionaries.
_NESTED = frozenset(("headers", "cookies", "env"))
#: Maximum depth at which the SDK still serializes the values of a body (its ``MAX_DATABAG_DEPTH`` minus one).
_DEEPEST_REMARK = 4


#: How an integration names a transaction; a name that the user sets has no source, or another one.
_SOURCES_OF_INTEGRATIONS = ("route", "component")  # no set: the members of the SDK's enumeration hash otherwise


class RequestProcessor:
    """An event processor that adds the data of one request to each event of this request and its background work.

    Args:
        request: The request.
        policy: The policy that decides what may be sent.
        naming: The names of the request.
        captured: The exceptions that have been reported, to which the processor adds.
        capture_body: Which events carry the body: ``"always"``, or ``"errors"`` for all but transactions.
        names_before: Transaction names that were on the scopes before this request.
    """

    __slots__ = (
        "_request",
        "_policy",
        "_capture_body",
        "_naming",
        "_captured",
        "_names_before",
        "initial_name",
        "prefers_style",
        "_data",
        "_address",
    )

    def __init__(  # noqa: PLR0917
        self,
        request: Request,
        policy: Policy,
        naming: Names,
        captured: Captured,
        capture_body: str,
        names_before: Sequence[str | None] = (),
    ) -> None:
        self._request = request
        self._policy = policy
        self._capture_body = capture_body
        self._naming = naming
        self._captured = captured
        #: Transaction names that were on the scopes before this request.
        self._names_before = names_before
        #: The name that the root span starts with.
        self.initial_name: Name | None = None
        #: Whether the option ``transaction_style`` precedes the names that the SDK's integrations set.
        self.prefers_style = False
        self._data: dict[str, Any] | None = None
        self._address: Address | None = None

    @property
    def address(self) -> Address:
        """The scrubbed target of the request, which the root span shares."""
        if self._address is None:
            self._address = self._policy.address(self._request)
        return self._address

    def is_chosen(self, name: str | None, source: str | None) -> bool:
        """Return whether the user or an integration has set this name during the request."""
        initial = self.initial_name
        if name in self._names_before or is_placeholder(name):
            return False
        if self.prefers_style and source in _SOURCES_OF_INTEGRATIONS and self._naming.find().source != "url":
            return False
        return initial is None or (name, source) != (initial.value, initial.source)

    def __call__(self, event: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any] | None:
        """Complete an event (as an event processor of sentry-sdk)."""
        exc_info = hint.get("exc_info")
        if isinstance(exc_info, (tuple, list)) and len(exc_info) > 1 and isinstance(exc_info[1], BaseException):
            new = self._captured.add(exc_info[1])
            if not new and "log_record" in hint:
                return None  # logged by a framework, after it was reported or taken for a client's departure
        self._add_request(event)
        self._add_client(event)
        self.name_event(event)
        return event

    def _add_request(self, event: dict[str, Any]) -> None:
        """Add the request's data, and the body if this kind of event carries it."""
        if self._data is None:
            self._data = request_data(self._request, self._policy, self.address)
        data = self._data.copy()
        for key in _NESTED.intersection(data):  # other processors modify them in place
            data[key] = data[key].copy()
        if self._capture_body == "always" or (self._capture_body == "errors" and event.get("type") != "transaction"):
            body = self._policy.report_body(self._request)
            if body is not None:
                data["data"] = body
        data.update(event.get("request") or {})  # data that came with the event takes precedence
        event["request"] = data

    def _add_client(self, event: dict[str, Any]) -> None:
        address = self._policy.client_address(self._request)
        if address is not None:
            user = dict(event.get("user") or {})
            user.setdefault("ip_address", address)
            event["user"] = user

    def name_event(self, event: dict[str, Any]) -> None:
        """Set the event's transaction name to that of the request, unless the user or an integration has set one."""
        info = event.get("transaction_info") or {}
        if self.is_chosen(event.get("transaction"), info.get("source")):
            name = self.chosen(event["transaction"], info.get("source"))
            event["transaction"] = name.value
            event["transaction_info"] = {**info, "source": name.source}
            return
        name = self.chosen_on(sentry_sdk.get_isolation_scope()) or self._naming.find()
        event["transaction"] = name.value
        event["transaction_info"] = {"source": name.source}

    def chosen(self, name: str, source: str | None) -> Name:
        """Return a name that the user or an integration has set, with its source.

        If only the name was set, ``source`` is still that of the initial name; then it is ``custom``. An integration's
        route lacks the prefix of the mount below which its framework is.
        """
        initial = self.initial_name
        if source is None or (initial is not None and source == initial.source):
            return Name(name, "custom")
        route = self._naming.find_route() if source == "route" and name.startswith("/") else None
        return Name(name if route is None or not route.endswith(name) else route, source)

    def chosen_on(self, isolation: Any) -> Name | None:
        """Return the name on the isolation scope, which the SDK ignores if the current scope has a span."""
        name = transaction_name(isolation)
        if self.prefers_style and transaction_source(isolation) in _SOURCES_OF_INTEGRATIONS:
            return None
        return Name(name, "custom") if name is not None and name not in self._names_before else None


def is_placeholder(name: str | None) -> bool:
    """Return whether a name is none: empty, or what integrations set where they find no route, as below a mount."""
    return not name or name == "bottle request" or (name.startswith("generic ") and name.endswith(" request"))


def request_data(request: Request, policy: Policy, address: Address) -> dict[str, Any]:
    """Return the request as Sentry's request interface.

    See https://develop.sentry.dev/sdk/data-model/event-payloads/request/.

    Args:
        request: The request.
        policy: The policy that decides what may be sent.
        address: The scrubbed target of the request.
    """
    scheme, host, path, query = address
    data: dict[str, Any] = {"url": build_url(scheme, host, path)}
    if request.method:
        data["method"] = request.method
    data["headers"] = policy.report_headers(request.headers)
    if query is not None:
        data["query_string"] = query
    cookies = policy.report_cookies(request.header("cookie"))
    if cookies:
        data["cookies"] = cookies
    environment = _environment(request, policy)
    if environment:
        data["env"] = environment
    return data


def _environment(request: Request, policy: Policy) -> dict[str, str]:
    """Return the addresses of server and client, by their CGI names."""
    environment: dict[str, str] = {}
    if request.server is not None:
        environment["SERVER_NAME"] = request.server[0]
        environment["SERVER_PORT"] = str(request.server[1])
    address = policy.client_address(request)
    if address is not None:
        environment["REMOTE_ADDR"] = address
    return environment


def annotated(value: Any, depth: int = 0) -> Any:
    """Return the value with Sentry's remarks, which its UI shows, on every replaced text.

    Until all other processors have run, a replaced text is a plain string for them. Below a certain depth the SDK
    serializes values with ``repr``; there, no remarks are added.
    """
    kind = type(value)
    if kind is str or depth > _DEEPEST_REMARK:
        return value
    if kind is dict:
        if _TEXT.issuperset(map(type, value.values())):
            return value  # the common case
        return {**value, **{key: annotated(value[key], depth + 1) for key in _keys_of_others(value)}}
    if isinstance(value, Filtered):
        return AnnotatedValue(str(value), {"rem": [list(value.remark)]}) if depth < _DEEPEST_REMARK else str(value)
    return [annotated(item, depth + 1) for item in value] if isinstance(value, list) else value


def _keys_of_others(values: dict[Any, Any]) -> Iterable[Any]:
    """Return the keys of those values that are no plain texts."""
    return compress(values, map(not_, map(_TEXT.__contains__, map(type, values.values()))))


def capture_error(error: BaseException, options: dict[str, Any], mechanism: str, handled: bool) -> None:
    """Send an exception as an error event.

    Args:
        error: The exception.
        options: The options of the client.
        mechanism: The type of the event's mechanism.
        handled: Whether the application has handled the exception.
    """
    event, hint = event_from_exception(error, options, {"type": mechanism, "handled": handled})
    sentry_sdk.capture_event(event, hint={**hint, OWN: True})


def failure_message(request: Request, outcome: Outcome, name: Name) -> str:
    """Return the message of the event for a failed response without an exception.

    It contains the transaction's name rather than the path, so that Sentry groups such events by route.
    """
    return f"{request.method} {name.value} answered {outcome.status}"
