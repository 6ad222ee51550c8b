"""What stands in for a recording that could not be started: of its request, nothing is sent that may hold a secret.

It works on forks of the present scopes, so that what the application sets on them ends with the request. It needs no
other module of this output but those that blank what is sent.
"""

from __future__ import annotations

from typing import Any

import sentry_sdk
from sentry_sdk import Scope

from .._core.guard import call
from ..recorder import BaseRecording
from . import aftermath, compat
from .hooks import add_hooks
from .redaction import BlankingScope, blank_all, blank_telemetry


class ClosedRecording(BaseRecording):
    """A recording that records nothing, and blanks what the application reports."""

    __slots__ = ("_isolation", "_current")

    finishes_in_context = False

    def __init__(self) -> None:
        call(add_hooks, sentry_sdk.get_client().options)
        self._isolation: Scope = sentry_sdk.get_isolation_scope().fork()
        self._current: Scope = sentry_sdk.get_current_scope().fork()
        self.close_scopes(self._isolation, self._current)

    @staticmethod
    def close_scopes(isolation: Scope, current: Scope) -> None:
        """Have everything blanked that is reported with these scopes."""
        isolation.clear_breadcrumbs()
        current.add_event_processor(blank_all)
        current.__class__ = ClosedScope

    @property
    def aftermath(self) -> Any:
        """What has later reports of an exception blanked that has left the request, such as its server's."""
        aftermath.watch()
        return blank_all

    def flush(self) -> None:
        """Send what is waiting, within the SDK's ``shutdown_timeout``."""
        compat.flush(sentry_sdk.get_client())

    def running(self) -> _Running:
        """Return a context manager that makes the scopes current."""
        return _Running(self._isolation, self._current)


class _Running:
    """Makes two scopes the current ones."""

    __slots__ = ("_isolation", "_current", "_former")

    def __init__(self, isolation: Scope, current: Scope) -> None:
        self._isolation = isolation
        self._current = current
        self._former: tuple[Scope, ...] = ()

    def __enter__(self) -> None:
        try:
            self._former = sentry_sdk.get_isolation_scope(), sentry_sdk.get_current_scope()
            Scope.set_isolation_scope(self._isolation)
            Scope.set_current_scope(self._current)
        except BaseException:  # a signal handler may raise anywhere
            self.__exit__()
            raise

    def __exit__(self, *exc_info: object) -> None:
        if self._former:
            isolation, current = self._former
            Scope.set_current_scope(current)
            Scope.set_isolation_scope(isolation)


class ClosedScope(Scope):
    """A current scope whose streamed spans, logs and metrics are blanked."""

    __slots__ = ()

    def _merge_scopes(self, *args: Any, **kwargs: Any) -> Any:
        merged: Any = super()._merge_scopes(*args, **kwargs)
        merged.__class__ = BlankingScope
        return merged

    def redact_telemetry(self, telemetry: Any) -> None:
        """Blank a log or metric, as ``RedactingScope`` redacts it."""
        blank_telemetry(telemetry)
