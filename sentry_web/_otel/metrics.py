"""The metrics of every request, independent of sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.metrics import NoOpUpDownCounter

from .._conventions import known_version
from .._request import Outcome, Request

#: Bucket boundaries of request durations, in seconds (conventions, "Metric: http.server.request.duration").
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
#: Bucket boundaries of websocket connections, which last longer: up to a day.
CONNECTION_BUCKETS = (0.1, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 86400)
#: The attribute in which the API's proxy instrument keeps the real one, which is ``None`` until a provider is set. It
#: has no public name; an instrument without this attribute is assumed to be in use.
_BEHIND = "_real_instrument"
_SILENT = (type(None), NoOpUpDownCounter)


class Metrics:
    """The instruments of one middleware.

    Args:
        meter: The meter that creates the instruments.
    """

    __slots__ = (
        "_active",
        "_duration",
        "_request_size",
        "_response_size",
        "_connections",
        "_connection_duration",
        "_messages",
        "_bytes",
    )

    def __init__(self, meter: Any) -> None:
        counter, up_down = meter.create_counter, meter.create_up_down_counter
        self._active = up_down("http.server.active_requests", "{request}", "Number of active HTTP server requests.")
        self._duration = _histogram(
            meter, "http.server.request.duration", "s", "Duration of HTTP server requests.", DURATION_BUCKETS
        )
        self._request_size = _histogram(
            meter, "http.server.request.body.size", "By", "Size of HTTP server request bodies."
        )
        self._response_size = _histogram(
            meter, "http.server.response.body.size", "By", "Size of HTTP server response bodies."
        )
        # The conventions do not cover websockets yet
        self._connections = up_down(
            "websocket.server.active_connections", "{connection}", "Number of open websocket connections."
        )
        self._connection_duration = _histogram(
            meter, "websocket.server.connection.duration", "s", "Duration of websocket connections.", CONNECTION_BUCKETS
        )
        self._messages = counter(
            "websocket.server.messages", "{message}", "Websocket messages of connections that ended."
        )
        self._bytes = counter(
            "websocket.server.message.size", "By", "Payload of websocket messages of ended connections."
        )

    def are_silent(self) -> bool:
        """Return whether no provider receives the metrics, so that their attributes need not be computed.

        This is checked for each request, since a provider may be set at any time.
        """
        return type(getattr(self._active, _BEHIND, self._active)) in _SILENT

    def begin(self, request: Request, known: dict[str, Any]) -> None:
        """Count a request that has begun; :meth:`finish` must follow, with the same attributes.

        Args:
            request: The request.
            known: The attributes of all metrics: method and scheme.
        """
        (self._connections if request.kind == "websocket" else self._active).add(1, known)

    def finish(self, request: Request, outcome: Outcome, known: dict[str, Any], ending: dict[str, Any]) -> None:
        """Count a request that has ended.

        Args:
            request: The request.
            outcome: The outcome of the request.
            known: The attributes that were passed to :meth:`begin`.
            ending: The attributes that are known only at the end.
        """
        websocket = request.kind == "websocket"
        try:
            shared = {**ending, **known}
            version = known_version(request.http_version)
            if version is not None:
                shared["network.protocol.version"] = version
            if websocket:
                shared["network.protocol.name"] = request.kind
            (self._end_websocket if websocket else self._end_http)(request, outcome, shared)
        finally:
            (self._connections if websocket else self._active).add(-1, known)

    def _end_http(self, request: Request, outcome: Outcome, shared: dict[str, Any]) -> None:
        self._duration.record(outcome.duration or 0.0, shared)
        if request.body is not None:
            self._request_size.record(request.body.size, shared)
        if outcome.status is not None:
            self._response_size.record(outcome.body_size, shared)

    def _end_websocket(self, request: Request, outcome: Outcome, shared: dict[str, Any]) -> None:
        self._connection_duration.record(outcome.duration or 0.0, shared)
        for direction, messages, size in (
            ("receive", outcome.messages_in, outcome.bytes_in),
            ("transmit", outcome.messages_out, outcome.body_size),
        ):
            attributes = {**shared, "network.io.direction": direction}
            self._messages.add(messages, attributes)
            self._bytes.add(size, attributes)


def _histogram(meter: Any, name: str, unit: str, description: str, bounds: Sequence[float] = ()) -> Any:
    """Return a histogram, with advised bucket boundaries if the API supports them (since 1.30)."""
    if bounds:
        try:
            return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=bounds)
        except TypeError:
            pass
    return meter.create_histogram(name, unit, description)
