"""A client may send as its secret whatever stands in every report: the name of an attribute, the environment, a type.

What comes from code or from the process is no secret for that. Else such a client would take names out of its reports,
blank them, or have them count for an environment that nobody looks at.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from sentry_web.testing import (
    ASGI3,
    WSGI,
    CaptureMessage,
    ChildSpan,
    Driver,
    Events,
    Raise,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.sdk import STATIC, STREAM
from sentry_web.testing.steps import Act
from sentry_web.testing.transcript import TranscriptWriter

LOGGER = logging.getLogger("shop.names")


class Log(Act):
    """Write a line that becomes a breadcrumb and a log, and where there are any, a metric."""

    def act(self, recorder: TranscriptWriter) -> None:
        LOGGER.warning("priced %s books", 3)
        count = getattr(getattr(sentry_sdk, "metrics", None), "count", None)
        if count is not None:
            count("books.priced", 3)


SCRIPT = Script(
    (Log(), ChildSpan("price", (CaptureMessage("counted"),)), StartResponse(), SendChunk(b"hello"), Raise())
)


def reported(driver: Driver, sdk: dict[str, Any], secret: str) -> Events:
    """What is sent for a request with this secret."""
    request = RequestSpec(path="/a/b", headers=(("Authorization", f"Bearer {secret}"),))
    options = {"traces_sample_rate": 1.0, "release": "shop@1.2.3", "environment": "testing-9"}
    logs: Any = {"enable_logs": True, "integrations": [LoggingIntegration()]} if sdk is STREAM else {}
    with recording(**{**options, **logs, **sdk}) as events:
        driver.run(SCRIPT, request, Wrap.ours())
    return events


def strings(value: Any) -> Iterator[str]:
    """All names and texts in a value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def shape(value: Any, path: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    """The path of every name in a value."""
    if isinstance(value, dict):
        return {(*path, key) for key in value}.union(*[shape(item, (*path, key)) for key, item in value.items()])
    if isinstance(value, list):
        return set[tuple[Any, ...]]().union(*[shape(item, path) for item in value])
    return set()


def names_of(events: Events) -> Counter[tuple[Any, ...]]:
    """How often each name is in reports of each type, but for those that depend on whether something was filtered."""
    found: Counter[tuple[Any, ...]] = Counter()
    for each in events:
        paths = shape(dict(each.payload))
        found.update((each.kind, *path) for path in paths if path[0] != "_meta" and "vars" not in path)
    return found


def of_process(events: Events) -> set[tuple[str, str]]:
    """What is said of the process in any report."""
    wanted = ("environment", "release", "sentry.environment", "sentry.release", "sentry.sdk.name", "thread.name")
    found: set[tuple[str, str]] = set()
    for each in events:
        pending: list[Any] = [dict(each.payload)]
        while pending:
            node = pending.pop()
            if isinstance(node, dict):
                found |= {(key, str(node[key])) for key in wanted if key in node}
                pending += node.values()
            elif isinstance(node, list):
                pending += node
    return found


@pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_a_secret_that_is_a_name_or_a_constant_takes_nothing_away(
    driver: Driver, sdk: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    harmless = reported(driver, sdk, "Hunter2-Zx81")
    candidates = sorted({text for each in harmless for text in strings(dict(each.payload)) if 6 <= len(text) <= 40})
    assert len(candidates) > 60
    for secret in candidates:
        events = reported(driver, sdk, secret)
        lost = names_of(harmless) - names_of(events), names_of(events) - names_of(harmless)
        assert lost == (Counter(), Counter()), secret
        assert of_process(events) == of_process(harmless), secret
    assert [record for record in caplog.records if record.name == "sentry_web"] == []
