"""Another command in the place of this process: what ``sentry-web run`` does for a server, and ``exec`` always."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NoReturn

__all__ = ["become"]

#: Windows has no call that replaces a process: ``os.execve`` ends this one there, and the shell goes on beside the new.
_REPLACES = os.name != "nt"


def become(program: str, command: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Run a command in the place of this process, or as its child where that is not possible.

    Args:
        program: The path of the program.
        command: The command, with its name first.
        environment: Its environment variables.
    """
    sys.stdout.flush()
    if _REPLACES:
        os.execve(program, command, environment)  # noqa: S606 - what the user asked for
    with subprocess.Popen([program, *command[1:]], env=environment) as process:  # noqa: S603
        while True:
            try:
                sys.exit(process.wait())
            except KeyboardInterrupt:
                continue  # Ctrl-C goes to the child, too, which says when it has ended
