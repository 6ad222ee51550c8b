"""``_core.exchange``: the life of one request, reported to outputs made for the test. No protocol, no vendor."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from sentry_web._core.context import current
from sentry_web._core.exchange import Exchange
from sentry_web._core.states import Input, State
from sentry_web._naming.frameworks import WrappedApplication
from sentry_web._naming.naming import Naming
from sentry_web._options import build_options
from sentry_web._request import Outcome, Request
from sentry_web.recorder import BaseRecorder, BaseRecording, Captured

variable: ContextVar[Any] = ContextVar("variable")
other: ContextVar[Any] = ContextVar("other")


class Output(BaseRecorder, BaseRecording):
    """A recorder and its only recording, which notes each call, and fails in those that the test selects."""

    def __init__(self, key: str = "test", fails: str = "", leaves: str = "") -> None:
        self.key, self.fails, self.leaves = key, fails, leaves
        self.told: list[tuple[Any, ...]] = []
        self.depth = 0
        self.limit = 0

    def note(self, name: str, *details: Any) -> None:
        self.told.append((name, *details))
        if self.fails == name:
            raise RuntimeError(f"{name}: output's own fault")

    def names(self) -> list[str]:
        return [name for name, *_ in self.told]

    # Recorder
    def active(self, protocol: str) -> bool:
        return True

    def start(
        self, request: Request, naming: Naming, captured: Captured, outcome: Outcome, scope_or_environ: Any
    ) -> Output:
        self.note("start", scope_or_environ)
        return self

    # Recording
    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        if self.fails == "enter":
            raise RuntimeError("output's own fault")
        self.depth += 1
        yield
        self.depth -= 1
        if self.fails == "exit":
            raise RuntimeError("output's own fault")

    def capture_error(self, error: BaseException, handled: bool) -> None:
        assert self.depth
        self.note("error", error, handled)

    def leaves_to(self, framework: str) -> bool:
        self.note("leaves_to")
        return framework == self.leaves

    def capture_failure(self, outcome: Outcome) -> None:
        self.note("failure", outcome.status)

    def body_limit(self) -> int:
        return self.limit

    def set_attribute(self, key: str, value: Any) -> None: ...

    def set_name(self, name: str) -> None: ...

    def finish(self, outcome: Outcome) -> None:
        assert self.depth
        self.note("finish", outcome)


def opened(*outputs: Output, kind: str = "http", method: str = "GET", **options: Any) -> Exchange:
    request = Request(protocol="asgi", kind=kind, method=method, path="/a")
    exchange = Exchange(request, build_options(**options), None, {}, current())
    exchange.start(outputs, {})
    exchange.announce()
    return exchange


# --- opening ---------------------------------------------------------------------------------------------------------


def test_every_output_starts_a_recording() -> None:
    first, second = Output("first"), Output("second")
    exchange = opened(first, second)
    assert first.names() == second.names() == ["start"]
    assert exchange.records_with(first)
    assert not exchange.records_with(Output("third"))
    assert exchange.open
    assert exchange.state is State.OPEN


def test_an_output_that_fails_to_start_is_left_out() -> None:
    broken, good = Output("broken", fails="start"), Output("good")
    exchange = opened(broken, good)
    exchange.close()
    assert not exchange.records_with(broken)
    assert broken.names() == ["start"]
    assert good.names() == ["start", "finish"]


def test_hooks_are_called_with_each_recording(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[Any, ...]] = []
    outputs = Output("first"), Output("second")

    def on_request(recording: Any, request: Request) -> None:
        seen.append(("request", recording.key, request.path))
        raise ValueError("hook's own fault")

    def on_response(recording: Any, request: Request, outcome: Outcome) -> None:
        seen.append(("response", recording.key, outcome.status))
        raise ValueError("hook's own fault")

    exchange = opened(*outputs, on_request=on_request, on_response=on_response)
    exchange.response_started(204)
    exchange.close()
    assert seen[:2] == [("request", "first", "/a"), ("request", "second", "/a")]
    assert seen[2:] == [("response", "first", 204), ("response", "second", 204)]
    assert [output.names() for output in outputs] == [["start", "finish"]] * 2
    assert caplog.text.count("on_request failed") == caplog.text.count("on_response failed") == 2


def test_the_resolved_route_is_known_when_the_outputs_start() -> None:
    class Asking(Output):
        def start(
            self, request: Request, naming: Naming, captured: Captured, outcome: Outcome, scope_or_environ: Any
        ) -> Output:
            self.note("start", naming.find().value)
            return self

    output = Asking()
    opened(output, route_resolver=lambda request: request.path + "/{id}")
    assert output.told == [("start", "/a/{id}")]


def test_a_resolver_that_raises_is_ignored() -> None:
    output = Output()
    assert opened(output, route_resolver=lambda request: 1 / 0).naming.find().value == "/a"  # type: ignore[arg-type]
    assert output.names() == ["start"]


# --- around application code -----------------------------------------------------------------------------------------


def test_the_request_is_the_current_one_while_application_code_runs() -> None:
    output = Output()
    exchange = opened(output)
    assert current() is None
    entered = exchange.enter()
    assert current() is exchange
    assert output.depth == 1
    again = exchange.enter()
    exchange.leave(again)
    assert current() is exchange
    exchange.leave(entered)
    assert current() is None
    assert output.depth == 0


def test_nothing_is_left_where_nothing_was_entered() -> None:
    output = Output()
    exchange = opened(output)
    exchange.leave(None)
    entered = exchange.enter()
    contextvars.Context().run(exchange.leave, entered)  # a generator closed by the garbage collector, elsewhere
    assert output.depth == 1
    exchange.leave(entered)
    assert output.depth == 0


@pytest.mark.parametrize("fails", ["enter", "exit"])
def test_an_output_whose_context_fails_does_not_disturb_the_others(fails: str) -> None:
    broken, good = Output("broken", fails=fails), Output("good")
    exchange = opened(good, broken)
    entered = exchange.enter()
    assert good.depth == 1
    exchange.leave(entered)
    assert good.depth == 0
    assert current() is None


# --- the response ----------------------------------------------------------------------------------------------------


def test_a_response_is_noted() -> None:
    exchange = opened(Output())
    outcome = exchange.outcome
    exchange.response_started(200, [("a", "b")])
    exchange.body_sent(0)  # an empty part is none
    assert outcome.first_byte is None
    exchange.body_sent(3)
    first = outcome.first_byte
    exchange.body_sent(4)
    exchange.body_ended()
    assert (outcome.status, outcome.headers, outcome.body_size) == (200, [("a", "b")], 7)
    assert first == outcome.first_byte
    assert outcome.started <= (first or 0) <= (outcome.last_byte or 0) <= (outcome.ended or 0)
    ended = outcome.ended
    exchange.close()
    assert outcome.ended == ended, "work in the background is not a part of the response"


def test_a_status_is_replaced_until_the_body_begins() -> None:
    exchange = opened(Output())
    exchange.response_started(200)
    exchange.response_started(500)
    assert exchange.outcome.status == 500
    exchange.body_sent(1)
    exchange.response_started(404)
    assert exchange.outcome.status == 500


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("what", list(Input))
def test_every_input_in_every_state_does_no_harm(state: State, what: Input) -> None:
    output = Output()
    exchange = opened(output)
    ways = {
        Input.START: lambda: exchange.response_started(200),
        Input.BODY: lambda: exchange.body_sent(1),
        Input.LAST: exchange.body_ended,
        Input.ERROR: lambda: exchange.failed(ValueError()),
        Input.GONE: exchange.client_gone,
        Input.CLOSE: exchange.close,
    }
    path = [Input.START, Input.BODY, Input.LAST, Input.CLOSE][: int(state)]
    for step in path:
        ways[step]()
    assert exchange.state is state
    ways[what]()
    exchange.close()
    exchange.close()
    assert not exchange.open
    assert output.names().count("finish") == 1
    assert output.names().count("error") == (what is Input.ERROR and state is not State.CLOSED)


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_is_captured_once_and_makes_a_500() -> None:
    output = Output()
    exchange = opened(output)
    error = ValueError()
    exchange.failed(error)
    exchange.failed(error)
    exchange.close()
    assert output.told[1] == ("error", error, False)
    assert output.names() == ["start", "error", "finish"]
    assert (exchange.outcome.status, exchange.outcome.failed) == (500, True)


def test_what_is_no_request_has_no_status() -> None:
    exchange = opened(Output(), kind="lifespan")
    exchange.failed(ValueError())
    exchange.close()
    assert exchange.outcome.status is None


def test_an_error_after_the_status_leaves_the_status() -> None:
    exchange = opened(Output())
    exchange.response_started(200)
    exchange.failed(ValueError())
    exchange.close()
    assert exchange.outcome.status == 200


class ClientDisconnect(Exception):  # noqa: N818 - Starlette's name
    pass


@pytest.mark.parametrize(
    ("error", "gone"), [(asyncio.CancelledError(), False), (GeneratorExit(), False), (ClientDisconnect(), True)]
)
def test_a_stopped_request_is_cancelled_and_no_error(error: BaseException, gone: bool) -> None:
    output = Output()
    exchange = opened(output)
    exchange.failed(error)
    exchange.close()
    outcome = exchange.outcome
    assert output.names() == ["start", "finish"]
    assert (outcome.cancelled, outcome.client_gone, outcome.failed, outcome.status) == (True, gone, False, None)


def test_what_the_server_raised_because_the_client_is_gone_is_no_error() -> None:
    output = Output()
    exchange = opened(output)
    lost = OSError()
    exchange.client_gone(lost)
    exchange.failed(lost)
    exchange.failed(OSError("the application's own"))
    assert output.names() == ["start", "error"]
    assert exchange.outcome.client_gone


def test_a_group_around_the_servers_own_error_is_no_error() -> None:
    group: Any = type("ExceptionGroup", (Exception,), {})()
    lost = OSError()
    group.exceptions = (lost,)
    output = Output()
    exchange = opened(output)
    exchange.client_gone(lost)
    exchange.failed(group)
    assert output.names() == ["start"]


def test_a_disconnect_while_the_server_takes_the_last_part_says_nothing() -> None:
    """hypercorn sends it to whoever waits for one, before its send of that part returns; Starlette's streams do."""
    exchange = opened(Output())
    exchange.response_started(200)
    exchange.body_sent(3)
    exchange.body_ending()
    exchange.client_gone()
    assert not exchange.outcome.client_gone
    exchange.client_gone(OSError())  # but what that send raises does
    assert exchange.outcome.client_gone


@pytest.mark.parametrize(("length", "gone"), [("3", False), ("4", True), (None, True), ("x", True)])
def test_a_client_that_leaves_with_all_of_content_length_has_not_gone(length: str | None, gone: bool) -> None:
    """It may close as soon as it has that much (RFC 9112, 6.3), before the application sends a last, empty part."""
    output = Output()
    exchange = opened(output)
    exchange.response_started(200, [] if length is None else [(b"Content-Length", length.encode())])
    exchange.body_sent(3)
    lost = OSError()
    exchange.client_gone(lost)
    assert (exchange.outcome.client_gone, exchange.outcome.cancelled) == (gone, gone)
    exchange.failed(lost)
    assert output.names() == ["start"]


@pytest.mark.parametrize(("method", "size"), [("GET", 7), ("HEAD", 0)])
def test_a_file_that_the_server_sends_by_itself_is_as_long_as_its_headers_say(method: str, size: int) -> None:
    exchange = opened(Output(), method=method)
    exchange.response_started(200, [("Content-Length", "7")])
    exchange.body_handed_over()
    exchange.close()
    exchange.body_handed_over()
    assert exchange.outcome.body_size == size
    assert not exchange.outcome.client_gone


def test_a_client_that_leaves_after_the_end_has_not_gone() -> None:
    exchange = opened(Output())
    exchange.response_started(200)
    exchange.body_ended()
    exchange.client_gone(OSError())
    assert not exchange.outcome.client_gone
    exchange.close()
    exchange.client_gone(OSError())
    assert exchange._disconnects == ()


@pytest.mark.parametrize(("code", "errors"), [(None, 0), (0, 0), (1, 1)])
def test_an_exit_is_an_error_with_a_complaint_only(code: Any, errors: int) -> None:
    output = Output()
    opened(output).failed(SystemExit(code))
    assert output.names().count("error") == errors


def test_a_handled_error_is_no_failure() -> None:
    output = Output()
    exchange = opened(output)
    error = ValueError()
    exchange.handled(error)
    exchange.handled(error)
    exchange.close()
    exchange.handled(ValueError())
    assert output.told[1] == ("error", error, True)
    assert output.names() == ["start", "error", "finish"]
    assert not exchange.outcome.failed


def test_an_error_swallowed_by_a_framework_is_captured_where_nobody_else_does() -> None:
    here, there = Output("here"), Output("there", leaves="flask")
    exchange = opened(here, there)
    error = ValueError()
    entered = exchange.enter()  # signals are sent by application code
    exchange.swallowed(error, "flask")
    exchange.swallowed(error, "flask")
    exchange.leave(entered)
    exchange.close()
    exchange.swallowed(error, "flask")
    assert here.names() == ["start", "leaves_to", "error", "leaves_to", "finish"]
    assert here.told[2] == ("error", error, False)
    assert "error" not in there.names()
    assert exchange.outcome.failed


def test_an_error_is_captured_once_across_nested_requests() -> None:
    outer_output, inner_output = Output(), Output()
    outer = opened(outer_output)
    entered = outer.enter()
    inner = opened(inner_output)
    outer.leave(entered)
    error = ValueError()
    inner.failed(error)
    inner.close()
    outer.failed(error)
    outer.close()
    assert inner_output.names() == ["start", "error", "finish"]
    assert outer_output.names() == ["start", "finish"]
    assert outer.outcome.failed


# --- websocket -------------------------------------------------------------------------------------------------------


def test_a_websockets_messages_are_counted_empty_ones_too() -> None:
    exchange = opened(Output(), kind="websocket")
    exchange.response_started(101)
    exchange.message_sent(0)
    exchange.message_sent(5)
    exchange.message_received(7)
    outcome = exchange.outcome
    assert (outcome.messages_in, outcome.bytes_in, outcome.messages_out, outcome.body_size) == (1, 7, 2, 5)


@pytest.mark.parametrize(
    ("code", "by", "failed"), [(1000, "client", False), (1011, "server", True), (1011, "client", False)]
)
def test_the_first_close_counts(code: int, by: str, failed: bool) -> None:
    exchange = opened(Output(), kind="websocket")
    exchange.response_started(101)
    exchange.websocket_refused(403)  # no effect: it was accepted
    exchange.websocket_closed(code, by)
    exchange.websocket_closed(1001, "client")
    outcome = exchange.outcome
    assert (outcome.status, outcome.close_code, outcome.closed_by, outcome.failed) == (101, code, by, failed)


def test_a_close_before_accept_is_a_refusal() -> None:
    exchange = opened(Output(), kind="websocket")
    exchange.websocket_refused(403)
    assert exchange.outcome.status == 403


# --- the end ---------------------------------------------------------------------------------------------------------


def test_a_failing_status_is_reported_unless_an_error_was() -> None:
    silent, loud, fine = Output(), Output(), Output()
    for output, status, error in ((silent, 503, None), (loud, 503, ValueError()), (fine, 404, None)):
        exchange = opened(output, failed_request_status_codes=range(500, 600))
        exchange.response_started(status)
        if error is not None:
            exchange.failed(error)
        exchange.close()
    assert silent.told[1] == ("failure", 503)
    assert silent.names() == ["start", "failure", "finish"]
    assert loud.names() == ["start", "error", "finish"]
    assert fine.names() == ["start", "finish"]


def test_a_container_that_raises_does_not_lose_the_transaction() -> None:
    class Codes:
        def __contains__(self, status: object) -> bool:
            raise ValueError("the user's own fault")

    output = Output()
    exchange = opened(output, failed_request_status_codes=Codes())
    exchange.response_started(200)
    with contextlib.suppress(ValueError):
        exchange.close()
    assert output.names() == ["start", "finish"]


def test_a_given_end_is_the_end_where_no_last_byte_was_seen() -> None:
    exchange = opened(Output())
    exchange.close(ended=exchange.outcome.started + 2)
    assert exchange.outcome.duration == 2


@pytest.mark.parametrize(
    ("status", "method", "sent", "complete", "gone"),
    [
        (200, "GET", 3, True, False),
        (200, "GET", 3, False, True),
        (200, "HEAD", 0, False, False),  # RFC 9110, 6.4.1: no body to be read to its end
        (204, "GET", 0, False, False),
        (304, "GET", 0, False, False),
        (None, "GET", 0, False, True),
    ],
)
def test_a_response_closed_before_its_end_was_left_by_its_client(
    status: int | None, method: str, sent: int, complete: bool, gone: bool
) -> None:
    exchange = opened(Output(), method=method)
    if status is not None:
        exchange.response_started(status)
    exchange.body_sent(sent)
    if complete:
        exchange.body_ended()
    exchange.closed_by_server()
    assert exchange.outcome.client_gone is gone
    assert not exchange.open


def test_a_failed_response_is_closed_by_the_server_for_its_own_reasons() -> None:
    exchange = opened(Output())
    exchange.failed(ValueError())
    exchange.closed_by_server()
    assert not exchange.outcome.client_gone


def test_an_abandoned_response_ended_with_the_last_byte_it_gave() -> None:
    exchange = opened(Output())
    exchange.body_sent(3)
    exchange.abandoned()
    assert exchange.outcome.ended == exchange.outcome.last_byte
    bare = opened(Output())
    bare.abandoned()
    assert bare.outcome.duration is not None


def test_everything_is_let_go_at_the_end() -> None:
    exchange = Exchange(Request(protocol="asgi", path="/a"), build_options(), WrappedApplication(), {})
    exchange.start([Output(fails="finish")], {})
    exchange.failed(ValueError())
    exchange.close()
    assert exchange.recordings == ()
    assert exchange._disconnects == ()
    assert exchange.naming._scope_or_environ is None
