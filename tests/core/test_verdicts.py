"""``_core.verdicts``: what is an error, and what only says that work was stopped."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any

import greenlet
import pytest

from sentry_web._core.verdicts import ErrorKind, classify, is_quiet_exit


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
    assert classify(lost, lost) is ErrorKind.CLIENT_GONE
    assert classify(Group(lost, asyncio.CancelledError()), lost) is ErrorKind.CLIENT_GONE
    assert classify(Group(lost, ValueError()), lost) is ErrorKind.ERROR


@pytest.mark.parametrize(("code", "quiet"), [(0, True), (None, True), (1, False), ("no more disk", False)])
def test_an_exit_without_a_complaint_is_quiet(code: Any, quiet: bool) -> None:
    assert is_quiet_exit(SystemExit(code)) is quiet


def test_another_exception_is_no_exit() -> None:
    assert not is_quiet_exit(KeyboardInterrupt())
