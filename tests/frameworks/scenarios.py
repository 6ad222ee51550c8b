"""The scenarios that every framework goes through, and what must have been reported of each.

A test file of a framework derives its class from :class:`Scenarios`. The requests themselves were sent by ``probe.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from .shops import SHOPS, need, probe

#: The exception of each scenario that has one, and the function that raised it.
ERRORS = {
    "/broken": ("ValueError", "broken"),
    "/guarded": ("RuntimeError", "guard"),
    "/torn": ("LookupError", "chunks"),
}
PASSES = ("endpoint", "url", "stream", "logging")


class Scenarios:
    """One framework: parametrised and mounted route, 404, errors in view, middleware and stream, background, websocket.

    Attributes:
        shop: The name of its shop.
    """

    shop: str

    def answers(self, switch: str, label: str) -> dict[str, Any]:
        """What was reported in one pass."""
        shop = SHOPS[self.shop]
        need(shop)
        passes: dict[str, Any] = probe(self.shop, switch)["passes"]
        if label not in passes:
            pytest.skip("not with this sentry-sdk: no stream mode")
        answers: dict[str, Any] = passes[label]
        return answers

    @property
    def expected(self) -> dict[str, Any]:
        expected: dict[str, Any] = probe(self.shop, "off")["expected"]
        return expected

    def name_of(self, path: str, label: str) -> list[str]:
        """The name and its source."""
        endpoint, url = self.expected["names"].get(path, (None, None))
        if label in ("endpoint", "logging") and endpoint is not None and endpoint != url:
            return [endpoint, "component"]
        return [url, "route"] if url is not None else [path, "url"]

    @pytest.mark.parametrize("label", PASSES)
    def test_one_transaction_with_the_name_of_its_style(self, label: str) -> None:
        answers = self.answers("off", label)
        assert {path: answer["roots"] for path, answer in answers.items()} == {
            path: [self.name_of(path, label)] for path in answers
        }

    @pytest.mark.parametrize("label", PASSES)
    def test_one_error_with_its_frames_also_where_the_framework_swallows_it(self, label: str) -> None:
        answers = self.answers("off", label)
        frames = self.expected["frames"]
        reported = {
            path: [(error["cause"], error["frame"], error["handled"]) for error in answer["errors"]]
            for path, answer in answers.items()
        }
        assert reported == {
            path: [(ERRORS[path][0], frames.get(path, ERRORS[path][1]), path in self.expected["handled"])]
            if path in ERRORS
            else []
            for path in answers
        }
        errors = [error for answer in answers.values() for error in answer["errors"]]
        assert {error["mechanism"] for error in errors} == {SHOPS[self.shop].protocol}
        assert all(error["in_trace"] for error in errors)

    @pytest.mark.parametrize("label", PASSES)
    def test_errors_and_messages_have_the_name_of_their_transaction(self, label: str) -> None:
        for path, answer in self.answers("off", label).items():
            for error in answer["errors"]:
                assert error["name"] == self.name_of(path, label)[0]
            assert answer["messages"] == ([["tidied", self.name_of(path, label)[0]]] if path == "/later" else [])


class WithIntegration(Scenarios):
    """The same for a framework that sentry-sdk has an integration for, and with that switched on."""

    @pytest.mark.parametrize("label", PASSES)
    def test_with_the_sdks_integration_too_one_transaction_and_one_error(self, label: str) -> None:
        answers = self.answers("on", label)
        assert {path: len(answer["roots"]) for path, answer in answers.items()} == dict.fromkeys(answers, 1)
        # Litestar's integration once reported its 404s
        errors = {
            path: [error for error in answer["errors"] if error["cause"] != "NotFoundException"]
            for path, answer in answers.items()
        }
        assert {path: len(each) for path, each in errors.items()} == {path: int(path in ERRORS) for path in answers}

    def test_the_integration_changes_nothing_about_the_answers(self) -> None:
        off, on = self.answers("off", "endpoint"), self.answers("on", "endpoint")
        assert [(path, answer["status"], answer["raised"]) for path, answer in off.items()] == [
            (path, answer["status"], answer["raised"]) for path, answer in on.items()
        ]
