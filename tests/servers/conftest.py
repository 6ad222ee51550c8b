"""What the tests with servers share, and what they add to pytest's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .processes import SERVERS, Site, site_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="class")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The shop behind the server that the class names, started once for all scenarios."""
    with site_of(SERVERS[request.cls.server], tmp_path_factory.mktemp("server")) as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was not seen again of the servers' own answers: a release may have mended it."""
    lines = sorted(
        str(value)
        for report in terminalreporter.stats.get("passed", ())
        for name, value in report.user_properties
        if name == "not shown"
    )
    if lines:
        terminalreporter.section("not shown by these releases", sep="-")
        for line in lines:
            terminalreporter.write_line(line)
