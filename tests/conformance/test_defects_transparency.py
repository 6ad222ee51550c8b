"""Defects by which a middleware changes what application or server see.

Rows of the table of incumbents' faults: 1, 2, 7, 23–25, 38, 49, 51, 54, 57, 58.
The oracle is the transcript of the same script without the middleware.
"""

from __future__ import annotations

import functools
import io
import logging
import warnings
from typing import Any
from wsgiref.handlers import SimpleHandler

import pytest

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    WSGI,
    Close,
    Peer,
    Raise,
    ReadBody,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    compile_asgi,
    recording,
)
from sentry_web.testing.drivers import make_environ

#: asgiref's bridge itself needs most keys and a reason phrase, and reads the body before it calls the application.
DIRECT = (WSGI, ASGI3, ASGI2)

ANSWER = (StartResponse(200), SendChunk(b"hello"))
UPLOAD = RequestSpec(method="POST", path="/upload", body=(b"one", b"two", b"three"))

#: What PEP 3333, CGI and the ASGI specification let a server leave out, and what careless test clients forget.
OPTIONAL_KEYS = (
    ("headers", "HTTP_HOST"),
    ("query_string", "QUERY_STRING"),
    ("client", "REMOTE_ADDR"),
    ("server", "SERVER_NAME", "SERVER_PORT"),
    ("scheme", "wsgi.url_scheme"),
    ("root_path", "SCRIPT_NAME"),
    ("path", "raw_path", "PATH_INFO"),
    ("method", "REQUEST_METHOD"),
    ("http_version", "SERVER_PROTOCOL"),
    ("asgi", "wsgi.version"),
)


@pytest.mark.parametrize("driver", DIRECT, ids=repr)
@pytest.mark.parametrize("keys", OPTIONAL_KEYS, ids="+".join)
def test_defect_01_missing_optional_keys(driver, keys, run, altered):
    altered(lambda mapping: [mapping.pop(key, None) for key in keys])
    script = Script((StartResponse(), Raise()))
    transcript, events = run(driver, script)
    assert transcript == driver.run(script)
    assert transcript.count("app", "called") == 1
    (error,) = events.errors
    assert error.exception == ("RuntimeError", "boom")
    # What is missing leaves the rest of the request's data alone
    for event in (error, *events.transactions):
        assert event["request"]["url"]
    if keys[0] != "method":  # without one it is no method that is captured
        assert len(events.roots) == 1


@pytest.mark.parametrize("reads", [(), (ReadBody(3),), (ReadBody(),)], ids=["nothing", "a part", "all"])
def test_defect_02_body_is_left_to_the_application(driver, reads, run):
    script = Script((*reads, *ANSWER))
    transcript, _ = run(driver, script, UPLOAD, sdk={"max_request_body_size": "always"}, capture_body="always")
    assert transcript == driver.run(script, UPLOAD)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "after the start", "in the stream"])
def test_defect_07_chain_of_the_exception_is_kept(driver, place, run):
    steps = [*ANSWER]
    steps.insert(place, Raise(cause=KeyError, context=LookupError, suppress=True))
    transcript, events = run(driver, Script(tuple(steps)))
    assert transcript == driver.run(Script(tuple(steps)))
    (facts,) = transcript.exceptions
    assert "cause=KeyError('cause',)" in facts.chain[0]
    assert "context=LookupError('context',)" in facts.chain[0]
    (error,) = events.errors
    assert [value["type"] for value in error["exception"]["values"]] == ["KeyError", "RuntimeError"]


@pytest.mark.parametrize("returns", [Returns.LIST, Returns.TUPLE, Returns.SIZED])
def test_defect_23_response_keeps_its_length(returns, run):
    transcript, _ = run(WSGI, Script(ANSWER, returns))
    assert transcript.length == 1
    assert transcript == WSGI.run(Script(ANSWER, returns))


def test_defect_23_wsgiref_sends_content_length():
    class Sized:
        def __iter__(self):
            return iter([b"hello"])

        def __len__(self):
            return 1

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Sized()

    out = io.BytesIO()
    with recording(traces_sample_rate=1.0):
        SimpleHandler(io.BytesIO(), out, io.StringIO(), make_environ(RequestSpec())).run(SentryWsgiMiddleware(app))
    assert b"Content-Length: 5\r\n" in out.getvalue()


def test_defect_24_attribute_error_in_close_is_the_applications_own(run):
    script = Script(ANSWER, Returns.ITERATOR, after=(Raise(AttributeError, ("no cursor",)),))
    transcript, events = run(WSGI, script)
    assert [(facts.where, facts.what) for facts in transcript.exceptions] == [("close", "AttributeError('no cursor',)")]
    assert transcript == WSGI.run(script)
    assert [error.exception for error in events.errors] == [("AttributeError", "no cursor")]


def test_defect_25_file_wrapper_passes_untouched_and_the_transaction_ends(run):
    script = Script(ANSWER, Returns.FILE_WRAPPER)
    transcript, events = run(WSGI, script)
    assert transcript.own_object is True
    assert transcript == WSGI.run(script)
    assert [root.outcome for root in events.roots] == ["ok"]


def test_defect_25_error_before_the_file_is_reported(run):
    _, events = run(WSGI, Script((StartResponse(), Raise()), Returns.FILE_WRAPPER))
    assert [error.exception for error in events.errors] == [("RuntimeError", "boom")]
    assert [root.outcome for root in events.roots] == ["error"]


@pytest.mark.parametrize("returns", [Returns.ITERATOR, Returns.SIZED, Returns.LAZY_GENERATOR])
def test_defect_38_close_before_iteration_reaches_the_application(returns, run):
    script = Script(ANSWER, returns, peer=Peer(close=Close.BEFORE))
    transcript, events = run(WSGI, script)
    assert transcript == WSGI.run(script)
    assert transcript.closed == (returns is not Returns.LAZY_GENERATOR)
    assert len(events.roots) == 1


class _Callable:
    """An application object, as many frameworks' are."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def _synchronous(app: Any) -> Any:
    def forward(scope: Any, receive: Any, send: Any) -> Any:
        return app(scope, receive, send)

    return forward


#: Ways to write an ASGI 3 application that ``iscoroutinefunction`` does not recognise.
FORMS = {
    "partial of an object": lambda app: functools.partial(_Callable(app)),
    "partial": lambda app: functools.partial(lambda settings, *args: app(*args), {}),
    "synchronous function": _synchronous,
    "lambda": lambda app: lambda *args: app(*args),  # noqa: PLW0108 - the form is what is tested
    "lambda of three": lambda app: lambda scope, receive, send: app(scope, receive, send),  # noqa: PLW0108
    "object": _Callable,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_defect_49_wrappers_are_taken_for_asgi_3(form):
    with recording(traces_sample_rate=1.0) as events:
        transcript = ASGI3.run_app(form(compile_asgi(Script(ANSWER))), wrap=Wrap.ours())
    assert transcript.exceptions == ()
    assert transcript.body == b"hello"
    assert len(events.roots) == 1


@pytest.mark.parametrize("driver", DIRECT, ids=repr)
def test_defect_51_status_line_without_a_reason(driver, run):
    script = Script((StartResponse(404, reason=None), SendChunk()))
    transcript, events = run(driver, script)
    assert transcript == driver.run(script)
    assert [root.data["http.response.status_code"] for root in events.roots] == [404]


class _Levels(logging.Handler):
    """Keeps levels only: a record's traceback would keep the response object alive."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.levels.append(record.levelno)


def test_defect_54_hook_that_raises_fails_nothing(driver, run, monkeypatch):
    def hook(*args: Any) -> None:
        raise ZeroDivisionError("in a hook")

    handler = _Levels()
    logger = logging.getLogger("sentry_web")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", False)
    transcript, events = run(driver, Script(ANSWER), on_request=hook, on_response=hook)
    assert transcript == driver.run(Script(ANSWER))
    assert len(events.roots) == 1
    assert handler.levels == [logging.WARNING] * 2


def test_defect_57_no_warning_because_a_framework_is_installed(caplog):
    pytest.importorskip("starlette")
    from sentry_sdk.integrations.starlette import StarletteIntegration

    with recording(integrations=[StarletteIntegration()], traces_sample_rate=1.0), warnings.catch_warnings():
        warnings.simplefilter("error")
        transcript = ASGI3.run_app(SentryAsgiMiddleware(compile_asgi(Script(ANSWER))))
    assert transcript.body == b"hello"
    assert caplog.records == []


@pytest.mark.parametrize("driver", DIRECT, ids=repr)
def test_defect_58_body_is_not_read_before_the_application_runs(driver, run):
    transcript, _ = run(driver, Script((ReadBody(), *ANSWER)), UPLOAD, capture_body="always")
    assert transcript.calls[0].name == "called"
