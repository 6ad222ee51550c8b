"""Ask the application of a snippet for the page that fails, as its reader does with curl.

``python visitor.py MODULE ATTRIBUTE QUERY``, in the folder of the snippet.
"""

from __future__ import annotations

import importlib
import sys

import sentry_sdk

from sentry_web.cli.target import interface_of
from sentry_web.testing import ASGI3, WSGI, RequestSpec


def visit(module: str, attribute: str, query: str) -> None:
    app = getattr(importlib.import_module(module), attribute)
    driver = ASGI3 if interface_of(app) == "asgi" else WSGI
    driver.run_app(app, RequestSpec(path="/books/7", query=query))
    sentry_sdk.flush()


if __name__ == "__main__":
    sys.path.insert(0, "")
    visit(*sys.argv[1:])
