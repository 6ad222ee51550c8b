from __future__ import annotations

import pytest

from sentry_web.testing import (
    ASGI3,
    BRIDGE,
    DRIVERS,
    WSGI,
    Breadcrumb,
    Cancel,
    CaptureMessage,
    ChildSpan,
    Close,
    Driver,
    Log,
    Peer,
    Protocol,
    Raise,
    ReadBody,
    ReadVariable,
    RequestSpec,
    RestartWithExcInfo,
    Returns,
    Script,
    SendChunk,
    SetTag,
    SetVariable,
    Sleep,
    SpawnTask,
    SpawnThread,
    StartResponse,
    Step,
    StopReading,
    TranscriptWriter,
    compile_asgi2,
    compile_wsgi,
    recording,
)
from sentry_web.testing.steps import Act

ANSWER = (StartResponse(), SendChunk(b"x"))


@pytest.mark.parametrize(
    ("script", "protocols"),
    [
        (Script(), "wsgi asgi3 asgi2 bridge"),
        (Script((RestartWithExcInfo(),)), "wsgi bridge"),
        (Script((ChildSpan("s", (SpawnTask(),)),)), "asgi3 asgi2"),
        (Script((Cancel(),)), "asgi3 asgi2"),
        (Script(returns=Returns.WRITE), "wsgi asgi3 asgi2"),
        (Script(returns=Returns.FILE_WRAPPER), "wsgi asgi3 asgi2"),
        (Script(returns=Returns.NOTHING), "wsgi bridge"),
        (Script(returns=Returns.SIZED, after=(Sleep(),)), "wsgi asgi3 asgi2"),
        (Script(returns=Returns.SIZED, after=(Sleep(),), peer=Peer(gone_after=1)), "wsgi"),
        (Script(peer=Peer(close=Close.BEFORE)), "wsgi"),
        (Script(peer=Peer(thread_hopping=True)), "wsgi"),
        (Script(peer=Peer(gone_after=1)), "wsgi asgi3 asgi2 bridge"),
    ],
    ids=repr,
)
def test_expressible_in(script: Script, protocols: str) -> None:
    assert {p.value for p in Protocol if script.expressible_in(p)} == set(protocols.split())


def test_after_needs_a_response_with_close() -> None:
    with pytest.raises(ValueError, match="cannot return a list"):
        Script(after=(Sleep(),), returns=Returns.LIST)


def test_a_driver_refuses_what_its_protocol_cannot_express() -> None:
    with pytest.raises(ValueError, match="cannot be expressed in wsgi"):
        WSGI.run(Script((Cancel(),)))


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_one_body_for_all_drivers(driver: Driver) -> None:
    script = Script(
        (
            ReadBody(2),
            SetVariable("colour", "green"),
            ReadVariable("colour"),
            StartResponse(201, (("Content-Type", "text/plain"), ("X-A", "1"))),
            ChildSpan("inside", (Sleep(0), SendChunk(b"one"))),
            ReadBody(),
            StopReading(),
            ReadBody(),
            SendChunk(b"two"),
        )
    )
    transcript = driver.run(script, RequestSpec("POST", body=(b"a", b"bcd")))
    assert str(transcript.status).startswith("201")
    assert transcript.body == b"onetwo"
    assert [call.details for call in transcript.calls if call.name == "read"] == [(b"ab",), (b"cd",)]
    assert ("variable", ("colour", "green")) in [(call.name, call.details) for call in transcript.calls]
    assert transcript.variables == (("colour", "green"),)
    assert transcript.violations == ()
    assert transcript.exceptions == ()
    assert transcript.scope_restored
    assert transcript == driver.run(script, RequestSpec("POST", body=(b"a", b"bcd")))


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_acts_reach_the_sdk(driver: Driver) -> None:
    script = Script(
        (SetTag("t", "1"), Breadcrumb("crumb"), Log("logged"), CaptureMessage("hello"), *ANSWER), returns=Returns.LIST
    )
    with recording() as events:
        driver.run(script)
    (message,) = events.messages
    assert (message.message, message.tags) == ("hello", {"t": "1"})
    assert message["breadcrumbs"]["values"][0]["message"] == "crumb"


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
@pytest.mark.parametrize("lifecycle", ["static", "stream"])
def test_child_spans_are_of_the_kind_the_sdk_is_set_to(driver: Driver, lifecycle: str) -> None:
    with recording(traces_sample_rate=1.0, trace_lifecycle=lifecycle) as events:
        driver.run(Script((StartResponse(), ChildSpan("child"))))
    assert [span.name for span in events.spans] == (["child"] if lifecycle == "stream" else [])


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_an_exception_arrives_with_its_chain(driver: Driver) -> None:
    failing = Raise(KeyError, cause=ValueError, context=TypeError, suppress=False)
    transcript = driver.run(Script((*ANSWER, failing)))
    (facts,) = transcript.exceptions
    assert facts.what == "KeyError('boom',)"
    assert facts.own
    assert facts.depth >= 3
    assert facts.chain[0] == "[cause=ValueError('cause',) context=TypeError('context',) suppress=False]"


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_work_that_outlives_the_request(driver: Driver) -> None:
    spawn = SpawnThread((CaptureMessage("late"), ReadVariable("colour")))
    with recording() as events:
        transcript = driver.run(Script((SetVariable("colour", "red"), spawn, SpawnThread((Raise(),)), *ANSWER)))
    assert [str(call) for call in transcript.background] == [
        "app: variable('colour', 'red')",
        "background: done()",
        "background: done()",
        "background: raised(\"RuntimeError('boom')\")",
    ]
    assert [event.message for event in events.messages] == ["late"]


def test_a_task_outlives_its_request() -> None:
    with recording() as events:
        transcript = ASGI3.run(Script((SpawnTask((CaptureMessage("late"),)), *ANSWER)))
    assert [call.name for call in transcript.background] == ["done"]
    assert [event.message for event in events.messages] == ["late"]


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_after_runs_once_the_body_is_sent(driver: Driver) -> None:
    script = Script(ANSWER, Returns.ITERATOR, after=(ReadVariable("unset"), Raise()))
    transcript = driver.run(script)
    names = [call.name for call in transcript.calls]
    assert names.index("variable") > max(names.index(name) for name in names if name in ("chunk", "send"))
    assert transcript.exceptions[0].what == "RuntimeError('boom',)"


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_after_does_not_run_when_the_steps_failed(driver: Driver) -> None:
    transcript = driver.run(Script((*ANSWER, Raise()), Returns.ITERATOR, after=(ReadVariable("unset"),)))
    assert transcript.count("app", "variable") == 0


def test_a_compiled_application_stands_alone() -> None:
    answer = compile_wsgi(Script(ANSWER, Returns.TUPLE))({}, lambda *_: None)
    assert answer == (b"x",)
    assert callable(compile_asgi2(Script(ANSWER))({"type": "http"}))


@pytest.mark.parametrize(("driver", "step"), [(WSGI, Cancel()), (ASGI3, RestartWithExcInfo())], ids=repr)
def test_an_application_says_what_it_cannot_do(driver: Driver, step: Step) -> None:
    transcript = driver.run_app(driver.compile(Script((step,)), TranscriptWriter()))
    assert "NotImplementedError" in transcript.exceptions[0].what


def test_the_base_of_acts_is_abstract() -> None:
    with pytest.raises(NotImplementedError):
        Act().act(TranscriptWriter())


def test_the_bridge_never_closes() -> None:
    assert BRIDGE.run(Script(ANSWER, Returns.ITERATOR)).closed == 0
    assert WSGI.run(Script(ANSWER, Returns.ITERATOR)).closed == 1
