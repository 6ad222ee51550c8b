"""Classify exceptions: errors of the application, cancellations, and clients that went away.

Classes are compared by name over the whole hierarchy, so that neither asyncio, greenlet nor a framework is imported.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator

from .._request import Request

#: Leaving without an answer is no fault of the application: cancelled, closed early, killed.
_CANCELLATIONS = frozenset(
    ("builtins.GeneratorExit", "asyncio.exceptions.CancelledError", "greenlet.GreenletExit", "trio.Cancelled")
)
#: What frameworks and servers raise when they find the client gone.
_DISCONNECTS = frozenset(
    (
        "ClientDisconnect",  # Starlette
        "ClientDisconnected",  # werkzeug, uvicorn, gunicorn, waitress
        "WebSocketDisconnect",  # Starlette, Litestar
        "WebSocketDisconnectError",  # BlackSheep
    )
)
#: The same, where the name alone is ambiguous: SQLAlchemy has a ``DisconnectionError``, too.
_QUALIFIED_DISCONNECTS = frozenset(("webob.request.DisconnectionError", "simple_websocket.errors.ConnectionClosed"))
#: What frameworks raise when a closed connection is used: the application's fault, unless it is the client that left.
_CLOSED = frozenset(
    (
        "WebSocketDisconnected",  # Starlette, Falcon, gunicorn
        "InternalServerException",  # Litestar, out of reading the body
    )
)
#: Raised by a WSGI application that has taken over the socket of a websocket, so that its server writes no response:
#: ``StopIteration`` for gunicorn, ``ConnectionError`` for werkzeug (flask-sock raises both). Only these very classes: a
#: subclass is a failure of a connection that the application has made.
_SIGNALS = (StopIteration, ConnectionError)
_DEEPEST = 20  # causes of causes


class ErrorKind(enum.Enum):
    """What an exception that leaves the application means."""

    ERROR = "error"
    CANCELLED = "cancelled"
    CLIENT_GONE = "client gone"


def classify(
    error: BaseException,
    disconnects: Collection[BaseException] = (),
    client_gone: bool = False,
    owns_socket: bool = False,
) -> ErrorKind:
    """Return what an exception means; a group is an error if one of its members is (PEP 654).

    Args:
        error: What left the application.
        disconnects: What the server raised at the application to say that the client went away.
        client_gone: Whether the client is known to have gone.
        owns_socket: Whether the application may have taken over the socket from a WSGI server.
    """
    kinds = {_classify_one(member, disconnects, client_gone, owns_socket) for member in _leaves(error)}
    if ErrorKind.ERROR in kinds:
        return ErrorKind.ERROR
    return ErrorKind.CLIENT_GONE if ErrorKind.CLIENT_GONE in kinds else ErrorKind.CANCELLED


def _classify_one(
    error: BaseException, disconnects: Collection[BaseException], client_gone: bool, owns_socket: bool
) -> ErrorKind:
    if owns_socket and type(error) in _SIGNALS:
        return ErrorKind.CANCELLED
    if any(f"{kind.__module__}.{kind.__qualname__}" in _CANCELLATIONS for kind in type(error).__mro__):
        return ErrorKind.CANCELLED
    depth = 0
    while not _is_disconnect(error, disconnects, client_gone):
        # Only a cause: the context of an exception may be the disconnect whose handler has failed
        causes = [] if error.__cause__ is None else list(_leaves(error.__cause__))
        if len(causes) != 1 or depth == _DEEPEST:
            return ErrorKind.ERROR
        error = causes[0]
        depth += 1
    return ErrorKind.CLIENT_GONE


def _is_disconnect(error: BaseException, disconnects: Collection[BaseException], client_gone: bool) -> bool:
    if any(error is disconnect for disconnect in disconnects):
        return True
    return any(
        kind.__name__ in _DISCONNECTS
        or f"{kind.__module__}.{kind.__qualname__}" in _QUALIFIED_DISCONNECTS
        or (client_gone and kind.__name__ in _CLOSED)
        for kind in type(error).__mro__
    )


def takes_over_socket(request: Request) -> bool:
    """Return whether a WSGI application may take over the socket, as for a websocket (RFC 6455, 4.1)."""
    return request.protocol == "wsgi" and (request.header("upgrade") or "").lower() == "websocket"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group, at any depth; any other exception itself."""
    stack = [error]
    while stack:
        current = stack.pop()
        members = getattr(current, "exceptions", None)
        if isinstance(members, tuple) and members and all(isinstance(member, BaseException) for member in members):
            stack.extend(members)
        else:
            yield current


def is_quiet_exit(error: BaseException) -> bool:
    """Return whether the process was asked to end and nothing failed: ``SystemExit`` with 0 or ``None``."""
    return isinstance(error, SystemExit) and error.code in (0, None)
