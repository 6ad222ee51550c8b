"""Find functions, classes and module-level names by qualified name, and change them in a copy of the package.

A fault is anchored on a name, not on source text, so that moving a module or reformatting it breaks no fault. A name
is ``Class.method``, or that of a function, class or variable of a module. It is looked up over all modules; where it
is ambiguous, the last part of the module's name goes before it: ``starlette:look``. A method may be named by a subclass
that inherits it, and is then changed for that subclass only.

There are two kinds of changes. A name can be *replaced* while the package is imported: :func:`append_replacements`
adds a line to the module that defines it, which calls :func:`install`. And the body of a function can be *edited*,
see :func:`edited`; the pattern is compared as a syntax tree, so that formatting and comments do not matter.

Copies of the package import this module as ``_put_back``: it needs nothing but the standard library.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import types
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
#: A function that takes what a name stands for and returns what replaces it.
Make = Callable[[Any], Any]


class Place(NamedTuple):
    """Where a name is defined: the module's file, relative to the package, and the statement."""

    path: Path
    node: Definition


class Package:
    """The definitions in a package; each module is parsed once.

    Args:
        folder: The directory of the package.
    """

    def __init__(self, folder: Path) -> None:
        self._places: dict[str, list[Place]] = defaultdict(list)
        for path in sorted(folder.rglob("*.py")):
            for name, node in _definitions(ast.parse(path.read_text("utf-8")).body):
                self._places[name].append(Place(path.relative_to(folder), node))

    def find(self, anchor: str) -> list[Place]:
        """Return every place where a name is defined; for an inherited method, the class that inherits it."""
        module, _, name = anchor.rpartition(":")
        found = self._places.get(name, [])
        if not found and "." in name:
            owner, _, member = name.rpartition(".")
            found = [place for place in self._places.get(owner, []) if self._inherits(place.node, member)]
        return [place for place in found if not module or _last_name(place.path) == module.strip("_")]

    def _inherits(self, node: Definition, member: str) -> bool:
        bases = node.bases if isinstance(node, ast.ClassDef) else []
        return any(self.find(f"{ast.unparse(base).rpartition('.')[2]}.{member}") for base in bases)


def _definitions(body: Sequence[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Yield what a module or class defines, with qualified names."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not any(ast.unparse(each).endswith("overload") for each in node.decorator_list):
                yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield prefix + node.name, node
            yield from _definitions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [part for target in targets for part in ast.walk(target)]
            names = [part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
            yield from [(prefix + name, node) for name in names]
        elif isinstance(node, (ast.If, ast.Try)):
            handlers = [handler.body for handler in getattr(node, "handlers", ())]
            for block in (node.body, *handlers, node.orelse):
                yield from _definitions(block, prefix)


def _last_name(path: Path) -> str:
    """The last part of a module's name, without the underscore of a private one."""
    return (path.parent.name if path.stem == "__init__" else path.stem).strip("_")


# --- edits of a function's body --------------------------------------------------------------------------------------


def edited(source: str, anchor: str, old: str, new: str) -> tuple[str, int]:
    """Replace an expression, or consecutive statements, in the function of this name.

    Returns:
        The module's source with each match replaced, and the number of matches.
    """
    name = anchor.rpartition(":")[2]
    tree = ast.parse(source)
    functions = [node for found, node in _definitions(tree.body) if found == name]
    editor = _Editor(old, new)
    for function in functions:
        editor.visit(function)
    return ast.unparse(ast.fix_missing_locations(tree)), editor.count


class _Editor(ast.NodeTransformer):
    """Replaces what equals a pattern, and counts it; what it puts in is not searched again."""

    def __init__(self, old: str, new: str) -> None:
        self.count = 0
        pattern, self._new = ast.parse(old).body, ast.parse(new).body
        expressions = [_only_expression(pattern), _only_expression(self._new)]
        self._expression = expressions[1] if None not in expressions else None
        self._old = [ast.dump(expressions[0])] if self._expression else [ast.dump(node) for node in pattern]

    def visit(self, node: ast.AST) -> Any:
        if self._expression is not None and ast.dump(node) == self._old[0]:
            self.count += 1
            return self._expression
        visited = self.generic_visit(node)
        if self._expression is None:
            for _, value in ast.iter_fields(visited):
                if isinstance(value, list):
                    self._edit_statements(value)
        return visited

    def _edit_statements(self, body: list[Any]) -> None:
        dumped = [ast.dump(node) if isinstance(node, ast.stmt) else "" for node in body]
        size = len(self._old)
        for start in reversed(range(len(body) - size + 1)):
            if dumped[start : start + size] == self._old:
                self.count += 1
                body[start : start + size] = self._new


def _only_expression(body: list[ast.stmt]) -> Any:
    """The expression that some statements are, or ``None``."""
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None


# --- replacements of what a name stands for --------------------------------------------------------------------------


def append_replacements(path: Path, replacements: Sequence[tuple[str, int | None, int]]) -> None:
    """Let a module replace names of its own when it is imported.

    Args:
        path: The module's file, in a copy of the package beside which ``_put_back`` and ``_put_back_faults`` lie.
        replacements: See :func:`install`.
    """
    with path.open("a", encoding="utf-8") as file:
        file.write(f'\n__import__("_put_back").install(__name__, {tuple(replacements)!r})\n')


def install(module_name: str, replacements: Sequence[tuple[str, int | None, int]]) -> None:
    """Replace names of a module that has just been executed.

    Args:
        module_name: The module.
        replacements: A qualified name, and the row and change in the table of ``_put_back_faults`` that say how it is
            replaced. ``None`` for a row: by something that only calls the original (see :func:`passed_through`).
    """
    faults = import_module("_put_back_faults").FAULTS
    for anchor, row, change in replacements:
        make = passed_through if row is None else faults[row].changes[change].make
        replace(sys.modules[module_name], anchor.rpartition(":")[2], make)


def replace(module: types.ModuleType, name: str, make: Make) -> None:
    """Replace what a qualified name of a module stands for.

    Later imports see the replacement. A module that has the original already, since it takes part in a circular import,
    gets the replacement in its place.
    """
    *path, last = name.split(".")
    owner: Any = functools.reduce(getattr, path, module)
    original = inspect.getattr_static(owner, last)
    replacement = _refitted(original, make)
    setattr(owner, last, replacement)
    if owner is module:
        package = module.__name__.partition(".")[0]
        for importer in [each for key, each in sys.modules.items() if key.partition(".")[0] == package]:
            for imported in [key for key, value in vars(importer).items() if value is original]:
                if callable(original) or imported == last:  # a number or an empty tuple may be in many places
                    setattr(importer, imported, replacement)


def _refitted(original: Any, make: Make) -> Any:
    """Replace the function in a descriptor, or the value itself."""
    if isinstance(original, (staticmethod, classmethod)):
        return type(original)(_named_alike(make(original.__func__), original.__func__))
    if isinstance(original, property):
        return property(_named_alike(make(original.fget), original.fget), original.fset, original.fdel)
    return _named_alike(make(original), original)


def _named_alike(replacement: Any, original: Any) -> Any:
    """Give a function the name and the signature of the one it replaces."""
    if isinstance(replacement, types.FunctionType) and callable(original):
        functools.update_wrapper(replacement, original)
    return replacement


def passed_through(original: Any) -> Any:
    """Wrap a function without any effect, to show that replacing it is itself no fault; leave all else as it is."""
    if not isinstance(original, types.FunctionType):
        return original

    async def awaits(*args: Any, **kwargs: Any) -> Any:
        return await original(*args, **kwargs)

    def calls(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    return awaits if inspect.iscoroutinefunction(original) else calls
