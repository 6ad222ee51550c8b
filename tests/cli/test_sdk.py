from __future__ import annotations

import pytest

from sentry_web.cli.sdk import personal_data
from sentry_web.testing import ASGI3, WSGI, Raise, RequestSpec, Script, Wrap, recording


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("sent", [True, False])
def test_addresses_and_cookies_are_sent_only_where_asked_for(driver, sent):
    request = RequestSpec(headers=(("Cookie", "theme=dark"),), client=("203.0.113.7", 50_000))
    with recording(**personal_data(sent=sent)) as events:
        driver.run(Script(steps=(Raise(),)), request, Wrap.ours())
    (event,) = events.errors
    assert (event.get("user") or {}).get("ip_address") == ("203.0.113.7" if sent else None)
    assert event["request"].get("cookies") == ({"theme": "dark"} if sent else None)
