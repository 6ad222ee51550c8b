"""A bounded number of names made from paths, since clients choose the paths.

A path without a route is a poor name, and a scanner requests thousands of them. Up to a limit, paths are used
unchanged; beyond it, segments that look like values are replaced by ``*``; and when there are too many of these shapes,
too, all further paths share one name. The limit applies to the process, because Sentry counts names per project, not
per middleware.
"""

from __future__ import annotations

#: The name of all paths beyond the limit of shapes.
REST = "/*"
_LONGEST = 200  # characters of a name
_LONG_SEGMENT = 24  # a longer segment is considered a value, not a word


class PathNames:
    """The names in use, at most ``2 * most + 1``."""

    __slots__ = ("_paths", "_shapes")

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._shapes: set[str] = set()

    def name(self, path: str, most: int | None) -> str:
        """Return the name for a path.

        Args:
            path: The path.
            most: The maximum number of paths, and of shapes, with names of their own; ``None`` for no limit.
        """
        path = path[:_LONGEST]
        if most is None or _known(path, self._paths, most):
            return path
        shape = shape_of(path)
        return shape if _known(shape, self._shapes, most) else REST

    def clear(self) -> None:
        """Forget all names; for tests."""
        self._paths.clear()
        self._shapes.clear()


def _known(name: str, names: set[str], most: int) -> bool:
    if name in names:
        return True
    if len(names) >= most:
        return False
    names.add(name)  # a race between threads may add one name too many, never a wrong one
    return True


def shape_of(path: str) -> str:
    """Return a path with ``*`` for each segment that looks like a value.

    A value is long, contains a digit, or is not a plain word.

    >>> shape_of("/users/42/orders")
    '/users/*/orders'
    """
    return "/".join("*" if _looks_like_a_value(segment) else segment for segment in path.split("/"))


def _looks_like_a_value(segment: str) -> bool:
    return len(segment) > _LONG_SEGMENT or any(
        character.isdigit() or not (character.isascii() and (character.isalpha() or character in "-_.~"))
        for character in segment
    )


NAMES = PathNames()
