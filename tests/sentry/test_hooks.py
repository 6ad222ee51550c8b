"""``_sentry.hooks``: the redaction of logs and metrics where no scope sees them, before the hooks of the user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import Scope

from sentry_web._sentry import hooks
from sentry_web._sentry.hooks import add_hooks, redacting


class Redacting(Scope):
    """A scope that redacts, or fails."""

    __slots__ = ()
    fails = False

    def redact_telemetry(self, telemetry: dict[str, Any]) -> None:
        if self.fails:
            raise MemoryError
        telemetry["body"] = "redacted"


@pytest.fixture
def current() -> Iterator[type[Redacting]]:
    former = sentry_sdk.get_current_scope()
    Scope.set_current_scope(Redacting())
    yield Redacting
    Scope.set_current_scope(former)


def test_the_users_hook_gets_what_is_redacted(current: type[Redacting]) -> None:
    found: list[Any] = []

    def hook(telemetry: Any, hint: Any) -> None:
        found.append((dict(telemetry), hint))

    assert redacting(hook, {"body": "secret"}, {"a": 1}) is None
    assert found == [({"body": "redacted"}, {"a": 1})]
    assert redacting(None, {"body": "secret"}, {}) == {"body": "redacted"}


def test_what_cannot_be_redacted_is_not_sent(current: type[Redacting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "fails", True)
    assert redacting(None, {"body": "secret"}, {}) is None


def test_outside_of_a_request_nothing_is_changed() -> None:
    assert redacting(None, {"body": "text"}, {}) == {"body": "text"}


def test_hooks_are_added_once_where_scopes_do_not_see_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "Scope", object)
    options: dict[str, Any] = {"before_send_log": lambda telemetry, hint: {"of": "the user"}, "_experiments": {}}
    add_hooks(options)
    first = dict(options)
    add_hooks(options)
    assert options == first
    assert options["before_send_log"]({"body": "text"}, {}) == {"of": "the user"}
    assert options["before_send_metric"]({"name": "text"}, {}) == {"name": "text"}


def test_hooks_are_left_alone_where_scopes_see_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "Scope", type("Seeing", (), {"apply_to_telemetry": None}))
    options: dict[str, Any] = {}
    add_hooks(options)
    assert options == {}
