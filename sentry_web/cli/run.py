"""``sentry-web run``: initialise Sentry, load the application, bind a port, serve until Ctrl-C.

The order matters: sentry-sdk is initialised before the user's module is imported, so that its integrations
find the frameworks still unused, and what the module does at import is seen. Taking the command line apart is
not done here.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.utils import BadDsn, Dsn

from sentry_web import AsgiMiddleware, SentryAsgiMiddleware, SentryWsgiMiddleware, WsgiMiddleware
from sentry_web.cli import launch, servers, target
from sentry_web.cli.become import become
from sentry_web.cli.cards import CardTransport

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

__all__ = ["RunError", "RunOptions", "run"]

#: The environment variable that holds the options for the processes of a launched server.
_OPTIONS = "SENTRY_WEB_RUN_OPTIONS"

_MIDDLEWARES = {"asgi": SentryAsgiMiddleware, "wsgi": SentryWsgiMiddleware}


class RunError(Exception):
    """Raised if nothing can be served; the message explains why to the user.

    ``exit_status`` is 2 for a mistake in the command's arguments, else 1.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True)
class RunOptions:
    """What ``sentry-web run`` takes, each field an option of that name.

    ``interface`` is ``"auto"``, ``"wsgi"`` or ``"asgi"``; ``sdk`` holds the options for ``sentry_sdk.init``; ``server``
    is one of ``launch.SERVERS`` or nothing, for the interface's own. ``app_dir`` is what the target is imported from.
    """

    target: str
    host: str
    port: int
    dsn: str
    interface: str
    factory: bool
    transaction_style: Literal["endpoint", "url"]
    sdk: dict[str, Any]
    server: str | None = None
    workers: int = 1
    reload: bool = False
    app_dir: str = "."


def run(options: RunOptions, console: Console) -> None:
    """Serve the target, instrumented, until SIGINT or SIGTERM. Raises ``RunError`` where it cannot."""
    _set_defaults(options, console)
    if options.server is not None or options.workers > 1 or options.reload:
        _launch(options, console)
    _init_sentry(options)
    client = sentry_sdk.get_client()
    app = _load(options)
    interface = _interface(app, options)
    listener = _bind(options)
    wrapped = _instrumented(app, interface, options)
    console.print(f"Serving {options.target} ({interface.upper()}) on {servers.url_of(listener)}, until Ctrl-C.")
    console.print(_destination(options, is_ours=sentry_sdk.get_client() is client), soft_wrap=True)
    try:
        servers.serve(wrapped, interface, listener)
    finally:
        sentry_sdk.get_client().close(timeout=2.0)


def _bind(options: RunOptions) -> socket.socket:
    try:
        return servers.bind(options.host, options.port)
    except OSError as error:
        raise RunError(f"Cannot listen on {options.host} port {options.port}: {error.strerror}.", 1) from None


def _launch(options: RunOptions, console: Console) -> NoReturn:
    """Become the server that was asked for.

    The target is loaded here only to see that it is there, and what it speaks; the server's processes load it anew.
    """
    interface = _interface(_load(options), options)
    server = options.server or launch.default_server(interface)
    with _bind(options) as listener:  # the server binds the port again; whether it is free is better said here
        url, port = servers.url_of(listener), listener.getsockname()[1]
    try:
        arguments = launch.command_for(
            server,
            interface,
            options.host,
            port,
            workers=options.workers,
            reload=options.reload,
            directory=options.app_dir,
        )
    except launch.LaunchError as error:
        raise RunError(str(error), 2) from None
    console.print(
        f"Serving {options.target} ({interface.upper()}) with {server} on {url}, until Ctrl-C.", soft_wrap=True
    )
    console.print(_destination(options, is_ours=True), soft_wrap=True)
    passed_on = json.dumps(dataclasses.asdict(dataclasses.replace(options, interface=interface)))
    become(sys.executable, arguments, {**os.environ, _OPTIONS: passed_on})


def options_from_environment() -> RunOptions:
    """The options of the ``sentry-web run`` that launched the server whose process this is."""
    return RunOptions(**json.loads(os.environ[_OPTIONS]))


def application_of(options: RunOptions, console: Console) -> Any:
    """The target, instrumented; Sentry is initialised before it is loaded. Raises ``RunError`` where there is none."""
    _set_defaults(options, console)
    _init_sentry(options)
    app = _load(options)
    return _instrumented(app, _interface(app, options), options)


def _instrumented(app: Any, interface: str, options: RunOptions) -> Any:
    """Return the application in a middleware, or as it is where it has one, whose options count then."""
    inner = app
    while issubclass(type(inner), (AsgiMiddleware, WsgiMiddleware)):  # not isinstance(): it passes for its application
        if issubclass(type(inner), _MIDDLEWARES[interface]):
            return app
        inner = inner.app
    return _MIDDLEWARES[interface](app, transaction_style=options.transaction_style)


def _set_defaults(options: RunOptions, console: Console) -> None:
    """Let every ``sentry_sdk.init`` of this process report to where the command says; the target may have one, too."""
    if options.dsn:
        DEFAULT_OPTIONS["dsn"] = options.dsn
    else:
        DEFAULT_OPTIONS["transport"] = CardTransport(console)


def _init_sentry(options: RunOptions) -> None:
    # The server's report of an error is not another error; the middleware has reported it already.
    for logger in servers.SERVER_LOGGERS:
        ignore_logger(logger)
    try:
        # In a checkout of this package our own frames would count as the application's.
        sentry_sdk.init(dsn=options.dsn, in_app_exclude=["sentry_web"], **options.sdk)
    except BadDsn as error:
        raise RunError(f'"{options.dsn}" is not a DSN: {error}.', 2) from None


def _load(options: RunOptions) -> Any:
    try:
        app = target.load(options.target, factory=options.factory, directory=options.app_dir).app
    except target.TargetError as error:
        raise RunError(str(error), 2) from None
    except Exception as error:  # noqa: BLE001 - whatever the user's module raises
        lines = traceback.format_exception(type(error), error, _users_part(error.__traceback__))
        raise RunError(f'"{options.target}" could not be loaded.\n{"".join(lines).rstrip()}', 1) from None
    if not options.dsn:
        _drop_placeholder()
    return app


def _drop_placeholder() -> None:
    """Take a client's DSN away that is none, such as ``"…"``: sentry-sdk reads it for each trace, and fails."""
    options = sentry_sdk.get_client().options
    try:
        Dsn(options.get("dsn") or "")
    except BadDsn:
        options["dsn"] = None


def _interface(app: Any, options: RunOptions) -> str:
    if options.interface != "auto":
        return options.interface
    try:
        return target.interface_of(app)
    except target.TargetError as error:
        raise RunError(str(error), 2) from None


def _users_part(frame: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is neither ours nor the import system's."""
    while frame is not None and _is_machinery(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    return frame


def _is_machinery(filename: str) -> bool:
    return filename.startswith("<frozen importlib") or Path(filename) in _MACHINERY


_MACHINERY = {Path(str(target.__file__)), Path(importlib.__file__), Path(__file__)}


def _destination(options: RunOptions, *, is_ours: bool) -> str:
    own = "" if is_ours else f"{options.target} initialises Sentry itself: its settings count. "
    if options.dsn:
        dsn = options.dsn if is_ours else sentry_sdk.get_client().options["dsn"]
        return f"{own}Errors and traces are sent to {Dsn(dsn).host}."
    return f"{own}No DSN is given: errors and traces are printed here and sent nowhere."
