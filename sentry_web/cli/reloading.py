"""werkzeug's server with its reloader, as a program that takes ``--host=… --port=… --reload``, in this order."""

from __future__ import annotations

import logging
import sys

from werkzeug.serving import run_simple

from sentry_web.cli.servers import QuietRequestHandler

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Serve; the reloader runs this very command again whenever a source file has changed."""
    host, port, *flags = (argument.partition("=") for argument in arguments)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    from sentry_web.cli.served import application

    run_simple(
        host[2],
        int(port[2]),
        application,
        use_reloader=bool(flags),
        threaded=True,
        request_handler=QuietRequestHandler,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
