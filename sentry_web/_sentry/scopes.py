"""The two scopes of a request: forks of those around it, with the request's processors and its trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import sentry_sdk
from sentry_sdk import Scope

from .._request import Request
from . import _speedups, compat, tracing
from .events import RequestProcessor
from .redaction import RedactingProcessor, RedactingScope


class RequestScopes:
    """An isolation and a current scope, entered while application code runs.

    Leaving sets the former scopes again by value: application code, and the end of a response, may run in another
    context than the one that was entered, where a token cannot be reset.
    """

    __slots__ = ("isolation", "current")

    def __init__(self) -> None:
        self.isolation: Scope = _speedups.fork(sentry_sdk.get_isolation_scope())
        self.current: Scope = _speedups.fork(sentry_sdk.get_current_scope())

    def add_processors(self, processor: RequestProcessor, redaction: RedactingProcessor) -> None:
        """Add the request's event processors.

        The one that adds the request's data is the first of the isolation scope that is the request's own, so that
        processors which the application adds see that data. The one that redacts is on the current scope, whose
        processors run last.
        """
        compat.drop_processors(self.isolation, RequestProcessor)
        self.isolation.add_event_processor(cast("Any", processor))
        compat.drop_processors(self.current, RedactingProcessor)
        self.current.add_event_processor(cast("Any", redaction))
        self.current.__class__ = RedactingScope

    def continue_trace(self, headers: dict[str, str]) -> None:
        """Continue the trace that these headers name, or begin a new one, on both scopes."""
        try:
            if headers:
                self.isolation.generate_propagation_context(headers)
        except Exception:  # noqa: BLE001 - a malformed trace, such as a sample rate of "1e400", is the client's fault
            headers = {}
        if not headers:
            self.isolation.set_new_propagation_context()
        compat.share_propagation_context(self.isolation, self.current)
        self.current.span = None  # a request inside another one, in process, is no child of the other one's span

    def leave_out(self, trace: dict[str, str]) -> None:
        """Continue a trace, or begin one where the headers name none, without sampling it."""
        named = tracing.trace_of_headers(trace)
        trace_id, span_id = (named.trace_id, named.span_id) if named is not None else (uuid4().hex, uuid4().hex[16:])
        self.continue_trace({"sentry-trace": f"{trace_id}-{span_id}-0"})

    def running(self) -> Running:
        """Return a context manager that makes these the current scopes."""
        return Running(self.isolation, self.current)


class Running:
    """Makes two scopes the current ones, and marks the request as instrumented for the SDK's own middlewares."""

    __slots__ = ("_isolation", "_current", "_former")

    def __init__(self, isolation: Scope, current: Scope) -> None:
        self._isolation = isolation
        self._current = current
        #: What sets the former values, and these.
        self._former: tuple[tuple[Callable[[Any], Any], Any], ...] = ()

    def __enter__(self) -> None:
        markers = compat.marker_variables()
        try:
            self._former = (
                (Scope.set_isolation_scope, sentry_sdk.get_isolation_scope()),
                (Scope.set_current_scope, sentry_sdk.get_current_scope()),
                *[(variable.set, variable.get(False)) for variable in markers],
            )
            Scope.set_isolation_scope(self._isolation)
            Scope.set_current_scope(self._current)
            for variable in markers:
                variable.set(compat.MARKER)
        except BaseException:  # a signal handler may raise anywhere
            self.__exit__()
            raise

    def __exit__(self, *exc_info: object) -> None:
        for set_former, value in self._former:
            set_former(value)


def surrounding_scopes() -> Callable[[], None]:
    """Return a function that makes forks of the present scopes the current ones, with the SDK's markers."""
    isolation, current = sentry_sdk.get_isolation_scope().fork(), sentry_sdk.get_current_scope().fork()
    markers = [(variable, variable.get(False)) for variable in compat.marker_variables()]

    def restore() -> None:
        Scope.set_isolation_scope(isolation)
        Scope.set_current_scope(current)
        for variable, value in markers:
            variable.set(value)

    return restore


def trace_to_continue(request: Request, may_continue: Callable[[], bool]) -> tuple[dict[str, str], str | None]:
    """Decide which trace a request belongs to.

    Args:
        request: Its ``trace`` is set where several outputs have agreed on one.
        may_continue: Whether the request's own headers may name its trace (``continue_traces``).

    Returns:
        The headers of the trace to continue, empty for a new one; and the ``sentry-trace`` of the incoming trace where
        that is not continued, to be linked.
    """
    incoming = tracing.incoming_trace(request)
    agreed = request.trace
    if agreed is not None:
        named = tracing.trace_of_headers(incoming)
        if named is not None and named.trace_id == agreed.trace_id:
            return incoming, None
        return tracing.headers_of_trace(agreed), tracing.link_to(request)
    if incoming and not may_continue():
        return {}, tracing.link_to(request)
    return incoming, None
