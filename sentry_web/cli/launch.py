"""The commands that start another server for ``sentry-web run``, and what each server cannot do.

The server is a program of its own with the application in ``served``, which every worker of it, and every reload, makes
anew from the options in the environment. No server is imported here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from dataclasses import dataclass

__all__ = ["SERVERS", "LaunchError", "command_for", "default_server"]

#: What the servers are asked to import.
SERVED = "sentry_web.cli.served:application"

_WSGI, _ASGI = frozenset({"wsgi"}), frozenset({"asgi"})
_BOTH = _WSGI | _ASGI


class LaunchError(Exception):
    """The server cannot do what was asked for, or is not there; the message is one line for the user."""


@dataclass(frozen=True)
class Server:
    """What a server speaks and can do."""

    interfaces: frozenset[str]
    workers: bool = True
    reload: bool = True


SERVERS = {
    "uvicorn": Server(_ASGI),
    "hypercorn": Server(_BOTH),
    "granian": Server(_BOTH),
    "gunicorn": Server(_BOTH),
    "waitress": Server(_WSGI, workers=False, reload=False),
    "werkzeug": Server(_WSGI, workers=False),
}


def default_server(interface: str) -> str:
    """The server for an interface where none was chosen."""
    return {"asgi": "uvicorn", "wsgi": "werkzeug"}[interface]


def command_for(
    name: str, interface: str, host: str, port: int, *, workers: int, reload: bool, directory: str = "."
) -> list[str]:
    """The command that serves ``served`` so; ``port`` is a real one, and ``directory`` is where the target is.

    Raises ``LaunchError`` where the server speaks another interface, has no workers or no reload, or is not installed.
    """
    server = SERVERS[name]
    if interface not in server.interfaces:
        (spoken,) = server.interfaces
        raise LaunchError(f"{name} serves {spoken.upper()}, and this is {interface.upper()}.")
    if workers > 1 and not server.workers:
        raise LaunchError(f"{name} serves in threads of one process: for --workers choose another --server.")
    if reload and not server.reload:
        raise LaunchError(f"{name} has no reload: choose another --server.")
    if reload and workers > 1:
        raise LaunchError("--reload is for one worker.")
    needed = {"gunicorn": ["gunicorn", *(["uvicorn_worker"] if interface == "asgi" else [])]}.get(name, [name])
    for module in needed:
        if importlib.util.find_spec(module) is None:
            package = module.replace("_", "-")
            raise LaunchError(f'{package} is not installed: python -m pip install "{package}"')
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    arguments = {
        "uvicorn": [*_uvicorn(host, port), f"--workers={workers}"],
        "hypercorn": [f"--bind={address}", f"--workers={workers}"],
        "granian": [f"--interface={interface}", f"--host={host}", f"--port={port}", f"--workers={workers}"],
        "gunicorn": [f"--bind={address}", f"--workers={workers}"],
        "waitress": [f"--listen={address}"],
        "werkzeug": [f"--host={host}", f"--port={port}"],
    }[name]
    watched = {"uvicorn": f"--reload-dir={directory}", "granian": f"--reload-paths={directory}"}
    if (
        reload and directory != "." and name in watched
    ):  # these two watch the current directory, others what was imported
        arguments.append(watched[name])
    if name == "gunicorn":  # not in the table: it asks the package, which may not be there
        arguments += _gunicorn(interface)
    module = "sentry_web.cli.reloading" if name == "werkzeug" else name
    prefix = "wsgi:" if (name, interface) == ("hypercorn", "wsgi") else ""
    target = [] if name == "werkzeug" else [prefix + SERVED]
    return [sys.executable, "-m", module, *arguments, *(["--reload"] if reload else []), *target]


def _uvicorn(host: str, port: int) -> list[str]:
    # As in `servers`: not websockets' legacy API, no access log beside our cards, and whose forwarding headers count is
    # the middleware's question (`trusted_proxies`).
    return [f"--host={host}", f"--port={port}", "--ws=websockets-sansio", "--no-access-log", "--no-proxy-headers"]


def _gunicorn(interface: str) -> list[str]:
    kind = ["--worker-class=uvicorn_worker.UvicornWorker"] if interface == "asgi" else ["--threads=4"]
    # Newer releases open a socket in the home directory, by which they can be steered.
    version = tuple(int(part) for part in importlib.metadata.version("gunicorn").split(".")[:2] if part.isdigit())
    return [*kind, "--no-control-socket"] if version >= (25, 1) else kind
