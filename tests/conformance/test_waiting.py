"""Scopes that are made at their first touch say the same as those that are made at once (``_sentry.scopes``).

In these modes nothing is sent unless the application asks for it; so what it does in a request is all that is compared.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._sentry import slots
from sentry_web.testing import Wrap
from sentry_web.testing.strategies import requests, scripts

from .properties import ALL_DRIVERS, ONCE, TWICE, WAITING, shared
from .test_parity import report, settled

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
