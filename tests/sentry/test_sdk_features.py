"""What the SDK offers beside errors and spans, inside of a request: flags, attachments, samplers, hooks of spans."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.feature_flags import add_feature_flag

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    Accept,
    CaptureMessage,
    ChildSpan,
    Driver,
    Events,
    Raise,
    Receive,
    RequestSpec,
    Script,
    Send,
    SendChunk,
    StartResponse,
    Wrap,
    WsScript,
    recording,
)
from sentry_web.testing.sdk import STATIC, STREAM
from sentry_web.testing.steps import Act
from sentry_web.testing.transcript import TranscriptWriter

BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
ASGI = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
SECRET = "Hunter2-Zx81"


@dataclass(frozen=True, repr=False)
class Do(Act):
    """Call a function."""

    function: Callable[[], Any]

    def act(self, recorder: TranscriptWriter) -> None:
        self.function()


# --- flags and attachments -------------------------------------------------------------------------------------------


@BOTH_MODES
def test_feature_flags_are_on_the_errors_of_the_request_and_on_its_spans(
    driver: Driver, run: Any, sdk: dict[str, Any]
) -> None:
    inside = ChildSpan("inside", (Do(lambda: add_feature_flag("new-basket", False)),))
    flagged = Script((Do(lambda: add_feature_flag("new-shop", True)), inside, StartResponse(), Raise()))
    with recording(traces_sample_rate=1.0, **sdk) as events:
        driver.run(flagged, RequestSpec(path="/a"), Wrap.ours())
        driver.run(Script((StartResponse(), CaptureMessage("next"))), RequestSpec(path="/b"), Wrap.ours())
    (error,), (message,) = events.errors, events.messages
    flags = [{"flag": "new-shop", "result": True}, {"flag": "new-basket", "result": False}]
    assert error["contexts"]["flags"] == {"values": flags}
    assert "flags" not in message["contexts"]
    (child,) = events.children
    assert child.data["flag.evaluation.new-basket"] is False
    roots = sorted(events.segments, key=lambda root: str(root.data["url.path"]))
    streamed = [root.data.get("flag.evaluation.new-shop") for root in roots]
    assert streamed == [True, None] * (sdk is STREAM)  # a transaction has its children's only


@BOTH_MODES
def test_attachments_go_with_the_reports_of_their_request(driver: Driver, sdk: dict[str, Any]) -> None:
    def attach() -> None:
        sentry_sdk.get_isolation_scope().add_attachment(b"basket: 7", "basket.txt", content_type="text/plain")

    with recording(traces_sample_rate=1.0, **sdk) as events:
        driver.run(Script((Do(attach), CaptureMessage("first"), StartResponse())), RequestSpec(), Wrap.ours())
        driver.run(Script((CaptureMessage("second"), StartResponse())), RequestSpec(), Wrap.ours())
    with_attachment = [envelope for envelope in events.envelopes if b"basket: 7" in envelope]
    assert [b'"first"' in envelope for envelope in with_attachment] == [True]
    assert len(events.roots) == 2


# --- sampling --------------------------------------------------------------------------------------------------------


def sampled_with(seen: list[dict[str, Any]], rate: Any = 1.0) -> dict[str, Any]:
    """Options with a sampler that keeps what it is given."""

    def sampler(context: dict[str, Any]) -> Any:
        seen.append(context)
        return rate

    return {"traces_sample_rate": None, "traces_sampler": sampler}


@BOTH_MODES
@pytest.mark.parametrize("decision", [None, True, False])
def test_a_sampler_is_given_the_span_and_the_callers_decision(
    driver: Driver, run: Any, sdk: dict[str, Any], decision: bool | None
) -> None:
    seen: list[dict[str, Any]] = []
    end = {None: "", True: "-1", False: "-0"}[decision]
    request = RequestSpec("POST", path="/books/7", headers=(("sentry-trace", f"{'a' * 32}-{'b' * 16}{end}"),))
    events: Events = run(driver, request=request, sdk={**sdk, **sampled_with(seen)})
    (root,), (context,) = events.roots, seen
    span = context["transaction_context"]
    assert (span["name"], span["op"], span["source"]) == ("/books/7", "http.server", "url")
    assert (span["trace_id"], span["parent_span_id"]) == ("a" * 32, "b" * 16)
    assert context["parent_sampled"] is decision
    assert root.trace["parent_span_id"] == "b" * 16, "the sampler has the last word"
    if sdk is STREAM:
        assert span["data"]["http.request.method"] == "POST"
        assert span["data"]["sentry.op"] == "http.server"


@BOTH_MODES
@ASGI
def test_a_sampler_is_asked_of_a_websocket_too(driver: Any, sdk: dict[str, Any]) -> None:
    seen: list[dict[str, Any]] = []
    script = WsScript((Accept(), Receive(), Send("hello"), Receive()), messages=("hello",))
    with recording(**sdk, **sampled_with(seen, 0.0)) as events:
        driver.run_websocket(script, RequestSpec(path="/chat"), Wrap.ours(record_send_receive=True))
    (context,) = seen
    assert context["transaction_context"]["op"] == "websocket.server"
    assert context["asgi_scope"]["path"] == "/chat"
    assert events.roots == events.children == []
    (sessions,) = events.sessions
    assert [aggregate["exited"] for aggregate in sessions["aggregates"]] == [1]


@BOTH_MODES
@pytest.mark.parametrize(("answer", "roots"), [(True, 1), (False, 0), (1, 1), (0, 0), ("often", 0), (None, 0)])
def test_the_answers_of_a_sampler(driver: Driver, run: Any, sdk: dict[str, Any], answer: Any, roots: int) -> None:
    assert len(run(driver, sdk={**sdk, **sampled_with([], answer)}).roots) == roots


# --- spans that are ignored, or changed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "/health",
        re.compile("/hea.*"),
        {"name": re.compile("/health"), "attributes": {"http.request.method": "GET"}},
    ],
    ids=["name", "pattern", "attributes"],
)
def test_an_ignored_segment_has_no_spans_and_keeps_its_errors(driver: Driver, rule: Any) -> None:
    script = Script((CaptureMessage("here"), StartResponse(), ChildSpan("inside", (SendChunk(),))))
    with recording(**STREAM, traces_sample_rate=1.0, ignore_spans=[rule]) as events:
        driver.run(script, RequestSpec(path="/health"), Wrap.ours(record_send_receive=True))
        driver.run(script, RequestSpec(path="/books/7"), Wrap.ours())
    assert [root.name for root in events.roots] == ["/books/7"]
    assert [child.name for child in events.children] == ["inside"]
    assert [message.name for message in events.messages] == ["/health", "/books/7"]
    assert len({message.trace["trace_id"] for message in events.messages}) == 2
    (sessions,) = events.sessions
    assert sum(aggregate["exited"] for aggregate in sessions["aggregates"]) == 2


def test_the_children_of_an_ignored_span_belong_to_the_request(driver: Driver, run: Any) -> None:
    script = Script((StartResponse(), ChildSpan("template", (ChildSpan("query"), SendChunk()))))
    events: Events = run(driver, script, sdk={**STREAM, "ignore_spans": ["template"]})
    (root,), (query,) = events.roots, events.children
    assert query.name == "query"
    assert query["parent_span_id"] == root["span_id"]


def test_a_hook_changes_spans_that_are_redacted_already(driver: Driver, run: Any) -> None:
    seen: list[str] = []

    def before_send_span(span: dict[str, Any], hint: Any) -> dict[str, Any]:
        seen.append(repr(span))
        return {**span, "name": f"shop {span['name']}", "attributes": {**span["attributes"], "shop.shelf": 7}}

    request = RequestSpec(path="/books/7", query=f"token={SECRET}")
    script = Script((StartResponse(), ChildSpan(f"SELECT '{SECRET}'", (SendChunk(),))))
    events: Events = run(driver, script, request, sdk={**STREAM, "before_send_span": before_send_span})
    assert [span.name for span in events.spans] == ["shop SELECT '[Filtered]'", "shop /books/7"]
    assert [span.data["shop.shelf"] for span in events.spans] == [7, 7]
    assert len(seen) == 2
    assert SECRET not in "".join(seen)
    assert SECRET.encode() not in events.all_bytes


@pytest.mark.parametrize("answer", [lambda span, hint: None, lambda span, hint: 1 / 0], ids=["none", "raises"])
def test_a_hook_that_fails_drops_no_span_and_reveals_nothing(driver: Driver, run: Any, answer: Any) -> None:
    request = RequestSpec(path="/books/7", query=f"token={SECRET}")
    script = Script((StartResponse(), ChildSpan(f"SELECT '{SECRET}'", (SendChunk(),))))
    events: Events = run(driver, script, request, sdk={**STREAM, "before_send_span": answer})
    assert [span.name for span in events.spans] == ["SELECT '[Filtered]'", "/books/7"]
    assert SECRET.encode() not in events.all_bytes
