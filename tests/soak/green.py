"""Serve the shop of ``tests/servers`` by eventlet's own WSGI server, all of the process being greenlets.

``python tests/soak/green.py PORT``; gunicorn has dropped its worker for eventlet.
"""

from __future__ import annotations

# ruff: noqa: E402 - patched before anything else is imported
import warnings

warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")

import eventlet

eventlet.monkey_patch()

import signal
import sys
from pathlib import Path

import eventlet.wsgi

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))

from served import wsgi_application

ended: list[int] = []


def serve(port: int) -> None:
    """Serve until there is a SIGTERM, which must not raise in whatever greenlet it finds, such as the SDK's."""
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    server = eventlet.spawn(eventlet.wsgi.server, eventlet.listen(("127.0.0.1", port)), wsgi_application)
    while not ended:
        eventlet.sleep(0.05)
    server.kill(SystemExit)  # finishes the requests on their way


if __name__ == "__main__":
    serve(int(sys.argv[1]))
