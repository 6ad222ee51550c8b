"""Message spans and hook arguments."""

from __future__ import annotations

from http.client import responses
from typing import Any

from opentelemetry import trace

from .._core.guard import call


class OtelMessageSpan:
    """The span of one ASGI message and the user's hook, which is called once.

    Args:
        span: The span; it records nothing where the request is not recorded, or has too many messages.
        hook: The user's hook, or ``None``.
        scope: The scope.
    """

    __slots__ = ("_span", "_hook", "_scope")

    def __init__(self, span: Any, hook: Any, scope: Any) -> None:
        self._span = span
        self._hook = hook
        self._scope = scope

    def call_hook(self, message: Any) -> None:
        """Call the hook with the message, which it may change, while the span is the current one."""
        hook, self._hook = self._hook, None
        if hook is not None:
            with trace.use_span(self._span):
                call(hook, self._span, self._scope, message)

    def end(self, name: str, message: Any) -> None:
        """Call the hook for a message that was received, and end the span (see ``recorder.MessageSpan``)."""
        self._span.set_attribute("asgi.event.type", name)
        if message is not None:
            self.call_hook(message)
        self._span.end()


def status_line(status: int | None) -> str:
    """Return the status as WSGI writes it, with the standard's reason phrase."""
    return f"{status or 0} {responses.get(status or 0, '')}".strip()
