"""``sentry-web check`` while it runs: a progress bar on a terminal, and Ctrl-C, which ends it with what was found."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sentry_web.cli.progress import progress_bar
from sentry_web.testing import check

if TYPE_CHECKING:
    from types import FrameType

    from sentry_web.testing import Verdict
    from sentry_web.testing.check import Progress

__all__ = ["check_until_interrupted", "interruption"]


def check_until_interrupted(subject: Any, **options: Any) -> tuple[Verdict, bool]:
    """Check a subject, and return the verdict and whether Ctrl-C has ended the check early.

    Args:
        subject: An application, a middleware or a pair.
        **options: Those of ``sentry_web.testing.check``.
    """
    console = Console(stderr=True, markup=False, highlight=False)
    with interruption() as interrupted, progress_bar(console) as bar:
        task = bar.add_task("starting", total=None)

        def show(progress: Progress) -> None:
            found = f", {progress.findings} found" if progress.findings else ""
            description = f"{progress.property} ({progress.protocol}){found}"
            bar.update(task, completed=progress.done, total=progress.total, description=description)

        return check(subject, on_progress=show, stop=interrupted.is_set, **options), interrupted.is_set()


@contextlib.contextmanager
def interruption() -> Generator[threading.Event, None, None]:
    """Set an event at the first Ctrl-C, since an exception would go to whatever is being run; the second one ends all.

    Python lets only the main thread handle signals; in another, the event is never set.
    """
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    former = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, former)
