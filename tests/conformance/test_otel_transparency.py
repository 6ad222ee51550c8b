"""Transparent, with the OpenTelemetry output and with both: what server and application see is the same with us."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from sentry_web.testing import Wrap
from sentry_web.testing.strategies import (
    lifespan_scripts,
    odd_requests,
    odd_scripts,
    requests,
    scripts,
    websocket_scripts,
)

from .properties import ALL_DRIVERS, ASGI_DRIVERS, ONCE, VALIDATED, modes, sdk, shared
from .telemetry import Telemetry, nothing_current

#: All options that make more of our code run.
EVERYTHING: dict[str, Any] = {
    "capture_headers": True,
    "record_send_receive": True,
    "send_default_pii": True,
    "trusted_proxies": "*",
    "server_request_hook": lambda span, scope_or_environ: span.set_attribute("seen", 1),
    "response_hook": lambda span, scope_or_environ, status, headers: span.set_attribute("status", status),
    "client_request_hook": lambda span, scope_or_environ, message: span.set_attribute("type", message["type"]),
    "client_response_hook": lambda span, scope_or_environ, message: span.set_attribute("type", message["type"]),
    "default_span_details": lambda scope_or_environ: ("request", {"mine": True}),
    "on_request": lambda recording, request: recording.set_attribute("seen", request.url),
}


def wrapped(name: str, telemetry: Telemetry) -> Wrap:
    """Ours, by name of the way."""
    return {
        "once": telemetry.wrap,
        "everything": lambda: telemetry.wrap(**EVERYTHING),
        "inside Sentry's": lambda: ONCE.around(telemetry.wrap()),
        "outside Sentry's": lambda: telemetry.wrap().around(ONCE),
    }[name]()


def ways() -> st.SearchStrategy[str]:
    return st.sampled_from(["once", "everything", "inside Sentry's", "outside Sentry's"])


def assert_transparent(driver: Any, run: str, arguments: tuple[Any, ...], mode: str, way: str) -> Telemetry:
    with sdk(mode):
        expected = getattr(driver, run)(*arguments)
    telemetry = Telemetry(ALWAYS_OFF if mode == "no client" else None)
    with sdk(mode):
        actual = getattr(driver, run)(*arguments, wrap=wrapped(way, telemetry))
    assert expected == actual
    assert nothing_current()
    return telemetry


@pytest.mark.parametrize("driver", VALIDATED, ids=repr)
def test_valid_scripts(driver):
    @shared(VALIDATED)
    @given(script=scripts(protocols=[driver.protocol]), request=requests(), mode=modes(), way=ways())
    def check(script, request, mode, way):
        assert assert_transparent(driver, "run", (script, request), mode, way).active() == 0

    check()


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
def test_odd_scripts_and_requests(driver):
    @shared(ALL_DRIVERS)
    @given(script=odd_scripts(driver.protocol), request=odd_requests(), mode=modes(), way=ways())
    def check(script, request, mode, way):
        assert_transparent(driver, "run", (script, request), mode, way)

    check()


@pytest.mark.parametrize("driver", ASGI_DRIVERS, ids=repr)
@shared(ASGI_DRIVERS)
@given(script=websocket_scripts(), request=requests(), mode=modes(), way=ways())
def test_websockets(driver, script, request, mode, way):
    assert assert_transparent(driver, "run_websocket", (script, request), mode, way).active() == 0


@pytest.mark.parametrize("driver", ASGI_DRIVERS, ids=repr)
@shared(ASGI_DRIVERS)
@given(script=lifespan_scripts(), mode=modes(), way=ways())
def test_lifespans(driver, script, mode, way):
    assert assert_transparent(driver, "run_lifespan", (script,), mode, way).spans == []
