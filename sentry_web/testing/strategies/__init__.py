"""Hypothesis strategies for logical requests and for scripts. Only this package imports hypothesis.

``requests`` and ``scripts`` make what is valid in the protocols asked for; ``odd_requests`` and ``odd_scripts`` also
what only a careless or hostile client or application does. What they make is small, since the shrunk example is meant
to be read.
"""

from __future__ import annotations

from sentry_web.testing.strategies.requests import (
    bodies,
    cookies,
    forwarded,
    headers,
    hosts,
    methods,
    odd_headers,
    odd_requests,
    paths,
    queries,
    requests,
    root_paths,
)
from sentry_web.testing.strategies.scripts import (
    EVERY_PROTOCOL,
    acts,
    lifespan_scripts,
    odd_scripts,
    raises,
    scripts,
    websocket_scripts,
)

__all__ = [
    "EVERY_PROTOCOL",
    "acts",
    "bodies",
    "cookies",
    "forwarded",
    "headers",
    "hosts",
    "lifespan_scripts",
    "methods",
    "odd_headers",
    "odd_requests",
    "odd_scripts",
    "paths",
    "queries",
    "raises",
    "requests",
    "root_paths",
    "scripts",
    "websocket_scripts",
]
