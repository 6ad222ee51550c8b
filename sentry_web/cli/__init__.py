"""The command line: ``sentry-web``.

=============  =======================================================================
``commands``   the commands, their options and exit statuses
``run``        ``sentry-web run``, all of it in order
``target``     ``module:attribute``: the application, and the interface that it has
``servers``    one socket, uvicorn for ASGI, werkzeug's server for WSGI; the demo's too
``launch``     the command of another server that the user names
``become``     another command in the place of this process
``checking``   ``sentry-web check`` while it runs: progress, Ctrl-C
``progress``   the progress bar of commands that take a while
``exec``       ``sentry-web exec``, and what each Python process of it runs first (``startup``)
``served``     what that server's processes import; ``reloading``: werkzeug's reloader
``readings``   what is shown of an event: status, duration, frame, filtered
``cards``      a transport of sentry-sdk that prints what it is given
=============  =======================================================================
"""

from __future__ import annotations

from .commands import main

__all__ = ["main"]
