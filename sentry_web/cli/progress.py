"""The progress bar of commands that take a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["progress_bar"]


def progress_bar(console: Console) -> Progress:
    """Return a bar with the number and title of a step; it is shown on a terminal only, and removed at the end."""
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total} {task.description}", markup=False))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
