"""Defects by which secrets leave the process (3, 4, 59): no planted value is in any envelope's bytes."""

from __future__ import annotations

from typing import Any

import pytest

from sentry_web.testing import CaptureMessage, Raise, RequestSpec, Script, SendChunk, StartResponse
from sentry_web.testing.sdk import STATIC, STREAM

pytestmark = pytest.mark.filterwarnings("ignore:The send_default_pii option is deprecated")

SPEAKS = Script((StartResponse(200), CaptureMessage("here"), SendChunk(b"hello")))
BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
SECRET = "Hunter2-Zx81"

#: Headers that carry a secret or an address of the client.
SECRET_HEADERS = (
    ("Authorization", f"Bearer {SECRET}"),
    ("Cookie", f"basket=1; session={SECRET}"),
    ("X-Auth-Token", SECRET),
    ("X-CSRF-Token", SECRET),
    ("X-Api-Key", SECRET),
    ("Cf-Access-Jwt-Assertion", SECRET),
    ("Proxy-Authorization", SECRET),
    ("Referer", f"https://shop.example/login?token={SECRET}&page=2"),
)
ADDRESS_HEADERS = ("CF-Connecting-IP", "True-Client-IP", "X-Real-IP", "X-Forwarded-For", "Forwarded", "X-Client-IP")


def said(events: Any) -> bytes:
    """Every byte that was sent, after a look at whether anything was."""
    assert len(events.messages) == 1
    assert len(events.roots) == 1
    return events.all_bytes  # type: ignore[no-any-return]


@BOTH_MODES
@pytest.mark.parametrize("key", ["password", "token", "api-key", "X_SIGNATURE", "pass%77ord"])
def test_defect_03_secrets_of_the_query_stay_here(driver, key, sdk, run):
    _, events = run(driver, SPEAKS, RequestSpec(query=f"page=2&{key}={SECRET}&sort=up"), sdk=sdk)
    assert SECRET.encode() not in said(events)
    assert b"page=2" in said(events)
    assert b"sort=up" in said(events)


@BOTH_MODES
@pytest.mark.parametrize("header", SECRET_HEADERS, ids=lambda header: header[0])
def test_defect_04_secret_headers_stay_here(driver, header, sdk, run):
    _, events = run(driver, SPEAKS, RequestSpec(headers=(header,)), sdk=sdk)
    assert SECRET.encode() not in said(events)


@pytest.mark.parametrize("name", ADDRESS_HEADERS)
def test_defect_04_address_headers_stay_here(driver, name, run):
    address = "for=81.2.69.160" if name == "Forwarded" else "81.2.69.160"
    _, events = run(driver, SPEAKS, RequestSpec(headers=((name, address),)))
    assert b"81.2.69.160" not in said(events)


@pytest.mark.parametrize("name", ["X-Api-Key", "X-Auth-Token", "Authorization"])
def test_defect_04_secret_headers_stay_here_with_pii_on_too(driver, name, run):
    _, events = run(driver, SPEAKS, RequestSpec(headers=((name, SECRET),)), sdk={"send_default_pii": True})
    assert SECRET.encode() not in said(events)


def test_defect_59_unhandled_error_tells_no_secret_of_the_request(driver, run):
    request = RequestSpec(query=f"token={SECRET}", headers=(("Cookie", f"session={SECRET}"), ("X-Auth-Token", SECRET)))
    _, events = run(driver, Script((Raise(),)), request)
    assert len(events.errors) == 1
    assert SECRET.encode() not in events.all_bytes
