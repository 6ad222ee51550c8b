"""Fixtures of the conformance tests: a script run with our middleware, and what bad servers hand over.

What is of use elsewhere belongs to ``sentry_web.testing``. Nothing here asks which protocol a driver speaks.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from sentry_web.testing import DRIVERS, Driver, Events, RequestSpec, Script, Transcript, Wrap, recording
from sentry_web.testing.drivers import asgi, wsgi

ROOT = RequestSpec()


class Run(NamedTuple):
    """What the server saw, and what was reported."""

    transcript: Transcript
    events: Events


@pytest.fixture(params=DRIVERS, ids=repr)
def driver(request: pytest.FixtureRequest) -> Driver:
    """Each driver in turn; a test that needs fewer parametrises ``driver`` itself."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def conventions(request: pytest.FixtureRequest) -> Iterator[None]:
    """Judge all spans and metrics of each test by OpenTelemetry's conventions, but where a module is not ``JUDGED``."""
    yield
    module: Any = sys.modules.get(f"{__package__}.telemetry")
    violations = [] if module is None else module.judged()
    assert violations == [] or not getattr(request.module, "JUDGED", True)


@pytest.fixture
def run() -> Callable[..., Run]:
    """``run(driver, script, request, sdk={…}, inner=Wrap(…), **options)``: the script behind ours, traced.

    ``sdk``: options of ``sentry_sdk.init``; ``inner``: a middleware between ours and the app; ``options``: our own.
    """

    def run_script(
        driver: Driver,
        script: Script,
        request: RequestSpec = ROOT,
        sdk: dict[str, Any] | None = None,
        inner: Wrap | None = None,
        **options: Any,
    ) -> Run:
        wrap = Wrap.ours(**options)
        with recording(**{"traces_sample_rate": 1.0, "release": "shop@1", **(sdk or {})}) as events:
            transcript = driver.run(script, request, wrap.around(inner) if inner else wrap)
        return Run(transcript, events)

    return run_script


@pytest.fixture
def altered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], object]], None]:
    """``altered(change)``: let ``change`` loose on each scope or environ that a driver makes."""

    def alter(change: Callable[[Any], object]) -> None:
        for module, name in ((asgi, "make_scope"), (wsgi, "make_environ")):
            make = getattr(module, name)

            def made(*args: Any, make: Callable[..., Any] = make) -> Any:
                mapping = make(*args)
                change(mapping)
                return mapping

            monkeypatch.setattr(module, name, made)

    return alter


@pytest.fixture
def meddling() -> Callable[[Callable[[Any], object]], Wrap]:
    """``meddling(change)``: a middleware, the same for every protocol, that changes scope or environ on its way."""

    def make(change: Callable[[Any], object]) -> Wrap:
        def meddle(app: Any) -> Any:
            @functools.wraps(app)  # keeps the signature, which distinguishes ASGI 2 from ASGI 3
            def inner(mapping: Any, *rest: Any) -> Any:
                change(mapping)
                return app(mapping, *rest)

            return inner

        return Wrap(wsgi=meddle, asgi=meddle)

    return make
