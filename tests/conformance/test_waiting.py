"""Scopes that are made at their first touch, and the root spans on them, say the same as those that are made at once.

What an application does not touch, in ``_sentry.untouched``, it compares too.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._sentry import slots
from sentry_web.testing import Wrap
from sentry_web.testing.strategies import requests, scripts, websocket_scripts

from .properties import ALL_DRIVERS, ASGI_DRIVERS, ONCE, TWICE, WAITING, sdk, shared
from .test_parity import Report, report, settled

#: Options that leave the scopes waiting.
WRAPS = {
    "once": ONCE,
    "twice": TWICE,
    "body": Wrap.ours(capture_body="always", transaction_style="url", capture_response_headers=["."]),
}


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
@pytest.mark.parametrize("mode", WAITING)
def test_made_late_or_at_once(driver, mode):
    @shared([*ALL_DRIVERS, *WAITING])
    @given(
        script=scripts(protocols=[driver.protocol]),
        request=requests(),
        wrap=st.sampled_from(sorted(WRAPS)),
    )
    def check(script, request, wrap):
        script, request = settled(script, request)
        late = report(driver, script, request, mode, WRAPS[wrap])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slots, "KNOWN", False)
            at_once = report(driver, script, request, mode, WRAPS[wrap])
        assert late == at_once

    check()


@pytest.mark.parametrize("mode", WAITING)
def test_websockets_made_late_or_at_once(mode):
    @shared([*WAITING])
    @given(script=websocket_scripts(), request=requests(), driver=st.sampled_from(ASGI_DRIVERS))
    def check(script, request, driver):
        def told():
            with sdk(mode) as events:
                driver.run_websocket(script, request, ONCE)
                return str(Report(events))

        late = told()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slots, "KNOWN", False)
            assert told() == late

    check()
