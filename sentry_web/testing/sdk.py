"""The span modes and the options of the installed sentry-sdk: what the kit must know of one release alone is here.

sentry-sdk 2 sends transactions, or streamed spans with ``trace_lifecycle="stream"``; 3.x has streamed spans only, and
no such option. Everything is asked for by feature, never by version.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS

#: Whether this sentry-sdk knows transactions.
HAS_TRANSACTIONS = find_spec("sentry_sdk.tracing") is not None
#: Whether this sentry-sdk can send each span by itself.
HAS_STREAMED_SPANS = find_spec("sentry_sdk.traces") is not None

#: The options of ``sentry_sdk.init`` by which each mode is chosen, for ``recording`` and all that is built on it.
STATIC: dict[str, Any] = {"trace_lifecycle": "static"}
STREAM: dict[str, Any] = {"trace_lifecycle": "stream"}

#: ``send_default_pii`` of sentry-sdk 2 as the ``data_collection`` of sentry-sdk 3, which has no other option.
_PERSONAL_DATA: dict[bool, dict[str, Any]] = {True: {}, False: {"user_info": False, "cookies": {"mode": "off"}}}


def translated(options: dict[str, Any]) -> dict[str, Any]:
    """Return options of ``sentry_sdk.init`` in the terms of the installed sentry-sdk.

    ``send_default_pii``, off by default, becomes ``data_collection`` where there is nothing else. ``trace_lifecycle``
    is left out where it names the only mode that there is, and ``enable_logs=True`` where they are always on.

    Args:
        options: The options.

    Raises:
        TypeError: If the release has no transactions, and they are asked for; sentry-sdk 3 would only log that.
            ``sentry_sdk.init`` itself refuses streamed spans where it has none.
    """
    options = dict(options)
    if not HAS_TRANSACTIONS and STATIC.items() <= options.items():
        raise TypeError("Unknown option 'trace_lifecycle': this sentry-sdk has streamed spans only")
    if "send_default_pii" not in DEFAULT_OPTIONS:
        personal = bool(options.pop("send_default_pii", False))
        options.setdefault("data_collection", _PERSONAL_DATA[personal])
    if "enable_logs" not in DEFAULT_OPTIONS and options.get("enable_logs"):
        del options["enable_logs"]  # 3.x always sends them
    only_mode = STATIC if HAS_TRANSACTIONS else STREAM
    if "trace_lifecycle" not in DEFAULT_OPTIONS and only_mode.items() <= options.items():
        del options["trace_lifecycle"]
    return options


def is_streaming() -> bool:
    """Return whether the current client sends streamed spans, and not transactions."""
    if not (HAS_TRANSACTIONS and HAS_STREAMED_SPANS):
        return HAS_STREAMED_SPANS
    return bool(sentry_sdk.get_client().options.get("trace_lifecycle") == "stream")


def start_root(name: str, op: str = "function", source: str = "custom") -> Any:
    """Start a root span in the span mode of the current client.

    Args:
        name: The name of the span.
        op: Its operation.
        source: What the name is made of.

    Returns:
        The transaction or the streamed span, which is a context manager.
    """
    if not is_streaming():
        return sentry_sdk.start_transaction(name=name, op=op, source=source)
    from sentry_sdk import traces  # releases without this module do not have the mode

    attributes: dict[str, Any] = {"sentry.op": op, "sentry.segment.name.source": source}
    return traces.start_span(name=name, attributes=attributes, parent_span=None)
