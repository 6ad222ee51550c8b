"""The pytest plugin (entry point ``pytest11``): fixtures for reported events, and diffs of transcripts.

pytest imports it wherever the package is installed. So it imports nothing but pytest until a fixture is used.

Example:
    >>> def test_the_shop_reports_a_broken_order(sentry_events):
    ...     shop.test_client().post("/orders")
    ...     assert sentry_events.errors[0].exception == ("KeyError", "'price'")
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from sentry_web.testing import Events, Transcript


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "sentry(**init_options): options of sentry_sdk.init for the sentry_events fixture"
    )


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a failing ``transcript == transcript`` by a diff."""
    module: Any = sys.modules.get("sentry_web.testing.transcript")
    if module is None or op != "==":  # where it is not imported, there are no transcripts
        return None
    if not (isinstance(left, module.Transcript) and isinstance(right, module.Transcript)):
        return None
    difference: str = cast("Transcript", left).diff(cast("Transcript", right))
    return ["two runs of one script", *difference.splitlines()]


@pytest.fixture
def sentry_init() -> Iterator[Callable[..., Events]]:
    """A function like ``sentry_sdk.init`` that records instead of sending, and returns the ``Events``.

    The previous state is restored at the end of the test. Only integrations that are passed explicitly are enabled.
    """
    from sentry_web.testing import recording

    with ExitStack() as stack:

        def init(**options: Any) -> Events:
            return stack.enter_context(recording(**options))

        yield init


@pytest.fixture
def sentry_events(request: pytest.FixtureRequest) -> Iterator[Events]:
    """The ``Events`` of a test, with tracing enabled.

    The integrations are those of the application's own ``sentry_sdk.init``, where its module has been imported.
    ``@pytest.mark.sentry(option=…)`` sets options of ``sentry_sdk.init``, ``integrations`` among them.
    """
    from sentry_web.testing import recording

    marker = request.node.get_closest_marker("sentry")
    options = {"traces_sample_rate": 1.0, **_configured(), **(marker.kwargs if marker else {})}
    with recording(**options) as events:
        yield events


def _configured() -> dict[str, Any]:
    """Return what is taken over from the application's own ``sentry_sdk.init``."""
    import sentry_sdk

    client = sentry_sdk.get_client()
    return {"integrations": list(client.integrations.values())} if client.is_active() else {}
