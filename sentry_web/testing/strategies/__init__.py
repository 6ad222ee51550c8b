"""Hypothesis strategies for logical requests and for scripts.

``requests`` and ``scripts`` generate values that are valid in the given protocols; ``odd_requests`` and ``odd_scripts``
also generate the behaviour of careless or hostile clients and applications. The values are small, since shrunk examples
should be readable.
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
