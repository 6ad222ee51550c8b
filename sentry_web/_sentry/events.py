"""What our events say: request data, client, name. Added as the scope's first event processor of the request.

It is first, so that processors and hooks which the application adds find the request data there and can scrub it. It
outlives the request in scopes that child tasks and threads carry on; so it holds values only, never a scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sentry_sdk
from sentry_sdk.utils import event_from_exception

from .._naming.naming import Names
from .._privacy.policy import Address, Filtered, Policy
from .._request import Name, Outcome, Request
from .._request.http import build_url
from ..recorder import Captured
from .compat import AnnotatedValue, transaction_name

_TEXT = frozenset((str,))
#: Parts of a request's data that are dictionaries.
_NESTED = frozenset(("headers", "cookies", "env"))
#: Levels of a body at which the SDK still shows values as such (its ``MAX_DATABAG_DEPTH``, less one).
_DEEPEST_REMARK = 4


class RequestProcessor:
    """Puts what is known of one request on each event sent in it, or in what it started."""

    __slots__ = (
        "_request",
        "_policy",
        "_capture_body",
        "_naming",
        "_captured",
        "_names_before",
        "initial_name",
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
        #: Names that were on the scopes before this request.
        self._names_before = names_before
        #: The name that the root span starts with.
        self.initial_name: Name | None = None
        self._data: dict[str, Any] | None = None
        self._address: Address | None = None

    @property
    def address(self) -> Address:
        """Where the request went; the root span tells it too, in other words."""
        if self._address is None:
            self._address = self._policy.address(self._request)
        return self._address

    def is_chosen(self, name: str | None, source: str | None) -> bool:
        """Whether the user or an integration set this name: it differs from all that we and others put there before."""
        initial = self.initial_name
        if not name or name in self._names_before:  # Bottle's integration sets an empty one where no route was found
            return False
        return initial is None or (name, source) != (initial.value, initial.source)

    def __call__(self, event: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
        """Complete an event (sentry-sdk's event processor)."""
        exc_info = hint.get("exc_info")
        if isinstance(exc_info, (tuple, list)) and len(exc_info) > 1 and isinstance(exc_info[1], BaseException):
            self._captured.add(exc_info[1])
        self._add_request(event)
        self._add_client(event)
        self.name_event(event)
        return event

    def _add_request(self, event: dict[str, Any]) -> None:
        """Add the request's data, with the body where such an event is to carry it."""
        if self._data is None:
            self._data = request_data(self._request, self._policy, self.address)
        data = self._data.copy()
        for key in _NESTED.intersection(data):  # processors change them in place
            data[key] = data[key].copy()
        if self._capture_body == "always" or (self._capture_body == "errors" and event.get("type") != "transaction"):
            body = self._policy.report_body(self._request)
            if body is not None:
                data["data"] = annotated(body)
        data.update(event.get("request") or {})  # what was given with the event is what its sender meant
        event["request"] = data

    def _add_client(self, event: dict[str, Any]) -> None:
        address = self._policy.client_address(self._request)
        if address is not None:
            user = dict(event.get("user") or {})
            user.setdefault("ip_address", address)
            event["user"] = user

    def name_event(self, event: dict[str, Any]) -> None:
        """Name the event as its transaction is, or will be, named; a name that somebody chose stays."""
        info = event.get("transaction_info") or {}
        if self.is_chosen(event.get("transaction"), info.get("source")):
            event["transaction_info"] = {**info, "source": self.source_of_chosen(info.get("source"))}
            return
        name = self.chosen_on(sentry_sdk.get_isolation_scope()) or self._naming.find()
        event["transaction"] = name.value
        event["transaction_info"] = {"source": name.source}

    def source_of_chosen(self, source: str | None) -> str:
        """The source of a name that somebody chose; where only the name was set, the scope still has our source."""
        initial = self.initial_name
        return "custom" if source is None or (initial is not None and source == initial.source) else source

    def chosen_on(self, isolation: Any) -> Name | None:
        """A name set on the isolation scope, which the SDK itself overlooks where a span is on the current one."""
        name = transaction_name(isolation)
        return Name(name, "custom") if name is not None and name not in self._names_before else None


def request_data(request: Request, policy: Policy, address: Address) -> dict[str, Any]:
    """Sentry's request interface (https://develop.sentry.dev/sdk/data-model/event-payloads/request/)."""
    scheme, host, path, query = address
    data: dict[str, Any] = {"url": build_url(scheme, host, path)}
    if request.method:
        data["method"] = request.method
    data["headers"] = annotated(policy.report_headers(request.headers))
    if query is not None:
        data["query_string"] = annotated(query)
    cookies = policy.report_cookies(request.header("cookie"))
    if cookies:
        data["cookies"] = annotated(cookies)
    environment = _environment(request, policy)
    if environment:
        data["env"] = environment
    return data


def _environment(request: Request, policy: Policy) -> dict[str, str]:
    """CGI's names for the server's and the client's address."""
    environment: dict[str, str] = {}
    if request.server is not None:
        environment["SERVER_NAME"] = request.server[0]
        environment["SERVER_PORT"] = str(request.server[1])
    address = policy.client_address(request)
    if address is not None:
        environment["REMOTE_ADDR"] = address
    return environment


def annotated(value: Any, depth: int = 0) -> Any:
    """The value, with Sentry's remark, which its UI shows, wherever something in it was replaced.

    Below the depth to which the SDK follows it writes the rest with ``repr``, which remarks would spoil.
    """
    kind = type(value)
    if kind is str:
        return value
    if kind is dict:
        if _TEXT.issuperset(map(type, value.values())):
            return value  # nearly always
        return {key: item if type(item) is str else annotated(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Filtered):
        return AnnotatedValue(str(value), {"rem": [list(value.remark)]}) if depth < _DEEPEST_REMARK else str(value)
    return [annotated(item, depth + 1) for item in value] if isinstance(value, list) else value


def capture_error(error: BaseException, options: dict[str, Any], mechanism: str, handled: bool) -> None:
    """Send an exception as an error event."""
    event, hint = event_from_exception(error, client_options=options, mechanism={"type": mechanism, "handled": handled})
    sentry_sdk.capture_event(event, hint=hint)


def failure_message(request: Request, outcome: Outcome, name: Name) -> str:
    """Return the message of an event for a response nobody raised for; by name, so that Sentry groups by route."""
    return f"{request.method} {name.value} answered {outcome.status}"
