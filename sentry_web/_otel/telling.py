"""What a span is told beside its attributes: the headers that the user asked for, messages, facts for hooks."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import responses
from re import Pattern
from typing import Any

from .._guard import call
from .._http import Header
from .._privacy import Policy
from .._request import Outcome


class Message:
    """One ASGI message: its span, if it has one, and the user's hook."""

    __slots__ = ("_span", "_hook", "_server_span", "_live")

    def __init__(self, span: Any, hook: Any, server_span: Any, live: Any) -> None:
        self._span = span
        self._hook = hook
        self._server_span = server_span
        self._live = live

    def end(self, name: str, message: Any) -> None:
        """Call the hook and end the span (see ``_recorder.MessageSpan``)."""
        span = self._span
        if span is not None:
            span.set_attribute("asgi.event.type", name)
        if self._hook is not None and message is not None:
            call(self._hook, self._server_span if span is None else span, self._live, message)
        if span is not None:
            span.end()


def status_line(outcome: Outcome) -> str:
    """The status as WSGI writes it; the reason phrase is the standard's."""
    return f"{outcome.status or 0} {responses.get(outcome.status or 0, '')}".strip()


def captured_headers(
    kind: str, policy: Policy, headers: Sequence[Header], wanted: Sequence[Pattern[str]]
) -> dict[str, list[str]]:
    """The headers that the user asked for, sanitised; ``http.request.header.<key>``, the key in lower case."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        key = name.lower()
        if any(pattern.search(key) for pattern in wanted):
            for reported in policy.report_headers([(key, value)]).values():
                found.setdefault(f"http.{kind}.header.{key}", []).append(str(reported))
    return found
