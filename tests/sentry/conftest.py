"""Fixtures of the Sentry output's tests: one application, any driver, any options of the SDK and of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sentry_web.testing import (
    DRIVERS,
    Driver,
    Events,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)

#: Answers 200 with a body.
ANSWER = Script((StartResponse(), SendChunk(b"hello")))

Run = Callable[..., Events]


@pytest.fixture(params=DRIVERS, ids=repr)
def driver(request: pytest.FixtureRequest) -> Driver:
    """Each driver in turn; a test that needs fewer parametrises ``driver`` itself."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def run() -> Run:
    """``run(driver, script, request, sdk={…}, **options)``: what is reported of a script behind our middleware.

    ``sdk``: options of ``sentry_sdk.init``, with traces sampled unless they say otherwise; ``options``: our own.
    """

    def run_script(
        driver: Driver,
        script: Script = ANSWER,
        request: RequestSpec | None = None,
        sdk: dict[str, Any] | None = None,
        **options: Any,
    ) -> Events:
        with recording(**{"traces_sample_rate": 1.0, **(sdk or {})}) as events:
            driver.run(script, request or RequestSpec(path="/books/7"), Wrap.ours(**options))
        return events

    return run_script
