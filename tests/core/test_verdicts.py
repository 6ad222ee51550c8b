"""``_core.verdicts``: what is an error, and what only says that work was stopped."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any

import greenlet
import pytest

from sentry_web._core.verdicts import ErrorKind, classify, is_quiet_exit, takes_over_socket
from sentry_web._request.environ import EnvironRequest
from sentry_web._request.scope import ScopeRequest
from sentry_web.testing import RequestSpec
from sentry_web.testing.drivers.asgi import make_scope
from sentry_web.testing.drivers.wsgi import make_environ


class Group(Exception):  # noqa: N818 - stands for ExceptionGroup (PEP 654) on every Python
    def __init__(self, *exceptions: Any) -> None:
        self.exceptions = exceptions


class Stopped(asyncio.CancelledError):
    pass


@pytest.mark.parametrize(
    "error",
    [
        GeneratorExit(),
        asyncio.CancelledError(),
        greenlet.GreenletExit(),
        Stopped(),
        Group(asyncio.CancelledError(), GeneratorExit()),
        Group(Group(asyncio.CancelledError())),
    ],
)
def test_work_that_was_stopped_from_outside_is_cancelled(error: BaseException) -> None:
    assert classify(error) is ErrorKind.CANCELLED


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        KeyboardInterrupt(),
        SystemExit(1),
        concurrent.futures.CancelledError("of a future, an error like another")
        if concurrent.futures.CancelledError is not asyncio.CancelledError
        else ValueError(),
        Group(asyncio.CancelledError(), ValueError()),
        Group(),
    ],
)
def test_anything_else_is_no_cancellation(error: BaseException) -> None:
    assert classify(error) is ErrorKind.ERROR


def test_an_attribute_that_is_no_group_says_nothing() -> None:
    error = ValueError()
    error.exceptions = "many"  # type: ignore[attr-defined]
    assert classify(error) is ErrorKind.ERROR


def test_a_clients_departure_is_known_by_the_name_of_its_class() -> None:
    class ClientDisconnect(Exception):  # noqa: N818 - Starlette's name
        pass

    class Own(ClientDisconnect):
        pass

    assert classify(ClientDisconnect()) is ErrorKind.CLIENT_GONE
    assert classify(Own()) is ErrorKind.CLIENT_GONE
    assert classify(ConnectionResetError()) is ErrorKind.ERROR  # to the application's own database, maybe


def test_what_the_server_raised_is_the_clients_departure_alone_and_in_a_group() -> None:
    lost = ConnectionResetError()
    assert classify(lost, [BrokenPipeError(), lost]) is ErrorKind.CLIENT_GONE
    assert classify(Group(lost, asyncio.CancelledError()), [lost]) is ErrorKind.CLIENT_GONE
    assert classify(Group(lost, ValueError()), [lost]) is ErrorKind.ERROR


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def during(error: BaseException, context: BaseException) -> BaseException:
    error.__context__ = context
    return error


def test_a_departure_stays_one_whatever_it_is_wrapped_in() -> None:
    lost = ConnectionResetError()
    assert classify(caused(RuntimeError(), lost), [lost]) is ErrorKind.CLIENT_GONE
    assert classify(caused(OSError(), caused(ValueError(), Group(lost))), [lost]) is ErrorKind.CLIENT_GONE
    assert classify(caused(RuntimeError(), BrokenPipeError()), [lost]) is ErrorKind.ERROR
    assert classify(caused(RuntimeError(), Group(lost, ValueError())), [lost]) is ErrorKind.ERROR


def test_a_failure_in_the_handler_of_a_departure_is_an_error() -> None:
    lost = ConnectionResetError()
    assert classify(during(KeyError("cleanup"), lost), [lost]) is ErrorKind.ERROR


def test_a_cause_that_was_cancelled_makes_no_cancellation() -> None:
    """``asyncio.timeout`` raises ``TimeoutError`` from the ``CancelledError`` that it has caused."""
    assert classify(caused(TimeoutError(), asyncio.CancelledError())) is ErrorKind.ERROR


def test_causes_that_go_round_in_a_circle_come_to_an_end() -> None:
    first, second = ValueError(), KeyError()
    assert classify(caused(first, caused(second, first))) is ErrorKind.ERROR


def named(name: str, module: str, *bases: type) -> BaseException:
    error: BaseException = type(name, bases or (Exception,), {"__module__": module})()
    return error


@pytest.mark.parametrize(
    "error",
    [
        named("ClientDisconnect", "starlette.requests"),
        named("ClientDisconnected", "werkzeug.exceptions"),
        named("ClientDisconnected", "uvicorn.protocols.utils", OSError),
        named("WebSocketDisconnect", "starlette.websockets"),
        named("WebSocketDisconnect", "litestar.exceptions.websocket_exceptions"),
        named("WebSocketDisconnectError", "blacksheep.server.websocket"),
        named("DisconnectionError", "webob.request", OSError),
        named("ConnectionClosed", "simple_websocket.errors"),
    ],
    ids=repr,
)
def test_frameworks_and_servers_have_names_of_their_own_for_a_departure(error: BaseException) -> None:
    assert classify(error) is ErrorKind.CLIENT_GONE


@pytest.mark.parametrize(
    "error",
    [
        named("DisconnectionError", "sqlalchemy.exc"),
        named("ConnectionClosed", "websockets.exceptions"),  # to another server, by a client of the application
        BrokenPipeError(),
        TimeoutError(),
    ],
    ids=repr,
)
def test_a_connection_of_the_applications_own_is_no_departure(error: BaseException) -> None:
    assert classify(error) is ErrorKind.ERROR


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("WebSocketDisconnected", "starlette.websockets"),
        ("WebSocketDisconnected", "falcon.errors"),
        ("InternalServerException", "litestar.exceptions.http_exceptions"),
    ],
)
def test_the_use_of_a_closed_connection_is_an_error_unless_the_client_has_closed_it(name: str, module: str) -> None:
    error = named(name, module)
    assert classify(error) is ErrorKind.ERROR
    assert classify(error, client_gone=True) is ErrorKind.CLIENT_GONE


@pytest.mark.parametrize("signal", [StopIteration(), ConnectionError()], ids=repr)
def test_a_signal_to_the_server_is_no_error_on_a_socket_that_the_application_owns(signal: BaseException) -> None:
    assert classify(signal, owns_socket=True) is ErrorKind.CANCELLED
    assert classify(signal) is ErrorKind.ERROR


def test_only_the_very_class_is_a_signal() -> None:
    assert classify(ConnectionRefusedError(), owns_socket=True) is ErrorKind.ERROR
    assert classify(ValueError(), owns_socket=True) is ErrorKind.ERROR


def test_a_wsgi_application_may_take_over_the_socket_of_a_websocket_only() -> None:
    environ = make_environ(RequestSpec(headers=(("Connection", "Upgrade"), ("Upgrade", "WebSocket"))))
    assert takes_over_socket(EnvironRequest(environ))
    assert not takes_over_socket(EnvironRequest(make_environ(RequestSpec())))
    assert not takes_over_socket(ScopeRequest(make_scope(RequestSpec(headers=(("Upgrade", "websocket"),)))))


@pytest.mark.parametrize(("code", "quiet"), [(0, True), (None, True), (1, False), ("no more disk", False)])
def test_an_exit_without_a_complaint_is_quiet(code: Any, quiet: bool) -> None:
    assert is_quiet_exit(SystemExit(code)) is quiet


def test_another_exception_is_no_exit() -> None:
    assert not is_quiet_exit(KeyboardInterrupt())
