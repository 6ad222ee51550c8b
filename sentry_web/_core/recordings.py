"""The recordings of one request: what belongs to each, how they agree on one trace, and calls to all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .._options import Options
from .._request import Outcome, Request
from .._request.http import Header
from ..recorder import Captured, CapturedInside, MessageSpan, Recorder, Recording
from .context import CURRENT
from .guard import call


class ActiveRecording:
    """One output's recording of one request, with its middleware's options and what was reported to it.

    Args:
        key: The recorder's key.
        recording: The recording.
        config: The options of the middleware that has the recorder.
        captured: The exceptions that were reported.
    """

    __slots__ = ("key", "recording", "config", "captured", "finished")

    def __init__(self, key: str, recording: Recording, config: Options, captured: Captured) -> None:
        self.key = key
        self.recording = recording
        self.config = config
        self.captured = captured
        #: Whether the recording has ended.
        self.finished = False

    def ends_now(self, outcome: Outcome) -> bool:
        """Return whether the recording ends with the last body byte (``Recording.ends_with_response``).

        A framework may send a response of its own for an exception first, and raise the exception then: the recording
        of an answer that says so is kept open for it.
        """
        if not self.recording.ends_with_response:
            return False
        says_so = outcome.failed or (outcome.status is not None and outcome.status >= 500)
        return not says_so or bool(self.captured)

    def response_headers(self) -> list[tuple[str, str]]:
        """Return the headers to add to the response: the output's own, and those of ``trace_response_headers``."""
        recording, wanted = self.recording, self.config.trace_response_headers
        added = list(recording.response_headers()) if recording.adds_headers else []
        known = recording.trace_headers() if wanted else {}
        return added + [(name, known[name]) for name in wanted if name in known]

    def counts_as_failed(self, outcome: Outcome) -> bool:
        """Return whether ``failed_request_status_codes`` has the status of the response."""
        return outcome.status is not None and outcome.status in self.config.failed_request_status_codes


def settle_trace(request: Request, recorders: Sequence[Recorder], recordings: Sequence[ActiveRecording]) -> None:
    """Let the outputs of a request agree on its trace before the next of them starts.

    A recording that has started decides; else the request's own headers, as the first output that finds a trace there
    reads them. Where neither has one, the first output that starts makes the trace, and the others find it here.

    Args:
        request: Its ``trace`` is set.
        recorders: The outputs that are to start.
        recordings: The recordings that have started.
    """
    for active in recordings:
        if request.trace is None:
            request.trace = call(active.recording.trace)
    for recorder in recorders:
        if request.trace is None:
            request.trace = call(recorder.incoming, request)


def captured_for(recorder: Recorder, around: Sequence[ActiveRecording]) -> Captured:
    """Return an empty set of reported exceptions for an output.

    Args:
        recorder: The output.
        around: The recordings of the request whose code makes this one; none where no request does.
    """
    if not around:
        return Captured()
    same = [active.captured for active in around if active.key == recorder.key]
    return CapturedInside(same[0]) if same and recorder.shares_errors else Captured()


def early_routes(request: Request, configs: Sequence[Options]) -> list[str]:
    """Return what the middlewares' ``route_resolver`` find, each asked once."""
    resolvers = [config.route_resolver for config in configs if config.route_resolver is not None]
    if not resolvers:
        return []
    routes = [call(resolver, request) for resolver in dict.fromkeys(resolvers)]
    return [route for route in routes if route is not None]


def response_starting(recordings: Sequence[ActiveRecording], status: int | None, headers: list[Header]) -> None:
    """Let the outputs see, and change, the headers of the response before they are sent."""
    for active in recordings:
        if active.recording.adds_headers:
            call(active.recording.response_starting, status, headers)


def response_headers(recordings: Sequence[ActiveRecording]) -> list[tuple[str, str]]:
    """Return the headers that the outputs add to the response; where several add the same one, the first one's."""
    added: dict[str, str] = {}
    for active in recordings:
        for name, value in call(active.response_headers) or ():
            added.setdefault(name, value)
    return list(added.items())


def message_spans(recordings: Sequence[ActiveRecording], op: str, message: Any = None) -> list[MessageSpan]:
    """Start the spans of one message, one for each output that is to make them (``record_send_receive``)."""
    wanted = [active.recording for active in recordings if active.config.record_send_receive]
    spans = [call(recording.message_span, op, message) for recording in wanted]
    return [span for span in spans if span is not None]


def call_each(exchange: Any, recordings: Sequence[ActiveRecording], method: str, *args: Any) -> None:
    """Call a method of these recordings, inside the contexts of all recordings of the exchange."""
    entered = exchange.enter()
    try:
        try:
            for active in recordings:
                call(getattr(active.recording, method), *args)
        finally:
            exchange.leave(entered)
    except BaseException:
        exchange.leave(entered)  # again: a signal handler may have interrupted the first time
        raise


def report_response_end(exchange: Any) -> None:
    """Finish the recordings that end with the last body byte."""
    _finish_recordings(exchange, [active for active in exchange.recordings if call(active.ends_now, exchange.outcome)])


def report_end(exchange: Any) -> None:
    """Report how the request ended, to the user's ``on_response`` and to the recordings that have not ended yet."""
    _finish_recordings(exchange, [active for active in exchange.recordings if not active.finished])


def _finish_recordings(exchange: Any, ending: Sequence[ActiveRecording]) -> None:
    if sys.is_finalizing():  # nothing can be imported or sent any more, and a thread that an output starts never runs
        return
    outcome = exchange.outcome
    for active in ending:
        active.finished = True
        if active.config.asks_late:
            call(_report_response, exchange, active)
    for active in ending:
        # Within the application all contexts are entered already
        if CURRENT.get() is exchange or call(_finishes_alone, active):
            call(active.recording.finish, outcome)
        else:
            call(call_each, exchange, [active], "finish", outcome)


def _report_response(exchange: Any, active: ActiveRecording) -> None:
    """Report a status that counts as a failure, then call ``on_response``."""
    outcome, config = exchange.outcome, active.config
    if not active.captured and call(active.counts_as_failed, outcome):
        call_each(exchange, [active], "capture_failure", outcome)
    if config.on_response is not None:
        call(config.on_response, active.recording, exchange.request, outcome)


def _finishes_alone(active: ActiveRecording) -> bool:
    return not active.recording.finishes_in_context
