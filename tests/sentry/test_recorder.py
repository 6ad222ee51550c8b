"""``_sentry.recorder``: scopes, trace, session, root span, profile and errors of a request."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import Scope

from sentry_web import SentryWsgiMiddleware
from sentry_web._naming.naming import Naming
from sentry_web._options import build_options
from sentry_web._request import Outcome
from sentry_web._request.scope import ScopeRequest
from sentry_web._sentry import SentryRecorder, compat
from sentry_web.recorder import MOST_MESSAGE_SPANS, Captured
from sentry_web.testing import (
    ASGI3,
    WSGI,
    Breadcrumb,
    CaptureMessage,
    Driver,
    Events,
    Raise,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    SetTag,
    StartResponse,
    Wrap,
    WsScript,
    recording,
)
from sentry_web.testing.connections import Accept, Send
from sentry_web.testing.events import Reported
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS, STATIC, STREAM
from sentry_web.testing.steps import Act
from sentry_web.testing.transcript import TranscriptWriter

BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
#: Whether the spans of this release can be linked, since 3.0.
HAS_LINKS = HAS_STREAMED_SPANS and hasattr(import_module("sentry_sdk.traces").StreamedSpan, "add_link")
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "Hunter2-Zx81"
pytestmark = pytest.mark.filterwarnings("ignore:.*send_default_pii:DeprecationWarning")


def started(**options: Any) -> Any:
    """A recording of a request, outside of any middleware."""
    scope = {"type": "http", "method": "GET", "path": "/books/7", "headers": []}
    request = ScopeRequest(scope)
    naming = Naming(request, "endpoint", scope, None)
    return SentryRecorder(build_options(**options)).start(request, naming, Captured(), Outcome(0.0), scope)


def root_of(events: Events) -> Reported:
    (root,) = events.roots
    return root


# --- scopes ----------------------------------------------------------------------------------------------------------


def test_nothing_is_done_without_a_client_that_sends() -> None:
    recorder = SentryRecorder(build_options())
    assert not recorder.active("asgi")
    with recording():
        assert recorder.active("asgi")
        assert recorder.active("wsgi")


def test_a_request_that_a_middleware_of_the_sdk_reports_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentry_sdk.integrations import wsgi

    recorder = SentryRecorder(build_options())
    variable = wsgi._wsgi_middleware_applied
    assert variable in compat.marker_variables()
    with recording():
        token = variable.set(True)
        assert not recorder.active("wsgi")
        variable.set(compat.MARKER)
        assert recorder.active("wsgi")
        variable.reset(token)


def test_what_is_set_in_a_request_stays_in_it(driver: Driver) -> None:
    inside = Script((SetTag("shelf", "7"), Breadcrumb("seen"), StartResponse(), CaptureMessage("inside"), SendChunk()))
    with recording() as events:
        sentry_sdk.set_tag("server", "a")
        sentry_sdk.add_breadcrumb(message="at the start")
        driver.run(inside, RequestSpec(path="/a"), Wrap.ours())
        sentry_sdk.capture_message("outside")
    within, without = events.messages
    assert within.tags.items() >= {"shelf": "7", "server": "a"}.items()
    assert within.tags["protocol"] in ("wsgi", "asgi")
    assert [crumb["message"] for crumb in within["breadcrumbs"]["values"]] == ["seen"]
    assert without.tags == {"server": "a"}
    assert "request" not in without.payload
    assert [crumb["message"] for crumb in without["breadcrumbs"]["values"]] == ["at the start"]


def test_scopes_are_entered_again_and_again_nested_and_from_other_threads() -> None:
    with recording(traces_sample_rate=1.0):
        outside = (Scope.get_isolation_scope(), Scope.get_current_scope())
        record = started()
        seen: list[Any] = []

        def enter() -> None:
            with record.running():
                seen.append(Scope.get_isolation_scope())
                with record.running():
                    seen.append(Scope.get_isolation_scope())
                seen.append(Scope.get_isolation_scope())

        enter()
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        assert (Scope.get_isolation_scope(), Scope.get_current_scope()) == outside
        assert len({id(scope) for scope in seen}) == 1
        assert len(seen) == 6
        record.finish(Outcome(0.0))


def test_scopes_and_markers_are_current_for_every_part_of_a_response() -> None:
    markers, scopes = [], []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for part in (b"", b"a", b"b", b"c"):
            markers.append([bool(variable.get(False)) for variable in compat.marker_variables()])
            scopes.append((Scope.get_isolation_scope(), Scope.get_current_scope()))
            yield part

    with recording():
        outside = (Scope.get_isolation_scope(), Scope.get_current_scope())
        for _ in SentryWsgiMiddleware(app)({}, lambda *_: None):
            assert (Scope.get_isolation_scope(), Scope.get_current_scope()) == outside
            assert not any(variable.get(False) for variable in compat.marker_variables())
    assert markers == [[True] * len(markers[0])] * 4
    assert len({id(scope) for pair in scopes for scope in pair}) == 2


def test_the_sdks_middlewares_are_told_that_the_request_is_taken() -> None:
    from sentry_sdk.integrations import asgi, wsgi  # noqa: F401

    with recording():
        record = started()
        before = [variable.get(False) for variable in compat.marker_variables()]
        with record.running():
            assert all(variable.get(False) is compat.MARKER for variable in compat.marker_variables())
        assert [variable.get(False) for variable in compat.marker_variables()] == before


def test_the_lifespan_has_scopes_and_nothing_else() -> None:
    scope = {"type": "lifespan"}
    request = ScopeRequest(scope)
    with recording(traces_sample_rate=1.0) as events:
        naming = Naming(request, "endpoint", scope, None)
        record = SentryRecorder(build_options()).start(request, naming, Captured(), Outcome(0.0), scope)
        with record.running():
            sentry_sdk.set_tag("lifespan", "yes")
            sentry_sdk.capture_message("starting")
        record.set_attribute("key", 1)
        record.finish(Outcome(0.0))
    assert events.roots == events.sessions == []
    (message,) = events.messages
    assert message.tags == {"lifespan": "yes"}
    assert "request" not in message.payload
    assert record.trace_headers() == {}
    assert record.message_span("x") is None


# --- traces ----------------------------------------------------------------------------------------------------------

TRACEPARENT = ("traceparent", f"00-{TRACE}-{SPAN}-01")
SENTRY_TRACE = ("sentry-trace", f"{TRACE}-{SPAN}-0")


@BOTH_MODES
def test_an_incoming_trace_is_continued(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    root = root_of(run(driver, request=RequestSpec(headers=(TRACEPARENT,)), sdk=sdk))
    assert root.trace["trace_id"] == TRACE
    assert root.trace["parent_span_id"] == SPAN


@BOTH_MODES
def test_the_decision_of_who_came_before_counts_where_his_trace_is_continued(
    driver: Driver, run: Any, sdk: dict[str, Any]
) -> None:
    script = Script((StartResponse(), CaptureMessage("here"), SendChunk()))
    events = run(driver, script, RequestSpec(headers=(SENTRY_TRACE,)), sdk=sdk)
    assert events.roots == []
    (message,) = events.messages
    assert message.trace["trace_id"] == TRACE


@BOTH_MODES
@pytest.mark.parametrize("flag", ["00", "01"])
@pytest.mark.parametrize("rate", [0, 1])
def test_the_flag_of_a_traceparent_does_not_override_the_users_own_rate(
    driver: Driver, run: Any, sdk: dict[str, Any], flag: str, rate: int
) -> None:
    """A service mesh sends one with every request, and samples for itself."""
    script = Script((StartResponse(), CaptureMessage("here"), SendChunk()))
    request = RequestSpec(headers=(("traceparent", f"00-{TRACE}-{SPAN}-{flag}"),))
    events = run(driver, script, request, sdk={**sdk, "traces_sample_rate": rate})
    assert len(events.roots) == rate
    assert events.messages[0].trace["trace_id"] == TRACE


@BOTH_MODES
@pytest.mark.parametrize("flag", ["00", "01"])
def test_a_sampler_is_asked_without_a_decision_where_only_a_traceparent_came(
    driver: Driver, run: Any, sdk: dict[str, Any], flag: str
) -> None:
    asked: list[Any] = []

    def sampler(context: dict[str, Any]) -> float:
        asked.append(context.get("parent_sampled", (context.get("span_context") or {}).get("parent_sampled")))
        return 0.0

    request = RequestSpec(headers=(("traceparent", f"00-{TRACE}-{SPAN}-{flag}"),))
    assert run(driver, request=request, sdk={**sdk, "traces_sampler": sampler}).roots == []
    assert asked == [None]


def never(request: Any) -> bool:
    return bool(request.header("host") != "shop.example")


@BOTH_MODES
@pytest.mark.parametrize("continue_traces", [False, never], ids=["False", "callable"])
@pytest.mark.parametrize("header", [TRACEPARENT, SENTRY_TRACE], ids=["w3c", "sentry"])
def test_a_trace_not_continued_is_linked_and_its_decision_ignored(
    driver: Driver, run: Any, sdk: dict[str, Any], continue_traces: Any, header: tuple[str, str]
) -> None:
    script = Script((StartResponse(), CaptureMessage("here"), SendChunk()))
    request = RequestSpec(headers=(header, ("baggage", f"sentry-trace_id={TRACE},sentry-sample_rand=0.99")))
    events: Events = run(driver, script, request, sdk=sdk, continue_traces=continue_traces)
    root = root_of(events)
    assert root.trace["trace_id"] != TRACE
    assert root.trace.get("parent_span_id") is None
    decision = "1" if header is TRACEPARENT else "0"
    assert root.data["sentry.previous_trace"] == f"{TRACE}-{SPAN}-{decision}"
    assert events.messages[0].trace["trace_id"] == root.trace["trace_id"]
    link = {"trace_id": TRACE, "span_id": SPAN, "sampled": decision == "1"}
    for linked in root.get("links", ()):
        attributes = {"sentry.link.type": {"value": "previous_trace", "type": "string"}}
        assert linked == {**link, "attributes": attributes}
    assert len(root.get("links", ())) == HAS_LINKS


@BOTH_MODES
def test_a_callable_may_let_a_trace_be_continued(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    request = RequestSpec(headers=(TRACEPARENT,))
    root = root_of(run(driver, request=request, sdk=sdk, continue_traces=lambda request: request.method == "GET"))
    assert root.trace["trace_id"] == TRACE
    assert "sentry.previous_trace" not in root.data


def broken(*args: Any) -> Any:
    raise ValueError("the user's own fault")


@BOTH_MODES
@pytest.mark.parametrize(("sampling", "options"), [({}, {"continue_traces": broken}), ({"traces_sampler": broken}, {})])
def test_a_callable_of_the_users_that_raises_does_not_lose_the_error(
    driver: Driver, run: Any, sdk: dict[str, Any], sampling: dict[str, Any], options: dict[str, Any]
) -> None:
    request = RequestSpec(query=f"token={SECRET}", headers=(TRACEPARENT,))
    events: Events = run(driver, Script((Raise(),)), request, sdk={**sdk, **sampling}, **options)
    (error,) = events.errors
    assert error["request"]["url"] == request.url
    assert SECRET.encode() not in events.all_bytes


@BOTH_MODES
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "head"])
def test_methods_that_make_no_root_span_have_a_trace_of_their_own(
    driver: Driver, run: Any, sdk: dict[str, Any], method: str
) -> None:
    script = Script((StartResponse(), CaptureMessage("here")))
    first: Events = run(driver, script, RequestSpec(method), sdk=sdk)
    second: Events = run(driver, script, RequestSpec(method, headers=(TRACEPARENT,)), sdk=sdk)
    assert first.roots == second.roots == []
    assert second.messages[0].trace["trace_id"] == TRACE
    assert first.messages[0].trace["trace_id"] != TRACE


@BOTH_MODES
def test_the_sampler_sees_scope_or_environ_and_the_request(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    seen: list[Any] = []

    def sampler(context: Any) -> float:
        seen.append(context)
        return 1.0

    root_of(run(driver, sdk={**sdk, "traces_sample_rate": None, "traces_sampler": sampler}))
    (context,) = seen
    scope_or_environ = context.get("asgi_scope") or context.get("wsgi_environ")
    assert scope_or_environ.get("path", scope_or_environ.get("PATH_INFO")) == "/books/7"
    assert context["request"].path == "/books/7"


@BOTH_MODES
def test_the_sampler_sees_the_resolved_route(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    names: list[str] = []

    def sampler(context: Any) -> float:
        names.append(context["transaction_context"]["name"])
        return 1.0

    options = {**sdk, "traces_sample_rate": None, "traces_sampler": sampler}
    root = root_of(run(driver, sdk=options, route_resolver=lambda request: "/books/{id}"))
    assert names == [root.name] == ["/books/{id}"]
    assert root.source == "route"
    assert root.data["http.route"] == "/books/{id}"


@pytest.mark.parametrize("names", [("traceresponse",), ("server-timing", "traceresponse")])
@BOTH_MODES
def test_the_caller_is_told_the_trace_where_asked_for(
    driver: Driver, sdk: dict[str, Any], names: tuple[str, ...]
) -> None:
    with recording(traces_sample_rate=1.0, **sdk) as events:
        transcript = driver.run(
            Script((StartResponse(), SendChunk())), RequestSpec(), Wrap.ours(trace_response_headers=names)
        )
    text = str(transcript.headers)
    assert [name in text.lower() for name in names] == [True] * len(names)
    root = root_of(events)
    assert f"00-{root.trace['trace_id']}-{root.trace['span_id']}-01" in text


# --- sessions --------------------------------------------------------------------------------------------------------


class CaptureHandled(Act):
    """Capture an exception that the application deals with."""

    def act(self, recorder: TranscriptWriter) -> None:
        sentry_sdk.capture_exception(ValueError("handled"))


@pytest.mark.parametrize(
    ("steps", "ended"),
    [
        ((StartResponse(), SendChunk()), "exited"),
        ((StartResponse(503), SendChunk()), "exited"),
        ((CaptureHandled(), StartResponse(), SendChunk()), "errored"),
        ((StartResponse(), SendChunk(), Raise()), "crashed"),
        ((Raise(),), "crashed"),
    ],
)
def test_a_session_ends_with_its_request(driver: Driver, run: Any, steps: tuple[Any, ...], ended: str) -> None:
    events: Events = run(driver, Script(steps), sdk={"release": "shop@1"})
    (sessions,) = events.sessions
    assert sessions["attrs"]["release"] == "shop@1"
    (aggregate,) = sessions["aggregates"]
    assert {key: count for key, count in aggregate.items() if key != "started"} == {ended: 1}


@pytest.mark.parametrize("sdk", [{"release": ""}, {"auto_session_tracking": False}])
def test_no_session_where_none_is_wanted(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    assert run(driver, sdk=sdk).sessions == []


def test_no_session_where_the_application_stopped_them(driver: Driver) -> None:
    with recording() as events:
        scope = Scope.get_isolation_scope()
        scope.stop_auto_session_tracking()
        driver.run(Script((StartResponse(), SendChunk())), RequestSpec(), Wrap.ours())
        scope.resume_auto_session_tracking()
        driver.run(Script((StartResponse(), SendChunk())), RequestSpec(), Wrap.ours())
    (session,) = events.sessions
    assert [aggregate["exited"] for aggregate in session["aggregates"]] == [1]


# --- hooks, attributes, failures -------------------------------------------------------------------------------------


@BOTH_MODES
def test_hooks_set_name_and_attributes(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    def on_request(record: Any, request: Any) -> None:
        record.set_name(f"shop {request.method}")
        record.set_attribute("shop.shelf", 7)

    def on_response(record: Any, request: Any, outcome: Any) -> None:
        record.set_attribute("shop.size", outcome.body_size)

    script = Script((StartResponse(), CaptureMessage("here"), SendChunk(b"hello")))
    events: Events = run(driver, script, sdk=sdk, on_request=on_request, on_response=on_response)
    root = root_of(events)
    assert root.name == events.messages[0].name == "shop GET"
    assert root.data["shop.shelf"] == 7
    assert root.data["shop.size"] == 5


def test_hooks_do_no_harm_where_no_traces_are_made(driver: Driver, run: Any) -> None:
    def hook(record: Any, *rest: Any) -> None:
        record.set_name("chosen")
        record.set_attribute("key", 1)

    script = Script((StartResponse(), CaptureMessage("here"), SendChunk()))
    events: Events = run(driver, script, sdk={"traces_sample_rate": None}, on_request=hook, on_response=hook)
    assert events.messages[0].name == "chosen"
    assert events.roots == []


@pytest.mark.parametrize(("status", "reported"), [(503, True), (404, False)])
def test_a_failing_status_is_an_event_where_asked_for(driver: Driver, run: Any, status: int, reported: bool) -> None:
    script = Script((StartResponse(status), SendChunk()))
    events: Events = run(driver, script, failed_request_status_codes=range(500, 600))
    assert [message.message for message in events.messages] == ["GET /books/7 answered 503"] * reported
    for message in events.messages:
        assert message["level"] == "error"
        assert message["request"]["url"] == "http://shop.example/books/7"
        assert message.trace["trace_id"] == root_of(events).trace["trace_id"]


@BOTH_MODES
def test_response_headers_are_reported_where_asked_for_and_sanitised(
    driver: Driver, run: Any, sdk: dict[str, Any]
) -> None:
    headers = (
        ("Content-Type", "text/plain"),
        ("X-Shop-Shelf", "7"),
        ("X-Shop-Shelf", "8"),
        ("X-Shop-Token", SECRET),
        ("Location", f"/next?token={SECRET}&page=2"),
        ("Set-Cookie", f"session={SECRET}"),
    )
    script = Script((StartResponse(302, headers), SendChunk()))
    events: Events = run(driver, script, sdk=sdk, capture_response_headers=["x-shop-.*", "^location$", "set-cookie"])
    data = root_of(events).data
    assert {key: value for key, value in data.items() if "response.header" in key} == {
        "http.response.header.x-shop-shelf": ["7", "8"],
        "http.response.header.x-shop-token": ["[Filtered]"],
        "http.response.header.location": ["/next?token=[Filtered]&page=2"],
        "http.response.header.set-cookie": ["[Filtered]"],
    }
    assert SECRET.encode() not in events.all_bytes


@BOTH_MODES
@pytest.mark.parametrize(
    ("trusted", "address"),
    [
        (None, "8.8.8.8"),  # a private peer is a proxy of ours
        ((), "10.0.0.2"),
        (["10.0.0.0/8", "8.8.8.0/24"], "81.2.69.142"),
        (1, "8.8.8.8"),
        (2, "81.2.69.142"),
        ("*", "81.2.69.142"),
        (["192.0.2.0/24"], "10.0.0.2"),
    ],
)
def test_the_client_is_found_behind_proxies_that_are_trusted(
    driver: Driver, run: Any, sdk: dict[str, Any], trusted: Any, address: str
) -> None:
    request = RequestSpec(headers=(("X-Forwarded-For", "81.2.69.142, 8.8.8.8"),), client=("10.0.0.2", 50000))
    script = Script((StartResponse(), CaptureMessage("here"), SendChunk()))
    events: Events = run(driver, script, request, sdk={**sdk, "send_default_pii": True}, trusted_proxies=trusted)
    for event in events.messages + [root for root in events.roots if root.kind == "transaction"]:
        assert event["user"]["ip_address"] == event["request"]["env"]["REMOTE_ADDR"] == address
    assert root_of(events).data["client.address"] == address
    assert {segment.attributes["user.ip_address"] for segment in events.segments} <= {address}


def test_an_integration_that_is_switched_on_reports_its_frameworks_errors() -> None:
    flask = pytest.importorskip("sentry_sdk.integrations.flask")
    with recording():
        assert not started().leaves_to("flask")
    with recording(integrations=[flask.FlaskIntegration()]):
        assert started().leaves_to("flask")
        assert not started().leaves_to("quart")


def test_the_bodys_limit_is_the_sdks() -> None:
    with recording(max_request_body_size="small"):
        assert started().body_limit() == 1_000


@BOTH_MODES
def test_messages_have_a_bounded_number_of_spans(sdk: dict[str, Any]) -> None:
    messages = MOST_MESSAGE_SPANS + 10
    script = WsScript((Accept(), *(Send("x") for _ in range(messages))))
    experiments = {"max_spans": 10_000} if sdk is STATIC else {}
    with recording(traces_sample_rate=1.0, _experiments=experiments, **sdk) as events:
        ASGI3.run_websocket(script, RequestSpec(path="/chat"), Wrap.ours(record_send_receive=True))
    root = root_of(events)
    assert len(events.children) == MOST_MESSAGE_SPANS
    assert root.data["websocket.messages.sent"] == messages


@BOTH_MODES
def test_a_span_that_cannot_be_finished_ends_the_session_all_the_same(
    driver: Driver, run: Any, sdk: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, outcome: Any) -> None:
        raise ValueError("our own fault")

    with recording(traces_sample_rate=1.0, **sdk):
        monkeypatch.setattr(type(started()._root), "finish", broken)
    script = Script((SetTag("shelf", "7"), StartResponse(), SendChunk(b"hello")))
    events: Events = run(driver, script, sdk=sdk)
    assert events.roots == []
    assert len(events.sessions) == 1


# --- profiles --------------------------------------------------------------------------------------------------------


def samples() -> int:
    """How often the profiler in use has looked so far: that of the transaction, if it has one."""
    from sentry_sdk.profiler import continuous_profiler

    profile = getattr(sentry_sdk.get_current_scope()._span, "_profile", None)
    if profile is not None and profile.sampled:
        return int(profile.unique_samples)
    buffer = getattr(continuous_profiler._scheduler, "buffer", None)
    return len(buffer.chunk.samples) if buffer is not None else 0


class Work(Act):
    """Keep the processor busy until a profiler has seen it, which takes long on a busy machine."""

    def __init__(self, unseen: bool = False) -> None:
        self.unseen = unseen

    def act(self, recorder: TranscriptWriter) -> None:
        end = time.monotonic() + (0.05 if self.unseen else 10)
        while time.monotonic() < end and (self.unseen or samples() < 5):
            sum(range(1000))


BUSY = Script((StartResponse(), Work(), SendChunk()))


@pytest.fixture
def profilers() -> Iterator[None]:
    """The SDK's profilers live in the process; stop them after the test.

    Without the garbage collector: where it runs inside ``sys._current_frames()``, which the profilers' thread calls,
    and a finalizer gives up the GIL, Python before 3.12 stands still for ever (CPython's gh-106883; seen here).
    """
    from sentry_sdk.profiler import continuous_profiler

    gc.collect()
    gc.disable()
    yield
    if HAS_TRANSACTIONS:
        from sentry_sdk.profiler import transaction_profiler

        transaction_profiler.teardown_profiler()
    continuous_profiler.teardown_continuous_profiler()
    gc.enable()


OF_OLD = pytest.mark.filterwarnings("ignore:Transaction-based profiling is deprecated:DeprecationWarning")


def functions(profile: Any) -> set[str]:
    return {frame["function"] for frame in profile["profile"]["frames"]}


@pytest.mark.usefixtures("profilers")
@OF_OLD
def test_a_transaction_has_its_profile(driver: Driver, run: Any) -> None:
    events: Events = run(driver, BUSY, sdk={**STATIC, "profiles_sample_rate": 1.0})
    root = root_of(events)
    (profile,) = [item for item in events.all if item.kind == "profile"]
    assert any("act" in name for name in functions(profile))
    (told,) = profile["transactions"] if "transactions" in profile.payload else [profile["transaction"]]
    assert told["trace_id"] == root.trace["trace_id"]


@pytest.mark.usefixtures("profilers")
@OF_OLD
def test_a_profile_that_is_not_sampled_is_none(driver: Driver, run: Any) -> None:
    script = Script((StartResponse(), Work(unseen=True), SendChunk()))
    events: Events = run(driver, script, sdk={**STATIC, "profiles_sampler": lambda context: 0})
    assert root_of(events)
    assert [item for item in events.all if item.kind == "profile"] == []


@pytest.mark.usefixtures("profilers")
@BOTH_MODES
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_the_continuous_profiler_runs_as_long_as_the_root_span(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    from sentry_sdk.profiler import continuous_profiler

    options = {**sdk, "profile_session_sample_rate": 1.0, "profile_lifecycle": "trace"}
    with recording(traces_sample_rate=1.0, **options) as events:
        driver.run(BUSY, RequestSpec(path="/books/7"), Wrap.ours())
        scheduler: Any = continuous_profiler._scheduler
        deadline = time.monotonic() + 5
        while scheduler.running and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not scheduler.running, "it stops when no root span is open"
        root = root_of(events)
    profiler = root.data.get("sentry.profiler_id") or root["contexts"]["profile"]["profiler_id"]
    chunks = [item for item in events.all if item.kind == "profile_chunk"]
    assert {chunk["profiler_id"] for chunk in chunks} == {profiler}


@BOTH_MODES
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_the_name_of_the_root_span_is_nobodys_choice_after_its_end(driver: Driver, sdk: dict[str, Any]) -> None:
    """Of a path that has got another name by the end, in code that runs after the response."""
    wrap = Wrap.ours(max_path_names=1)
    script = Script((StartResponse(),), Returns.ITERATOR, after=(CaptureMessage("late"),))
    with recording(traces_sample_rate=1.0, **sdk) as events:
        for path in ("/first", "/users/7"):
            driver.run(script, RequestSpec(path=path), wrap)
    assert [event["transaction"] for event in events.messages][1] in ("/*", "/users/*")
    assert [event["transaction_info"]["source"] for event in events.messages] == ["url", "url"]
