"""A middleware that can stand in for the application that it wraps.

``flask run`` and ``fastapi run`` look for an instance of their application class, test clients and extensions use its
attributes. A middleware assigned to the application's name is found and used by all of them.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .entry import Entry

#: What a middleware keeps itself.
_OWN = frozenset(("app", "_entry"))
#: Methods of frameworks that serve the application they are bound to: forwarded as they are, they would serve it bare.
_SERVING = frozenset(("run", "run_task", "test_app", "test_client"))
#: Callables as which a wrapper does not pose: servers and test clients look into a function's code, not at its call.
_PLAIN = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, type)

_set = object.__setattr__
_CLASS: Any = object.__dict__["__class__"]


class Wrapper:
    """The attributes of a middleware: those that it does not have are the application's, also to set and delete."""

    __slots__ = ("app", "_entry", "__weakref__")

    app: Any
    _entry: Entry

    def __repr__(self) -> str:
        return f"<{type(self).__name__} around {self.app!r}>"

    def __getattr__(self, name: str) -> Any:
        if name in _OWN or name.startswith("__"):  # not set yet, or looked up by Python for the wrapper itself
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        value = getattr(self.app, name)
        if name in _SERVING and isinstance(value, types.MethodType) and value.__self__ is self.app:
            return types.MethodType(value.__func__, self)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            _set(self, name, value)
        else:
            setattr(self.app, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.app, name)

    @property  # type: ignore[misc]  # nobody sets it
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the application, for ``isinstance``; the middleware's own class is an instance's ``type``."""
        app = self.app
        return type(self) if isinstance(app, _PLAIN) else app.__class__

    def around(self, app: Any) -> Any:
        """Return this middleware around another callable, which leads to the same application."""
        other = object.__new__(type(self))
        _set(other, "app", app)
        _set(other, "_entry", self._entry)
        return other

    def become(self, kind: type) -> None:
        """Change the middleware's own class to one of the same layout."""
        _CLASS.__set__(self, kind)
