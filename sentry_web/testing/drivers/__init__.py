"""Drivers: in-process servers, all with the same ``run(script, request, wrap) -> Transcript``.

A test takes a driver as its parameter and does not depend on which one it is. Whether the driver's protocol supports a
script is returned by ``script.expressible_in(driver.protocol)``.
"""

from __future__ import annotations

from sentry_web.testing.drivers.asgi import AsgiDriver, make_scope
from sentry_web.testing.drivers.base import Driver, Wrap
from sentry_web.testing.drivers.bridge import BridgeDriver
from sentry_web.testing.drivers.checker import AsgiChecker
from sentry_web.testing.drivers.wsgi import WsgiDriver, make_environ
from sentry_web.testing.script import Protocol

WSGI = WsgiDriver()
WSGI_VALIDATED = WsgiDriver(validate=True)
ASGI3 = AsgiDriver(Protocol.ASGI3, "ASGI3")
ASGI2 = AsgiDriver(Protocol.ASGI2, "ASGI2")
BRIDGE_INSIDE = BridgeDriver("BRIDGE_INSIDE", inside=True, outside=False)
BRIDGE_OUTSIDE = BridgeDriver("BRIDGE_OUTSIDE", inside=False, outside=True)
BRIDGE_BOTH = BridgeDriver("BRIDGE_BOTH", inside=True, outside=True)
BRIDGE = BRIDGE_INSIDE

DRIVERS: tuple[Driver, ...] = (WSGI, ASGI3, ASGI2, BRIDGE_INSIDE, BRIDGE_OUTSIDE)

__all__ = [
    "ASGI2",
    "ASGI3",
    "BRIDGE",
    "BRIDGE_BOTH",
    "BRIDGE_INSIDE",
    "BRIDGE_OUTSIDE",
    "DRIVERS",
    "WSGI",
    "WSGI_VALIDATED",
    "AsgiChecker",
    "AsgiDriver",
    "BridgeDriver",
    "Driver",
    "Wrap",
    "WsgiDriver",
    "make_environ",
    "make_scope",
]
