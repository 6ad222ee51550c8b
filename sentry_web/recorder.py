"""What an output has to offer: the ``Recorder`` and ``Recording`` protocols. No vendor is known here.

A recorder is made once, at construction of a middleware; it starts one recording for each request. Every call into
a recording goes through ``_core.guard``: what it raises is logged and never reaches the application.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

from ._naming.naming import Names
from ._request import Outcome, Request, Trace

#: Messages of one connection that get a span with ``record_send_receive``: a websocket may live for days.
MOST_MESSAGE_SPANS = 1000


class Captured(list[Any]):
    """The exceptions reported so far in one request, so that each is reported once, whatever nests.

    Identity is what counts, and none is held: the traceback of each leads back to the frames that hold this object.
    Exceptions of built-in classes take no weak reference; they are known again by their address together with their
    class and the instruction that raised them, since the address alone may be used again within the request.

    It is the list of these marks: every request has one, which mostly stays empty (0.1 µs and 40 bytes less than with
    a list inside).
    """

    __slots__ = ()

    def add(self, error: BaseException) -> bool:
        """Note an exception, here and in the requests around this one; whether it is new."""
        mark = _mark_of(error)
        if mark in self:
            return False
        self.append(mark)
        return True

    def add_all(self, errors: Sequence[BaseException]) -> bool:
        """Note an exception and those it wraps; whether all of them are new."""
        return all([self.add(error) for error in errors])  # noqa: C419 - each is noted, not only up to the first old one


class CapturedInside(Captured):
    """The same of a request that the code of another one makes."""

    __slots__ = ("_outer",)

    def __init__(self, outer: Captured) -> None:
        self._outer: Captured | None = outer

    def add(self, error: BaseException) -> bool:
        """See :class:`Captured`."""
        outer = self._outer
        return super().add(error) and (outer is None or outer.add(error))

    def clear(self) -> None:
        """Forget all, and let go of the requests around."""
        super().clear()
        self._outer = None


class _Identity(weakref.ref[Any]):
    """A weak reference that equals another one of the very same object, whatever ``==`` the object has."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self() is not None and self() is other()

    def __hash__(self) -> int:
        return id(self)


def _mark_of(error: BaseException) -> Any:
    try:
        return _Identity(error)
    except TypeError:
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        origin = None if traceback is None else (id(traceback.tb_frame.f_code), traceback.tb_lasti)
        return (id(error), type(error), origin)


#: What is current while application code runs: variables and their values.
ContextValues = tuple[tuple["ContextVar[Any]", ...], tuple[Any, ...]]


class MessageSpan(Protocol):
    """A span of one ASGI message."""

    def end(self, name: str, message: Any) -> None:
        """The message has passed; ``name`` is its type, known only now for one that was received.

        :param message: the message itself, for a user's hook; ``None`` where there was none. It must not be kept.
        """
        ...


def end_message(spans: Sequence[MessageSpan], message: Any) -> None:
    """End the spans of a message, which has passed, or was not to be had."""
    name = message.get("type") if isinstance(message, dict) else None
    for span in spans:
        span.end(str(name), message)


class Recording(Protocol):
    """One request as one output records it.

    Four attributes are looked for, each of which may be missing: ``ambient``, variables and their values,
    is entered in the place of :meth:`running`, and costs less; ``ambient_amid`` is what is left of it to enter where it
    is the only output, once a part of the response is sent; ``idle = True`` says that there is nothing to
    :meth:`finish`; ``finishes_alone = True`` that :meth:`finish` enters what it needs, where it is the only output.
    """

    def running(self) -> AbstractContextManager[Any]:
        """The vendor's ambient context, for the time that application code runs.

        It may be entered again and again, from different threads, and nested; a caller never holds it across a
        ``yield`` and leaves it on the thread that entered it.
        """
        ...

    def capture_error(self, error: BaseException, handled: bool) -> None:
        """Report an exception. Called once for each exception object, inside :meth:`running`."""
        ...

    def leaves_to(self, framework: str) -> bool:
        """Whether something else reports, to this output, the errors that this framework answers by itself."""
        ...

    def capture_failure(self, outcome: Outcome) -> None:
        """Report a response whose status is in ``failed_request_status_codes`` though nothing was raised."""
        ...

    def body_limit(self) -> int:
        """Bytes of the request body that may be sent; the exchange shows what the application reads to a tee."""
        ...

    def trace(self) -> Trace | None:
        """The trace in which the request is recorded, for the outputs that start later; ``None``: in none."""
        ...

    def trace_headers(self) -> dict[str, str]:
        """Response headers, by lower-case name, that tell the caller which trace this is; empty without a root span."""
        ...

    def response_headers(self) -> Sequence[tuple[str, str]]:
        """Headers that the output adds to the response, asked for when the response starts; mostly none."""
        ...

    def message_span(self, op: str) -> MessageSpan | None:
        """Begin a child span for one message, if there is room for another."""
        ...

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute of the root span: ``str``, ``bool``, ``int``, ``float`` or a list of one of them."""
        ...

    def set_name(self, name: str) -> None:
        """Name the transaction, from a hook; what is found later does not override it."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """End the recording. Called once, mostly inside :meth:`running`; nothing is called afterwards."""
        ...


class BaseRecording:
    """A recording that does nothing, to be derived from: an output overrides what it is interested in."""

    __slots__ = ()

    def running(self) -> AbstractContextManager[Any]:
        """No ambient context (see :class:`Recording`)."""
        return nullcontext()

    def capture_error(self, error: BaseException, handled: bool) -> None:
        """Nothing (see :class:`Recording`)."""

    def leaves_to(self, framework: str) -> bool:
        """No: nothing else reports to this output."""
        return False

    def capture_failure(self, outcome: Outcome) -> None:
        """Nothing (see :class:`Recording`)."""

    def body_limit(self) -> int:
        """No request body is sent: 0 bytes."""
        return 0

    def trace(self) -> Trace | None:
        """No trace of its own."""
        return None

    def trace_headers(self) -> dict[str, str]:
        """None."""
        return {}

    def response_headers(self) -> Sequence[tuple[str, str]]:
        """None."""
        return ()

    def message_span(self, op: str) -> MessageSpan | None:
        """None."""
        return None

    def set_attribute(self, key: str, value: Any) -> None:
        """Nothing: there is no span."""

    def set_name(self, name: str) -> None:
        """Nothing: there is no span."""

    def finish(self, outcome: Outcome) -> None:
        """Nothing (see :class:`Recording`)."""


class Recorder(Protocol):
    """An output.

    Three more attributes are looked for, each of which may be missing: ``leads = True`` starts this output before the
    others of a middleware, so that its trace is the one that they continue; ``shares_errors = False`` has an exception
    reported that a request inside this one, in the same process, reported already; ``incoming(request)`` answers the
    :class:`Trace` that the output would continue, or ``None``.
    """

    #: Names the output in the marker that keeps a request from being recorded twice by the same one.
    key: str

    def active(self, protocol: str) -> bool:
        """Whether there is anything to do; asked before any work is done for a request."""
        ...

    def start(
        self, request: Request, naming: Names, captured: Captured, outcome: Outcome, scope_or_environ: Any
    ) -> Recording | None:
        """Begin to record a request; ``None``: this one is not recorded.

        :param request: its ``trace`` is the one to continue, where that is settled.
        :param naming: finds the name when it is asked; keep it, not what it was asked for.
        :param captured: add to it each exception that something else reports for this request.
        :param outcome: filled in as the request goes on.
        :param live: the server's scope or environ, for a sampler or a hook; it must not be kept beyond ``finish``.
        """
        ...
