"""A transport that keeps envelopes, and an SDK client that uses it for the duration of a ``with`` block.

This is the only module of the package that starts and stops an SDK client. It uses the public API of sentry-sdk only,
except in ``flush_at_once``.
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
from sentry_web.testing.sdk import translated

if TYPE_CHECKING:
    from sentry_sdk.envelope import Envelope

# Port 9 is "discard" (RFC 863); nothing is ever sent there, but the SDK needs a DSN to be active.
FAKE_DSN = "http://key@127.0.0.1:9/1"

# No integrations by default, and no threads of the SDK that outlive a test.
_DEFAULTS: dict[str, Any] = {
    "dsn": FAKE_DSN,
    "default_integrations": False,
    "auto_enabling_integrations": False,
    "enable_backpressure_handling": False,
    "shutdown_timeout": 0,
    "release": "testing",  # else the SDK runs git at every start
    "attach_stacktrace": False,  # sentry-sdk 3's default shows the variables of whatever runs the test
}


class RecordingTransport(Transport):
    """A transport that keeps every envelope, serialised at once, as it would have left the process."""

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        super().__init__(options)
        self.envelopes: list[bytes] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep an envelope."""
        self.envelopes.append(envelope.serialize())


def events_of(client: Any) -> Events:
    """Return the events that a client with a ``RecordingTransport`` has sent; each access flushes the client."""
    transport = client.transport  # a closed client drops its transport

    def source() -> list[bytes]:
        client.flush(timeout=0)
        return list(transport.envelopes)

    return Events(source)


def start(**init_options: Any) -> Events:
    """Initialise the SDK with a ``RecordingTransport``, like ``recording``, but without restoring it.

    Args:
        init_options: Options of ``sentry_sdk.init``, which override the defaults of this module.
    """
    options = translated({**_DEFAULTS, **init_options})
    options.setdefault("transport", RecordingTransport(options))
    sentry_sdk.init(**options)
    flush_at_once(sentry_sdk.get_client())
    return events_of(sentry_sdk.get_client())


def flush_at_once(client: Any) -> None:
    """Make ``flush()`` wait for a thread of the SDK that is sending spans.

    In stream mode the end of a segment wakes that thread, which takes the spans from the buffer and then passes them to
    the transport; in between, they are in neither. If the private ``_flush`` is missing, this does nothing.
    """
    for name in ("span_batcher", "log_batcher", "metrics_batcher"):
        batcher: Any = getattr(client, name, None)
        if callable(getattr(batcher, "_flush", None)):
            batcher._flush = _OneAtATime(batcher._flush)  # noqa: SLF001 - there is no public way to wait for it


class _OneAtATime:
    """A function that only one thread can execute at a time."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            return self._function(*args, **kwargs)


@contextmanager
def recording(**init_options: Any) -> Iterator[Events]:
    """Record what would be sent to Sentry inside the block.

    The client, the current scope and the isolation scope are new inside the block and restored after it. The SDK's
    *global* scope is not touched, since the SDK has no public way to replace it.

    Args:
        init_options: Options of ``sentry_sdk.init``. Only integrations that are passed explicitly are enabled.
            Personal data is off by default with every release. ``send_default_pii`` and ``trace_lifecycle`` are
            accepted where sentry-sdk 3 does not know them; only ``trace_lifecycle="static"`` is refused there.

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
    """Run the block with new scopes, and restore client and scopes after it; a client started inside is closed."""
    client = sentry_sdk.get_global_scope().client
    current, isolation = sentry_sdk.get_current_scope(), sentry_sdk.get_isolation_scope()
    Scope.set_current_scope(Scope(ty=ScopeType.CURRENT))
    Scope.set_isolation_scope(Scope(ty=ScopeType.ISOLATION))
    try:
        yield
    finally:
        # Set, not reset by token: a fixture may end in a different context from the one in which it began.
        started = sentry_sdk.get_global_scope().client
        if started is not client:
            started.close(timeout=0)
        sentry_sdk.get_global_scope().set_client(client)
        Scope.set_current_scope(current)
        Scope.set_isolation_scope(isolation)
