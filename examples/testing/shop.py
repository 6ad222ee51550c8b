"""A small WSGI application that reports to Sentry. Its tests are beside it."""

from __future__ import annotations

import json
from typing import Any

import sentry_sdk

from sentry_web import SentryWsgiMiddleware

PRICES = {"faust": 12, "emma": 9}


def shop(environ: Any, start_response: Any) -> Any:
    title = environ["PATH_INFO"].rpartition("/")[2]
    sentry_sdk.set_tag("title", title)
    price = PRICES[title]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"title": title, "price": price}).encode()]


application = SentryWsgiMiddleware(shop)
