"""Private, with the OpenTelemetry output and with both: a secret of a request is in no byte of a span or a metric.

Places and values are those of ``test_privacy``. The application raises with the secret in its message, in any form; all
headers are captured.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from sentry_web.testing import ASGI3, WSGI, Raise, ReadBody, Script, SendChunk, StartResponse
from sentry_web.testing.places import PROMISED

from .properties import ALL_DRIVERS, ONCE, sdk
from .saying import FORMS
from .telemetry import Telemetry
from .test_privacy import fixed, leaked, planted, request_of


def script_of(secrets, form):
    """An application that reads its request, answers, and fails with one of the secrets in its message."""
    answers = [secret.place.answer(secret.value) for secret in secrets if secret.place.answer is not None]
    error = Raise(LookupError, (FORMS[form](secrets[0].value),), cause=KeyError)
    start = StartResponse(200, (("Content-Type", "text/plain"), *answers))
    return Script((ReadBody(), start, SendChunk(b"hello"), error))


@given(
    driver=st.sampled_from(ALL_DRIVERS),
    secrets=planted(),
    form=st.sampled_from(list(FORMS)),
    capture=st.booleans(),
    both=st.booleans(),
)
def test_no_planted_secret_leaves(driver, secrets, form, capture, both):
    telemetry = Telemetry()
    wrap = telemetry.wrap(capture_headers=capture, record_send_receive=True)
    with sdk("sampled") as events:
        driver.run(script_of(secrets, form), request_of(secrets), wrap.around(ONCE) if both else wrap)
        sent = telemetry.all_bytes + events.all_bytes
    assert b"LookupError" in sent
    assert leaked(sent, secrets) == []


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
@pytest.mark.parametrize("place", PROMISED, ids=repr)
def test_each_place_in_every_form(driver, place):
    secret = fixed(place)
    for form in FORMS:
        telemetry = Telemetry()
        driver.run(script_of((secret,), form), request_of((secret,)), telemetry.wrap(capture_headers=True))
        assert len(telemetry.requests) == 1
        assert leaked(telemetry.all_bytes, (secret,)) == [], form


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_an_address_is_told_where_personal_data_is_asked_for(driver):
    secret = fixed(next(place for place in PROMISED if place.name == "address of the peer"))
    telemetry = Telemetry()
    driver.run(Script((StartResponse(),)), request_of((secret,)), telemetry.wrap(send_default_pii=True))
    assert telemetry.requests[0].attributes["client.address"] == secret.value
