"""Transcripts: the interaction of a server and an application, as a value that can be compared.

A ``TranscriptWriter`` collects while the request runs; it is then frozen into a ``Transcript``. Two transcripts are
equal if neither the server nor the application could distinguish the two runs. This module knows neither protocols nor
vendors' data; it only asks the SDK whether its ambient scopes were left unchanged.
"""

from __future__ import annotations

import difflib
import threading
import zlib
from contextvars import Context, copy_context
from dataclasses import dataclass, field, fields
from types import TracebackType
from typing import Any, NamedTuple

import sentry_sdk

_SHOWN = 300  # characters of a value's repr
_BY_SERVER = frozenset(("returned", "chunk", "exception", "state"))  # what the server does without being called
_MAXIMUM_CHAIN = 10  # a chain of exceptions may be a cycle


class Call(NamedTuple):
    """One action or observation of one side."""

    side: str  # "server", "app" or "background"
    name: str
    details: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.side}: {self.name}({', '.join(_shown(detail) for detail in self.details)})"


class ExceptionFacts(NamedTuple):
    """The facts about an exception that reached the server.

    ``where`` is the call that raised it; ``what`` its type and message; ``own`` whether it is the application's own
    object (``None`` if unknown); ``chain`` its chain of cause, context and suppress flags; ``depth`` the number of its
    traceback entries in the application's code.
    """

    where: str
    what: str
    own: bool | None
    chain: tuple[str, ...]
    depth: int

    def __str__(self) -> str:
        return f"{self.what} out of {self.where}, own={self.own}, depth={self.depth}, chain: {' '.join(self.chain)}"


@dataclass(frozen=True)
class Transcript:
    """One request, as seen by the server and the application.

    Attributes:
        status: The status that the server received: a status line (WSGI), a number (ASGI), or ``None`` without a
            response.
        headers: The response headers that the server received.
        body: The bytes of the response body.
        calls: All calls, in order.
        background: The calls of background work, sorted, since their order varies.
        exceptions: The exceptions that the application raised, in order.
        own_object: Whether the server received the application's own response object, for kinds that servers treat
            specially (file wrapper, list).
        own_scope: Whether the application received the server's own environ or scope dict; ``None`` if unknown.
        length: The ``len()`` of the response object, if it has one.
        variables: The scripted ContextVars that are visible to the server afterwards.
        scope_restored: Whether the SDK's ambient scopes were the original ones whenever the server was in control.
        violations: Violations of PEP 3333 or of the ASGI specification.
    """

    status: str | int | None = None
    headers: tuple[tuple[Any, Any], ...] = ()
    body: bytes = b""
    calls: tuple[Call, ...] = ()
    background: tuple[Call, ...] = ()
    exceptions: tuple[ExceptionFacts, ...] = ()
    own_object: bool | None = None
    own_scope: bool | None = None
    length: int | None = None
    variables: tuple[tuple[str, str], ...] = ()
    scope_restored: bool = True
    violations: tuple[str, ...] = ()

    def count(self, side: str, name: str) -> int:
        """Return the number of these calls."""
        return sum(call.side == side and call.name == name for call in self.calls)

    @property
    def closed(self) -> int:
        """The number of times that the server's ``close()`` reached the application."""
        return self.count("app", "close")

    def lines(self, ignore: tuple[str, ...] = ()) -> list[str]:
        """Return one line for each fact, for people and for ``diff``.

        Args:
            ignore: The names of attributes to leave out.
        """
        lines: list[str] = []
        for attribute in fields(self):
            if attribute.name in ignore:
                continue
            value = getattr(self, attribute.name)
            if attribute.name in ("calls", "background", "exceptions", "violations"):
                lines.extend(f"{attribute.name}[{index}] {entry}" for index, entry in enumerate(value))
            else:
                lines.append(f"{attribute.name} = {_shown(value)}")
        return lines

    def differing(self, other: Transcript) -> tuple[str, ...]:
        """Return the names of the attributes in which the two transcripts differ."""
        return tuple(
            attribute.name
            for attribute in fields(self)
            if getattr(self, attribute.name) != getattr(other, attribute.name)
        )

    def diff(self, other: Transcript, ignore: tuple[str, ...] = ()) -> str:
        """Return a unified diff from this transcript to the other; empty if they are equal.

        Args:
            other: The other transcript.
            ignore: The names of attributes to leave out.
        """
        if not set(self.differing(other)) - set(ignore):
            return ""
        return "\n".join(
            difflib.unified_diff(self.lines(ignore), other.lines(ignore), "expected", "actual", lineterm="", n=2)
        )

    def __str__(self) -> str:
        return "\n".join(self.lines())


@dataclass
class TranscriptWriter:
    """The collector of a transcript while a request runs. It only appends, and is safe to use from several threads."""

    calls: list[Call] = field(default_factory=list)
    background: list[Call] = field(default_factory=list)
    raised: list[BaseException] = field(default_factory=list)
    exceptions: list[ExceptionFacts] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)
    contexts: list[Context] | None = None  # those in which the application called the server, where they are wanted
    over: threading.Event = field(default_factory=threading.Event)
    offered: Any = None  # the server's environ or scope
    returned: Any = None  # the application's response object
    own_scope: bool | None = None
    scope_restored: bool = True
    _ambient: tuple[object, object] | None = None

    def server(self, name: str, *details: object) -> None:
        """Record an action or observation of the server."""
        self.calls.append(Call("server", name, details))
        if self.contexts is not None and name not in _BY_SERVER:
            self.contexts.append(copy_context())

    def app(self, name: str, *details: object) -> None:
        """Record an action or observation of the application."""
        self.calls.append(Call("app", name, details))

    def entered(self, given: object) -> None:
        """Record the environ or scope with which the application was called."""
        if self.offered is not None:
            self.own_scope = given is self.offered
        self.app("called")

    def violation(self, text: str) -> None:
        """Record a violation of the protocol."""
        self.violations.append(text)

    def exception(self, where: str, error: BaseException, filenames: frozenset[str]) -> None:
        """Record an exception that reached the server; ``filenames`` are the application's source files."""
        own = any(error is known for known in self.raised) if self.raised else None
        depth = traceback_depth(error.__traceback__, filenames)
        self.exceptions.append(ExceptionFacts(where, _name(error), own, _chain(error), depth))
        self.server("exception", where, _name(error))

    def look_around(self) -> None:
        """Record whether the SDK's ambient scopes are the same as at the first call."""
        found = (sentry_sdk.get_isolation_scope(), sentry_sdk.get_current_scope())
        if self._ambient is None:
            self._ambient = found
        self.scope_restored &= found[0] is self._ambient[0] and found[1] is self._ambient[1]


def traceback_depth(traceback: TracebackType | None, filenames: frozenset[str]) -> int:
    """Return the number of traceback entries in those files; others, such as a middleware's, do not count."""
    depth = 0
    while traceback is not None:
        depth += traceback.tb_frame.f_code.co_filename in filenames
        traceback = traceback.tb_next
    return depth


def _shown(value: object) -> str:
    """Return the repr, shortened in the middle if it is long; a checksum distinguishes long values in a diff."""
    text = repr(value)
    if len(text) <= _SHOWN:
        return text
    checksum = zlib.crc32(text.encode("utf-8", "backslashreplace"))
    return f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 4 :]} ({len(text)} characters, crc32 {checksum:08x})"


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}{error.args!r}"


def _chain(error: BaseException) -> tuple[str, ...]:
    found: list[str] = []
    current: BaseException | None = error
    while current is not None and len(found) < _MAXIMUM_CHAIN:
        cause, context = current.__cause__, current.__context__
        found.append(
            f"[cause={_name(cause) if cause else None} context={_name(context) if context else None}"
            f" suppress={current.__suppress_context__}]"
        )
        current = cause or context
    return tuple(found)
