"""A request that could not be looked at: nothing of it is recorded, and nothing is sent that may hold its secrets."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from ..recorder import MessageSpan, Recording
from . import context
from .guard import call


class UnknownRequest(NamedTuple):
    """A request of which only the kind is known."""

    #: The type of the ASGI scope.
    kind: str


class ClosedExchange:
    """What stands in for an exchange that could not be opened.

    Args:
        recordings: What the outputs have to enter around application code.
        kind: The type of the ASGI scope.
    """

    __slots__ = ("aftermath", "outcome", "request", "_recordings")

    def __init__(self, recordings: Sequence[Recording], kind: str = "http") -> None:
        self.request = UnknownRequest(kind)
        # For the adapters, which may mark it as faulty; nobody reads it. No ``Outcome``: that may be what has failed
        self.outcome: Any = SimpleNamespace(faulty=False)
        self._recordings = recordings
        #: What the recordings leave for an exception that has left the application: see ``aftermath``.
        self.aftermath: tuple[Any, ...] = ()

    @property
    def extra_headers(self) -> list[tuple[str, str]]:
        """No headers."""
        return []

    traces_messages = adds_headers = open = False

    def enter(self) -> Any:
        """Enter what the outputs have; see :class:`Exchange`."""
        return context.enter_all(self._recordings)

    def leave(self, entered: Any) -> None:
        """Leave what was entered."""
        if entered is not None:
            context.leave_all(entered)

    def message_begins(self, what: str) -> list[MessageSpan]:
        """Return no spans."""
        return []

    def _unseen(self, *_: Any) -> None:
        """Do nothing."""

    def failed(self, error: BaseException) -> None:
        """Note that an exception leaves the application: its server may report it."""
        self.refused()

    def refused(self) -> None:
        """See :class:`Exchange`."""
        left = [call(getattr, recording, "aftermath") for recording in self._recordings]
        self.aftermath = tuple(each for each in left if each is not None)

    def flush(self) -> None:
        """Send what is waiting; see :class:`Exchange`."""
        for recording in self._recordings:
            call(recording.flush)

    announce = handled = close = closed_by_server = abandoned = _unseen
    body_read = body_sent = body_ending = body_ended = body_handed_over = body_is_whole = _unseen
    response_starting = response_started = client_gone = _unseen
    message_sent = message_received = websocket_closed = websocket_refused = _unseen
