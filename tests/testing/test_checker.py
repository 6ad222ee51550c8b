from __future__ import annotations

from typing import Any

import pytest

from sentry_web.testing.drivers import AsgiChecker

START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body"}
DENIAL = "websocket.http.response"
TRAILERS = {"extensions": {"http.response.trailers": {}}}


def check(scope: dict[str, Any], *messages: Any, returns: bool = True) -> list[str]:
    """Feed messages; a message of the client is marked by the key "client"."""
    violations: list[str] = []
    checker = AsgiChecker(scope, violations.append)
    for message in messages:
        if isinstance(message, dict) and "client" in message:
            checker.received(message)
        else:
            checker.sent(message)
    if returns:
        checker.returned()
    return violations


def client(kind: str) -> dict[str, Any]:
    return {"type": kind, "client": True}


@pytest.mark.parametrize(
    ("scope", "messages"),
    [
        ({"type": "http"}, [START, {**BODY, "body": b"x", "more_body": True}, BODY]),
        (
            {"type": "http", **TRAILERS},
            [
                {**START, "trailers": True},
                BODY,
                {"type": "http.response.trailers", "more_trailers": True},
                {"type": "http.response.trailers", "headers": [(b"a", b"b")]},
            ],
        ),
        ({"type": "websocket"}, [{"type": "websocket.accept"}, {"type": "websocket.send", "text": "x"}]),
        ({"type": "websocket"}, [{"type": "websocket.accept"}, {"type": "websocket.close", "code": 1000}]),
        (
            {"type": "websocket", "extensions": {DENIAL: {}}},
            [
                {"type": f"{DENIAL}.start", "status": 401},
                {"type": f"{DENIAL}.body", "more_body": True},
                {"type": f"{DENIAL}.body"},
            ],
        ),
        (
            {"type": "lifespan"},
            [
                client("lifespan.startup"),
                {"type": "lifespan.startup.complete"},
                client("lifespan.shutdown"),
                {"type": "lifespan.shutdown.complete"},
            ],
        ),
        ({"type": "lifespan"}, [client("lifespan.startup"), {"type": "lifespan.startup.failed", "message": "no"}]),
        ({"type": "channel"}, [{"type": "anything"}]),
    ],
)
def test_what_the_specification_allows(scope: dict[str, Any], messages: list[Any]) -> None:
    assert check(scope, *messages) == []


@pytest.mark.parametrize(
    ("scope", "messages", "violation"),
    [
        ({"type": "http"}, [BODY], "'http.response.body' in state 'initial' of http"),
        ({"type": "http"}, [START, START], "'http.response.start' in state 'started' of http"),
        ({"type": "http"}, [START, BODY, BODY], "'http.response.body' in state 'done' of http"),
        ({"type": "http"}, ["text"], "None in state 'initial' of http"),
        ({"type": "http"}, [{"type": "http.response.start"}], "http.response.start without 'status'"),
        ({"type": "http"}, [{**START, "status": "200"}], "http.response.start: 'status' is '200', not int"),
        ({"type": "http"}, [{**START, "headers": [("a", "b")]}], "header ('a', 'b') is not a pair of bytes"),
        ({"type": "http"}, [{**START, "headers": [(b"A", b"b")]}], "header name b'A' is not in lower case"),
        ({"type": "http"}, [{**START, "trailers": True}], "trailers announced though"),
        ({"type": "websocket"}, [{"type": "websocket.send", "text": "x"}], "'websocket.send' in state 'initial'"),
        (
            {"type": "websocket"},
            [{"type": "websocket.accept"}, {"type": "websocket.send"}],
            "websocket.send needs either 'bytes' or 'text'",
        ),
        ({"type": "websocket"}, [{"type": f"{DENIAL}.start", "status": 401}], "does not offer the extension"),
        ({"type": "lifespan"}, [{"type": "lifespan.startup.complete"}], "in state 'initial' of lifespan"),
    ],
)
def test_what_it_forbids(scope: dict[str, Any], messages: list[Any], violation: str) -> None:
    found = check(scope, *messages, returns=False)
    assert len(found) == 1
    assert violation in found[0]


@pytest.mark.parametrize("messages", [[], [START]])
def test_returning_too_early(messages: list[Any]) -> None:
    (violation,) = check({"type": "http"}, *messages)
    assert violation.startswith("returned in state")
