"""A transport that keeps what it is given, and an SDK set up around it for the length of a ``with`` block.

The only file of this package that starts and stops an SDK client; public API of sentry-sdk only, but for one name
(``flush_at_once``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.scope import Scope, ScopeType
from sentry_sdk.transport import Transport

from sentry_web.testing.events import Events

if TYPE_CHECKING:
    from sentry_sdk.envelope import Envelope

# Port 9 is "discard" (RFC 863); nothing is ever sent there, yet the SDK wants a DSN to be active.
FAKE_DSN = "http://key@127.0.0.1:9/1"

# No integration but those asked for, and no threads of the SDK that outlive a test.
_DEFAULTS: dict[str, Any] = {
    "dsn": FAKE_DSN,
    "default_integrations": False,
    "auto_enabling_integrations": False,
    "enable_backpressure_handling": False,
    "shutdown_timeout": 0,
    "release": "testing",  # else the SDK asks git, in a process of its own, at every start
}


class RecordingTransport(Transport):
    """Keeps every envelope, serialised when it is handed over, as it would have left the process."""

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        super().__init__(options)
        self.envelopes: list[bytes] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep it."""
        self.envelopes.append(envelope.serialize())


def events_of(client: Any) -> Events:
    """What a client with a ``RecordingTransport`` has sent; looking at it makes the client flush."""
    transport = client.transport  # a closed client forgets it

    def source() -> list[bytes]:
        client.flush(timeout=0)
        return list(transport.envelopes)

    return Events(source)


def start(**init_options: Any) -> Events:
    """Initialise the SDK with a ``RecordingTransport``, as ``recording`` does, but leave it so.

    Args:
        init_options: Options of ``sentry_sdk.init``; they win over the defaults of this module.
    """
    options = {**_DEFAULTS, **init_options}
    options.setdefault("transport", RecordingTransport(options))
    sentry_sdk.init(**options)
    flush_at_once(sentry_sdk.get_client())
    return events_of(sentry_sdk.get_client())


def flush_at_once(client: Any) -> None:
    """Make ``flush()`` wait for what a thread of the SDK is sending meanwhile.

    In stream mode the end of a segment wakes that thread, which takes the spans from the buffer and then hands them to
    the transport; whoever looks in between finds them nowhere. Without the private ``_flush`` this does nothing.
    """
    for name in ("span_batcher", "log_batcher", "metrics_batcher"):
        batcher: Any = getattr(client, name, None)
        if callable(getattr(batcher, "_flush", None)):
            batcher._flush = _OneAtATime(batcher._flush)  # noqa: SLF001 - there is no public way to wait for it


class _OneAtATime:
    """A function that one thread calls at a time."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            return self._function(*args, **kwargs)


@contextmanager
def recording(**init_options: Any) -> Iterator[Events]:
    """Record what would be sent to Sentry inside the block.

    The client, and the current and the isolation scope, are new inside and the old ones after it. Data set on the SDK's
    *global* scope is not touched, since the SDK has no public way to replace that scope.

    Args:
        init_options: Options of ``sentry_sdk.init``. Integrations are off except those asked for.

    Example:
        >>> with recording() as events:
        ...     _ = sentry_sdk.capture_message("hello")
        >>> events.messages[0].message
        'hello'
    """
    with isolated():
        yield start(**init_options)


@contextmanager
def isolated() -> Iterator[None]:
    """Give the block new scopes, and put client and scopes back after it; a client started inside is closed."""
    client = sentry_sdk.get_global_scope().client
    current, isolation = sentry_sdk.get_current_scope(), sentry_sdk.get_isolation_scope()
    Scope.set_current_scope(Scope(ty=ScopeType.CURRENT))
    Scope.set_isolation_scope(Scope(ty=ScopeType.ISOLATION))
    try:
        yield
    finally:
        # Set, not reset by token: a fixture may end in another context than the one it began in.
        started = sentry_sdk.get_global_scope().client
        if started is not client:
            started.close(timeout=0)
        sentry_sdk.get_global_scope().set_client(client)
        Scope.set_current_scope(current)
        Scope.set_isolation_scope(isolation)
