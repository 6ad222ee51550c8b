"""What the probes of several speedups compare with: a client that sends nothing, and scopes that have it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sentry_sdk import Scope
from sentry_sdk.consts import DEFAULT_OPTIONS


class Client(SimpleNamespace):
    """As much of a client as the SDK asks when it starts spans, samples them, and adds attributes to telemetry."""

    def is_active(self) -> bool:
        return True

    def should_send_default_pii(self) -> bool:
        return bool(self.options.get("send_default_pii"))


def client_with(transport: Any = None, monitor: Any = None, **options: Any) -> Any:
    """Return a client with these options, the others as they are by default; with transactions where there are any."""
    known = {**DEFAULT_OPTIONS, "trace_lifecycle": "static", "_experiments": {}, **options}
    return Client(options=known, integrations={}, transport=transport, monitor=monitor, parsed_dsn=None)


def enter_scopes(client: Any, kind: type[Scope] = Scope) -> Any:
    """Make new scopes the current ones, and return the current scope, which is of this class and has the client."""
    scope: Any = Scope()
    scope.__class__ = kind
    scope.client = client
    Scope.set_isolation_scope(Scope())
    Scope.set_current_scope(scope)
    return scope
