"""The life of one request: every state, every transition, every decision about its outcome.

Nothing here is asynchronous, does I/O, knows a protocol's dicts or a vendor. The adapters turn what they see into
calls, through ``_core.guard``; the table in ``_core.states`` is the only truth about what a call may change.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from .verdicts import ErrorKind, classify, is_quiet_exit

#: The members as globals: Python 3.11 takes 0.18 µs to look one up on its class, and a request asks for fourteen.
_OPEN, _STARTED, _STREAMING, _COMPLETE, _CLOSED = State
#: The columns of the table. Four of them are looked into right where they are needed: 0.05 µs less each.
_AFTER_START, _AFTER_BODY, _AFTER_LAST, _AFTER_ERROR, _AFTER_GONE, _AFTER_CLOSE = zip(*TRANSITIONS)


class Exchange(ContextStack):
    """One request on its way through the application, told to every output."""

    __slots__ = (
        "request",
        "outcome",
        "naming",
        "state",
        "_config",
        "_outer",
        "recordings",
        "_lost",
        "_ending",
        "_body",
        "traces_messages",
        "adds_headers",
    )

    def __init__(
        self, request: Request, config: Options, behind: Any, scope_or_environ: Any, outer: Exchange | None = None
    ) -> None:
        super().__init__()
        self.request = request
        self.outcome = Outcome(perf_counter())
        self.naming = Naming(request, config.transaction_style, scope_or_environ, behind, config.max_path_names)
        self.state = _OPEN  #: where the request stands
        self._config = config
        self._outer = outer if outer is not None and outer.open else None  #: the request whose code made this one
        self.recordings: tuple[ActiveRecording, ...] = ()
        self._lost: BaseException | None = None
        self._ending = False
        self._body: Body | None = None
        self.traces_messages = False  #: whether ``message_begins`` may answer spans
        self.adds_headers = False  #: whether ``extra_headers`` may have any

    def start(self, recorders: Sequence[Recorder], scope_or_environ: Any, configs: Sequence[Options] = ()) -> None:
        """Start a recording with each of these outputs, then call ``on_request``.

        Called once more for outputs whose middleware the request reaches later; ``configs``: each output's options.
        """
        configs = configs or [self._config] * len(recorders)
        for route in recordings.early_routes(self.request, configs):
            self.naming.resolve_early(route)
        former = len(self.recordings)
        for position, (recorder, config) in enumerate(zip(recorders, configs)):
            if former + len(recorders) > 1:
                recordings.settle_trace(self.request, recorders[position:], self.recordings)
            call(self.start_one, recorder, config, scope_or_environ)
        for active in self.recordings[former:]:
            if active.config.on_request is not None:
                call(active.config.on_request, active.recording, self.request)

    def start_one(self, recorder: Recorder, config: Options, scope_or_environ: Any) -> None:
        """Start a recording with this output, and no more; it raises what the output raises."""
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

    @property
    def open(self) -> bool:
        """Whether something is still recorded."""
        return self.state is not _CLOSED

    def records_with(self, recorder: Recorder) -> bool:
        """Whether this output records the request already."""
        return any(active.key == recorder.key for active in self.recordings)

    @property
    def extra_headers(self) -> list[tuple[str, str]]:
        """The headers that ``trace_response_headers``, or an output, adds to the response; none by default."""
        return recordings.response_headers(self.recordings)

    def message_begins(self, what: str) -> list[MessageSpan]:
        """A message is about to be sent or received; the spans to end with it (``record_send_receive``)."""
        return recordings.message_spans(self.recordings, f"{self.request.kind}.server.{what}")

    def body_read(self, part: bytes) -> Body | None:
        """The application has read a part of the request body; see ``Body.feed``."""
        if not part or not self.open:
            return None
        if self._body is None:
            limit = max([call(active.recording.body_limit) or 0 for active in self.recordings])
            self._body = self.request.body = Body(limit)
        return self._body.feed(part)

    def response_started(self, status: int | None, headers: Any = ()) -> None:
        """A status was handed to the server."""
        following = _AFTER_START[self.state]
        if following is not None:
            self.state = following
            self.outcome.status = status
            self.outcome.headers = headers if isinstance(headers, (list, tuple)) else ()
            self.naming.observe()

    def body_sent(self, size: int) -> None:
        """A part of the body was handed to the server; an empty part is none (PEP 3333 allows it anywhere)."""
        following = _AFTER_BODY[self.state]
        if size and following is not None:
            self.state = following
            outcome = self.outcome
            outcome.body_size += size
            outcome.last_byte = perf_counter()
            if outcome.first_byte is None:
                outcome.first_byte = outcome.last_byte

    def body_ending(self) -> None:
        """The last part is being handed over; a disconnect says nothing now (hypercorn tells one while it takes it)."""
        self._ending = True

    def body_handed_over(self) -> None:
        """The server sends the body, a file, by itself: only Content-Length tells how much that is."""
        if self.state < _COMPLETE and not self._is_bodiless():
            self.outcome.body_size += content_length(self.outcome.headers)
        self.body_ended()

    def body_ended(self) -> None:
        """The last body byte was handed to the server."""
        following = _AFTER_LAST[self.state]
        if following is not None:
            self.state = following
            self.outcome.ended = perf_counter()

    def websocket_closed(self, code: int, closed_by: str) -> None:
        """The connection was closed with this code (RFC 6455, 7.4.1); 1011 says that the server failed."""
        if self.state < _COMPLETE:
            self.outcome.close_code = code
            self.outcome.closed_by = closed_by
            self.outcome.failed = self.outcome.failed or (code == 1011 and closed_by == "server")
            self.body_ended()

    def websocket_refused(self, status: int) -> None:
        """The connection was closed before it was accepted; without an effect once there is a status."""
        if self.state is _OPEN:
            self.response_started(status)

    def message_sent(self, size: int) -> None:
        """A websocket message was handed to the server; ``size`` in bytes, empty ones count."""
        if self.state < _COMPLETE:
            self.outcome.messages_out += 1
            self.body_sent(size)

    def message_received(self, size: int) -> None:
        """A websocket message was handed to the application; ``size`` in bytes."""
        if self.open:
            self.outcome.messages_in += 1
            self.outcome.bytes_in += size

    def client_gone(self, error: BaseException | None = None) -> None:
        """The client went away, perhaps with all it came for; ``error`` is what the server raised to say so."""
        if self.open:
            self._lost = error
        whole = 0 < content_length(self.outcome.headers) <= self.outcome.body_size
        if not whole and (error is not None or not self._ending) and self._step(_AFTER_GONE):
            self.outcome.client_gone = self.outcome.cancelled = True

    def failed(self, error: BaseException) -> None:
        """An exception left the application: capture it once, or take it for a cancellation (design 4, "Errors")."""
        if not self._step(_AFTER_ERROR) or is_quiet_exit(error):
            return
        verdict = classify(error, self._lost)
        if verdict is ErrorKind.CLIENT_GONE:
            self.client_gone(error)
        elif verdict is ErrorKind.CANCELLED:
            self.outcome.cancelled = True
        else:
            self.outcome.failed = True
            self._capture(error, handled=False)

    def handled(self, error: BaseException) -> None:
        """The application itself reports an exception it dealt with: ``start_response(…, exc_info)``."""
        if self._step(_AFTER_ERROR):
            self._capture(error, handled=True)

    def swallowed(self, error: BaseException, framework: str) -> None:
        """The framework answers an exception by itself and will not raise it."""
        if self._step(_AFTER_ERROR):
            self.outcome.failed = True
            self.naming.observe()
            for active in self.recordings:
                if not call(active.recording.leaves_to, framework) and active.captured.add(error):
                    call(active.recording.capture_error, error, False)

    def _capture(self, error: BaseException, handled: bool) -> None:
        """Tell each output that does not know the exception, nor what a framework wrapped it in, yet."""
        layers = frameworks.unwrap(error)
        told = [active for active in self.recordings if active.captured.add_all(layers)]
        if told:
            recordings.call_each(self, told, "capture_error", layers[-1], handled)

    def close(self, ended: float | None = None) -> None:
        """Application code will not run again: make the outcome final, report it, let go of everything.

        :param ended: when it truly ended (``time.perf_counter()`` seconds); now, if not given.
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
            self._outer = self._lost = None

    def closed_by_server(self, ended: float | None = None) -> None:
        """The server closed the response; before its end, that says that the client has gone (PEP 3333).

        A response that has no body anyway need not be read to its end (RFC 9110, 6.4.1).
        """
        if self.state < _COMPLETE and not self.outcome.failed and not self._is_bodiless():
            self.client_gone()
        self.close(ended)

    def _is_bodiless(self) -> bool:
        return self.request.method == "HEAD" or self.outcome.status in (204, 304)

    def abandoned(self) -> None:
        """The server dropped the response without ``close()``; it ended with the last byte it took."""
        self.closed_by_server(ended=self.outcome.last_byte)

    def _step(self, column: Sequence[State | None]) -> bool:
        """Make the transition; whether the input has an effect in this state."""
        following = column[self.state]
        if following is not None:
            self.state = following
        return following is not None
