"""The places for secrets: each puts its secret where a request or a response is known to hold it."""

from __future__ import annotations

import pytest

from sentry_web.testing import RequestSpec
from sentry_web.testing.places import PLACES, Place, basic_credentials, traces_of

SECRETS = {"address": "198.51.100.77"}


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_the_secret_is_in_the_request_or_the_answer(place: Place) -> None:
    secret = SECRETS.get(place.holds, "s3cr3tV4lue")
    bare = RequestSpec("POST", "/a")
    planted = place.plant(bare, secret)
    assert (planted == bare) is (place.answer is not None)
    if place.answer is not None:
        assert secret in place.answer(secret)[1]
    assert traces_of(place, secret)
    assert (planted.body != bare.body) is place.is_body


def test_basic_credentials_are_read_back() -> None:
    (place,) = (place for place in PLACES if "Basic" in place.name)
    ((_, header),) = place.plant(RequestSpec(), "s3cr3tV4lue").headers
    assert "s3cr3tV4lue" in basic_credentials(header)


def test_every_place_has_a_name_of_its_own() -> None:
    assert len({place.name for place in PLACES}) == len(PLACES) >= 80
