"""The kit finds known faults, unasked where to look; and each finding's script shows the fault.

The faults are those of ``faulty``, which does not change. Of sentry-sdk's own middlewares, whose releases may mend one
or the other, some of the faults must be found, and each finding must be one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as TheirAsgiMiddleware
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware as TheirWsgiMiddleware

from sentry_web.testing import Wrap, check

from .faulty import FaultyAsgiMiddleware, FaultyWsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sentry_web.testing import Finding, Verdict

pytestmark = pytest.mark.filterwarnings("ignore:The send_default_pii option is deprecated")


@pytest.fixture(autouse=True)
def _unmeasured() -> Iterator[None]:
    """Take coverage's trace function off: a search is ten times as long with it, and test_check_parts measures all."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


EXAMPLES = 30
SECONDS = 1000.0  # never the reason to find less

#: Rows of the table of incumbents' faults, by property and aspect; 0: a fault that is younger than the table.
WSGI_DEFECTS = {
    ("transparent", "len()"): 23,
    ("transparent", "wsgi.file_wrapper"): 25,
    ("once", "transactions, wrapped twice around a generator"): 21,
    ("duration", "body"): 8,
    ("outcome", "an error in mid-stream: status"): 9,
    ("outcome", "GeneratorExit reported"): 28,
    ("name", "constant"): 14,
    ("private", "header"): 4,
    ("private", "query"): 3,
    ("private", "cookie in frames"): 59,
    ("isolation", "inherited tags"): 0,
    ("isolation", "inherited mark"): 0,
}
ASGI_DEFECTS = {
    ("transparent", "exception chain"): 7,
    ("transparent", "missing keys"): 1,
    ("duration", "background"): 10,
    ("outcome", "SystemExit(1) reported"): 27,
    ("outcome", "a client gone away reported"): 26,
    ("name", "host"): 15,
    ("private", "header"): 4,
    ("private", "query"): 3,
    ("private", "cookie in frames"): 59,
    ("isolation", "inherited tags"): 0,
    ("isolation", "inherited mark"): 0,
}
PAIR_DEFECTS = {("once", "transactions, bridged"): 22, ("same", "url"): 44, ("same", "user"): 45}


def shown_again(finding: Finding) -> None:
    """Run a finding's script, as a person who got it would."""
    with pytest.raises(AssertionError):
        exec(compile(finding.snippet, f"<{finding.property}: {finding.aspect}>", "exec"), {"__name__": "snippet"})


def found(verdict: Verdict) -> set[tuple[str, str]]:
    return {(finding.property, finding.aspect) for finding in verdict.findings}


@pytest.mark.parametrize(
    ("middleware", "defects"),
    [(FaultyWsgiMiddleware, WSGI_DEFECTS), (FaultyAsgiMiddleware, ASGI_DEFECTS)],
    ids=["wsgi", "asgi"],
)
def test_known_faults(middleware: Any, defects: dict[tuple[str, str], int]) -> None:
    verdict = check(middleware, examples=EXAMPLES, seconds=SECONDS)
    assert set(defects) - found(verdict) == set()
    assert len({finding.defect for finding in verdict.findings if finding.defect}) >= 5
    assert max(len(finding.snippet) for finding in verdict.findings) < 1500
    for finding in verdict.findings:
        shown_again(finding)


def test_known_faults_that_take_both_middlewares_to_be_seen() -> None:
    pair = Wrap(wsgi=FaultyWsgiMiddleware, asgi=FaultyAsgiMiddleware)
    verdict = check(pair, examples=20, seconds=SECONDS, only=["once", "same"])
    both = [finding for finding in verdict.findings if finding.protocol == "both"]
    assert set(PAIR_DEFECTS) - {(finding.property, finding.aspect) for finding in both} == set()
    for finding in both:
        shown_again(finding)
    assert {finding.protocol for finding in verdict.findings} == {"wsgi", "asgi", "both"}
    assert set(verdict.examples) == {"once", "same"}


@pytest.mark.parametrize(
    ("middleware", "defects"),
    [(TheirWsgiMiddleware, WSGI_DEFECTS), (TheirAsgiMiddleware, ASGI_DEFECTS)],
    ids=["wsgi", "asgi"],
)
def test_sentry_sdks_middlewares(middleware: Any, defects: dict[tuple[str, str], int]) -> None:
    """In 2.75 all of them are there; which are left is sentry-sdk's affair."""
    verdict = check(middleware, examples=5, seconds=SECONDS)
    assert set(defects) & found(verdict)
    for finding in verdict.findings:
        shown_again(finding)


def test_the_same_seed_finds_the_same() -> None:
    def middleware(app: Any) -> Any:
        return lambda environ, start_response: [*app(environ, start_response), b"!"]

    first, second = (check(middleware, kind="wsgi-middleware", examples=3, seed=3) for _ in range(2))
    assert [finding.snippet for finding in first.findings] == [finding.snippet for finding in second.findings]
    assert first.examples == second.examples
    assert not first.ok
