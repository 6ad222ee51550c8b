from __future__ import annotations

import logging
import socket
from importlib.util import find_spec

import pytest
import sentry_sdk

from sentry_web.demo import shop, show, visitor
from sentry_web.demo.comparison import Difference


@pytest.fixture(params=["tracing", "traces"], ids=["transactions", "stream"])
def stream(request) -> bool:
    if find_spec(f"sentry_sdk.{request.param}") is None:
        pytest.skip(f"not with this sentry-sdk: no sentry_sdk.{request.param}")
    return request.param == "traces"


def test_both_protocols_report_the_same(stream):
    find_book = shop.find_book
    titles: list[str] = []

    result = show.run(stream=stream, step=titles.append)

    assert result.differences == []
    assert len(titles) == show.STEPS
    assert result.sessions == {"wsgi": {"exited": 5, "crashed": 2}, "asgi": {"exited": 5, "crashed": 2}}
    assert not {"cookie", "authorization", "password"} & set(result.leaked)
    readings = {row.visit.number: (row.wsgi, row.asgi) for row in result.rows}
    names = [side.reading().name for side in readings[2]]
    assert names == ["sentry_web.demo.shop.show_book"] * 2
    # A stream's duration is that of its body.
    assert all(side.reading().seconds > 3 * shop.LINE_SECONDS for side in readings[4])
    assert [side.errors[0]["exception"]["values"][0]["type"] for side in readings[5]] == ["ZeroDivisionError"] * 2
    assert all(side.answer.broke_off and side.errors for side in readings[6])
    assert [side.answer.status for side in readings[7]] == [404, 404]
    websocket = readings[8][1]
    assert readings[8][0] is None
    assert websocket.reading().name == "sentry_web.demo.shop.answer"
    # Nothing stays behind.
    assert shop.find_book is find_book
    assert not sentry_sdk.get_client().is_active()
    assert logging.getLogger("werkzeug").level <= logging.CRITICAL


def test_what_is_missing_is_a_difference(monkeypatch):
    monkeypatch.setattr(show, "SentryWsgiMiddleware", lambda app: app)
    monkeypatch.setattr(show, "_ARRIVAL_SECONDS", 0.1)
    monkeypatch.setattr(show, "_SESSION_ROUNDS", 2)

    result = show.run()

    assert Difference("1. GET /: trace", "missing", "there") in result.differences
    assert Difference("sessions: exited", "(absent)", "5") in result.differences
    assert result.rows[0].wsgi.reading() is None


def test_reports_of_no_request_are_differences(monkeypatch):
    make = visitor.make

    def make_another_too(visit: visitor.Visit, port: int) -> visitor.Answer:
        if visit.number == 1:
            make(visitor.Visit(99, "a stranger", "GET", "/books/3/rating"), port)
        return make(visit, port)

    monkeypatch.setattr(visitor, "make", make_another_too)

    result = show.run()

    both = "trace sentry_web.demo.shop.average_rating"
    assert Difference("of no request", both, both) in result.differences
    assert Difference("of no request", "error ZeroDivisionError", "error ZeroDivisionError") in result.differences


def test_a_differing_number_of_errors_is_one_difference():
    visit = visitor.VISITS[0]
    answer = visitor.Answer(200, 0, broke_off=False)
    wsgi = show.Side(answer, {"transaction": "a"}, [], [{"level": "error"}])
    asgi = show.Side(answer, {"transaction": "a"}, [], [{"level": "fatal"}, {"level": "error"}])
    assert show._compare(visit, wsgi, asgi) == [
        Difference("1. GET /: number of errors", "1", "2"),
        Difference("1. GET /: error: level", "'error'", "'fatal'"),
    ]


def test_the_servers_are_gone_when_it_fails(monkeypatch):
    ports: list[int] = []

    def refuse(visit: visitor.Visit, port: int) -> visitor.Answer:
        ports.append(port)
        raise RuntimeError("no visitor today")

    monkeypatch.setattr(visitor, "make", refuse)
    with pytest.raises(RuntimeError, match="no visitor today"):
        show.run()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]), timeout=1).close()
    assert not sentry_sdk.get_client().is_active()
