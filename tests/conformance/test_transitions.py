"""Every state × every input of the Exchange, and sequences of inputs, by its public methods and with a stub for output.

The table itself is tested beside its module (``core/test_states.py``); here it is what the Exchange makes of it: it
takes everything in every state, CLOSED absorbs, the outcome never goes back, and each output is finished exactly once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentry_web._core.context import current
from sentry_web._core.exchange import Exchange
from sentry_web._core.states import TRANSITIONS, Input, State
from sentry_web._options import build_options
from sentry_web._request import Outcome, Request
from sentry_web.recorder import BaseRecorder, BaseRecording

WRITE_ONCE = ("started", "first_byte", "ended")
NEVER_BACK = ("failed", "cancelled", "client_gone")
NEVER_LESS = ("body_size", "messages_in", "messages_out", "bytes_in")

ERROR, OTHER_ERROR = RuntimeError("one"), ValueError("other")


class Output(BaseRecorder, BaseRecording):
    """An output that notes its calls: recorder and recording in one."""

    key = "stub"

    def __init__(self) -> None:
        self.told: list[str] = []
        self.errors: list[BaseException] = []
        self.inside = 0
        self.final: dict[str, Any] = {}

    def start(self, *arguments: Any) -> Output:
        return self

    @contextmanager
    def running(self) -> Iterator[None]:
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def capture_error(self, error: BaseException, handled: bool) -> None:
        assert self.inside == 1
        self.told.append("error")
        self.errors.append(error)

    def capture_failure(self, outcome: Outcome) -> None:
        assert self.inside == 1
        self.told.append("failure")

    def finish(self, outcome: Outcome) -> None:
        assert self.inside == 1
        self.told.append("finish")
        self.final = facts(outcome)

    def leaves_to(self, framework: str) -> bool:
        return framework == "theirs"

    def body_limit(self) -> int:
        return 10

    def trace_headers(self) -> dict[str, str]:
        return {}

    def message_span(self, op: str) -> None:
        return None


def facts(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it is now."""
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


#: Each public method of the Exchange that is an input, in each way that matters; with its name in the table.
INPUTS: dict[str, tuple[Input | None, Callable[[Exchange], Any]]] = {
    "response_started": (Input.START, lambda exchange: exchange.response_started(200, ())),
    "response_started again": (Input.START, lambda exchange: exchange.response_started(503, ())),
    "response_started oddly": (Input.START, lambda exchange: exchange.response_started(None, None)),
    "body_sent": (Input.BODY, lambda exchange: exchange.body_sent(3)),
    "body_sent empty": (None, lambda exchange: exchange.body_sent(0)),
    "body_ending": (None, lambda exchange: exchange.body_ending()),
    "body_handed_over": (Input.LAST, lambda exchange: exchange.body_handed_over()),
    "body_ended": (Input.LAST, lambda exchange: exchange.body_ended()),
    "message_sent": (Input.BODY, lambda exchange: exchange.message_sent(2)),
    "message_received": (None, lambda exchange: exchange.message_received(2)),
    "body_read": (None, lambda exchange: exchange.body_read(b"part")),
    "websocket_closed": (Input.LAST, lambda exchange: exchange.websocket_closed(1000, "client")),
    "websocket_closed by failure": (Input.LAST, lambda exchange: exchange.websocket_closed(1011, "server")),
    "websocket_refused": (None, lambda exchange: exchange.websocket_refused(403)),
    "client_gone": (Input.GONE, lambda exchange: exchange.client_gone()),
    "client_gone by error": (Input.GONE, lambda exchange: exchange.client_gone(OTHER_ERROR)),
    "failed": (Input.ERROR, lambda exchange: exchange.failed(ERROR)),
    "failed otherwise": (Input.ERROR, lambda exchange: exchange.failed(OTHER_ERROR)),
    "failed by cancellation": (Input.ERROR, lambda exchange: exchange.failed(GeneratorExit())),
    "failed by a quiet exit": (Input.ERROR, lambda exchange: exchange.failed(SystemExit(0))),
    "handled": (Input.ERROR, lambda exchange: exchange.handled(ERROR)),
    "swallowed": (Input.ERROR, lambda exchange: exchange.swallowed(ERROR, "a framework")),
    "swallowed and left": (Input.ERROR, lambda exchange: exchange.swallowed(ERROR, "theirs")),
    "response_starting": (None, lambda exchange: exchange.response_starting(200, [])),
    "enter and leave": (None, lambda exchange: exchange.leave(exchange.enter())),
    "leave nothing": (None, lambda exchange: exchange.leave(None)),
    "message_begins": (None, lambda exchange: exchange.message_begins("send")),
    "close": (Input.CLOSE, lambda exchange: exchange.close()),
    "closed_by_server": (Input.CLOSE, lambda exchange: exchange.closed_by_server()),
    "abandoned": (Input.CLOSE, lambda exchange: exchange.abandoned()),
}
#: What only asks, or comes before all states.
QUESTIONS = {
    "add_context_of",
    "announce",
    "body_is_whole",
    "extra_headers",
    "flush",
    "forget_contexts",
    "open",
    "over",
    "records",
    "records_with",
    "refused",
    "silence",
    "start",
    "start_one",
    "close_one",
    "state",
}

#: The way into each state.
INTO: dict[State, tuple[str, ...]] = {
    State.OPEN: (),
    State.STARTED: ("response_started",),
    State.STREAMING: ("response_started", "body_sent"),
    State.COMPLETE: ("response_started", "body_sent", "body_ended"),
    State.CLOSED: ("response_started", "body_sent", "body_ended", "close"),
}
METHODS = ["GET", "HEAD"]


class Machine:
    """An Exchange, its output, and what must hold after each input."""

    def __init__(self, method: str = "GET", kind: str = "http") -> None:
        config = build_options(failed_request_status_codes={503})
        self.exchange = Exchange(Request(protocol="asgi", kind=kind, method=method), config, None, {})
        self.output = Output()
        self.exchange.start([self.output], {})

    def tell(self, name: str) -> None:
        """One input, and what may have changed by it."""
        exchange, output = self.exchange, self.output
        state, before, told = exchange.state, facts(exchange.outcome), list(output.told)
        INPUTS[name][1](exchange)
        self.check_state(state, name)
        self.check_outcome(before)
        assert output.inside == 0
        assert current() is None
        assert output.told[: len(told)] == told
        if state is State.CLOSED:
            assert output.told == told, "CLOSED absorbs"
            assert facts(exchange.outcome) == before, "CLOSED absorbs"

    def check_state(self, state: State, name: str) -> None:
        """The state is the table's."""
        what = INPUTS[name][0]
        if name == "websocket_refused" and state is State.OPEN:
            what = Input.START
        following = None if what is None else TRANSITIONS[state][what]
        assert self.exchange.state is (state if following is None else following)
        assert self.exchange.open is (self.exchange.state is not State.CLOSED)

    def check_outcome(self, before: dict[str, Any]) -> None:
        """The outcome never goes back."""
        after = facts(self.exchange.outcome)
        for name in WRITE_ONCE:
            assert before[name] in (None, after[name]), f"{name} is written once"
        for name in NEVER_BACK:
            assert after[name] or not before[name], f"{name} stays"
        for name in NEVER_LESS:
            assert after[name] >= before[name], f"{name} grows"
        times = [after[name] for name in ("started", "first_byte", "last_byte", "ended") if after[name] is not None]
        assert times == sorted(times)

    def check_end(self) -> None:
        """After the end: everything was reported, once, and in order."""
        assert self.exchange.state is State.CLOSED
        assert self.output.told.count("finish") == 1
        assert self.output.told[-1] == "finish"
        assert self.output.told.count("failure") <= 1
        assert "failure" not in self.output.told or not self.output.errors
        assert len({id(error) for error in self.output.errors}) == len(self.output.errors)
        assert self.output.final == facts(self.exchange.outcome), "nothing changes behind the report"
        assert self.output.final["ended"] is not None


def test_no_public_method_is_forgotten():
    public = {name for name in dir(Exchange) if not name.startswith("_") and name not in Exchange.__slots__}
    told = {name for name in public if any(each.split()[0] == name for each in INPUTS)}
    assert public - told - QUESTIONS == {"enter", "leave"} - told


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("state", "name"), list(itertools.product(State, INPUTS)))
def test_every_input_in_every_state(state, name, method):
    machine = Machine(method)
    for step in INTO[state]:
        machine.tell(step)
    assert machine.exchange.state is state
    machine.tell(name)
    machine.tell("close")
    machine.check_end()


# Found: messages were counted behind the end
@example(before=[], behind=["message_sent"], method="GET", kind="websocket")
@example(before=[], behind=["message_received"], method="GET", kind="websocket")
@given(
    before=st.lists(st.sampled_from(list(INPUTS)), max_size=12),
    behind=st.lists(st.sampled_from(list(INPUTS)), max_size=4),
    method=st.sampled_from(METHODS),
    kind=st.sampled_from(["http", "websocket", "lifespan"]),
)
def test_any_sequence(before, behind, method, kind):
    machine = Machine(method, kind)
    for name in (*before, "close", *behind):
        machine.tell(name)
    machine.check_end()
