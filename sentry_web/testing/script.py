"""Application scripts: the behaviour of an application, written once for every protocol.

A script is a value: steps, the kind of the returned response, and the behaviour of the peer (server and client). This
module defines the meaning of a script as far as it is common to the protocols, and the protocol features that it needs;
its execution in WSGI or ASGI is in ``apps``. This module does not depend on drivers, Hypothesis or pytest.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from sentry_web.testing.request import Described
from sentry_web.testing.steps import Feature, Step


class Protocol(enum.Enum):
    """A way in which a server talks to an application."""

    WSGI = "wsgi"
    ASGI3 = "asgi3"
    ASGI2 = "asgi2"
    BRIDGE = "bridge"


OFFERED: dict[Protocol, frozenset[Feature]] = {
    Protocol.WSGI: frozenset(
        {
            Feature.CLOSE,
            Feature.EXC_INFO,
            Feature.WRITE,
            Feature.FILE_WRAPPER,
            Feature.ITERATION,
            Feature.NO_RESPONSE_OBJECT,
            Feature.LATE_WORK,
            Feature.LOST_BODY,
        }
    ),
    Protocol.ASGI3: frozenset({Feature.LATE_WORK, Feature.TASK, Feature.CANCEL, Feature.LOST_BODY}),
    Protocol.ASGI2: frozenset({Feature.LATE_WORK, Feature.TASK, Feature.CANCEL, Feature.LOST_BODY}),
    # asgiref.wsgi.WsgiToAsgi has no write callable and no file wrapper, and never calls close().
    Protocol.BRIDGE: frozenset({Feature.EXC_INFO, Feature.NO_RESPONSE_OBJECT}),
}

_RESPONSE_OBJECTS = frozenset({Protocol.WSGI, Protocol.BRIDGE})  # applications of the other protocols send messages


class Returns(enum.Enum):
    """The kind of object that a WSGI application returns. ASGI applications, which send messages, ignore it."""

    LIST = "a list"
    TUPLE = "a tuple"
    GENERATOR = "a generator, the steps up to the start of the response already done in the call"
    LAZY_GENERATOR = "a generator that does every step while it is iterated"
    ITERATOR = "an iterator with close()"
    SIZED = "an iterable with len() and close(), but no list"
    REITERABLE = "an iterable with close() and without len() that starts again with each iter()"
    FILE_WRAPPER = "wsgi.file_wrapper around a file with close()"
    WRITE = "an empty list: the chunks went through the write callable"
    NOTHING = "None, which PEP 3333 forbids"

    def __repr__(self) -> str:
        return f"Returns.{self.name}"


_RETURN_NEEDS = {
    Returns.FILE_WRAPPER: Feature.FILE_WRAPPER,
    Returns.WRITE: Feature.WRITE,
    Returns.NOTHING: Feature.NO_RESPONSE_OBJECT,
}
CLOSABLE = frozenset({Returns.ITERATOR, Returns.SIZED, Returns.REITERABLE, Returns.FILE_WRAPPER})
#: Kinds of responses that are returned whole: if the application raises before, nothing is sent, unlike in ASGI.
WHOLE = frozenset({Returns.LIST, Returns.TUPLE, Returns.SIZED, Returns.REITERABLE, Returns.FILE_WRAPPER})


class Close(enum.Enum):
    """When the server calls ``close()`` on a WSGI response."""

    AFTER = "when the response is exhausted or has failed, as PEP 3333 demands"
    BEFORE = "before the first iteration"
    DURING = "after the first chunk"
    NEVER = "never: the response is dropped, as some servers do on a broken connection"

    def __repr__(self) -> str:
        return f"Close.{self.name}"


@dataclass(frozen=True, repr=False)
class Peer(Described):
    """The behaviour of the server and the client behind it.

    Args:
        gone_after: The number of received body chunks after which the client disconnects; ``None`` if it stays. Then
            ASGI's ``send`` raises ``OSError`` (ASGI HTTP 2.4) and ``receive`` returns ``http.disconnect``; a WSGI
            server stops iterating.
        close: When a WSGI server calls ``close()``.
        leaves_amid_body: Whether the client leaves before it has sent the request body. Then WSGI's ``wsgi.input``
            raises ``OSError``; ASGI's ``receive`` returns ``http.disconnect``, on which the application raises
            ``ClientDisconnect`` as frameworks do.
        thread_hopping: Whether a WSGI server calls each ``next()`` and ``close()`` in a thread of its own.
        peeks: Whether a WSGI server looks at the first part, and goes on with ``iter()`` of the iterator, as werkzeug's
            test client and httpx's transport do.
    """

    gone_after: int | None = None
    close: Close = Close.AFTER
    thread_hopping: bool = False
    peeks: bool = False
    leaves_amid_body: bool = False

    def needs(self) -> Iterator[Feature]:
        """Yield the protocol features that this behaviour needs."""
        if self.close is not Close.AFTER or self.thread_hopping or self.peeks:
            yield Feature.ITERATION
        if self.leaves_amid_body:
            yield Feature.LOST_BODY


@dataclass(frozen=True, repr=False)
class Script(Described):
    """The behaviour of an application for one request.

    Args:
        steps: The steps, in order.
        returns: The kind of object that the application returns, if the protocol has such objects.
        after: The steps after the last body byte: in ``close()`` under WSGI, before returning under ASGI. They run
            only if ``steps`` ended without an exception, and need a kind of response with ``close()``.
        peer: The behaviour of server and client.

    Raises:
        ValueError: If ``after`` is given with a kind of response that has no ``close()``.
    """

    steps: tuple[Step, ...] = ()
    returns: Returns = Returns.GENERATOR
    after: tuple[Step, ...] = ()
    peer: Peer = Peer()

    def __post_init__(self) -> None:
        if self.after and self.returns not in CLOSABLE:
            raise ValueError(f"a script with steps after the response cannot return {self.returns.value}")

    def needs(self) -> frozenset[Feature]:
        """Return the protocol features that this script needs."""
        needed = set(self.peer.needs())
        for step in self.steps + self.after:
            needed.update(step.needs())
        if self.after:
            needed.add(Feature.LATE_WORK)
            if self.peer.gone_after is not None:
                needed.add(Feature.CLOSE)  # only a WSGI server then calls the application's close()
        return frozenset(needed)

    def expressible_in(self, protocol: Protocol) -> bool:
        """Return whether this protocol has all the features that the script needs."""
        offered = OFFERED[protocol]
        needed = self.needs()
        if self.returns in _RETURN_NEEDS and (protocol in _RESPONSE_OBJECTS or self.returns is Returns.NOTHING):
            needed |= {_RETURN_NEEDS[self.returns]}
        return needed <= offered
