"""Import time: what ``import sentry_web`` adds to ``import sentry_sdk``, in fresh interpreters, in turns."""

from __future__ import annotations

import statistics
import subprocess
import sys

_TIMED = "from time import process_time as t; import sentry_sdk; a = t(); import {}; print(t() - a)"


def measure(times: int) -> dict[str, float]:
    """Median seconds of processor time, by module, in a process that has imported ``sentry_sdk`` already."""
    modules = ("sentry_web", "sentry_sdk.integrations.asgi, sentry_sdk.integrations.wsgi")
    taken: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(times):
        for module in modules:
            command = [sys.executable, "-c", _TIMED.format(module)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
            taken[module].append(float(done.stdout))
    return {module: statistics.median(values) for module, values in taken.items()}
