"""Settings of the whole suite: Hypothesis profiles, and what a skip means in CI.

Fixtures do not belong here: those of use to others live in `sentry_web.testing`, the rest beside their tests.
"""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

# Event loops and threads on a shared machine keep no deadline; `--timeout` stops what hangs.
hypothesis.settings.register_profile("dev", max_examples=25, deadline=None)
# Derandomized: a green gate stays green until the code changes. New finds are nightly's trade.
hypothesis.settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.register_profile(
    "gate", max_examples=40, deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.register_profile(
    "corner", max_examples=10, deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.register_profile("nightly", max_examples=20_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# In CI a skip is a failure, since it hides a missing install. These beginnings of a reason name what no
# install could mend on the machine at hand, and are let through.
SKIPS_ALLOWED_IN_CI = (
    "not on this Python: ",  # needs another interpreter version
    "not on this platform: ",  # needs another operating system
    "not with this sentry-sdk: ",  # needs a feature younger than the SDK under test (`nox -s compat`)
)


def _skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Return why the test or module was skipped, or None where it was not (an xfail is no skip)."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return None
    # A skip's longrepr is (path, line, "Skipped: <reason>").
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def _fail_where_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip that CI does not allow into a failure."""
    reason = _skip_reason(report)
    if reason is None or not os.environ.get("CI") or reason.startswith(SKIPS_ALLOWED_IN_CI):
        return
    report.outcome = "failed"
    report.longrepr = f"skipped in CI: {reason}\n(install what is missing, or see tests/conftest.py)"


# Options of sentry_sdk.init() younger than the oldest release that is supported.
YOUNG_OPTIONS = re.compile(r"Unknown option '(trace_lifecycle|data_collection|trace_ignore_status_codes|profile_\w+)'")


def _skip_where_sdk_is_too_old(report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Turn the SDK's own refusal of an option it does not know yet into a skip (`nox -s compat`)."""
    refusal = YOUNG_OPTIONS.search(str(call.excinfo.value)) if call.excinfo is not None else None
    if refusal and isinstance(call.excinfo.value, TypeError):
        path, line, _ = report.location
        report.outcome = "skipped"
        report.longrepr = (path, line or 0, f"Skipped: not with this sentry-sdk: {refusal.group(1)}")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Take off the handlers that a test has left on the root logger, such as Litestar's.

    Their formatters write ``asctime`` into the records that they format, so that the log lines of later tests differ.
    """
    for handler in logging.root.handlers[:]:
        if not type(handler).__module__.startswith("_pytest"):
            logging.root.removeHandler(handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at each test's report."""
    report = yield
    _skip_where_sdk_is_too_old(report, call)
    _fail_where_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at each module's report: `pytest.importorskip` at its top skips the whole of it."""
    report = yield
    _fail_where_skipped(report)
    return report


def pytest_configure() -> None:
    """Have sentry-sdk report itself as its next minor release, or stream spans, where `nox -s variants` asks for it."""
    if os.environ.get("SENTRY_SDK_STREAMING"):
        from sentry_sdk.consts import DEFAULT_OPTIONS

        assert "trace_lifecycle" in DEFAULT_OPTIONS, "this sentry-sdk has one span mode only"
        DEFAULT_OPTIONS["trace_lifecycle"] = "stream"
    if os.environ.get("SENTRY_SDK_RELABELLED"):
        import sentry_sdk.client
        import sentry_sdk.consts

        major, minor, *_ = sentry_sdk.consts.VERSION.split(".")
        later = f"{major}.{int(minor) + 1}.0"
        for module in (sentry_sdk, sentry_sdk.consts, sentry_sdk.client):
            module.VERSION = later  # type: ignore[attr-defined]


def pytest_report_header() -> str:
    """Show which `sentry_web` is tested, the installed wheel or the checkout, and with which sentry-sdk."""
    import sentry_sdk

    import sentry_web
    from sentry_web.testing.sdk import is_streaming

    speedups = "off" if os.environ.get("SENTRY_WEB_NO_SPEEDUPS") else "on"
    spans = "streamed" if is_streaming() else "transactions"
    return f"sentry_web: {sentry_web.__file__}, sentry-sdk: {sentry_sdk.VERSION}, {spans}, speedups: {speedups}"
