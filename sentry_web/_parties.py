"""The outputs of one request: each one's recording, options and what it was told; and how they agree on one trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._config import Config
from ._guard import call
from ._recorder import Captured, MessageSpan, Recorder, Recording
from ._request import Outcome, Request


class Party:
    """One output's part in one request: the recording, its middleware's options, what was reported to it."""

    __slots__ = ("key", "recording", "config", "captured")

    def __init__(self, key: str, recording: Recording, config: Config, captured: Captured) -> None:
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


def settle_trace(request: Request, recorders: Sequence[Recorder], parties: Sequence[Party]) -> None:
    """Let the outputs of a request agree on its trace before the next of them starts.

    What is recorded already decides; else the request's own headers, as the first output that finds a trace there reads
    them. Where neither says anything, the first output that starts makes the trace, and the others find it here.
    """
    for party in parties:
        if request.trace is None:
            request.trace = call(getattr(party.recording, "trace", _none))
    for recorder in recorders:
        if request.trace is None:
            request.trace = call(getattr(recorder, "incoming", _none), request)


def captured_for(recorder: Recorder, around: Sequence[Party]) -> Captured:
    """What is noted of an output's exceptions; ``around``: the parties of the request whose code makes this one."""
    same = [party.captured for party in around if party.key == recorder.key]
    return Captured(same[0] if same and getattr(recorder, "shares_errors", True) else None)


def _none(*_: Any) -> None:
    return None


def response_headers(parties: Sequence[Party]) -> list[tuple[str, str]]:
    """The headers that the outputs add to the response; where several add one, the first one's."""
    added: dict[str, str] = {}
    for party in parties:
        for name, value in call(party.response_headers) or ():
            added.setdefault(name, value)
    return list(added.items())


def message_spans(parties: Sequence[Party], op: str) -> list[MessageSpan]:
    """The spans of one message, of each output that is to make one (``record_send_receive``)."""
    wanted = [party.recording for party in parties if party.config.record_send_receive]
    spans = [call(recording.message_span, op) for recording in wanted]
    return [span for span in spans if span is not None]
