"""Attributes that the application adds to the metrics of a request by OpenTelemetry's labeler.

``opentelemetry.instrumentation._labeler`` is not part of the API package; it is used where the application has imported
it. A labeler is put into the context of each request, so that tasks and threads of the request find the same one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api

if TYPE_CHECKING:
    from opentelemetry.context import Context

_MODULE = "opentelemetry.instrumentation._labeler"


def context_with_labeler(context: Context) -> Context:
    """Return a context with an empty labeler, or the same context if the application has not imported the module."""
    module: Any = sys.modules.get(_MODULE)
    if module is None:
        return context
    former = context_api.get_current()
    try:
        try:
            context_api.attach(context)
            module.set_labeler(module.Labeler())
            return context_api.get_current()
        finally:
            context_api.attach(former)
    except BaseException:
        context_api.attach(former)  # again: a signal handler may have interrupted the first time
        raise


def labels_of_context() -> Mapping[str, Any]:
    """Return the attributes of the labeler in the current context."""
    module: Any = sys.modules.get(_MODULE)
    return {} if module is None else module.get_labeler_attributes()
