"""Sets the SDK's context variables directly around application code.

The public setters and a context manager do the same; but a streamed response needs them for every part.
"""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from typing import Any

import sentry_sdk
import sentry_sdk.scope
from sentry_sdk import Scope

from .. import compat
from . import use

_SCOPES: tuple[ContextVar[Any], ...] = tuple(
    getattr(sentry_sdk.scope, name)
    for name in ("_isolation_scope", "_current_scope")
    if hasattr(sentry_sdk.scope, name)
)


def values(isolation: Any, current: Any) -> tuple[tuple[ContextVar[Any], ...], tuple[Any, ...]]:
    """Return the variables, the markers of the SDK's middlewares among them, and their values."""
    markers = compat.marker_variables()
    return (*_SCOPES, *markers), (isolation, current, *[compat.MARKER] * len(markers))


#: What the SDK takes the scopes and the markers for where they have no value.
_DEFAULTS = (None, None, False, False)


class Running:
    """Sets context variables while it is entered.

    Args:
        variables: The variables.
        values: Their values.
    """

    __slots__ = ("_variables", "_values", "_former")

    def __init__(self, variables: tuple[ContextVar[Any], ...], values: tuple[Any, ...]) -> None:
        self._variables = variables
        self._values = values
        self._former: tuple[Any, ...] = ()

    def __enter__(self) -> None:
        try:
            self._former = tuple(map(ContextVar.get, self._variables, _DEFAULTS))
            tuple(map(ContextVar.set, self._variables, self._values))
        except BaseException:  # a signal handler may raise anywhere
            self.__exit__()
            raise

    def __exit__(self, *exc_info: object) -> None:
        tuple(map(ContextVar.set, self._variables, self._former))


def probe() -> bool:
    """Return whether setting the variables makes the scopes the current ones, and nothing else does.

    Where gevent's patches hide the real variables, the SDK has others of its own.
    """
    variables: tuple[Any, ...] = _SCOPES
    are_real = all(isinstance(each, ContextVar) for each in variables)
    return len(variables) == 2 and are_real and copy_context().run(_sets_scopes)


def _sets_scopes() -> bool:
    isolation, current = Scope(), Scope()
    for variable, value in zip(*values(isolation, current)):
        variable.set(value)
    return sentry_sdk.get_isolation_scope() is isolation and sentry_sdk.get_current_scope() is current


def install() -> None:
    """Switch it on."""
    use("context_values", values)
    use("running", Running)
