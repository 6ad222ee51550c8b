"""Conversion of values to Python source, with the necessary imports.

It supports the types of which scripts and requests consist, and knows nothing of properties or Sentry.
"""

from __future__ import annotations

import builtins
import dataclasses
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import sentry_web.testing as testing_package

_WIDTH = 100
_INDENT = "    "


class Source(NamedTuple):
    """An expression, and the import lines that it needs."""

    expression: str
    imports: tuple[str, ...] = ()


def literal(value: Any, indent: str = "") -> str:
    """Return the source of a value, on several lines if one would be too long."""
    line = _one_line(value)
    if len(indent) + len(line) <= _WIDTH:
        return line
    inner = indent + _INDENT
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = [f for f in dataclasses.fields(value) if getattr(value, f.name) != f.default]
        parts = [f"{f.name}={literal(getattr(value, f.name), inner)}" for f in changed]
        return _broken(f"{type(value).__name__}(", parts, ")", indent)
    if isinstance(value, tuple):
        return _broken("(", [literal(item, inner) for item in value], ")", indent)
    return line


def _one_line(value: Any) -> str:
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, tuple) and value:
        return f"({', '.join(map(_one_line, value))}{',' if len(value) == 1 else ''})"
    return repr(value)  # the repr of this package's values is valid source


def _broken(opening: str, parts: list[str], closing: str, indent: str) -> str:
    return "\n".join([opening, *(f"{indent}{_INDENT}{part}," for part in parts), f"{indent}{closing}"])


def imports_for(source: str, values: Iterable[Any]) -> list[str]:
    """Return the import lines for names of ``sentry_web.testing`` in the source, and for classes in the values."""
    words = set(re.findall(r"\w+", source))
    lines = {line for value in values for kind in _classes(value) for line in named(kind).imports}
    public = sorted(words & set(testing_package.__all__))
    return [*sorted(lines), f"from sentry_web.testing import {', '.join(public)}"]


def _classes(value: Any) -> Iterator[type]:
    """Yield the classes among the leaves of a value, such as those of exceptions; builtins need no import."""
    if isinstance(value, type):
        if getattr(builtins, value.__name__, None) is not value:
            yield value
    elif dataclasses.is_dataclass(value):
        for known in dataclasses.fields(value):
            yield from _classes(getattr(value, known.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _classes(item)


def named(thing: Any, name: str | None = None, placeholder: str = "subject") -> Source:
    """Return the source by which a script refers to a class, a function or a ``partial`` of one.

    Args:
        thing: The object.
        name: ``"module:attribute"``, if known.
        placeholder: The name of an object that cannot be imported, which the reader has to define.
    """
    if name is not None:
        module, _, attribute = name.partition(":")
        return Source(attribute, (f"from {module} import {attribute.partition('.')[0]}",))
    if isinstance(thing, partial):
        return _partial(thing, placeholder)
    module, attribute = getattr(thing, "__module__", None) or "", getattr(thing, "__qualname__", "")
    for outer in _outermost_first(module):
        if attribute and _lookup(outer, attribute) is thing:
            return Source(attribute, (f"from {outer} import {attribute.partition('.')[0]}",))
    return Source(placeholder, (f"{placeholder} = ...  # what was given to check(): it cannot be imported by name",))


def _partial(thing: partial[Any], placeholder: str) -> Source:
    function = named(thing.func, placeholder=placeholder)
    given = [repr(value) for value in thing.args] + [f"{key}={value!r}" for key, value in thing.keywords.items()]
    expression = f"partial({', '.join([function.expression, *given])})"
    return Source(expression, ("from functools import partial", *function.imports))


def _outermost_first(module: str) -> Iterator[str]:
    """Yield the packages of a module, since a name that a package exports is more public than the module's."""
    parts = module.split(".") if module != "__main__" else []
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _lookup(module: str, attribute: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in attribute.split("."):
        found = getattr(found, part, None)
    return found


def assignments(values: Mapping[str, Any]) -> str:
    """Return ``name = value`` lines."""
    return "\n".join(f"{name} = {literal(value)}" for name, value in values.items())
