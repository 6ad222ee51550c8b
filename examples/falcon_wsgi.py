"""A Falcon application under WSGI, named by its routes (``transaction_style="url"``)."""

from __future__ import annotations

from typing import Any

import falcon

from sentry_web import SentryWsgiMiddleware


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
