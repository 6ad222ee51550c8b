"""``sentry-web exec -- COMMAND``: run a server or any other command with Sentry, without a changed line.

The command's Python processes find a ``sitecustomize`` of ours first. It initialises ``sentry_sdk`` where there is a
``SENTRY_DSN``, with ``WebIntegration``, and adds that to what the application itself passes to ``sentry_sdk.init``.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from sentry_web._core.guard import call
from sentry_web._middlewares.entry_points import when_imported
from sentry_web._options import options_of
from sentry_web.cli.become import become

__all__ = ["SDK_OPTIONS", "ExecError", "execute", "sdk_options_of", "start"]

STARTUP = Path(__file__).parent / "startup"


def _flag(text: str) -> bool:
    return {"1": True, "true": True, "0": False, "false": False}[text.lower()]


#: Options of ``sentry_sdk.init`` that are read here; DSN, environment, release and debug are read by the SDK itself.
SDK_OPTIONS: dict[str, Callable[[str], Any]] = {
    "sample_rate": float,
    "send_default_pii": _flag,
    "trace_lifecycle": str,
    "traces_sample_rate": float,
}


class ExecError(Exception):
    """The command cannot be run so; the message is one line for the user."""


def execute(command: list[str]) -> NoReturn:
    """Become this command.

    Raises:
        ExecError: There is no such command, or a variable has a value that is not allowed.
    """
    if not command:
        raise ExecError("What is to be run? For instance: sentry-web exec -- gunicorn shop:app")
    try:
        options_of(os.environ)
        sdk_options_of(os.environ)
    except ValueError as error:
        raise ExecError(str(error)) from None
    program = shutil.which(command[0])
    if program is None:
        raise ExecError(f'"{command[0]}" was not found.')
    path = os.pathsep.join([str(STARTUP), *filter(None, [os.environ.get("PYTHONPATH")])])
    become(program, command, {**os.environ, "PYTHONPATH": path})


def sdk_options_of(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the options of the SDK that environment variables give.

    Raises:
        ValueError: For a value that is not allowed; the message names the variable.
    """
    options = {}
    for name, read in SDK_OPTIONS.items():
        text = environment.get(f"SENTRY_{name.upper()}", "").strip()
        if text:
            try:
                options[name] = read(text)
            except (LookupError, ValueError):
                raise ValueError(f"invalid value for SENTRY_{name.upper()}: {text!r}") from None
    return options


def start() -> None:
    """Prepare this process: in every Python process of the command, before anything of it runs."""
    call(when_imported, "sentry_sdk", _add_to_init)
    if os.environ.get("SENTRY_DSN"):
        call(_init)


def _init() -> None:
    import sentry_sdk

    sentry_sdk.init(**sdk_options_of(os.environ))  # the integration is added as it is to the application's own


def _add_to_init(sentry_sdk: Any) -> None:
    """Let ``sentry_sdk.init`` add the integration to those that it is given."""
    original = sentry_sdk.init

    @functools.wraps(original)
    def init(*args: Any, **options: Any) -> Any:
        integrations = call(_with_ours, options.get("integrations"))
        return original(*args, **{**options, **({} if integrations is None else {"integrations": integrations})})

    sentry_sdk.init = init


def _with_ours(given: Any) -> list[Any]:
    from sentry_web.integration import WebIntegration

    integrations: list[Any] = list(given or ())
    if any(isinstance(each, WebIntegration) for each in integrations):
        return integrations
    return [*integrations, WebIntegration(**options_of(os.environ))]
