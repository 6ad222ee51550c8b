"""The states of a request and its one transition table. It knows nothing of protocols, roles or outputs."""

from __future__ import annotations

import enum


class State(enum.IntEnum):
    """Where a request stands."""

    OPEN = 0  # the application was called; nothing has been sent
    STARTED = 1  # a status is known
    STREAMING = 2  # a part of the body has been sent; the status can no longer change
    COMPLETE = 3  # the last body byte has been sent; background work may go on
    CLOSED = 4  # reported; nothing is recorded any more


class Input(enum.IntEnum):
    """What can happen to a request."""

    START = 0  # start_response, http.response.start, websocket.accept
    BODY = 1  # a part of the body, or a websocket message
    LAST = 2  # the end of the body, or of the websocket
    ERROR = 3  # an exception left the application, or was answered by its framework
    GONE = 4  # the client went away
    CLOSE = 5  # application code will not run again


#: Every state × every input → the next state; ``None``: the input has no effect there. Rows as ``State``, columns as
#: ``Input``. A second START before the body replaces the first (PEP 3333, ``exc_info``); what comes after the end of
#: the body is not a part of the response.
TRANSITIONS: tuple[tuple[State | None, ...], ...] = (
    # START         BODY             LAST            ERROR            GONE             CLOSE
    (State.STARTED, State.STREAMING, State.COMPLETE, State.OPEN, State.OPEN, State.CLOSED),
    (State.STARTED, State.STREAMING, State.COMPLETE, State.STARTED, State.STARTED, State.CLOSED),
    (None, State.STREAMING, State.COMPLETE, State.STREAMING, State.STREAMING, State.CLOSED),
    (None, None, None, State.COMPLETE, None, State.CLOSED),
    (None, None, None, None, None, None),
)
