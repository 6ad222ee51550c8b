"""The check names each kind of fault in one line, with a short script that shows it, and finds none in ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry", reason="opentelemetry-api is not installed")

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as OpenTelemetryWsgiMiddleware
from sentry_sdk.consts import VERSION
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as TheirAsgiMiddleware
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as TheirWsgiMiddleware

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware, instrument_asgi, instrument_wsgi
from sentry_web.testing import check

from .faulty_kinds import KINDS, restarting_wsgi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sentry_web.testing import Finding

CASES = [
    pytest.param(kind, protocol, id=f"{name}, {protocol}")
    for name, kind in KINDS.items()
    for protocol in ("wsgi", "asgi")
    if getattr(kind, protocol) is not None
]
LINES = 45  # of a script, with its imports
#: The last releases that are known to hand a request on where its context leaks.
LEAKY_SENTRY_SDK = (2, 75)
LEAKS = {"inherited tags", "inherited mark", "inherited trace", "inherited span"}


@pytest.fixture(autouse=True)
def _unmeasured() -> Iterator[None]:
    """Take coverage's trace function off: a search is ten times as long with it, and test_check_parts measures all."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


def shown_again(finding: Finding, middleware: Any) -> None:
    """Run a finding's script, as a person who got it would, with the middleware where it cannot be imported."""
    placeholder = "middleware = ...  # what was given to check(): it cannot be imported by name"
    source = finding.snippet.replace(placeholder, "")
    with pytest.raises(AssertionError):
        exec(compile(source, f"<{finding.aspect}>", "exec"), {"__name__": "snippet", "middleware": middleware})


@pytest.mark.parametrize(("kind", "protocol"), CASES)
def test_a_kind_of_fault_is_named_in_one_line(kind: Any, protocol: str) -> None:
    middleware = getattr(kind, protocol)
    verdict = check(middleware, kind=f"{protocol}-middleware", examples=4, seconds=1000.0, only=[kind.prop])
    (finding,) = [each for each in verdict.findings if each.aspect == kind.aspect]
    assert str(finding).split("\n")[0] == f"{kind.prop}, {kind.aspect} ({protocol}): {kind.says}"
    assert finding.snippet.count("\n") <= LINES
    shown_again(finding, middleware)


def test_what_follows_from_a_fault_is_not_named_beside_it() -> None:
    """Responses that are iterated in two steps have other bodies, too, and show other calls."""
    verdict = check(restarting_wsgi, kind="wsgi-middleware", examples=60, seconds=1000.0, only=["transparent"])
    named = {finding.aspect: finding.snippet for finding in verdict.findings}
    assert "iter() again" in named
    assert [aspect for aspect, snippet in named.items() if "peeks=True" in snippet and aspect != "iter() again"] == []
    assert "body" not in named


@pytest.mark.parametrize(
    "middleware",
    [TheirWsgiMiddleware, TheirAsgiMiddleware, OpenTelemetryWsgiMiddleware, OpenTelemetryMiddleware],
    ids=["sentry-sdk, wsgi", "sentry-sdk, asgi", "OpenTelemetry, wsgi", "OpenTelemetry, asgi"],
)
def test_the_middlewares_of_others_hand_a_request_on_where_its_context_leaks(middleware: Any) -> None:
    protocol = "asgi" if "asgi" in middleware.__module__ else "wsgi"
    verdict = check(middleware, kind=f"{protocol}-middleware", examples=4, seconds=1000.0, only=["isolation"])
    found = {finding.aspect for finding in verdict.findings}
    assert found <= LEAKS
    known = "sentry_sdk" in middleware.__module__ and tuple(map(int, VERSION.split(".")[:2])) <= LEAKY_SENTRY_SDK
    assert found or not known
    for finding in verdict.findings:
        shown_again(finding, middleware)


@pytest.mark.parametrize(
    ("middleware", "protocol"),
    [
        (SentryWsgiMiddleware, "wsgi"),
        (SentryAsgiMiddleware, "asgi"),
        (instrument_wsgi, "wsgi"),
        (instrument_asgi, "asgi"),
    ],
    ids=["wsgi", "asgi", "instrument_wsgi", "instrument_asgi"],
)
def test_ours_hand_nothing_on(middleware: Any, protocol: str) -> None:
    verdict = check(middleware, kind=f"{protocol}-middleware", examples=10, seconds=1000.0, only=["isolation"])
    assert verdict.ok, str(verdict)
