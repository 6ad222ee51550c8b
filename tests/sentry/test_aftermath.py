"""``_sentry.aftermath``: what is reported of an exception outside of its request."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web import SentryWsgiMiddleware
from sentry_web._sentry import aftermath
from sentry_web.testing import RequestSpec, recording
from sentry_web.testing.drivers.wsgi import make_environ

SECRET = "s3cr3t-bearer-token"
REQUEST = RequestSpec(headers=(("Authorization", f"Bearer {SECRET}"),))


@pytest.fixture
def left() -> BaseException:
    """An exception that has left a request, where nothing listens any more."""

    def app(environ: Any, start_response: Any) -> Any:
        raise KeyError("left")

    with recording(), pytest.raises(KeyError) as raised:
        SentryWsgiMiddleware(app)(make_environ(REQUEST), None)
    return raised.value


def exc_info(error: BaseException) -> Any:
    return type(error), error, error.__traceback__


def unhandled(value: str = "left") -> dict[str, Any]:
    return {"exception": {"values": [{"value": value, "mechanism": {"type": "aws_lambda", "handled": False}}]}}


def record(logger: str) -> Any:
    return logging.LogRecord(logger, logging.ERROR, "", 0, "", (), None)


@pytest.mark.parametrize(
    "hint", [{"log_record": record("uvicorn.error")}, {"log_record": record("own")}, {}], ids=["server", "own", "none"]
)
def test_an_exception_that_has_left_a_request_is_not_reported_again(left: BaseException, hint: Any) -> None:
    assert aftermath.process(unhandled(), {"exc_info": exc_info(left), **hint}) is None


def test_what_somebody_captures_by_name_is_sent_and_redacted(left: BaseException) -> None:
    with recording() as events:
        sentry_sdk.set_tag("note", f"about {SECRET}")
        sentry_sdk.capture_exception(left)
    (event,) = events.errors
    assert event.tags["note"] == "about [Filtered]"


def test_a_text_about_it_is_dropped_where_it_is_a_servers_and_else_redacted(left: BaseException) -> None:
    event = {"message": f"Error on request: {SECRET}"}
    try:
        raise left
    except KeyError:
        assert aftermath.process(dict(event), {"log_record": record("werkzeug")}) is None
        redacted = aftermath.process(dict(event), {"log_record": record("own")})
    assert redacted["message"] == "Error on request: [Filtered]"
    assert aftermath.process(dict(event), {"log_record": record("werkzeug")}) == event  # of another exception, or none


@pytest.mark.parametrize("event", [{"type": "transaction"}, {"type": "check_in"}, {"message": "hello"}, unhandled()])
def test_any_other_event_passes(event: dict[str, Any]) -> None:
    assert aftermath.process(dict(event), None) == event


def test_an_event_that_cannot_be_examined_is_blanked(monkeypatch: pytest.MonkeyPatch, left: BaseException) -> None:
    monkeypatch.setattr(aftermath, "aftermath_of", lambda error: 1 / 0)
    event = aftermath.process({"message": f"about {SECRET}"}, {"exc_info": exc_info(left)})
    assert event["message"] == "[Filtered]"
    monkeypatch.setattr(aftermath, "blank", lambda event: 1 / 0)
    assert aftermath.process({"message": f"about {SECRET}"}, {"exc_info": exc_info(left)}) is None


def test_an_event_that_cannot_be_redacted_is_not_sent(monkeypatch: pytest.MonkeyPatch, left: BaseException) -> None:
    monkeypatch.setattr(aftermath.RedactingProcessor, "__call__", lambda *args: None)
    assert aftermath.process({"message": f"about {SECRET}"}, {"exc_info": exc_info(left)}) is None


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"exception": None},
        {"exception": {"values": []}},
        {"exception": {"values": ["odd"]}},
        {"exception": {"values": [{}]}},
        {"exception": {"values": [{"mechanism": {"handled": True}}]}},
    ],
    ids=repr,
)
def test_an_event_is_unhandled_only_if_its_mechanism_says_so(event: dict[str, Any]) -> None:
    assert not aftermath.is_unhandled(event)
    assert aftermath.is_unhandled(unhandled())


def test_the_process_is_watched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Any] = []
    monkeypatch.setattr(aftermath, "_watching", False)
    monkeypatch.setattr(aftermath, "add_global_event_processor", added.append)
    aftermath.watch()
    aftermath.watch()
    assert added == [aftermath.process]


def test_an_integration_says_nothing_of_a_lifespan_that_the_middleware_reports() -> None:
    processor = aftermath.LifespanProcessor()
    try:
        raise KeyError
    except KeyError:
        hint = {"exc_info": sys.exc_info()}
    assert processor(unhandled(), hint) is None
    assert processor({"message": "hello"}, None) == {"message": "hello"}
    assert processor({"message": "hello"}, hint) == {"message": "hello"}


def test_what_uwsgi_says_of_a_client_that_has_gone_is_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = {"exc_info": exc_info(OSError("write error"))}
    assert aftermath.process(unhandled(), lost) == unhandled()
    monkeypatch.setitem(sys.modules, "uwsgi", logging)
    assert aftermath.process(unhandled(), lost) is None
    with pytest.raises(OSError, match="own") as raised:
        raise OSError("of the application's own")
    assert aftermath.process(unhandled(), {"exc_info": exc_info(raised.value)}) == unhandled()


@pytest.mark.parametrize("uwsgi", [True, False])
def test_the_process_is_watched_from_the_start_under_uwsgi(monkeypatch: pytest.MonkeyPatch, uwsgi: bool) -> None:
    watched: list[bool] = []
    monkeypatch.setattr(aftermath, "watch", lambda: watched.append(True))
    if uwsgi:
        monkeypatch.setitem(sys.modules, "uwsgi", logging)
    else:
        monkeypatch.delitem(sys.modules, "uwsgi", raising=False)
    SentryWsgiMiddleware(lambda environ, start_response: [])
    assert watched == [True] * uwsgi


@pytest.mark.parametrize(("module", "name"), aftermath.REPEATING.items())
def test_a_logger_that_repeats_errors_makes_no_events(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, sys.modules.get(module, logging))
    SentryWsgiMiddleware(lambda environ, start_response: [])
    with recording(integrations=[LoggingIntegration(event_level=logging.ERROR)]) as events:
        logging.getLogger(name).error('"GET /?token=%s HTTP/1.1" 500', SECRET)
        logging.getLogger("own").error("of the application's own")
    assert [message.message for message in events.messages] == ["of the application's own"]
