"""A Falcon application under WSGI, named by its routes (``transaction_style="url"``).

``sentry-web run examples.falcon_wsgi:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

from typing import Any

import falcon
import sentry_sdk

from sentry_web import SentryWsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)


class Hello:
    def on_get(self, req: Any, resp: Any, name: str) -> None:
        resp.text = f"hello {name}\n"


class Fails:
    def on_get(self, req: Any, resp: Any) -> None:
        raise RuntimeError("as asked")


app = falcon.App()
app.add_route("/hello/{name}", Hello())
app.add_route("/fails", Fails())
application = SentryWsgiMiddleware(app, transaction_style="url")
