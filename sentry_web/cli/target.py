"""Load the application that ``module:attribute`` names, and find the interface that it has.

Its errors are one line each and name what was not found; a mistake in the user's own module is not one of
them and comes through as it is.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Loaded", "TargetError", "interface_of", "load"]

#: What is looked for in a module that is named alone; the functions are called, to return the application.
_APPLICATIONS, _FACTORIES = ("app", "application"), ("create_app", "make_app")


class TargetError(Exception):
    """The target is not there, or is no application. The message is one line for the user."""


class Loaded(NamedTuple):
    """What a target names.

    Attributes:
        app: The application; or for ``sentry-web check`` a middleware.
        name: Its name in full: ``module:attribute``, with ``()`` if it was called.
        is_made: Whether it was called, and returned the application.
    """

    app: Any
    name: str
    is_made: bool


def load(target: str, *, factory: bool = False, directory: str = ".") -> Loaded:
    """Import what ``package.module:attribute.attribute`` names.

    A factory is called without arguments: where the target ends with ``()``, or the attribute is a function without
    parameters. Where only a module is named, ``app``, ``application``, ``create_app`` and ``make_app`` are looked for.

    Args:
        target: The target.
        factory: Whether the attribute is called, whatever it looks like.
        directory: What is put on ``sys.path``; by default the current directory, as with uvicorn.

    Raises:
        TargetError: The target is misspelt or not there. What the user's module raises while it is imported is raised
            as it is.
    """
    module_name, separator, attributes = target.partition(":")
    called = attributes.endswith("()")
    attributes = attributes.removesuffix("()")
    if not module_name or (separator and not attributes):
        raise TargetError(f'Target "{target}" is not of the form "module:attribute", such as "shop.main:app".')
    found = _import(module_name, directory)
    attributes = attributes or _attribute_of(found, module_name)
    path = module_name
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            kind = "Module" if path == module_name else "Object"
            raise TargetError(f'{kind} "{path}" has no attribute "{attribute}".') from None
        path = f"{path}:{attribute}" if path == module_name else f"{path}.{attribute}"
    if not callable(found):
        raise TargetError(f'"{path}" is not callable: it is of type {type(found).__name__}.')
    if factory or called or _takes_nothing(found):
        return Loaded(_made_by(found, path), f"{path}()", is_made=True)
    return Loaded(found, path, is_made=False)


def interface_of(app: Any) -> str:
    """``"wsgi"`` or ``"asgi"``.

    ASGI is a coroutine function, an object with one for its ``__call__``, and what takes three arguments
    (ASGI 3) or one (ASGI 2); WSGI (PEP 3333) is what takes two. Raises ``TargetError`` where that shows
    nothing.
    """
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(app.__call__):
        return "asgi"
    interface = {1: "asgi", 2: "wsgi", 3: "asgi"}.get(_positional_parameters(app))
    if interface is None:
        raise TargetError("It does not show whether this is WSGI or ASGI: choose with --interface.")
    return interface


def _attribute_of(module: Any, name: str) -> str:
    """Return what a module that is named alone is expected to have."""
    for attribute in (*_APPLICATIONS, *_FACTORIES):
        if hasattr(module, attribute):
            return attribute
    listed = ", ".join(f'"{attribute}"' for attribute in (*_APPLICATIONS, *_FACTORIES))
    raise TargetError(f'Module "{name}" has none of {listed}: name the application, such as "{name}:site".')


def _takes_nothing(found: Any) -> bool:
    """Return whether a function has no parameters, as no application has: it is a factory."""
    if not (inspect.isfunction(found) or inspect.ismethod(found)) or inspect.iscoroutinefunction(found):
        return False
    return not inspect.signature(found).parameters


def _import(name: str, directory: str) -> Any:
    directory = str(Path(directory).resolve())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only the module we were asked for, or a package it lies in: what *it* cannot import is its mistake.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise TargetError(f'Module "{error.name}" was not found (looked for in {directory} too).') from None


def _made_by(factory: Any, target: str) -> Any:
    app = factory()
    if not callable(app):
        raise TargetError(f'"{target}" returned no application: an object of type {type(app).__name__}.')
    return app


def _positional_parameters(app: Any) -> int:
    """How many positional arguments a call must give, or -1 where the signature does not say."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):  # some callables written in C
        return -1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return -1
    positional = [parameter for parameter in parameters if parameter.kind in kinds]
    required = [parameter for parameter in positional if parameter.default is inspect.Parameter.empty]
    return len(required) or len(positional)
