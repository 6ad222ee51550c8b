"""OpenTelemetry's SDK in memory, for the tests of ``_otel``; the helper is that of the conformance tests."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HELPER = Path(__file__).parents[1] / "conformance" / "telemetry.py"


@functools.cache
def helpers() -> Any:
    """The helper module, by its path, since no test directory is on ``sys.path``; it needs the SDK."""
    spec = importlib.util.spec_from_file_location("sentry_web_tests_telemetry", HELPER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def conventions() -> Iterator[None]:
    """Judge all spans and metrics of each test by OpenTelemetry's conventions."""
    yield
    module: Any = sys.modules.get("sentry_web_tests_telemetry")
    assert module is None or module.judged() == []


@pytest.fixture
def telemetry() -> Any:
    """A ``Telemetry`` that records everything."""
    return helpers().Telemetry()


@pytest.fixture
def new_telemetry() -> Callable[..., Any]:
    """The class itself."""
    return helpers().Telemetry  # type: ignore[no-any-return]


@pytest.fixture
def attributes() -> Callable[[Any], dict[str, Any]]:
    """A span's attributes but for the clock's."""
    return helpers().attributes  # type: ignore[no-any-return]


@pytest.fixture
def own_span() -> Callable[..., Any]:
    """The step that makes a span of the application's own."""
    return helpers().OwnSpan  # type: ignore[no-any-return]
