"""werkzeug's server with its reloader, as a program that takes ``--host=… --port=… --reload``, in this order."""

from __future__ import annotations

import logging
import sys
from typing import Any

from werkzeug.serving import run_simple

from sentry_web.cli.servers import QuietRequestHandler

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Serve; the reloader runs this very command again whenever a source file has changed."""
    host, port, *flags = (argument.partition("=") for argument in arguments)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        from sentry_web.cli.served import application
    except SystemExit as error:  # as after a syntax error was saved
        print(f"{error}\nWaiting for the next change.", file=sys.stderr)
        application = _failing

    run_simple(
        host[2],
        int(port[2]),
        application,
        use_reloader=bool(flags),
        threaded=True,
        request_handler=QuietRequestHandler,
    )


def _failing(environ: Any, start_response: Any) -> list[bytes]:
    """Answer in the place of an application that could not be loaded."""
    body = b"The application could not be loaded: see the terminal.\n"
    start_response("500 Internal Server Error", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    main(sys.argv[1:])
