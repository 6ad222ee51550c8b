"""The life of one request: every transition and every decision about its outcome.

Nothing here is asynchronous, does I/O, knows a protocol's dicts or a vendor. The adapters turn what they see into
calls, through ``guard``; the table in ``states`` alone decides what a call may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import Context, copy_context
from time import perf_counter
from typing import Any

from .._naming import frameworks
from .._naming.naming import Names, Naming
from .._options import Options
from .._request import Outcome, Request
from .._request.body import Body
from .._request.http import content_length
from ..recorder import Captured, MessageSpan, Recorder
from . import recordings
from .context import ContextStack
from .guard import call, report
from .recordings import ActiveRecording
from .states import TRANSITIONS, State
from .verdicts import ErrorKind, classify, is_quiet_exit, takes_over_socket

#: The members as globals: Python 3.11 is slow to look one up on its class, and a request asks for fourteen.
_OPEN, _STARTED, _STREAMING, _COMPLETE, _CLOSED = State
#: The columns of the table: the next state, by the present one.
_AFTER_START, _AFTER_BODY, _AFTER_LAST, _AFTER_ERROR, _AFTER_GONE, _AFTER_CLOSE = zip(*TRANSITIONS)

_MOST_DISCONNECTS = 20  # of one request: an application may go on writing to a client that has gone


#: The options of an output that excludes the request.
_SILENT = Options()


class Exchange(ContextStack):
    """One request on its way through the application, recorded by every output.

    Args:
        request: The request.
        config: The options of the middleware that opens it.
        wrapped: What was found behind that middleware.
        scope_or_environ: The server's own dict.
        outer: The request whose code makes this one, if there is one.
    """

    __slots__ = (
        "request",
        "aftermath",
        "before",
        "leaked",
        "outcome",
        "naming",
        "state",
        "_announced",
        "_config",
        "_outer",
        "recordings",
        "_disconnects",
        "_ending",
        "_body",
        "traces_messages",
        "adds_headers",
        "_ends_with_response",
        "_length",
    )

    def __init__(
        self, request: Request, config: Options, wrapped: Any, scope_or_environ: Any, outer: Exchange | None = None
    ) -> None:
        super().__init__()
        self.request = request
        #: The context around the request, for what finds this exchange in its own context when it is over.
        self.before: Context = copy_context()
        #: Whether the request arrived in the context of one that is over, so that ``before`` is an older one.
        self.leaked = False
        self.outcome = Outcome(perf_counter())
        self.naming = Naming(request, config.transaction_style, scope_or_environ, wrapped, config.max_path_names)
        self.state = _OPEN  #: where the request stands
        self._announced = 0  #: recordings for which ``on_request`` was called
        self._config = config
        self._outer = outer if outer is not None and outer.open else None  #: the request whose code made this one
        self.recordings: tuple[ActiveRecording, ...] = ()
        #: What the recordings leave, once an exception has left the application: see ``aftermath``.
        self.aftermath: tuple[Any, ...] = ()
        self._disconnects: tuple[BaseException, ...] = ()  #: what the server raised to say that the client has gone
        self._ending = False
        self._body: Body | None = None
        self.traces_messages = False  #: whether ``message_begins`` may answer spans
        self.adds_headers = False  #: whether outputs see the response's headers, or add any
        self._length: int | None = None  #: the length that the response announces, once it is asked for
        self._ends_with_response = False  #: whether a recording ends with the last body byte

    def start(self, recorders: Sequence[Recorder], scope_or_environ: Any, configs: Sequence[Options] = ()) -> None:
        """Start a recording with each of these outputs.

        Called again for the outputs of a middleware that the request reaches later.

        Args:
            recorders: The outputs.
            scope_or_environ: The server's own dict.
            configs: The options of each output's middleware; by default those of this exchange.
        """
        configs = configs or [self._config] * len(recorders)
        for route in recordings.early_routes(self.request, configs):
            self.naming.resolve_early(route)
        former = len(self.recordings)
        for position, (recorder, config) in enumerate(zip(recorders, configs)):
            if former + len(recorders) > 1:
                recordings.settle_trace(self.request, recorders[position:], self.recordings)
            if recorder.leads and self.recordings:  # inside of what leads before it, and decides on its parent
                started = self._start_inside(recorder, config, scope_or_environ)
            else:
                started = call(self.start_one, recorder, config, scope_or_environ)
            if not started:
                call(self.close_one, recorder, config)

    def silence(self, recorders: Sequence[Recorder]) -> bool:
        """Keep these outputs from recording what the application opens; return whether any of them needs that."""
        former = len(self.recordings)
        for recorder in recorders:
            recording = call(recorder.silence, self.request, self.naming, self.outcome)
            if recording is not None:
                self.add_context_of(recording)
                self.recordings = (*self.recordings, ActiveRecording(recorder.key, recording, _SILENT, Captured()))
        return len(self.recordings) > former

    def announce(self) -> None:
        """Call ``on_request`` for each recording that has started, once."""
        started, self._announced = self.recordings[self._announced :], len(self.recordings)
        for active in started:
            if active.config.on_request is not None:
                call(active.config.on_request, active.recording, self.request)

    def start_one(self, recorder: Recorder, config: Options, scope_or_environ: Any) -> bool:
        """Start a recording with this output, and raise what the output raises."""
        captured = recordings.captured_for(recorder, self._outer.recordings) if self._outer is not None else Captured()
        naming: Names = self.naming
        if config is not self._config:
            naming = self.naming.styled(config.transaction_style, config.max_path_names)
        recording = recorder.start(self.request, naming, captured, self.outcome, scope_or_environ)
        if recording is not None:
            self.add_context_of(recording)
            self.recordings = (*self.recordings, ActiveRecording(recorder.key, recording, config, captured))
            self.traces_messages = self.traces_messages or config.record_send_receive
            self.adds_headers = self.adds_headers or recording.adds_headers or bool(config.trace_response_headers)
            self._ends_with_response = self._ends_with_response or recording.ends_with_response
        return True

    def _start_inside(self, recorder: Recorder, config: Options, scope_or_environ: Any) -> bool | None:
        entered = self.enter()
        try:
            try:
                return call(self.start_one, recorder, config, scope_or_environ)
            finally:
                self.leave(entered)
        except BaseException:
            self.leave(entered)  # again: a signal handler may have interrupted the first time
            raise

    def close_one(self, recorder: Recorder, config: Options) -> None:
        """Use what stands in for a recording that could not be started."""
        recording = recorder.closed()
        if recording is not None:
            self.outcome.faulty = True
            self.add_context_of(recording)
            self.recordings = (*self.recordings, ActiveRecording(recorder.key, recording, config, Captured()))

    @property
    def open(self) -> bool:
        """Whether the request is still recorded."""
        return self.state is not _CLOSED

    @property
    def over(self) -> bool:
        """Whether the response has ended, so that a connection may carry its next request."""
        return self.state >= _COMPLETE

    # The marker of a request, in the server's own dict: applications copy, deep-copy, pickle and print that dict

    def __copy__(self) -> Exchange:
        """Return the exchange itself: a copied scope or environ is of the same request."""
        return self

    def __deepcopy__(self, memo: Any) -> Exchange:
        """Return the exchange itself (see :meth:`__copy__`)."""
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle ``None``: in another process nothing is recorded, and this package may be missing there."""
        return type(None), ()

    def __repr__(self) -> str:
        """Return the state alone: what prints a scope or environ shows nothing of the request by this."""
        return f"<Exchange {self.state.name}>"

    def records_with(self, recorder: Recorder) -> bool:
        """Return whether this output records the request already."""
        return self.records(recorder.key)

    def records(self, key: str) -> bool:
        """Return whether the output with this key records the request already."""
        return any(active.key == key for active in self.recordings)

    def response_starting(self, status: int | None, headers: list[tuple[str, str]]) -> None:
        """Let the outputs see, and change, the headers of the response, as text, before they are sent."""
        recordings.response_starting(self.recordings, status, headers)

    @property
    def extra_headers(self) -> list[tuple[str, str]]:
        """The headers that ``trace_response_headers``, or an output, adds to the response."""
        return recordings.response_headers(self.recordings)

    def message_begins(self, what: str, message: Any = None) -> list[MessageSpan]:
        """Start the spans of a message that is about to be sent or received (``record_send_receive``).

        Args:
            what: ``"send"`` or ``"receive"``.
            message: The message that is about to be sent.
        """
        return recordings.message_spans(self.recordings, f"{self.request.kind}.server.{what}", message)

    def body_read(self, part: bytes) -> Body | None:
        """Note a part of the request body that the application has read; see ``Body.feed``."""
        if not part or not self.open:
            return None
        if self._body is None:
            limit = max([call(active.recording.body_limit) or 0 for active in self.recordings])
            self._body = self.request.body = Body(limit)
        return self._body.feed(part)

    def response_started(self, status: int | None, headers: Any = ()) -> None:
        """Note a status and headers that were handed to the server."""
        following = _AFTER_START[self.state]
        if following is not None:
            self.state = following
            if self.outcome.client_gone and status is not None and status >= 500:
                status = None  # a framework's answer to the exception that says so, which nobody receives
            self.outcome.status = status
            self.outcome.headers = headers if isinstance(headers, (list, tuple)) else ()
            self.naming.observe()

    def body_sent(self, size: int) -> None:
        """Note a part of the body that was handed to the server; an empty one is none (PEP 3333 allows it anywhere)."""
        following = _AFTER_BODY[self.state]
        if size and following is not None:
            outcome, now = self.outcome, perf_counter()
            self.state = following
            if outcome.first_byte is None:
                if self._is_bodiless():
                    return  # the server drops it; frameworks differ in whether they do
                outcome.first_byte = now
            outcome.body_size += size
            outcome.last_byte = now

    def body_is_whole(self) -> bool:
        """Return whether as much has been sent as the response announced (Content-Length)."""
        if self._length is None:
            self._length = content_length(self.outcome.headers)
        return 0 < self._length <= self.outcome.body_size

    def body_ending(self) -> None:
        """Note that the last part is being handed over: hypercorn reports a disconnect while it takes it."""
        self._ending = True

    def body_handed_over(self) -> None:
        """Note that the server sends the body, a file, by itself: its size is that of Content-Length."""
        if self.state < _COMPLETE and not self._is_bodiless():
            self.outcome.body_size += content_length(self.outcome.headers)
        self.body_ended()

    def body_ended(self) -> None:
        """Note that the last body byte was handed to the server."""
        following = _AFTER_LAST[self.state]
        if following is not None:
            self.state = following
            self.outcome.ended = perf_counter()
            if self._ends_with_response:
                recordings.report_response_end(self)

    def websocket_closed(self, code: int, closed_by: str) -> None:
        """Note that the websocket was closed with this code (RFC 6455, 7.4.1); 1011 says that the server failed."""
        if self.state < _COMPLETE:
            self.outcome.close_code = code
            self.outcome.closed_by = closed_by
            self.outcome.failed = self.outcome.failed or (code == 1011 and closed_by == "server")
            self.body_ended()

    def websocket_refused(self, status: int) -> None:
        """Note that the websocket was closed before it was accepted; without an effect once there is a status."""
        if self.state is _OPEN:
            self.response_started(status)

    def message_sent(self, size: int) -> None:
        """Note a websocket message that was handed to the server; ``size`` in bytes, empty ones count."""
        if self.state < _COMPLETE:
            self.outcome.messages_out += 1
            self.body_sent(size)

    def message_received(self, size: int) -> None:
        """Note a websocket message that was handed to the application; ``size`` in bytes."""
        if self.open:
            self.outcome.messages_in += 1
            self.outcome.bytes_in += size

    def client_gone(self, error: BaseException | None = None) -> None:
        """Note that the client went away, perhaps after it had received the whole response.

        Args:
            error: What the server raised to say so; ``None`` where it sent a message.
        """
        if self.open and error is not None and len(self._disconnects) < _MOST_DISCONNECTS:
            self._disconnects = (*self._disconnects, error)
        whole = 0 < content_length(self.outcome.headers) <= self.outcome.body_size
        if not whole and (error is not None or not self._ending) and self._step(_AFTER_GONE):
            self.outcome.client_gone = self.outcome.cancelled = True

    def failed(self, error: BaseException) -> None:
        """Capture an exception that left the application, or take it for a cancellation."""
        if self._step(_AFTER_ERROR):
            try:
                if not is_quiet_exit(error) and self._is_error(error):
                    self.outcome.failed = True
                    self._capture(error, handled=False)
            finally:  # what its server reports of it must be redacted in any case
                self.refused()

    def refused(self) -> None:
        """Note that an exception has left the application that need not be reported any more, as its server may."""
        left = [call(getattr, active.recording, "aftermath") for active in self.recordings]
        self.aftermath = tuple(each for each in left if each is not None)

    def handled(self, error: BaseException) -> None:
        """Capture an exception that the application reports and has dealt with: ``start_response(…, exc_info)``."""
        if self._step(_AFTER_ERROR) and self._is_error(error):
            self._capture(error, handled=True)

    def swallowed(self, error: BaseException, framework: str) -> None:
        """Capture an exception that the framework answers by itself and will not raise."""
        if self._step(_AFTER_ERROR) and self._is_error(error):
            self.outcome.failed = True
            self.naming.observe()
            for active in self.recordings:
                if not call(active.recording.leaves_to, framework) and active.captured.add(error):
                    call(active.recording.capture_error, error, False)

    def _is_error(self, error: BaseException) -> bool:
        """Return whether an exception is an error; if not, note the cancellation that it is, and that it is known."""
        request, outcome = self.request, self.outcome
        client_gone = outcome.client_gone or outcome.closed_by == "client"
        kind = classify(error, self._disconnects, client_gone, owns_socket=takes_over_socket(request))
        if kind is ErrorKind.ERROR:
            return True
        if kind is ErrorKind.CLIENT_GONE and outcome.closed_by is None:
            self.client_gone(error)
        elif kind is ErrorKind.CANCELLED or outcome.closed_by == "client":
            outcome.cancelled = True
        for active in self.recordings:
            active.captured.add(error)
        return False

    def _capture(self, error: BaseException, handled: bool) -> None:
        """Report to each output that knows neither the exception nor what a framework wrapped it in yet."""
        layers = frameworks.unwrap(error)
        unaware = [active for active in self.recordings if active.captured.add_all(layers)]
        if unaware:
            recordings.call_each(self, unaware, "capture_error", layers[-1], handled)

    def flush(self) -> None:
        """Send what is waiting: the application has shut down, and its process may be about to end."""
        for active in self.recordings:
            call(active.recording.flush)

    def close(self, ended: float | None = None) -> None:
        """Make the outcome final, report it and let go of everything: application code will not run again.

        Args:
            ended: When the response ended (``time.perf_counter()`` seconds); by default now.
        """
        outcome, following = self.outcome, _AFTER_CLOSE[self.state]
        if following is None:
            return
        self.state = following
        if outcome.ended is None:
            outcome.ended = perf_counter() if ended is None else ended
        if outcome.failed and outcome.status is None and self.request.kind in ("http", "websocket"):
            outcome.status = 500  # what the server answers in the application's place
        try:
            self.naming.freeze()
        except Exception:  # noqa: BLE001 - as call() does
            report(self.naming.freeze)
        try:
            recordings.report_end(self)
        finally:  # nothing shall keep the request, its frames or the application alive
            for active in self.recordings:
                active.captured.clear()
            self.recordings = ()
            self.forget_contexts()
            self._outer = None
            self._disconnects = ()

    def closed_by_server(self, ended: float | None = None) -> None:
        """Note that the server closed the response; before its end, that says that the client has gone (PEP 3333).

        A response that has no body anyway need not be read to its end (RFC 9110, 6.4.1).
        """
        if self.state < _COMPLETE and not self.outcome.failed and not self._is_bodiless():
            self.client_gone()
        self.close(ended)

    def _is_bodiless(self) -> bool:
        return self.request.method == "HEAD" or self.outcome.status in (204, 304)

    def abandoned(self) -> None:
        """Note that the server dropped the response without ``close()``; it ended with the last byte it took."""
        self.closed_by_server(ended=self.outcome.last_byte)

    def _step(self, column: Sequence[State | None]) -> bool:
        """Make the transition, and return whether the input has an effect in this state."""
        following = column[self.state]
        if following is not None:
            self.state = following
        return following is not None
