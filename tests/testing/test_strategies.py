"""The strategies make what they promise; the drivers are deterministic and the kit's own oracles are content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web.testing import (
    ASGI2,
    ASGI3,
    BRIDGE,
    DRIVERS,
    WSGI,
    WSGI_VALIDATED,
    AsgiDriver,
    Driver,
    LifespanScript,
    Protocol,
    RequestSpec,
    Script,
    WsScript,
    recording,
)
from sentry_web.testing import strategies as make


@given(make.scripts(), make.requests())
def test_valid_scripts_are_valid_in_every_protocol(script: Script, request: RequestSpec) -> None:
    for driver in (*DRIVERS, WSGI_VALIDATED):
        assert script.expressible_in(driver.protocol)
        with recording():
            transcript = driver.run(script, request)
        assert transcript.exceptions or not transcript.violations


@given(make.scripts(protocols=[Protocol.WSGI, Protocol.ASGI3], raising=False), make.requests())
def test_scripts_that_do_not_raise_mean_the_same(script: Script, request: RequestSpec) -> None:
    with recording():
        wsgi, asgi = WSGI.run(script, request), ASGI3.run(script, request)
    assert wsgi.exceptions == asgi.exceptions == ()
    assert (wsgi.body, str(asgi.status)) == (asgi.body, str(wsgi.status).split()[0])
    assert [call for call in wsgi.calls if call.name == "read"] == [call for call in asgi.calls if call.name == "read"]


@pytest.mark.parametrize("driver", [WSGI, ASGI3, ASGI2, BRIDGE], ids=repr)
@given(st.data())
def test_odd_scripts_run_twice_the_same(driver: Driver, data: st.DataObject) -> None:
    script = data.draw(make.odd_scripts(driver.protocol))
    request = data.draw(make.odd_requests())
    assert script.expressible_in(driver.protocol)
    with recording():
        once, again = driver.run(script, request), driver.run(script, request)
    assert once == again, once.diff(again)


@given(make.websocket_scripts())
def test_websocket_scripts_keep_the_protocol(script: WsScript) -> None:
    transcripts = [driver.run_websocket(script) for driver in (ASGI3, ASGI2)]
    assert [transcript.violations for transcript in transcripts] == [(), ()]


@given(make.lifespan_scripts())
def test_lifespan_scripts_keep_the_protocol(script: LifespanScript) -> None:
    driver: AsgiDriver
    for driver in (ASGI3, ASGI2):
        transcript = driver.run_lifespan(script)
        assert transcript.violations == ()
        assert transcript == driver.run_lifespan(script)
