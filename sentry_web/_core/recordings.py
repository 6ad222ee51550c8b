"""The outputs of one request: each one's recording, options and what it was told; and how they agree on one trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._options import Options
from .._request import Outcome, Request
from ..recorder import BaseRecording, Captured, CapturedInside, MessageSpan, Recorder, Recording
from .guard import call, report


class ActiveRecording:
    """One output's part in one request: the recording, its middleware's options, what was reported to it."""

    __slots__ = ("key", "recording", "config", "captured")

    def __init__(self, key: str, recording: Recording, config: Options, captured: Captured) -> None:
        self.key = key
        self.recording = recording
        self.config = config
        self.captured = captured

    def response_headers(self) -> list[tuple[str, str]]:
        """What the output adds to the response: of itself, and what ``trace_response_headers`` asks for."""
        added = list(getattr(self.recording, "response_headers", tuple)())
        wanted = self.config.trace_response_headers
        told = self.recording.trace_headers() if wanted else {}
        return added + [(name, told[name]) for name in wanted if name in told]

    def counts_as_failed(self, outcome: Outcome) -> bool:
        """Whether ``failed_request_status_codes`` has the status of the response."""
        return outcome.status is not None and outcome.status in self.config.failed_request_status_codes


#: What an output has that adds no headers.
NO_HEADERS: Any = BaseRecording.response_headers


def settle_trace(request: Request, recorders: Sequence[Recorder], recordings: Sequence[ActiveRecording]) -> None:
    """Let the outputs of a request agree on its trace before the next of them starts.

    What is recorded already decides; else the request's own headers, as the first output that finds a trace there reads
    them. Where neither says anything, the first output that starts makes the trace, and the others find it here.
    """
    for active in recordings:
        if request.trace is None:
            request.trace = call(getattr(active.recording, "trace", _none))
    for recorder in recorders:
        if request.trace is None:
            request.trace = call(getattr(recorder, "incoming", _none), request)


def captured_for(recorder: Recorder, around: Sequence[ActiveRecording]) -> Captured:
    """What is noted of an output's exceptions; ``around``: the parties of the request whose code makes this one."""
    if not around:
        return Captured()
    same = [active.captured for active in around if active.key == recorder.key]
    return CapturedInside(same[0]) if same and getattr(recorder, "shares_errors", True) else Captured()


def early_routes(request: Request, configs: Sequence[Options]) -> list[str]:
    """What the middlewares' ``route_resolver`` find, each asked once."""
    resolvers = dict.fromkeys([config.route_resolver for config in configs if config.route_resolver is not None])
    routes = [call(resolver, request) for resolver in resolvers]
    return [route for route in routes if route is not None]


def _none(*_: Any) -> None:
    return None


def response_headers(recordings: Sequence[ActiveRecording]) -> list[tuple[str, str]]:
    """The headers that the outputs add to the response; where several add one, the first one's."""
    added: dict[str, str] = {}
    for active in recordings:
        for name, value in call(active.response_headers) or ():
            added.setdefault(name, value)
    return list(added.items())


def message_spans(recordings: Sequence[ActiveRecording], op: str) -> list[MessageSpan]:
    """The spans of one message, of each output that is to make one (``record_send_receive``)."""
    wanted = [active.recording for active in recordings if active.config.record_send_receive]
    spans = [call(recording.message_span, op) for recording in wanted]
    return [span for span in spans if span is not None]


def finished_alone(busy: Sequence[ActiveRecording], outputs: int, outcome: Outcome) -> bool:
    """Whether the one output that there is has finished by itself, without the contexts of all (2 µs less)."""
    alone = outputs == 1 and bool(getattr(busy[0].recording, "finishes_alone", False))
    if alone:
        call(busy[0].recording.finish, outcome)
    return alone


def call_each(exchange: Any, recordings: Sequence[ActiveRecording], method: str, *args: Any) -> None:
    """Call a method of these recordings, inside the context of them all."""
    entered = exchange.enter()
    try:
        for active in recordings:
            call(getattr(active.recording, method), *args)
    finally:
        exchange.leave(entered)


def report_end(exchange: Any) -> None:
    """Tell the outputs, and the user's ``on_response``, how the request ended."""
    busy, outcome = [], exchange.outcome
    for active in exchange.recordings:
        if active.config.asks_late:
            if not active.captured and call(active.counts_as_failed, outcome):
                call_each(exchange, [active], "capture_failure", outcome)
            if active.config.on_response is not None:
                call(active.config.on_response, active.recording, exchange.request, outcome)
        try:
            idle = getattr(active.recording, "idle", False)
        except Exception:  # noqa: BLE001 - as call() does
            idle = report(report_end)
        if not idle:
            busy.append(active)
    if busy and not finished_alone(busy, len(exchange.recordings), outcome):
        call_each(exchange, busy, "finish", outcome)
