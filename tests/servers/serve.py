"""Run a server that has no command line of its own: ``python serve.py wsgiref|werkzeug PORT``.

``SERVED`` names the module whose ``wsgi_application`` it serves, unless that is the shop.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

wsgi_application = import_module(os.environ.get("SERVED", "served")).wsgi_application


def wsgiref(port: int) -> None:
    """Serve by the standard library's server, one request at a time."""
    from wsgiref.simple_server import make_server

    make_server("127.0.0.1", port, wsgi_application).serve_forever(0.05)


def werkzeug(port: int) -> None:
    """Serve by werkzeug's development server, one thread a request."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    make_server("127.0.0.1", port, wsgi_application, threaded=True).serve_forever(0.05)


if __name__ == "__main__":
    {"wsgiref": wsgiref, "werkzeug": werkzeug}[sys.argv[1]](int(sys.argv[2]))
