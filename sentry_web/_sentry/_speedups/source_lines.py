"""Remembers the lines of source files, of which each frame of an error's stack has a few.

The SDK reads, decodes and splits the whole file again for each frame, also where several frames are in one file. Here a
file is read again where its size or its time of change is another one.
"""

from __future__ import annotations

import os
from importlib.machinery import SourceFileLoader
from itertools import product
from typing import Any, NamedTuple

import sentry_sdk.utils

_utils: Any = sentry_sdk.utils
_sdk: Any = _utils.get_lines_from_file
#: Maximum number of files whose lines are remembered, and of characters of each and of all of them.
_MOST_FILES, _LONGEST, _MOST_CHARACTERS = 256, 512 * 1024, 4 * 1024 * 1024


class _File(NamedTuple):
    """The lines of a file, and what they were read from."""

    state: tuple[int, ...]
    lines: list[str]
    size: int


class _Source:
    """The source of a module, which is asked for its lines and nothing else."""

    __slots__ = ("_lines",)

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def splitlines(self) -> list[str]:
        return self._lines


class _Loader:
    """Stands in for the loader of a module whose source is known."""

    __slots__ = ("_source",)

    def __init__(self, lines: list[str]) -> None:
        self._source = _Source(lines)

    def get_source(self, module: Any) -> Any:
        return self._source


class Files:
    """Files whose lines are known, the one that was read last at the end."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, _File] = {}

    def lines_of(self, loader: SourceFileLoader) -> list[str] | None:
        """Return the lines of a loader's module, or ``None`` where it has to be asked itself."""
        path = loader.path
        stat = os.stat(path)  # noqa: PTH116 - a path costs several times as much
        state = stat.st_mtime_ns, stat.st_size, stat.st_ino
        known = self._known.get(path)
        if known is not None and known.state == state:
            return known.lines
        source = loader.get_source(loader.name)
        if source is None or len(source) > _LONGEST:
            return None
        lines = source.splitlines()
        self._keep(path, _File(state, lines, len(source)))
        return lines

    def _keep(self, path: str, file: _File) -> None:
        """Remember a file, and forget those that were read first, as far as the bounds demand."""
        known = self._known
        known.pop(path, None)
        known[path] = file
        files = list(known.items())
        size = sum(each.size for _, each in files)
        while len(files) > _MOST_FILES or size > _MOST_CHARACTERS:
            first, each = files.pop(0)
            known.pop(first, None)
            size -= each.size


_files = Files()


def get_lines_from_file(
    filename: Any, lineno: Any, max_length: Any = None, loader: Any = None, module: Any = None
) -> Any:
    """Return the lines around a line of a file (``sentry_sdk.utils.get_lines_from_file``)."""
    try:
        if type(loader) is SourceFileLoader and module == loader.name:  # which refuses to load another one
            lines = _files.lines_of(loader)
            if lines is not None:
                return _sdk(filename, lineno, max_length, loader=_Loader(lines), module=module)
    except Exception:  # noqa: BLE001, S110 - there is no such file, or a fault of ours: the SDK asks by itself
        pass
    return _sdk(filename, lineno, max_length, loader=loader, module=module)


def probe() -> bool:
    """Return whether the SDK finds the same lines, both when a file is read and when it is remembered."""
    loaders = SourceFileLoader(__name__, __file__), SourceFileLoader(__name__, __file__ + ".missing"), None
    asked = list(product((-1, 0, 5, 10**6), loaders, (__name__, "other")))
    return all(
        get_lines_from_file(__file__, number, 50, loader=loader, module=module)
        == _sdk(__file__, number, 50, loader=loader, module=module)
        for number, loader, module in asked * 2
    )


def install() -> None:
    """Replace the function of the SDK."""
    _utils.get_lines_from_file = get_lines_from_file
