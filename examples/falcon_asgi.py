"""A Falcon application under ASGI, named by its routes (``transaction_style="url"``).

``sentry-web run examples.falcon_asgi:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

from typing import Any

import falcon.asgi
import sentry_sdk

from sentry_web import SentryAsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)


class Hello:
    async def on_get(self, req: Any, resp: Any, name: str) -> None:
        resp.text = f"hello {name}\n"


class Fails:
    async def on_get(self, req: Any, resp: Any) -> None:
        raise RuntimeError("as asked")


app = falcon.asgi.App()
app.add_route("/hello/{name}", Hello())
app.add_route("/fails", Fails())
application = SentryAsgiMiddleware(app, transaction_style="url")
