"""What each Python process of ``sentry-web exec`` runs first (``site``, "sitecustomize"), before the user's own.

The folder of this file is the first one of ``PYTHONPATH``, and no package.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path

_HERE = str(Path(__file__).parent)
sys.path[:] = [folder for folder in sys.path if folder != _HERE]
_ours = sys.modules.pop(__name__)
with contextlib.suppress(ImportError):
    importlib.import_module("sitecustomize")  # the user's own
sys.modules.setdefault(__name__, _ours)  # who imports this module looks for it there

from sentry_web.cli.exec import start  # noqa: E402 - after the user's own

start()
