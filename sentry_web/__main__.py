"""``python -m sentry_web``: the command ``sentry-web``."""

from __future__ import annotations

from sentry_web.cli import main

if __name__ == "__main__":  # pragma: no cover - in a process of its own, which is not measured
    main(prog_name="python -m sentry_web")
