"""Redaction of logs and metrics in releases of sentry-sdk that complete these without a scope, such as 2.45.

There, what all of them pass through is the user's own hook. One that redacts stands before it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import sentry_sdk
from sentry_sdk import Scope

from .._core.guard import call

_HOOKS = ("before_send_log", "before_send_metric")

Hook = Callable[[Any, Any], Any]


def redacting(hook: Hook | None, telemetry: Any, hint: Any) -> Any:
    """Redact what is sent within a request, and then call the user's hook. It is not sent if that fails.

    Args:
        hook: The user's hook, if there is one.
        telemetry: A log or a metric.
        hint: What the SDK gives to hooks.
    """
    redact = getattr(sentry_sdk.get_current_scope(), "redact_telemetry", None)
    if redact is not None and not call(_done, redact, telemetry):
        return None
    return telemetry if hook is None else hook(telemetry, hint)


def _done(redact: Callable[[Any], None], telemetry: Any) -> bool:
    redact(telemetry)
    return True


def add_hooks(options: dict[str, Any]) -> None:
    """Put hooks that redact before those in a client's options, unless the SDK's scopes see all telemetry."""
    if hasattr(Scope, "apply_to_telemetry"):
        return
    experiments = options.get("_experiments") or {}
    for name in _HOOKS:
        hook = options.get(name) or experiments.get(name)
        if not isinstance(hook, partial) or hook.func is not redacting:
            options[name] = partial(redacting, hook)
