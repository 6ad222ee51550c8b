"""Every scenario on one server: what the client gets is what the bare application gives, and the report is right.

Real processes, real HTTP, sentry-sdk's own transport, a real ingest. What is expected stands in ``expectations``. A
server's class is derived from :class:`Cells`; under ``--dist=loadscope`` of pytest-xdist its tests run in one worker,
and the server starts once. Each cell holds by itself too, in whichever worker it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .expectations import allowed, missing, not_shown, unlike
from .roots import roots_of
from .scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .processes import Site


class Cells:
    """The row of one server.

    Attributes:
        server: Its name in ``SERVERS``.
    """

    server: str

    @pytest.mark.parametrize("scenario", list(SCENARIOS))
    def test_cell(self, site: Site, scenario: str, record_property: Callable[[str, object], None]) -> None:
        if missing(site.server, scenario) is not None:
            return
        found = SCENARIOS[scenario](site)
        answers = allowed(site.server, scenario)
        assert found in answers, f"{self.server}, {scenario}: {unlike(found, answers)}\n{site.process}"
        for seen in not_shown(site.server, scenario, found):
            record_property("not shown", f"{self.server}, {scenario}: {seen}")

    def test_nothing_else_was_reported(self, site: Site) -> None:
        """After the last scenario the server is gone, and has sent all it had to send."""
        found = {trace: (len(site.roots(trace)), len(site.errors(trace))) for trace in site.ledger}
        assert found == site.ledger
        requests = [(one.trace_id, one.data.get("http.request.method"), one) for one in roots_of(site.ingest)] + [
            (event["contexts"]["trace"]["trace_id"], event["request"].get("method"), event)
            for event in site.ingest.errors
        ]
        strays = [
            reported
            for trace, method, reported in requests
            if trace not in site.ledger
            # uWSGI's http11-socket now and then calls the application with no method when a kept connection ends.
            and not (self.server == "uWSGI" and not method)
        ]
        assert strays == []
        # Some leave without waiting for what is being sent (see SEEN): an envelope may be torn.
        may_be_torn = any(facts["report"] == "nothing" for facts in allowed(site.server, "graceful shutdown"))
        assert [reason for reason in site.ingest.rejected if not (may_be_torn and "truncated" in reason)] == []
