"""What an output implements: the ``Recorder`` and ``Recording`` protocols, and base classes with defaults.

A recorder is made once, when a middleware is constructed; it starts one recording for each request. Every call to
either goes through ``_core.guard``: what it raises is logged and never reaches the application.

The protocols are closed: every member is declared here, and nothing else is looked for. Derive an output from
:class:`BaseRecorder` and :class:`BaseRecording`, and override what it needs.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

from ._naming.naming import Names
from ._request import Outcome, Request, Trace

#: Messages of one connection that get a span with ``record_send_receive``: a websocket may live for days.
MOST_MESSAGE_SPANS = 1000

#: Context variables, and the value of each while application code runs.
ContextValues = tuple[tuple["ContextVar[Any]", ...], tuple[Any, ...]]


#: Exceptions that a request remembers as reported; the oldest is forgotten first, and would be reported again.
MOST_CAPTURED = 256


class Captured(dict[int, Any]):
    """The exceptions reported so far in one request, so that each is reported once, whatever nests.

    Identity is what counts, and no exception is held: the traceback of each leads back to the frames that hold this
    object. By address it finds what identifies an exception, since another one may come to the same address: a weak
    reference, or, as exceptions of built-in classes take none, their ``__dict__``. That is an object of its own for
    each exception, which every exception has, and mostly empty; holding it keeps its address from being used again,
    without keeping the exception. A mark in the exception itself would be seen by applications that render
    ``vars(error)``, and would suppress one that is raised again in another request.

    This is a dictionary itself, since every request has one, which mostly stays empty.
    """

    __slots__ = ()

    def add(self, error: BaseException) -> bool:
        """Add an exception, here and in the requests around this one.

        Args:
            error: The exception.

        Returns:
            Whether it is new.
        """
        address = id(error)
        identity = self.get(address)
        if identity is not None and _identifies(identity, error):
            return False
        if len(self) >= MOST_CAPTURED:
            self.pop(next(iter(self), address), None)
        self[address] = _identity_of(error)
        return True

    def add_all(self, errors: Sequence[BaseException]) -> bool:
        """Add an exception and those that it wraps.

        Args:
            errors: The exceptions; each is added, not only those before the first known one.

        Returns:
            Whether all of them are new.
        """
        return all([self.add(error) for error in errors])  # noqa: C419 - each is added


class CapturedInside(Captured):
    """The exceptions reported in a request that the code of another request makes."""

    __slots__ = ("_outer",)

    def __init__(self, outer: Captured) -> None:
        self._outer: Captured | None = outer

    def add(self, error: BaseException) -> bool:
        """Add an exception here and in the outer request (see :class:`Captured`)."""
        outer = self._outer
        return super().add(error) and (outer is None or outer.add(error))

    def clear(self) -> None:
        """Forget all exceptions, and let go of the outer request."""
        super().clear()
        self._outer = None


def _identity_of(error: BaseException) -> Any:
    try:
        return weakref.ref(error)
    except TypeError:
        return error.__dict__


def _identifies(identity: Any, error: BaseException) -> bool:
    return identity() is error if isinstance(identity, weakref.ref) else identity is error.__dict__


class MessageSpan(Protocol):
    """A span of one ASGI message."""

    def end(self, name: str, message: Any) -> None:
        """End the span: the message has passed.

        Args:
            name: The message's type, which is known only now for one that was received.
            message: The message itself, for a user's hook; ``None`` where there was none. It must not be kept.
        """
        ...


def end_message(spans: Sequence[MessageSpan], message: Any) -> None:
    """End the spans of one message.

    Args:
        spans: The spans of all outputs.
        message: The message; ``None`` where none came.
    """
    name = message.get("type") if isinstance(message, dict) else None
    for span in spans:
        span.end(str(name), message)


class Recording(Protocol):
    """One request as one output records it. :class:`BaseRecording` has a default for every member."""

    @property
    def context_values(self) -> ContextValues | None:
        """Context variables to set while application code runs; ``None``: :meth:`running` is entered instead.

        Read once, when the recording has started. To set variables costs less than to enter a context manager, which
        counts for a streamed response: its context is entered for every part.
        """
        ...

    @property
    def adds_headers(self) -> bool:
        """Whether :meth:`response_starting` and :meth:`response_headers` are called. Read once, after the start."""
        ...

    @property
    def ends_with_response(self) -> bool:
        """Whether :meth:`finish` is called when the last body byte has been sent. Read once, after the start.

        Where it is false, :meth:`finish` is called when application code has ended, background work included. Where it
        is true, exceptions of the background work are still passed to :meth:`capture_error`, and messages to
        :meth:`message_span`. After a response with a status of 500 or more :meth:`finish` waits for the end of the
        application code in any case: frameworks answer first and raise the error that they have answered then.
        """
        ...

    @property
    def finishes_in_context(self) -> bool:
        """Whether :meth:`finish` is called inside the contexts of all recordings.

        Where it is false, :meth:`finish` enters what it needs by itself.
        """
        ...

    @property
    def aftermath(self) -> Any:
        """What the output needs for reports, after the end, of an exception that has left the request.

        Such as those of a server that logs it. It is kept as long as the exception is, and must refer neither to the
        application nor to frames; ``None``: nothing.
        """
        ...

    def running(self) -> AbstractContextManager[Any]:
        """Return a context manager for the time that application code runs.

        It may be entered again and again, from different threads, and nested. It is never held across a ``yield``, and
        is left on the thread that entered it.
        """
        ...

    def running_closed(self) -> AbstractContextManager[Any]:
        """Return what is entered where :meth:`running` fails: nothing is sent then that may hold a secret."""
        ...

    def capture_error(self, error: BaseException, handled: bool) -> None:
        """Report an exception. Called once for each exception object, inside the recordings' contexts.

        Args:
            error: The exception.
            handled: Whether the application dealt with it, and only reports it.
        """
        ...

    def leaves_to(self, framework: str) -> bool:
        """Return whether something else reports, to this output, the errors that a framework answers by itself.

        Args:
            framework: The framework's name in lower case, such as ``"flask"``.
        """
        ...

    def capture_failure(self, outcome: Outcome) -> None:
        """Report a response whose status is in ``failed_request_status_codes`` though nothing was raised."""
        ...

    def body_limit(self) -> int:
        """Return how many bytes of the request body may be kept; of what the application reads, no more is held."""
        ...

    def trace(self) -> Trace | None:
        """Return the trace in which the request is recorded, for the outputs that start later."""
        ...

    def trace_headers(self) -> dict[str, str]:
        """Return response headers, by lower-case name, that identify the trace; none without a root span."""
        ...

    def response_starting(self, status: int | None, headers: list[tuple[str, str]]) -> None:
        """Note that status and headers are about to be sent; called where :attr:`adds_headers` is true.

        It is called again where the application replaces the response before anything of it was sent.

        Args:
            status: The status code.
            headers: The response's headers as text. What the list contains afterwards is sent.
        """
        ...

    def response_headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers that the output adds to the response; called when the response starts."""
        ...

    def message_span(self, op: str, message: Any = None) -> MessageSpan | None:
        """Start a child span for one message.

        Args:
            op: The operation, such as ``"websocket.server.send"``.
            message: The message that the application sends, before it goes to the server; ``None`` for one that is yet
                to be received. It must not be kept.

        Returns:
            The span, or ``None`` where the message gets none.
        """
        ...

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute of the root span: ``str``, ``bool``, ``int``, ``float`` or a list of one of them."""
        ...

    def set_name(self, name: str) -> None:
        """Name the transaction, from a hook; a name that is found later does not override it."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """End the recording. Called once, and nothing is called afterwards but for :attr:`ends_with_response`.

        Args:
            outcome: How the request ended; final now.
        """
        ...

    def flush(self) -> None:
        """Send what the output still holds. Called in a lifespan whose application has shut down, or has failed.

        The event loop waits meanwhile, so the output bounds the time that it takes.
        """
        ...


class BaseRecording:
    """A recording that records nothing: the base class of an output's own."""

    __slots__ = ()

    context_values: ContextValues | None = None
    adds_headers: bool = False
    ends_with_response: bool = False
    finishes_in_context: bool = True
    aftermath: Any = None

    def running(self) -> AbstractContextManager[Any]:
        """Return a context manager that does nothing."""
        return nullcontext()

    def running_closed(self) -> AbstractContextManager[Any]:
        """Return a context manager that does nothing."""
        return nullcontext()

    def capture_error(self, error: BaseException, handled: bool) -> None:
        """Do nothing (see :meth:`Recording.capture_error`)."""

    def leaves_to(self, framework: str) -> bool:
        """Return ``False``: nothing else reports to this output."""
        return False

    def capture_failure(self, outcome: Outcome) -> None:
        """Do nothing (see :meth:`Recording.capture_failure`)."""

    def body_limit(self) -> int:
        """Return 0: no request body is kept."""
        return 0

    def trace(self) -> Trace | None:
        """Return ``None``: there is no trace of its own."""
        return None

    def trace_headers(self) -> dict[str, str]:
        """Return no headers."""
        return {}

    def response_starting(self, status: int | None, headers: list[tuple[str, str]]) -> None:
        """Do nothing (see :meth:`Recording.response_starting`)."""

    def response_headers(self) -> Sequence[tuple[str, str]]:
        """Return no headers."""
        return ()

    def message_span(self, op: str, message: Any = None) -> MessageSpan | None:
        """Return ``None``: messages get no spans."""
        return None

    def set_attribute(self, key: str, value: Any) -> None:
        """Do nothing: there is no span."""

    def set_name(self, name: str) -> None:
        """Do nothing: there is no span."""

    def finish(self, outcome: Outcome) -> None:
        """Do nothing (see :meth:`Recording.finish`)."""

    def flush(self) -> None:
        """Do nothing: nothing is waiting."""


class Recorder(Protocol):
    """An output. :class:`BaseRecorder` has a default for every member but :attr:`key`."""

    @property
    def key(self) -> str:
        """The output's name in the marker that keeps a request from being recorded twice by the same output."""
        ...

    @property
    def leads(self) -> bool:
        """Whether the output starts before the others of a middleware, so that they continue its trace."""
        ...

    @property
    def shares_errors(self) -> bool:
        """Whether an exception that a request inside this one reported already is not reported again.

        Both are requests of one process, such as those of a bridge or of an in-process client.
        """
        ...

    def active(self, protocol: str) -> bool:
        """Return whether there is anything to do; called before any work is done for a request.

        Args:
            protocol: ``"asgi"`` or ``"wsgi"``.
        """
        ...

    def incoming(self, request: Request) -> Trace | None:
        """Return the trace that the request's headers name, where this output would continue it."""
        ...

    def surroundings(self) -> Callable[[], Any] | None:
        """Return a function that makes the output's present context the current one, in whatever context it is called.

        Called in the context from before a request that is over, whose own context the server has handed to the next
        request; ``None``: the output has no context.
        """
        ...

    def silence(self, request: Request, naming: Names, outcome: Outcome) -> Recording | None:
        """Return what keeps the spans from being recorded that the application opens in an excluded request.

        Args:
            request: The request, whose URL is in ``excluded_urls``.
            naming: Finds the request's name, for what the application reports by itself.
            outcome: How the request goes on.

        Returns:
            A recording that reports nothing, for its context; ``None``: the output has nothing to keep silent.
        """
        ...

    def start(
        self, request: Request, naming: Names, captured: Captured, outcome: Outcome, scope_or_environ: Any
    ) -> Recording | None:
        """Start to record a request.

        Args:
            request: Its ``trace`` is the one to continue, where that is settled.
            naming: Finds the request's name whenever it is asked; keep it, rather than a name.
            captured: Add to it each exception that something else reports for this request.
            outcome: How the request goes on; filled in until it ends.
            scope_or_environ: The server's own dict, for a sampler or a hook; it must not be kept beyond ``finish``.

        Returns:
            The recording, or ``None`` where this request is not recorded.
        """
        ...

    def closed(self) -> Recording | None:
        """Return what stands in for a recording that could not be started.

        It records nothing, and holds back what would be sent of the request without it; ``None``: there is nothing.
        """
        ...


class BaseRecorder:
    """A recorder that records nothing: the base class of an output. It leaves ``key`` to be set."""

    __slots__ = ()

    key: str
    leads: bool = False
    shares_errors: bool = True

    def active(self, protocol: str) -> bool:
        """Return ``True``: every request is offered to :meth:`start`."""
        return True

    def incoming(self, request: Request) -> Trace | None:
        """Return ``None``: no trace is continued by this output."""
        return None

    def surroundings(self) -> Callable[[], Any] | None:
        """Return ``None``: the output has no context."""
        return None

    def silence(self, request: Request, naming: Names, outcome: Outcome) -> Recording | None:
        """Return ``None``: there is nothing to keep silent."""
        return None

    def start(
        self, request: Request, naming: Names, captured: Captured, outcome: Outcome, scope_or_environ: Any
    ) -> Recording | None:
        """Return ``None``: nothing is recorded."""
        return None

    def closed(self) -> Recording | None:
        """Return ``None``: where :meth:`start` has failed, the output has nothing to hold back."""
        return None


_MEMBERS = ("key", "leads", "shares_errors", "active", "incoming", "surroundings", "silence", "start", "closed")


def check_recorders(recorders: Any) -> tuple[Recorder, ...]:
    """Return the recorders of a middleware as a tuple.

    Args:
        recorders: What the user passed.

    Raises:
        TypeError: It is no iterable, or one of its items is no recorder; the message names what is missing.
    """
    if isinstance(recorders, (str, bytes)) or not hasattr(type(recorders), "__iter__"):
        raise TypeError(f"invalid value for recorders: {recorders!r} (expected an iterable of recorders)")
    checked = tuple(recorders)
    for recorder in checked:
        if isinstance(recorder, type):
            raise TypeError(f"invalid item of recorders: {recorder!r} (expected a recorder, not its class)")
        missing = [name for name in _MEMBERS if not hasattr(recorder, name)]
        if missing:
            raise TypeError(
                f"invalid item of recorders: {recorder!r} (a recorder has {', '.join(missing)}; "
                "derive it from sentry_web.BaseRecorder)"
            )
    return checked
