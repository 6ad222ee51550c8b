"""gunicorn in front of an application of these examples: ``gunicorn -c examples/deploy/gunicorn.conf.py raw_wsgi``.

The middleware needs nothing of the server's; what is here is what ends a worker well.
"""

from __future__ import annotations

wsgi_app = "raw_wsgi:application"
bind = "127.0.0.1:8000"
workers = 2
threads = 4  # a stream or a slow client holds a thread, not the worker
# Requests under way get this long at SIGTERM; sentry-sdk sends what is unsent when the worker then leaves.
graceful_timeout = 30
# Left off: the SDK's worker thread does not live on in a forked process, and is started anew with the first event.
preload_app = False
