"""A client that goes away is no error, whatever the server raises and whatever a framework makes of it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import pytest
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web._core.entry import _report_swallowed as report_swallowed
from sentry_web.testing import (
    ASGI2,
    ASGI3,
    DRIVERS,
    WSGI,
    Accept,
    Driver,
    LifespanScript,
    Peer,
    Raise,
    ReadBody,
    Receive,
    RequestSpec,
    Returns,
    Script,
    Send,
    SendChunk,
    StartResponse,
    Translate,
    Wrap,
    WsScript,
    recording,
)
from sentry_web.testing.drivers.asgi import make_scope
from sentry_web.testing.sdk import STATIC, STREAM
from sentry_web.testing.steps import ClientDisconnect, WebSocketDisconnect

BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
ASGI = pytest.mark.parametrize("driver", [ASGI3, ASGI2], ids=repr)
#: A secret that everything which is sent about the request must not contain.
SECRET = "s3cr3t-bearer-token"
UPLOAD = RequestSpec("POST", headers=(("Authorization", f"Bearer {SECRET}"),), body=(b"half of ",))
GONE = Peer(leaves_amid_body=True)


def able(script: Script) -> list[Driver]:
    return [driver for driver in DRIVERS if script.expressible_in(driver.protocol)]


def statuses(events) -> list[str]:
    """How the root spans of either mode ended."""
    return [root.outcome for root in events.roots]


UPLOADS = {
    "lost": Script((ReadBody(),), peer=GONE),
    "lost and wrapped": Script((Translate((ReadBody(),)),), peer=GONE),
    "lost and wrapped twice": Script((Translate((Translate((ReadBody(),), OSError),), RuntimeError),), peer=GONE),
    "a framework's own, in its handler": Script(
        (Translate((ReadBody(),), ClientDisconnect, chained=False),), peer=GONE
    ),
    "lost in the stream": Script((StartResponse(), SendChunk(), ReadBody()), peer=GONE),
    "lost while it iterates": Script((ReadBody(), StartResponse()), Returns.LAZY_GENERATOR, peer=GONE),
}


@BOTH_MODES
@pytest.mark.parametrize("script", UPLOADS.values(), ids=list(UPLOADS))
@pytest.mark.parametrize("driver", able(UPLOADS["lost"]), ids=repr)
def test_a_client_that_leaves_amid_its_body_is_no_error(driver, script, sdk, run):
    transcript, events = run(driver, script, UPLOAD, sdk=sdk, failed_request_status_codes=range(500, 600))
    assert transcript == driver.run(script, UPLOAD)
    assert events.errors == events.messages == []
    assert statuses(events) == ["cancelled"]


class Answering:
    """A framework that answers 500 to whatever its application raises, as Django does to ``UnreadablePostError``."""

    def wsgi(self, app):
        def outer(environ, start_response):
            try:
                return list(app(environ, start_response))
            except Exception as error:
                report_swallowed(error, "a framework")
                start_response("500 Internal Server Error", [])
                return [b"sorry"]

        return outer

    def asgi(self, app):
        async def outer(scope, receive, send):
            try:
                await app(scope, receive, send)
            except Exception as error:
                report_swallowed(error, "a framework")
                await send({"type": "http.response.start", "status": 500, "headers": []})
                await send({"type": "http.response.body", "body": b"sorry"})

        return outer


@BOTH_MODES
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_the_error_page_that_nobody_receives_is_no_failure(driver, sdk, run):
    answering = Answering()
    inner = Wrap(wsgi=answering.wsgi, asgi=answering.asgi)
    _, events = run(driver, UPLOADS["lost"], UPLOAD, sdk, inner, failed_request_status_codes=range(500, 600))
    assert events.errors == events.messages == []
    assert statuses(events) == ["cancelled"]
    (root,) = events.roots
    assert 500 not in root.data.values()


@pytest.mark.parametrize("driver", able(UPLOADS["lost"]), ids=repr)
def test_a_failure_in_the_handler_of_a_disconnect_is_an_error(driver, run):
    _, events = run(driver, Script((Translate((ReadBody(),), KeyError, chained=False),), peer=GONE), UPLOAD)
    assert [error.exception for error in events.errors] == [("KeyError", "'connection lost'")]
    assert statuses(events) == ["error"]


LEAVES = Peer(gone_after=1)
DOWNLOADS = {
    "lost": (StartResponse(), SendChunk(), SendChunk(b"unheard")),
    "lost and wrapped": (StartResponse(), SendChunk(), Translate((SendChunk(b"unheard"),))),
    "a framework's own": (StartResponse(), SendChunk(), Translate((SendChunk(b"unheard"),), ClientDisconnect, False)),
}


@BOTH_MODES
@pytest.mark.parametrize("steps", DOWNLOADS.values(), ids=list(DOWNLOADS))
@pytest.mark.parametrize("driver", able(Script(peer=LEAVES)), ids=repr)
def test_a_client_that_leaves_amid_the_response_is_no_error(driver, steps, sdk, run):
    script = Script(steps, peer=LEAVES)
    transcript, events = run(driver, script, sdk=sdk)
    assert transcript == driver.run(script)
    assert events.errors == []
    assert statuses(events) == ["cancelled"]


def test_an_application_that_goes_on_writing_raises_a_disconnect_that_is_not_the_last(run):
    """The first one leaves, though another was raised while it was handled."""
    first: list[BaseException] = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2):
            try:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
            except OSError as error:
                first.append(error)
        raise first[0]

    with recording(traces_sample_rate=1.0) as events:
        serve_lost(app)
    assert len(first) == 2
    assert events.errors == []
    assert statuses(events) == ["cancelled"]


def serve_lost(app) -> None:
    """Serve one request of a client that receives nothing."""

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        if message["type"] == "http.response.body":
            raise BrokenPipeError

    async def main():
        with pytest.raises(BrokenPipeError):
            await Wrap.ours().asgi(app)(make_scope(RequestSpec()), receive, send)

    asyncio.run(main())


SOCKETS = {
    "the browser closes": WsScript((Accept(), Receive(), Receive(insists=True)), messages=("hi",), leaves_with=1001),
    "nothing was said": WsScript((Accept(), Receive(insists=True)), leaves_with=1000),
    "send is lost": WsScript((Accept(), Send(), Send(), Send()), gone_after=1),
    "send is lost, and wrapped": WsScript(
        (Accept(), Send(), Translate((Send(), Send()), WebSocketDisconnect, chained=False)), gone_after=1
    ),
}


@BOTH_MODES
@pytest.mark.parametrize("script", SOCKETS.values(), ids=list(SOCKETS))
@ASGI
def test_a_client_that_leaves_a_websocket_is_no_error(driver, script, sdk):
    with recording(traces_sample_rate=1.0, **sdk) as events:
        transcript = driver.run_websocket(script, wrap=Wrap.ours())
    assert transcript == driver.run_websocket(script)
    assert events.errors == []
    assert statuses(events) == ["cancelled"]


@ASGI
def test_an_error_after_the_client_has_left_a_websocket_is_one(driver):
    script = WsScript((Accept(), Receive(), Raise(KeyError, ("cleanup",))), leaves_with=1001)
    with recording(traces_sample_rate=1.0) as events:
        driver.run_websocket(script, wrap=Wrap.ours())
    assert [error.exception for error in events.errors] == [("KeyError", "'cleanup'")]
    assert statuses(events) == ["error"]


UPGRADE = RequestSpec(headers=(("Connection", "Upgrade"), ("Upgrade", "websocket")))


@pytest.mark.parametrize("signal", [StopIteration, ConnectionError])
def test_a_wsgi_application_that_ends_a_websocket_by_the_servers_own_signal_is_no_error(signal, run):
    """flask-sock raises ``StopIteration`` to gunicorn, and ``ConnectionError`` to werkzeug."""

    def ends(app):
        def inner(environ, start_response):
            raise signal

        return inner

    transcript, events = run(WSGI, Script(), UPGRADE, inner=Wrap(wsgi=ends))
    assert transcript.calls == WSGI.run(Script(), UPGRADE, Wrap(wsgi=ends)).calls
    assert events.errors == []
    assert statuses(events) == ["cancelled"]


@pytest.mark.parametrize("kind", [ConnectionError, ConnectionRefusedError])
def test_the_same_exception_is_an_error_anywhere_else(driver, kind, run):
    _, events = run(driver, Script((Raise(kind, ()),)))
    assert [error.exception for error in events.errors] == [(kind.__name__, "")]


@pytest.mark.parametrize("before", [True, False], ids=["in the call of ASGI 2", "when it is awaited"])
def test_a_refused_lifespan_is_no_error_wherever_it_is_refused(before):
    def refuse(scope):
        raise ValueError("no lifespan")

    class Application:
        def __init__(self, scope):
            if before:
                refuse(scope)
            self.scope = scope

        async def __call__(self, receive, send):
            refuse(self.scope)

    async def serve():
        await Wrap.ours().asgi(Application)({"type": "lifespan", "asgi": {"version": "2.0"}})(None, None)

    with recording(integrations=[LoggingIntegration(event_level=logging.ERROR)]) as events:
        try:
            asyncio.run(serve())
        except ValueError:
            logging.getLogger("mangum.lifespan").exception("Exception in 'lifespan' protocol.")
    assert events.errors == events.messages == []


class LoggingServer:
    """A server that logs what the application raises, in one of the ways that servers have.

    Args:
        how: ``"exception"``, or ``"text"`` for a record that has the exception in its message only.
    """

    def __init__(self, how: str, logger: str) -> None:
        self.how = how
        self.logger = logging.getLogger(logger)

    def log(self, error: BaseException) -> None:
        if self.how == "exception":
            self.logger.error("Exception in application: /?token=%s", SECRET, exc_info=error)
        else:
            self.logger.error("Error on request with %s: %r", SECRET, error)

    def wsgi(self, app):
        def outer(environ, start_response):
            try:
                return list(app(environ, start_response))
            except Exception as error:
                self.log(error)
                raise

        return outer

    def asgi(self, app):
        async def outer(scope, receive, send):
            try:
                await app(scope, receive, send)
            except Exception as error:
                self.log(error)
                raise

        return outer

    def around_ours(self) -> Wrap:
        return Wrap(wsgi=self.wsgi, asgi=self.asgi).around(Wrap.ours())


@pytest.mark.parametrize(
    ("how", "logger"), [("exception", "uvicorn.error"), ("exception", "own"), ("text", "werkzeug")]
)
@pytest.mark.parametrize(
    ("script", "reported"),
    [(UPLOADS["lost"], []), (UPLOADS["lost and wrapped"], []), (Script((ReadBody(), Raise())), ["RuntimeError"])],
    ids=["lost", "lost and wrapped", "an error"],
)
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_what_the_server_logs_of_an_exception_is_no_second_report(driver, script, reported, how, logger):
    server = LoggingServer(how, logger)
    with recording(integrations=[LoggingIntegration(event_level=logging.ERROR)]) as events:
        driver.run(script, UPLOAD, server.around_ours())
    assert [error.exception[0] for error in events.errors] == reported
    assert events.messages == []


@pytest.mark.parametrize("script", [UPLOADS["lost"], Script((ReadBody(), Raise()))], ids=["lost", "an error"])
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_what_a_middleware_around_ours_says_of_an_exception_is_redacted(driver, script):
    server = LoggingServer("text", "own")
    with recording(integrations=[LoggingIntegration(event_level=logging.ERROR)]) as events:
        driver.run(script, UPLOAD, server.around_ours())
    (message,) = events.messages
    assert SECRET not in repr(message.payload)
    assert "[Filtered]" in repr(message.payload)


def test_what_has_nothing_to_do_with_a_request_stays_as_it_is():
    with recording(integrations=[LoggingIntegration(event_level=logging.ERROR)]) as events:
        run_and_fail = partial(WSGI.run, Script((Raise(),)), UPLOAD, Wrap.ours())
        run_and_fail()  # from now on, the events of the process are looked at
        try:
            raise KeyError(SECRET)
        except KeyError:
            logging.getLogger("own").exception("failed with %s", SECRET)
        logging.getLogger("own").error("no exception, %s", SECRET)
    assert [error.exception[0] for error in events.errors] == ["RuntimeError", "KeyError"]
    assert [repr(each.payload).count(SECRET) > 0 for each in [events.errors[1], *events.messages]] == [True, True]


@ASGI
def test_a_failed_lifespan_is_one_error_though_its_server_logs_it(driver):
    server = LoggingServer("exception", "uvicorn.error")
    wrap = Wrap.ours() if driver is ASGI2 else server.around_ours()
    with recording(integrations=[LoggingIntegration(event_level=logging.ERROR)]) as events:
        driver.run_lifespan(LifespanScript(startup=(Raise(KeyError),)), wrap)
    assert [error.exception for error in events.errors] == [("KeyError", "'boom'")]
