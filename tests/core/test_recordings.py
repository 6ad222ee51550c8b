"""``_core.recordings``: the outputs of a request, and how they agree on one trace."""

from __future__ import annotations

from typing import Any

from sentry_web._core.context import ContextStack, current
from sentry_web._core.recordings import ActiveRecording, captured_for, report_end, settle_trace
from sentry_web._options import build_options
from sentry_web._request import Outcome, Request, Trace
from sentry_web.recorder import BaseRecorder, BaseRecording, Captured

FIRST, SECOND = Trace("a" * 32, "b" * 16), Trace("c" * 32, "d" * 16)


class Recorder(BaseRecorder):
    """An output that reads this trace from the headers."""

    key = "test"

    def __init__(self, trace: Any = None) -> None:
        self.trace = trace

    def incoming(self, request: Request) -> Any:
        if isinstance(self.trace, Exception):
            raise self.trace
        return self.trace


class Recording(BaseRecording):
    """A recording in this trace, which adds headers."""

    adds_headers = True

    def __init__(self, trace: Trace | None = None) -> None:
        self.within = trace

    def trace(self) -> Trace | None:
        return self.within

    def response_headers(self) -> list[tuple[str, str]]:
        return [("x-own", "1")]

    def trace_headers(self) -> dict[str, str]:
        return {"traceresponse": "00-…"}


def active(recording: Any = None, **options: Any) -> ActiveRecording:
    return ActiveRecording("test", recording or Recording(), build_options(**options), Captured())


def settled(recorders: list[Any], *recordings: ActiveRecording) -> Trace | None:
    request = Request(protocol="asgi", path="/a")
    settle_trace(request, recorders, recordings)
    return request.trace


def test_what_is_recorded_already_decides() -> None:
    assert settled([Recorder(SECOND)], active(Recording(FIRST))) is FIRST


def test_else_the_first_output_that_finds_a_trace_in_the_headers() -> None:
    assert settled([Recorder(), Recorder(SECOND), Recorder(FIRST)], active()) is SECOND
    assert settled([Recorder(ValueError("our own fault")), Recorder(SECOND)]) is SECOND
    assert settled([Recorder()], active()) is None


def test_headers_of_the_output_and_those_asked_for_are_added() -> None:
    assert active().response_headers() == [("x-own", "1")]
    asked = active(trace_response_headers=["traceresponse", "server-timing"])
    assert asked.response_headers() == [("x-own", "1"), ("traceresponse", "00-…")]


def test_a_status_counts_as_failed_where_the_options_say_so() -> None:
    outcome = Outcome(0.0)
    asked = active(failed_request_status_codes={503})
    assert not asked.counts_as_failed(outcome)
    outcome.status = 503
    assert asked.counts_as_failed(outcome)
    assert not active().counts_as_failed(outcome)


def test_an_exception_of_a_request_inside_is_noted_outside_by_the_same_output_only() -> None:
    class Alone(Recorder):
        shares_errors = False

    class Other(Recorder):
        key = "other"

    for recorder, shared in ((Recorder(), True), (Alone(), False), (Other(), False)):
        outside = active()
        error = ValueError()
        assert captured_for(recorder, [outside]).add(error)  # type: ignore[arg-type]
        assert outside.captured.add(error) is not shared


class Stack(ContextStack):
    """An exchange that is at its end."""

    def __init__(self, *recordings: ActiveRecording) -> None:
        super().__init__()
        self.recordings, self.outcome = recordings, Outcome(0.0)
        for active in recordings:
            self.add_context_of(active.recording)


def test_a_recording_finishes_outside_of_the_contexts_where_it_says_so() -> None:
    finished: list[Any] = []

    class Ends(Recording):
        def __init__(self, finishes_in_context: bool) -> None:
            super().__init__()
            self.finishes_in_context = finishes_in_context

        def finish(self, outcome: Outcome) -> None:
            finished.append((self.finishes_in_context, current(), outcome))

    exchange = Stack(active(Ends(True)), active(Ends(False)))
    report_end(exchange)
    assert finished == [(True, exchange, exchange.outcome), (False, None, exchange.outcome)]
    assert current() is None
