"""A Flask application, named by its routes (``transaction_style="url"``).

``sentry-web run examples.flask_app:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

import flask
import sentry_sdk

from sentry_web import SentryWsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)

app = flask.Flask(__name__)


@app.get("/hello/<name>")
def hello(name: str) -> str:
    return f"hello {name}\n"


@app.get("/fails")
def fails() -> str:
    raise RuntimeError("as asked")


application = SentryWsgiMiddleware(app, transaction_style="url")
