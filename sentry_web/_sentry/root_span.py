"""The protocol of a request's root span, which each tracing mode of the SDK implements."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .._request import Name, Outcome
from ..recorder import MessageSpan


class Start(NamedTuple):
    """What a root span begins with."""

    name: Name
    #: ``http.server`` or ``websocket.server``.
    op: str
    origin: str
    method: str
    #: ``"wsgi"`` or ``"asgi"``.
    protocol: str
    #: For the user's ``traces_sampler``.
    sampling_context: dict[str, Any]
    #: The client that the request began with.
    client: Any


class RootSpan(Protocol):
    """A transaction, or a streamed segment. Its methods are called inside the request's scopes."""

    @property
    def recording(self) -> bool:
        """Whether it was sampled, so that it will be sent."""
        ...

    @property
    def name(self) -> str:
        """The name as it is now: ours, or what somebody has set since."""
        ...

    @property
    def source(self) -> str | None:
        """How the name was found, in Sentry's words."""
        ...

    def set_name(self, name: Name) -> None:
        """Set the name, and how it was found."""
        ...

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute."""
        ...

    def set_attributes(self, attributes: dict[str, Any]) -> None:
        """Set several attributes."""
        ...

    def link(self, trace: str) -> None:
        """Name the trace of the caller, as a ``sentry-trace`` header, which this span does not continue."""
        ...

    def trace_headers(self) -> dict[str, str]:
        """Return the span's identity as response headers."""
        ...

    def message_span(self, op: str) -> MessageSpan:
        """Start a child span that becomes the parent of nothing else."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Set the status, and end the span at the time of the last body byte."""
        ...
