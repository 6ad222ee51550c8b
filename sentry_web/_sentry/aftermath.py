"""Reports of a request's exceptions that something else makes, outside of its scopes or after its end.

Servers log what the application raises, and sentry-sdk makes an event of an ERROR record. That is no news: the error
was reported, or is none (a client that has gone). What is new, such as what a middleware around ours reports, is
redacted as if it were part of the request.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from sentry_sdk.scope import add_global_event_processor

from .._core.aftermath import aftermath_of, aftermath_of_chain, exchanges_left
from .._core.guard import call
from . import compat
from .events import OWN
from .redaction import RedactingProcessor, blank, blank_all

#: Loggers of servers, by the first part of their names, that log an exception's text without the exception.
_SERVERS = frozenset(("werkzeug", "_granian", "granian", "gunicorn", "uvicorn", "hypercorn", "daphne", "waitress"))

_watching = False


#: Loggers whose records repeat an error without its exception: Django's development server logs each 500, with the
#: query of the request, and granian the text of the traceback. By the module that has to be imported: the SDK compares
#: the name of each record's logger with every name that is left out.
REPEATING = {"django": "django.server", "granian": "_granian.utils"}


def prepare() -> None:
    """Leave out what servers report outside of any request."""
    for module, name in REPEATING.items():
        if module in sys.modules:
            compat.ignore_logger(name)
    if "uwsgi" in sys.modules:
        watch()


def watch() -> None:
    """Process the events of the whole process from now on; called again, this does nothing."""
    global _watching  # noqa: PLW0603 - the SDK's list of processors is one of the process, too
    if not _watching:
        _watching = True
        add_global_event_processor(process)


def process(event: Any, hint: Any) -> Any:
    """Drop or redact an event about an exception that has left a request (as an event processor of sentry-sdk).

    This fails closed: an event that cannot be examined is blanked.
    """
    if event.get("type"):
        return event  # a transaction or a check-in
    wanted = call(_examine, event, hint or {})
    if wanted is None:
        return event if call(blank, event) else None
    return event if wanted else None


def _examine(event: Any, hint: Mapping[str, Any]) -> bool:
    """Redact an event, and return whether it is to be sent."""
    exc_info = hint.get("exc_info")
    given = exc_info[1] if isinstance(exc_info, (tuple, list)) and len(exc_info) > 1 else None
    error = given if isinstance(given, BaseException) else sys.exc_info()[1]
    if error is None:
        return True
    if isinstance(given, OSError) and given.__traceback__ is None and "uwsgi" in sys.modules:
        return False  # uWSGI's own "write error", printed by the interpreter's hook: the client has gone
    left = aftermath_of_chain(error)
    if blank_all in left:  # its request was not recorded, so that nothing is known of its secrets
        return blank(event)
    # An exception object that is raised in one request after the other has left all of them
    if OWN not in hint and aftermath_of(error) and _is_repeated(event, hint, error is given):
        return False
    processors = [each for each in left if isinstance(each, RedactingProcessor)]
    return all(processor(event, hint) is not None for processor in processors)


def _is_repeated(event: Any, hint: Mapping[str, Any], given: bool) -> bool:
    """Return whether an event is a server's, or an integration's, and not one that the application wants."""
    record = hint.get("log_record")
    if record is not None:
        return given or str(getattr(record, "name", "")).partition(".")[0] in _SERVERS
    return given and is_unhandled(event)


def is_unhandled(event: Any) -> bool:
    """Return whether an event is about an exception that was only seen passing: a middleware's or an integration's."""
    exception = event.get("exception")
    values = exception.get("values") if isinstance(exception, dict) else None
    last = values[-1] if values else None
    mechanism = last.get("mechanism") if isinstance(last, dict) else None
    return isinstance(mechanism, dict) and mechanism.get("handled") is False


class LifespanProcessor:
    """An event processor that drops what the SDK's integrations report of an exception that leaves a lifespan.

    It is reported as it leaves the middleware, unless the application only refuses to have a lifespan, which the
    integrations do not know.
    """

    __slots__ = ()

    def __call__(self, event: Any, hint: Any) -> Any:
        """Drop or pass an event (as an event processor of sentry-sdk)."""
        exc_info = (hint or {}).get("exc_info")
        if exc_info is not None and is_unhandled(event) and not any(exchanges_left(exc_info[1])):
            return None
        return event
