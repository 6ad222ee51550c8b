"""What the servers of the matrix serve: the shop twice, bare and behind our middleware, in one process.

A request with the header ``X-Bare`` goes to the bare shop. So both answers come from one server under the same
conditions, and can be compared byte for byte. The lifespan goes to the one that the environment names.
"""

from __future__ import annotations

import os
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from shop import asgi_shop, wsgi_shop

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing.sdk import translated

sentry_sdk.init(
    dsn=os.environ["SHOP_DSN"],
    traces_sample_rate=1.0,
    release="shop@1",
    # Nothing may patch the bare shop. What is still unsent when a server ends is sent then, as with the defaults.
    default_integrations=False,
    auto_enabling_integrations=False,
    integrations=[AtexitIntegration(callback=lambda pending, timeout: None)],
    shutdown_timeout=float(os.environ.get("SHOP_PATIENCE", "5")),
    transport_queue_size=int(os.environ.get("SHOP_QUEUE", "100")),
    **translated({"send_default_pii": False}),
)

_bare_wsgi, _bare_asgi = wsgi_shop(), asgi_shop()
_wrapped_wsgi, _wrapped_asgi = SentryWsgiMiddleware(_bare_wsgi), SentryAsgiMiddleware(_bare_asgi)
_LIFESPAN_IS_BARE = "SHOP_BARE" in os.environ


def wsgi_application(environ: Any, start_response: Any) -> Any:
    """Hand the request to one of the two."""
    return (_bare_wsgi if "HTTP_X_BARE" in environ else _wrapped_wsgi)(environ, start_response)


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    """Hand the scope to one of the two."""
    bare = _LIFESPAN_IS_BARE if scope["type"] == "lifespan" else any(n == b"x-bare" for n, _ in scope["headers"])
    await (_bare_asgi if bare else _wrapped_asgi)(scope, receive, send)
