"""The application that another server imports for ``sentry-web run``: the target, instrumented.

They are in the environment, since a server's workers and reloads are processes of their own. A target that is not there
ends the worker with the one line for the user.
"""

from __future__ import annotations

import sys

from rich.console import Console

from sentry_web.cli import run

__all__ = ["application"]

try:
    application = run.application_of(run.options_from_environment(), Console(markup=False, highlight=False))
except run.RunError as error:
    sys.exit(f"Error: {error}")
