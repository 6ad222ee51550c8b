"""Exceptions as span events, without the secrets of the request.

An exception's message and traceback come from the application and may contain any value of the request.
"""

from __future__ import annotations

import traceback

from .._conventions import class_name
from .._core.guard import call
from .._privacy.policy import SUBSTITUTE, Policy
from .._privacy.redactor import Redactor
from .._privacy.secrets import Secrets
from .._request import Outcome, Request
from .._request.http import header_pairs
from .attributes import encodable


class ErrorEvent:
    """An exception as it is recorded: its class, message and traceback."""

    __slots__ = ("kind", "message", "stacktrace")

    def __init__(self, kind: str, message: str, stacktrace: str) -> None:
        self.kind = kind
        self.message = message
        self.stacktrace = stacktrace

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the span event, named by the conventions for exceptions on spans."""
        return {
            "exception.type": self.kind,
            "exception.message": self.message,
            "exception.stacktrace": self.stacktrace,
        }

    @property
    def description(self) -> str:
        """The description of the span's status."""
        return f"{self.kind}: {self.message}" if self.message else self.kind


def record_error(error: BaseException, request: Request, policy: Policy, outcome: Outcome) -> ErrorEvent:
    """Return an exception as it is recorded; only its class if its text cannot be obtained.

    Args:
        error: The exception.
        request: The request, whose secrets are replaced.
        policy: The policy that decides which values are secret.
        outcome: The outcome so far, with the response headers.
    """
    return call(_record, error, request, policy, outcome) or ErrorEvent(class_name(type(error)), SUBSTITUTE, SUBSTITUTE)


def _record(error: BaseException, request: Request, policy: Policy, outcome: Outcome) -> ErrorEvent:
    message = str(error)
    stacktrace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    secrets = Secrets(request, policy, header_pairs(outcome.headers))
    message, stacktrace = Redactor.of(secrets, str).redact([message, stacktrace])
    return ErrorEvent(class_name(type(error)), encodable(message), encodable(stacktrace))
