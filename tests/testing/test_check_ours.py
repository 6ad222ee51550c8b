"""Our own middlewares break no promise, in both of the SDK's tracing modes and with every option that adds work."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import Wrap, check

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore:The send_default_pii option is deprecated")


@pytest.fixture(autouse=True)
def _unmeasured() -> Iterator[None]:
    """Take coverage's trace function off: a search is ten times as long with it, and test_check_parts measures all."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


@pytest.mark.parametrize("middleware", [SentryWsgiMiddleware, SentryAsgiMiddleware], ids=["wsgi", "asgi"])
def test_our_middlewares(middleware: Any) -> None:
    verdict = check(middleware, examples=25, seconds=1000.0)
    assert verdict.ok, str(verdict)
    assert verdict.notes == ()
    assert set(verdict.examples) == {"transparent", "once", "duration", "outcome", "name", "private", "isolation"}


def test_our_pair() -> None:
    verdict = check(
        Wrap(wsgi=SentryWsgiMiddleware, asgi=SentryAsgiMiddleware), examples=25, seconds=1000.0, only=["once", "same"]
    )
    assert verdict.ok, str(verdict)
    assert "same" in verdict.examples


@pytest.mark.parametrize("middleware", [SentryWsgiMiddleware, SentryAsgiMiddleware], ids=["wsgi", "asgi"])
def test_our_middlewares_streaming(middleware: Any) -> None:
    busy = partial(middleware, capture_body="always", failed_request_status_codes=(418,), transaction_style="url")
    verdict = check(busy, examples=8, seconds=1000.0, sdk={"trace_lifecycle": "stream"}, seed=1)
    assert verdict.ok, str(verdict)
