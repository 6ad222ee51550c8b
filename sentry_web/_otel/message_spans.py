"""Message spans and hook arguments."""

from __future__ import annotations

from http.client import responses
from typing import Any

from .._core.guard import call
from .._request import Outcome


class OtelMessageSpan:
    """The span of one ASGI message, if it has one, and the user's hook."""

    __slots__ = ("_span", "_hook", "_server_span", "_scope_or_environ")

    def __init__(self, span: Any, hook: Any, server_span: Any, scope_or_environ: Any) -> None:
        self._span = span
        self._hook = hook
        self._server_span = server_span
        self._scope_or_environ = scope_or_environ

    def end(self, name: str, message: Any) -> None:
        """Call the hook and end the span (see ``recorder.MessageSpan``)."""
        span = self._span
        if span is not None:
            span.set_attribute("asgi.event.type", name)
        if self._hook is not None and message is not None:
            call(self._hook, self._server_span if span is None else span, self._scope_or_environ, message)
        if span is not None:
            span.end()


def status_line(outcome: Outcome) -> str:
    """Return the status as WSGI writes it, with the standard's reason phrase."""
    return f"{outcome.status or 0} {responses.get(outcome.status or 0, '')}".strip()
