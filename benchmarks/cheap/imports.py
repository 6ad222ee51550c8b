"""Import time: what an import adds to ``import sentry_sdk``, in fresh interpreters, in turns.

Bytecode is written to a directory of this run's and read from there, as of an installed package: in a checkout, or
where ``PYTHONDONTWRITEBYTECODE`` is set, it would be the compiler that is measured (40 of 51 ms).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

_TIMED = "from time import process_time as t; import sentry_sdk; a = t(); {}; print(t() - a)"
_STATEMENTS = {
    "import sentry_web": "import sentry_web",
    "SentryAsgiMiddleware": "from sentry_web import SentryAsgiMiddleware",
    "SentryAsgiMiddleware, made": "from sentry_web import SentryAsgiMiddleware as M; M(lambda s, r, q: None)",
    "SentryWsgiMiddleware": "from sentry_web import SentryWsgiMiddleware",
    "SentryWsgiMiddleware, made": "from sentry_web import SentryWsgiMiddleware as M; M(lambda e, s: [])",
    "sentry-sdk's": "import sentry_sdk.integrations.asgi, sentry_sdk.integrations.wsgi",
}


def measure(times: int) -> dict[str, float]:
    """Median seconds of processor time, by what is done in a process that has imported ``sentry_sdk`` already."""
    taken: dict[str, list[float]] = {name: [] for name in _STATEMENTS}
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for turn in range(times + 1):
            for name, statement in _STATEMENTS.items():
                command = [sys.executable, "-c", _TIMED.format(statement)]
                done = subprocess.run(  # noqa: S603
                    command, capture_output=True, text=True, check=True, timeout=60, env=environment
                )
                if turn:  # the first one writes the bytecode
                    taken[name].append(float(done.stdout))
    return {name: statistics.median(values) for name, values in taken.items()}
