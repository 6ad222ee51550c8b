"""What is left of a request for the exceptions that have left it: servers log them, outside of it or after its end.

An exception that leaves the application passes the frame of an adapter, whose local variable ``exchange`` is found in
its traceback. So nothing is kept longer than the exception, and no exception is mistaken for another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: The modules of the adapters.
_ADAPTERS = frozenset(("sentry_web.asgi", "sentry_web.wsgi"))
_MOST = 50  # exceptions in a chain of causes and contexts


def exchanges_left(error: BaseException) -> Iterator[Any]:
    """Yield the exchanges of all requests that an exception has left, each once."""
    last = None
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        exchange = frame.f_locals.get("exchange") if frame.f_globals.get("__name__") in _ADAPTERS else None
        if exchange is not None and exchange is not last:
            yield exchange
            last = exchange
        traceback = traceback.tb_next


def aftermath_of(error: BaseException) -> list[Any]:
    """Return the ``aftermath`` of the recordings of all requests that an exception has left."""
    return [each for exchange in exchanges_left(error) for each in exchange.aftermath]


def aftermath_of_chain(error: BaseException) -> list[Any]:
    """Return the same for an exception, its members, causes and contexts."""
    return [each for link in _chain(error) for each in aftermath_of(link)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    stack: list[Any] = [error]
    seen: set[int] = set()
    while stack and len(seen) < _MOST:
        current = stack.pop()
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            members = getattr(current, "exceptions", None)
            stack += [current.__cause__, current.__context__, *(members if isinstance(members, tuple) else ())]
