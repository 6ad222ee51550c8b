"""Application scripts: what an application does with a request, written once for every protocol.

A script is a value: steps, the way the response is returned, and how the peer (server and client) behaves. This file
knows what each step means where the protocols do not differ, and which protocol features it needs; how a step is done
in WSGI or ASGI is in ``apps``. Drivers, hypothesis and pytest may not enter.
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
        }
    ),
    Protocol.ASGI3: frozenset({Feature.LATE_WORK, Feature.TASK, Feature.CANCEL}),
    Protocol.ASGI2: frozenset({Feature.LATE_WORK, Feature.TASK, Feature.CANCEL}),
    # asgiref.wsgi.WsgiToAsgi has no write callable and no file wrapper, and never calls close().
    Protocol.BRIDGE: frozenset({Feature.EXC_INFO, Feature.NO_RESPONSE_OBJECT}),
}

_RESPONSE_OBJECTS = frozenset({Protocol.WSGI, Protocol.BRIDGE})  # the others send messages


class Returns(enum.Enum):
    """The kind of object a WSGI application returns. ASGI applications send messages whatever is said here."""

    LIST = "a list"
    TUPLE = "a tuple"
    GENERATOR = "a generator, the steps up to the start of the response already done in the call"
    LAZY_GENERATOR = "a generator that does every step while it is iterated"
    ITERATOR = "an iterator with close()"
    SIZED = "an iterable with len() and close(), but no list"
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
CLOSABLE = frozenset({Returns.ITERATOR, Returns.SIZED, Returns.FILE_WRAPPER})
#: What is returned whole: where the application raises on the way, nothing of it is sent, which only ASGI does at once.
WHOLE = frozenset({Returns.LIST, Returns.TUPLE, Returns.SIZED, Returns.FILE_WRAPPER})


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
    """How the server and the client behind it behave.

    Args:
        gone_after: The client goes away once it has received that many body chunks; ``None``: it stays. ASGI's ``send``
            then raises ``OSError`` (ASGI HTTP 2.4) and ``receive`` gives ``http.disconnect``; a WSGI server stops
            iterating.
        close: When a WSGI server calls ``close()``.
        thread_hopping: A WSGI server that calls each ``next()`` and ``close()`` in a thread of its own.
    """

    gone_after: int | None = None
    close: Close = Close.AFTER
    thread_hopping: bool = False

    def needs(self) -> Iterator[Feature]:
        """The protocol features without which this behaviour is impossible."""
        if self.close is not Close.AFTER or self.thread_hopping:
            yield Feature.ITERATION


@dataclass(frozen=True, repr=False)
class Script(Described):
    """What an application does with one request.

    Args:
        steps: What it does, in order.
        returns: The kind of object it returns, where the protocol has such objects.
        after: What it does after the last body byte: in ``close()`` under WSGI, before it returns under ASGI. Done only
            when the steps ended without an exception. Needs one of the kinds with ``close()``.
        peer: How server and client behave.

    Raises:
        ValueError: ``after`` is given with a kind of response that has no ``close()``.
    """

    steps: tuple[Step, ...] = ()
    returns: Returns = Returns.GENERATOR
    after: tuple[Step, ...] = ()
    peer: Peer = Peer()

    def __post_init__(self) -> None:
        if self.after and self.returns not in CLOSABLE:
            raise ValueError(f"a script with steps after the response cannot return {self.returns.value}")

    def needs(self) -> frozenset[Feature]:
        """The protocol features without which this script is impossible."""
        needed = set(self.peer.needs())
        for step in self.steps + self.after:
            needed.update(step.needs())
        if self.after:
            needed.add(Feature.LATE_WORK)
            if self.peer.gone_after is not None:
                needed.add(Feature.CLOSE)  # only a WSGI server reaches the application's close() then
        return frozenset(needed)

    def expressible_in(self, protocol: Protocol) -> bool:
        """Return whether an application of this protocol can do all of this under a server of this protocol."""
        offered = OFFERED[protocol]
        needed = self.needs()
        if self.returns in _RETURN_NEEDS and (protocol in _RESPONSE_OBJECTS or self.returns is Returns.NOTHING):
            needed |= {_RETURN_NEEDS[self.returns]}
        return needed <= offered
