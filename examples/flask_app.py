"""A Flask application, named by its routes (``transaction_style="url"``)."""

from __future__ import annotations

import flask

from sentry_web import SentryWsgiMiddleware

app = flask.Flask(__name__)


@app.get("/hello/<name>")
def hello(name: str) -> str:
    return f"hello {name}\n"


@app.get("/fails")
def fails() -> str:
    raise RuntimeError("as asked")


application = SentryWsgiMiddleware(app, transaction_style="url")
