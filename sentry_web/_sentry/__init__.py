"""The Sentry output: the only package here that imports ``sentry_sdk``.

Read it in this order: ``recorder`` follows one request from start to finish; ``scopes`` makes the request's two scopes;
``streaming`` and ``transactions`` are the root span in the SDK's two tracing modes; ``events`` completes events;
``redaction`` replaces secrets in everything that is sent; ``settings`` reads the client's options.

All of it uses the SDK's public API. The few private names that correctness needs are in ``compat``. What only makes it
faster is in ``_speedups``, which can be switched off, or deleted, without any change in what is sent.
"""

from __future__ import annotations

from .compat import asgi_parameters
from .recorder import SentryRecorder

__all__ = ["SentryRecorder", "asgi_parameters"]
