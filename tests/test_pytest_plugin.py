from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import flask
import pytest
import sentry_sdk

from sentry_web import SentryWsgiMiddleware, WebIntegration, pytest_plugin
from sentry_web.testing import Events, Transcript, recording
from sentry_web.testing.sdk import start_root


def test_sentry_events(sentry_events: Events) -> None:
    with start_root("job"):
        sentry_sdk.capture_message("hello")
    assert [event.message for event in sentry_events.messages] == ["hello"]
    assert [event.name for event in sentry_events.roots] == ["job"]


@pytest.mark.sentry(traces_sample_rate=0.0, environment="here")
def test_sentry_events_with_options(sentry_events: Events) -> None:
    with start_root("job"):
        sentry_sdk.capture_message("hello")
    assert sentry_events.roots == []
    assert sentry_events.messages[0]["environment"] == "here"


def test_sentry_init(sentry_init: Callable[..., Events]) -> None:
    first = sentry_init(environment="one")
    sentry_sdk.capture_message("to the first")
    second = sentry_init(environment="two")
    sentry_sdk.capture_message("to the second")
    assert [event["environment"] for event in (*first, *second)] == ["one", "two"]


def test_a_comparison_of_transcripts_fails_with_a_diff() -> None:
    pytest_assertrepr_compare = pytest_plugin.pytest_assertrepr_compare
    left, right = Transcript(status=200), Transcript(status=500)
    explanation = pytest_assertrepr_compare("==", left, right)
    assert explanation is not None
    assert explanation[0] == "two runs of one script"
    assert {"-status = 200", "+status = 500"} <= set(explanation)
    assert pytest_assertrepr_compare("!=", left, right) is None
    assert pytest_assertrepr_compare("==", left, 1) is None


def test_it_imports_nothing_until_it_is_used() -> None:
    code = (
        "import sys, sentry_web.pytest_plugin as it; print(it.pytest_assertrepr_compare('==', 1, 2));"
        "print(sorted({'flask', 'hypothesis', 'opentelemetry', 'sentry_sdk', 'sentry_web.testing'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split("\n")[:2] == ["None", "[]"]


def test_neither_hypothesis_nor_pytest_is_needed() -> None:
    """Importing the package must not load the tools that only some of it needs."""
    code = "import sys, sentry_web.testing; print(sorted({'hypothesis', 'pytest'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_integrations_are_those_of_the_applications_own_init() -> None:
    assert pytest_plugin._configured() == {}
    web = WebIntegration()
    with recording(integrations=[web]):  # as the application's module does when it is imported
        assert pytest_plugin._configured() == {"integrations": [web]}


def test_a_request_of_flasks_test_client_is_reported_whole(sentry_events: Events) -> None:
    app = flask.Flask("shop")
    app.add_url_rule("/books", "books", lambda: "books")
    client = SentryWsgiMiddleware(app).test_client()
    response = client.get("/books")  # nobody closes it
    assert [root.name.rpartition(".")[2] for root in sentry_events.roots] == ["<lambda>"]
    assert response.text == "books"
