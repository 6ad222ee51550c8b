from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from sentry_sdk.envelope import Envelope, Item

from sentry_web.cli.cards import CardTransport, milliseconds, printable

ERROR = {
    "exception": {"values": [{"type": "KeyError", "value": "\x1b[31m'red'\n"}]},
    "transaction": "shop.order",
    "request": {"method": "GET", "url": "http://shop.example/a", "headers": {"Cookie": "[Filtered]"}},
}
TRANSACTION = {
    "transaction": "shop.order",
    "transaction_info": {"source": "component"},
    "start_timestamp": "2026-11-21T10:00:00.000000Z",
    "timestamp": "2026-11-21T10:00:00.012500Z",
    "contexts": {"trace": {"op": "http.server", "status": "ok"}, "response": {"status_code": 200}},
    "request": {"method": "GET", "url": "http://shop.example/a"},
    "spans": [{"op": "db", "description": "SELECT [1]"}],
}
SPANS = {
    "items": [
        {"name": "SELECT", "is_segment": False, "start_timestamp": 1.0, "end_timestamp": 1.25},
        {"name": "shop.order", "is_segment": True, "status": "error"},
    ]
}


def printed(*, terminal: bool, **items: dict) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=70, markup=False, highlight=False)
    envelope = Envelope()
    for item_type, payload in items.items():
        envelope.add_item(Item(json.dumps(payload), type=item_type))
    CardTransport(console).capture_envelope(envelope)
    return output.getvalue()


def test_an_error_as_plain_lines():
    assert printed(terminal=False, event=ERROR).splitlines() == [
        r"error KeyError: \x1b[31m'red'\n",
        "  during       GET /a",
        "  transaction  shop.order",
        "  filtered     cookie",
        "",
    ]


def test_the_frames_of_an_error_with_their_lines():
    frames = [
        {"filename": "front.py", "lineno": 5, "function": "page", "in_app": True},
        {"filename": "shop.py", "lineno": 1, "function": "order", "in_app": True, "context_line": "    raise KeyError"},
    ]
    event = {"exception": {"values": [{"type": "KeyError", "value": "'a'", "stacktrace": {"frames": frames}}]}}
    assert printed(terminal=False, event=event).splitlines() == [
        "error KeyError: 'a'",
        "  in           shop.py:1 order",
        "                   raise KeyError",
        "  called by    front.py:5 page",
        "",
    ]


def test_a_transaction_as_plain_lines():
    assert printed(terminal=False, transaction=TRANSACTION).splitlines() == [
        "http.server GET /a",
        "  transaction  shop.order (component)",
        "  status       200 ok",
        "  duration     12.5 ms",
        "  span         db SELECT [1] ",
        "",
    ]


def test_streamed_spans_as_plain_lines():
    lines = printed(terminal=False, span=SPANS).splitlines()
    assert lines[0].startswith("trace")
    assert "  segment      shop.order ()" in lines
    assert "  status       error" in lines
    assert "  span          SELECT 250.0 ms" in lines


def test_late_spans_and_other_items_are_not_shown():
    late = {"items": SPANS["items"][:1]}
    assert printed(terminal=False, span=late, sessions={}, client_report={}) == ""


def test_frames_and_colours_on_a_terminal():
    card = printed(terminal=True, event=ERROR, transaction=TRANSACTION)
    assert "╭" in card
    assert r"error KeyError: \x1b[31m'red'\n" in card
    assert "shop.order (component)" in card
    assert "\x1b[31m'" not in card


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (0.0015, "1.5 ms"), (2.0, "2000.0 ms")])
def test_milliseconds(seconds, text):
    assert milliseconds(seconds) == text


def test_control_characters_are_escaped():
    assert printable("a\x07\u202eé") == "a\\x07\\u202eé"
