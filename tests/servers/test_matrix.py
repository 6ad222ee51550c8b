"""Every scenario on every server: what the client gets is what the bare application gives, and the report is right.

Real processes, real HTTP, sentry-sdk's own transport, a real ingest. What is expected stands in ``expectations``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .expectations import OneOf, expected, missing, unknown_differences
from .matrix import CELLS, PASSED, TABLE, table
from .processes import SERVERS, Site, site_of
from .scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=list(SERVERS))
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The shop behind a server, started once for all scenarios."""
    with site_of(SERVERS[request.param], tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_cell(site: Site, scenario: str) -> None:
    name = site.server.name
    if missing(site.server, scenario) is None:
        found = SCENARIOS[scenario](site)
        assert found == expected(site.server, scenario), f"{name}: {scenario}\n{site.process}"
    PASSED.add((name, scenario))


def test_nothing_else_was_reported(site: Site) -> None:
    """After the last scenario the server is gone, and has said all it had to say."""
    found = {trace: (len(site.transactions(trace)), len(site.errors(trace))) for trace in site.ledger}
    assert found == site.ledger
    strays = [
        (event["transaction"], event["request"])
        for event in site.ingest.transactions + site.ingest.errors
        if event["contexts"]["trace"]["trace_id"] not in site.ledger
        # uWSGI's http11-socket now and then calls the application with no method when a kept connection ends.
        and not (site.server.name == "uWSGI" and not event["request"].get("method"))
    ]
    assert strays == []
    # Some leave without waiting for what is being sent (see DIFFERENCES): an envelope may be torn.
    may_be_torn = expected(site.server, "graceful shutdown")["report"] == "nothing"
    assert [reason for reason in site.ingest.rejected if not (may_be_torn and "truncated" in reason)] == []


@pytest.mark.parametrize("site", ["uWSGI"], indirect=True)
def test_uwsgi_sends_the_file_from_its_offload_thread(site: Site) -> None:
    """It does so only for the very object that its ``wsgi.file_wrapper`` made."""
    printed = site.process.log.read_text("utf-8", "replace")
    assert "GET /file => generated 262144 bytes" in printed
    assert printed.count("via offload()") == 2  # wrapped and bare


def test_every_difference_is_one() -> None:
    assert unknown_differences() == []
    assert OneOf(1, 2) == 2
    assert OneOf(1, 2) != 3


def test_the_table_is_that_of_this_run() -> None:
    if set(CELLS) - PASSED:
        return  # a part of the cells was run, or some failed and say so themselves
    if os.environ.get("WRITE_TABLE"):
        TABLE.write_text(table(), encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == table()
