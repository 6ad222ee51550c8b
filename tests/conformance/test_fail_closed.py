"""Fail closed: whatever function of ours raises, no secret of the request is in a byte that is handed to the transport.

The application goes on as if nothing had happened (``test_faults``). Here it has read secrets from everywhere in its
request, and reports them in many ways.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import Any

import pytest
import sentry_sdk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web.testing import (
    ASGI3,
    WSGI,
    CaptureMessage,
    ChildSpan,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
)

from .breaking import Breaker, forget_results, functions
from .properties import TRACED, sdk
from .saying import Say
from .test_faults import ENTRY_POINTS

#: No literal of these is in the source that the SDK sends with a frame.
SECRETS = {
    name: f"{name[:2]}7kX{number}QZWVx{number}9b" for number, name in enumerate(("header", "cookie", "query", "body"))
}
REQUEST = RequestSpec(
    "POST",
    "/orders/17",
    query=f"page=2&token={SECRETS['query']}",
    headers=(
        ("X-Auth-Token", SECRETS["header"]),
        ("Cookie", f"theme=dark; session={SECRETS['cookie']}"),
        ("Content-Type", "application/json"),
    ),
    body=(json.dumps({"book": 17, "password": SECRETS["body"]}).encode(),),
)
WAYS = ("message", "error log", "breadcrumb", "extra", "tag", "span", "root span", "local variable")
STEPS = tuple(
    Say(way, form, secret) for way, secret in zip(WAYS, [*SECRETS.values()] * 3) for form in ("plain", "repr of JSON")
) + tuple(Say(way, "plain", SECRETS["body"]) for way in WAYS if way != "extra")
SCRIPT = Script(
    (
        ReadBody(),
        CaptureMessage("here"),
        *STEPS,
        StartResponse(200, (("Content-Type", "text/plain"),)),
        ChildSpan("inside", (SendChunk(b"hello"),)),
        Raise(),
    )
)

PACKAGES = ("_privacy.", "_sentry.", "_request.", "_naming.")
#: Called by sentry-sdk itself, which swallows what they raise, and doing nothing that is not guarded; or as is said.
CALLED_BY_OTHERS = frozenset(
    (
        "_sentry.redaction.RedactingProcessor.__call__",
        "_sentry.aftermath.LifespanProcessor.__call__",
        "_sentry.aftermath.process",
        "_sentry.aftermath.watch",  # registers with the SDK, and no more
        "_sentry.recorder.SentryRecording.aftermath",  # calls that, and returns an attribute
        "_sentry.redaction.blank_all",
        "_sentry.hooks.redacting",  # by the SDK, which sends nothing then
        "_sentry.hooks.add_hooks",  # with old releases, nothing else sees logs
        "_request.environ.may_be_wrapped",  # whether the response may be touched is not known then: it is passed on
        "_request.wsgi_input._from_server",  # by the application, which reads through it: nothing was read then
    )
)
FUNCTIONS = {
    name: function
    for name, function in functions().items()
    if name.startswith(PACKAGES) and name not in ENTRY_POINTS and name not in CALLED_BY_OTHERS
}

#: The ways in which each function is broken: at all calls, or at the first one.
COMBINATIONS = ((WSGI, TRACED[-1], None), (ASGI3, TRACED[0], None), (ASGI3, TRACED[-1], frozenset({0})))


LOGGER = logging.getLogger("uvicorn.error")


def logs_what_leaves(app: Any) -> Any:
    """What servers do with an exception that leaves the application: they log it, outside of the request."""

    async def serve(*arguments: Any) -> Any:
        try:
            return await app(*arguments)
        except Exception:
            LOGGER.exception("Exception in ASGI application")
            raise

    return serve


def logs_what_leaves_wsgi(app: Any) -> Any:
    """The same for WSGI."""

    def serve(environ: Any, start_response: Any) -> Any:
        try:
            response = app(environ, start_response)
            try:
                yield from response
            finally:
                response.close()
        except Exception:
            LOGGER.exception("Error handling request")
            raise

    return serve


LOGGING_SERVER = Wrap(wsgi=logs_what_leaves_wsgi, asgi=logs_what_leaves)


def leaked(driver: Any, mode: str, breaker: Breaker, broken: list[Any]) -> list[str]:
    """Return which secrets were sent while functions were broken."""
    forget_results()
    with sdk(mode, integrations=[LoggingIntegration(event_level=logging.ERROR)], enable_logs=True) as events:
        with breaker.breaking(*broken):
            wrap = Wrap(breaker.arm, breaker.arm).around(Wrap.ours(capture_body="always"))
            driver.run(SCRIPT, REQUEST, LOGGING_SERVER.around(wrap))
        sent = events.all_bytes
    return [name for name, secret in SECRETS.items() if secret.encode() in sent]


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
@pytest.mark.parametrize("mode", TRACED)
def test_nothing_leaves_where_nothing_is_broken(driver, mode):
    assert leaked(driver, mode, Breaker(), []) == []


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_secret_leaves_when_a_function_of_ours_raises(name):
    for driver, mode, calls in COMBINATIONS:
        assert leaked(driver, mode, Breaker(calls), [FUNCTIONS[name]]) == [], (driver, mode, calls)


#: The request cannot be opened; it cannot be recorded; its exception cannot be captured.
FAILING = ("_request.request.Outcome.__init__", "_sentry.compat.transaction_name", "_naming.frameworks.unwrap")


@pytest.mark.parametrize("mode", TRACED)
@pytest.mark.parametrize("name", ["_request.wsgi_input.watch_input", "_request.wsgi_input._Reader.read"])
def test_secrets_of_a_body_that_was_not_seen_stay_in_no_text(name, mode):
    assert leaked(WSGI, mode, Breaker(), [FUNCTIONS[name]]) == []


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
@pytest.mark.parametrize("name", FAILING)
def test_a_servers_record_of_an_exception_is_redacted_where_a_function_fails(name, driver):
    assert leaked(driver, TRACED[-1], Breaker(), [FUNCTIONS[name]]) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    driver=st.sampled_from([WSGI, ASGI3]),
    mode=st.sampled_from(TRACED),
    name=st.sampled_from(sorted(name for name in FUNCTIONS if name.startswith(("_privacy.", "_sentry.redaction.")))),
    calls=st.frozensets(st.integers(0, 60), min_size=1, max_size=6),
)
def test_no_secret_leaves_when_redaction_fails_now_and_then(driver, mode, name, calls):
    assert leaked(driver, mode, Breaker(calls), [FUNCTIONS[name]]) == []


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
@pytest.mark.parametrize("mode", TRACED)
@pytest.mark.parametrize("left", [1, 20, 40, 60, 100])
def test_no_secret_leaves_near_the_recursion_limit(driver, mode, left):
    """The first report of a request comes from a function that recurses as deep as it can."""

    def walk(depth: int) -> None:
        try:
            walk(depth + 1)
        except RecursionError:
            if depth % 7 == left % 7:
                sentry_sdk.capture_message(SECRETS["header"])
            raise

    class Walk(CaptureMessage):
        def act(self, recorder: Any) -> None:
            try:
                walk(0)
            except RecursionError:
                sentry_sdk.capture_message(f"deep {SECRETS['cookie']}")

    script = Script((ReadBody(), Walk("x"), StartResponse(200), SendChunk(b"hello"), Raise()))
    with sdk(mode) as events:
        driver.run(script, REQUEST, Wrap.ours())
        sent = events.all_bytes
    assert [name for name, secret in SECRETS.items() if secret.encode() in sent] == []


@pytest.mark.parametrize("rate", ["inf", "-inf", "1e400", "nan", "", "1,sentry-sample_rand=inf"])
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
@pytest.mark.parametrize("mode", TRACED)
def test_a_malformed_trace_is_ignored_and_the_request_recorded(driver, mode, rate):
    trace = "a" * 32
    headers = (
        ("Sentry-Trace", f"{trace}-{'b' * 16}-1"),
        ("Baggage", f"sentry-trace_id={trace},sentry-sample_rate={rate}"),
        *REQUEST.headers,
    )
    script = Script((CaptureMessage("here"), *STEPS[:4], StartResponse(200), SendChunk(b"hello")))
    with sdk(mode, integrations=[LoggingIntegration()]) as events:
        driver.run(script, dataclasses.replace(REQUEST, headers=headers), Wrap.ours())
        sent = events.all_bytes
    assert len(events.roots) == 1
    assert "here" in [message.message for message in events.messages]
    assert SECRETS["header"].encode() not in sent
