"""A check of ASGI messages: which ones an application may send, in which order and with which keys.

The tables follow the ASGI specification (HTTP & WebSocket 2.5, Lifespan 2.0); the code only looks them up. It never
raises at the application: violations are passed to ``violation``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

# Scope type → state → message type → next state. "done" may send nothing more.
_TRANSITIONS: dict[str, dict[str, dict[str, str]]] = {
    "http": {
        "initial": {"http.response.start": "started"},
        "started": {"http.response.body": "started"},
        "trailing": {"http.response.trailers": "trailing"},
        "done": {},
    },
    "websocket": {
        "initial": {
            "websocket.accept": "open",
            "websocket.close": "done",
            "websocket.http.response.start": "denying",
        },
        "open": {"websocket.send": "open", "websocket.close": "done"},
        "denying": {"websocket.http.response.body": "denying"},
        "done": {},
    },
    "lifespan": {
        "initial": {},
        "starting": {"lifespan.startup.complete": "running", "lifespan.startup.failed": "done"},
        "running": {},
        "stopping": {"lifespan.shutdown.complete": "done", "lifespan.shutdown.failed": "done"},
        "done": {},
    },
}

# The server's messages change the state, too: (scope type, state, received message type) → next state.
_RECEIVED = {
    ("lifespan", "initial", "lifespan.startup"): "starting",
    ("lifespan", "running", "lifespan.shutdown"): "stopping",
}

# Message type → key → (required, type).
_KEYS: dict[str, dict[str, tuple[bool, type]]] = {
    "http.response.start": {"status": (True, int), "headers": (False, object), "trailers": (False, bool)},
    "http.response.body": {"body": (False, bytes), "more_body": (False, bool)},
    "http.response.trailers": {"headers": (False, object), "more_trailers": (False, bool)},
    "websocket.accept": {"subprotocol": (False, object), "headers": (False, object)},
    "websocket.send": {"bytes": (False, object), "text": (False, object)},
    "websocket.close": {"code": (False, int), "reason": (False, object)},
    "websocket.http.response.start": {"status": (True, int), "headers": (False, object)},
    "websocket.http.response.body": {"body": (False, bytes), "more_body": (False, bool)},
    "lifespan.startup.complete": {},
    "lifespan.startup.failed": {"message": (False, str)},
    "lifespan.shutdown.complete": {},
    "lifespan.shutdown.failed": {"message": (False, str)},
}

# States in which an application may return: for http only after a complete response, else the server has to guess.
_FINAL = {"http": {"done"}, "websocket": {"done", "open"}, "lifespan": {"initial", "done"}}


class AsgiChecker:
    """The check of one connection.

    Args:
        scope: The connection's scope; an unknown type allows every message.
        violation: Called with a sentence for each violation.
    """

    def __init__(self, scope: Mapping[str, Any], violation: Callable[[str], None]) -> None:
        self.type: str = scope["type"]
        self.extensions = scope.get("extensions") or {}
        self.state = "initial"
        self.trailers = False
        self._violation = violation

    def sent(self, message: Any) -> None:
        """Check a message that the application has sent."""
        if self.type not in _TRANSITIONS:
            return
        kind = message.get("type") if isinstance(message, Mapping) else None
        following = _TRANSITIONS[self.type][self.state].get(str(kind))
        if following is None:
            self._violation(f"{kind!r} in state {self.state!r} of {self.type}")
            return
        self.check_keys(str(kind), message)
        self.state = self.after(str(kind), message, following)

    def received(self, message: Mapping[str, Any]) -> None:
        """Note a message that the application has received."""
        self.state = _RECEIVED.get((self.type, self.state, message["type"]), self.state)

    def returned(self) -> None:
        """Check that the application may return, which it has done without an exception."""
        if self.type in _FINAL and self.state not in _FINAL[self.type]:
            self._violation(f"returned in state {self.state!r} of {self.type}")

    def after(self, kind: str, message: Mapping[str, Any], following: str) -> str:
        """Return the state after an allowed message, which may depend on its content."""
        if kind == "http.response.start":
            self.trailers = bool(message.get("trailers"))
        elif kind == "http.response.body" and not message.get("more_body"):
            return "trailing" if self.trailers else "done"
        elif (kind == "http.response.trailers" and not message.get("more_trailers")) or (
            kind == "websocket.http.response.body" and not message.get("more_body")
        ):
            return "done"
        return following

    def check_keys(self, kind: str, message: Mapping[str, Any]) -> None:
        """Check required keys, types of values, header names, and that the server supports the extension."""
        for key, (required, expected) in _KEYS[kind].items():
            if key not in message:
                if required:
                    self._violation(f"{kind} without {key!r}")
            elif not isinstance(message[key], expected):
                self._violation(f"{kind}: {key!r} is {message[key]!r}, not {expected.__name__}")
        self.check_headers(kind, message.get("headers", ()))
        if kind == "websocket.send" and (message.get("bytes") is None) == (message.get("text") is None):
            self._violation("websocket.send needs either 'bytes' or 'text'")
        if kind.startswith("websocket.http.") and "websocket.http.response" not in self.extensions:
            self._violation(f"{kind} though the server does not offer the extension")
        if message.get("trailers") and "http.response.trailers" not in self.extensions:
            self._violation("trailers announced though the server does not offer the extension")

    def check_headers(self, kind: str, headers: Iterable[Any]) -> None:
        """Check that headers are pairs of byte strings, with names in lower case."""
        for pair in headers:
            if len(pair) != 2 or not all(isinstance(part, bytes) for part in pair):
                self._violation(f"{kind}: header {pair!r} is not a pair of bytes")
            elif pair[0] != pair[0].lower():
                self._violation(f"{kind}: header name {pair[0]!r} is not in lower case")
