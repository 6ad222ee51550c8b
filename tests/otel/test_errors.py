"""``_otel.errors``: exceptions are recorded without the request's secrets, or else only with their class."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from hypothesis import given
from hypothesis import strategies as st

from sentry_web._otel.errors import record_error
from sentry_web._privacy.policy import SUBSTITUTE, Policy
from sentry_web._request import Outcome, Request
from sentry_web._request.body import Body
from sentry_web._request.forwarding import Forwarding
from sentry_web._request.scope import ScopeRequest
from sentry_web.testing import DRIVERS, Raise, ReadBody, Script
from sentry_web.testing import RequestSpec as Sent
from sentry_web.testing.drivers import make_scope

POLICY = Policy.plain(user_info=False, forwarding=Forwarding())
SECRET = "zQ8-very-secret"


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def request_with(query: str = "", **headers: str) -> Request:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return ScopeRequest(make_scope(Sent(query=query, headers=pairs)))


@given(st.text(st.characters(min_codepoint=0x61, max_codepoint=0x7A), min_size=8, max_size=20), st.booleans())
def test_a_secret_of_the_request_is_in_no_part_of_it(secret: str, escaped: bool) -> None:
    request = request_with(authorization="Bearer zz" + secret)
    told = record_error(
        raised(ValueError(repr("zz" + secret) if escaped else "zz" + secret)), request, POLICY, Outcome(0.0)
    )
    assert secret not in told.message
    assert "[Filtered]" in told.message
    assert f"zz{secret}" not in told.stacktrace
    assert told.attributes["exception.type"] == "ValueError"


def test_what_is_no_secret_is_told_as_it_is() -> None:
    told = record_error(raised(LookupError("no book 7")), request_with("page=2"), POLICY, Outcome(0.0))
    assert told.description == "LookupError: no book 7"
    assert told.stacktrace.endswith("LookupError: no book 7\n")


def test_an_exception_without_a_text_is_called_by_its_class() -> None:
    assert record_error(raised(KeyError()), request_with(), POLICY, Outcome(0.0)).description == "KeyError"


def test_one_that_cannot_be_written_is_told_by_its_class() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    told = record_error(raised(OddError()), request_with(), POLICY, Outcome(0.0))
    assert told.kind.endswith("OddError")
    assert (told.message, told.stacktrace) == (SUBSTITUTE, SUBSTITUTE)


def test_secrets_of_the_body_and_of_the_response_count_too() -> None:
    request = request_with(content_type="application/x-www-form-urlencoded")
    request.body = Body(1000)
    request.body.feed(b"password=" + SECRET.encode())
    outcome = Outcome(0.0)
    outcome.headers = [("Set-Cookie", "sid=Another-1-secret; Path=/")]
    told = record_error(raised(ValueError(f"{SECRET} and Another-1-secret")), request, POLICY, outcome)
    assert told.message == "[Filtered] and [Filtered]"


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_on_a_span_neither_event_nor_status_holds_them(driver: Any, telemetry: Any) -> None:
    script = Script((ReadBody(), Raise(LookupError, (f"bad {SECRET}",))))
    driver.run(script, Sent(headers=(("Cookie", f"sid={SECRET}"),)), telemetry.wrap(capture_headers=True))
    (span,) = telemetry.requests
    assert span.status.description == "LookupError: bad [Filtered]"
    assert SECRET not in span.to_json()
