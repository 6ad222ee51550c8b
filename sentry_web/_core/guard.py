"""The guard: the one place where a failure of our own is caught and logged.

The application must behave as if it were not instrumented, also when a step of ours, a user's hook or an output raises.
The adapters, and everything that calls an output, make their calls through :func:`call`. The adapters write it out,
``try: … except Exception: report(…)``, where it runs for every request, message or part of a body, to save a call each
time; nothing else catches broadly. Where applications call them, perhaps near the recursion limit, they also catch the
``RecursionError`` of ``report`` itself: what the server has done by then is not to be done again. This module imports
nothing of the package and knows no protocol.

Not a failure of ours is what a signal handler of the application raises while our code happens to run, such as the
``TimeoutError`` of an alarm: that is passed on, as it would be without us.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType, TracebackType
from typing import Any, TypeVar

logger = logging.getLogger("sentry_web")

Result = TypeVar("Result")

_PACKAGE = "sentry_web"
#: The context variables that hold the request of which a function of this package may fail.
_requests: list[contextvars.ContextVar[Any]] = []


class _State(threading.local):
    """Whether this thread is reporting a failure: an output may take the log record, and fail again with it."""

    reports = False


_state = _State()


def mark_failures(request: contextvars.ContextVar[Any]) -> None:
    """Have the exchange in a context variable marked (``outcome.faulty``) whenever a function of this package fails.

    What that function should have seen of the request is not known then.
    """
    _requests.append(request)


def call(function: Callable[..., Result], *args: Any) -> Result | None:
    """Call a function, and log an ``Exception`` that it raises.

    ``KeyboardInterrupt`` and the like are meant for the whole process, and are no failures of ours: they pass, and so
    does whatever a signal handler raises.

    Args:
        function: What is called.
        *args: Its arguments.

    Returns:
        What the function returns; ``None`` where it raised.
    """
    try:
        return function(*args)
    except Exception:  # noqa: BLE001 - this is the one place for it
        try:
            report(function)
        except RecursionError:  # the application has left no frame for the report; this takes none
            for request in _requests:
                if (exchange := request.get()) is not None:
                    exchange.outcome.faulty = True
        return None


#: The functions whose failures :func:`attempt` has logged.
_logged: set[str] = set()


def attempt(function: Callable[..., Result], *args: Any) -> Result | None:
    """Call a function as :func:`call` does, and log no more than its first failure in this process.

    This is for what reads the neighbours' objects, such as a framework's routes: where it fails for one request, it
    fails for thousands.
    """
    try:
        return function(*args)
    except Exception:  # noqa: BLE001 - as call() does
        name = f"{getattr(function, '__module__', None)}.{getattr(function, '__qualname__', type(function))}"
        if name not in _logged or _is_of_signal_handler(sys.exc_info()[2]):
            _logged.add(name)
            report(function)
        return None


def pass_on(take: Callable[[BaseException], Any]) -> None:
    """Call a function with the exception that is being handled.

    A frame of a traceback that had the exception for a local would hold itself, as soon as somebody has looked at the
    frame's locals, which sentry-sdk does (before Python 3.13, PEP 667). So the adapters' frames never name it.

    Args:
        take: What is called.
    """
    error = sys.exc_info()[1]
    if error is not None:
        take(error)


def report(function: Callable[..., Any]) -> Any:
    """Log the exception that is being handled as a failure inside a function; raise nothing, whatever logging does.

    But a signal handler's exception, which is no failure of the function, is raised again.

    The level is WARNING: sentry-sdk's logging integration makes an event of its own from an ERROR record.

    Args:
        function: What failed.

    Returns:
        ``None``, for callers that write :func:`call` out.
    """
    is_first, _state.reports = not _state.reports, True
    passes = False
    try:
        if sys.exc_info()[0] is RecursionError or _sees_request(function):  # in this order: see call()
            for request in _requests:
                if (exchange := request.get()) is not None:
                    exchange.outcome.faulty = True
        passes = _is_of_signal_handler(sys.exc_info()[2])
        if is_first and not passes:
            name = getattr(function, "__qualname__", None) or type(function).__qualname__
            logger.warning("%s failed; the application is not affected", name, exc_info=True)  # noqa: LOG014
    except Exception:  # noqa: BLE001 - a user's log filter or handler may raise
        return None
    finally:
        _state.reports = not is_first
    if passes:
        raise  # noqa: PLE0704 - callers are handling it
    return None


def _is_of_signal_handler(traceback: TracebackType | None) -> bool:
    """Return whether an exception comes out of a function that is a signal handler of this process."""
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    while traceback is not None and handlers:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _code_of(handler: Any) -> CodeType | None:
    """Return the code of a function, a method, or a callable object that is written in Python; else ``None``."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    function = handler if isinstance(handler, FunctionType | MethodType) else type(handler).__dict__.get("__call__")
    function = getattr(function, "__func__", function)
    return function.__code__ if isinstance(function, FunctionType) else None


def _sees_request(function: Callable[..., Any]) -> bool:
    """Return whether a function is ours, and notes what is in a request: not one of the user's, nor one for names."""
    module = getattr(function, "__module__", _PACKAGE)
    return module.startswith(_PACKAGE) and not module.startswith(f"{_PACKAGE}._naming")


class _Finisher:
    """A thread that calls what finalizers leave to it.

    The garbage collector runs finalizers at any allocation, also in code that holds a lock: that of an output's queue,
    or the one that ``threading`` takes to start a thread. A finalizer that waits for such a lock waits for ever. So it
    only puts its work into a ``SimpleQueue``, whose ``put`` may be called there (it is written for that, see its
    documentation), and the thread has been started before, outside of any finalizer.
    """

    __slots__ = ("_queue", "_thread")

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs in this process already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sentry_web.finisher", daemon=True)
            # In an empty context: sentry-sdk and OpenTelemetry hand the starter's on, which may be a request's
            contextvars.Context().run(self._thread.start)

    def put(self, finish: Callable[[], Any]) -> None:
        """Have the thread call a function."""
        self._queue.put(finish)

    def forget_thread(self) -> None:
        """Note that a process that was just forked has none of its parent's threads."""
        self._thread = None

    def _run(self) -> None:
        while True:
            call(self._queue.get())  # no local variable: it would keep the last request alive


_FINISHER = _Finisher()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_FINISHER.forget_thread)


def prepare_to_finish() -> None:
    """Get ready for :func:`finish_dropped`; called outside of a finalizer, before there is something to drop."""
    _FINISHER.start()


def finish_dropped(dropped: object, finish: Callable[[], Any]) -> None:
    """Finish with an object whose finalizer calls this: at once, or on another thread.

    An object that the garbage collector has found is still referred to, from its cycle; there nothing may be called
    that takes a lock. One that was merely dropped is not.

    Args:
        dropped: The object.
        finish: What is called.
    """
    if getrefcount(dropped) > _REFERENCES:
        _FINISHER.put(finish)
    else:
        finish()


class _Probe:
    """An object that is dropped, to count the references that are left to such an object: those of the calls alone."""

    left = 0

    def __del__(self) -> None:
        _count(self, sys.exc_info)


def _count(dropped: object, finish: Callable[[], Any]) -> None:
    _Probe.left = getrefcount(dropped)


#: Only CPython counts references; elsewhere nothing is taken for a part of a cycle.
getrefcount: Callable[[object], int] = getattr(sys, "getrefcount", lambda _: 0)
_Probe()
_REFERENCES = _Probe.left
