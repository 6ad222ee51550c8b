"""The trace context in and out: ``sentry-trace`` and ``baggage``, W3C's headers. Strings in, strings out; no SDK."""

from __future__ import annotations

from .._request import Request, Trace

TRACE_HEADERS = ("sentry-trace", "baggage")
#: Each of them may name the trace that a request belongs to.
TELLS_TRACE = frozenset((*TRACE_HEADERS, "traceparent"))
_ZERO: set[str] = {"0" * 32, "0" * 16}


def incoming_trace(request: Request) -> dict[str, str]:
    """The trace headers of a request in Sentry's form: its own, else W3C's ``traceparent`` translated.

    A ``traceparent`` that is not sampled leaves the decision to us: load balancers send it for every request.
    """
    if not request.may_have(TELLS_TRACE):
        return {}
    headers = {name: value for name in TRACE_HEADERS for value in [request.header(name)] if value}
    if "sentry-trace" not in headers:
        translated = sentry_trace_from_traceparent(request.header("traceparent") or "")
        if translated is not None:
            headers["sentry-trace"] = translated
    return headers


def sentry_trace_from_traceparent(value: str) -> str | None:
    """``00-<trace>-<span>-01`` → ``<trace>-<span>-1`` (W3C Trace Context, 3.2); ``None`` for a malformed one."""
    parts = value.strip().split("-")
    if len(parts) < 4 or (parts[0] == "00" and len(parts) != 4) or parts[0] == "ff":
        return None
    lengths = [len(part) for part in parts[:4]]
    if lengths != [2, 32, 16, 2] or not all(_is_lower_hex(part) for part in parts[:4]):
        return None
    _, trace_id, span_id, flags = parts[:4]
    if trace_id in _ZERO or span_id in _ZERO:
        return None
    return f"{trace_id}-{span_id}-1" if int(flags, 16) & 1 else f"{trace_id}-{span_id}"


def trace_of_headers(headers: dict[str, str]) -> Trace | None:
    """The trace that a ``sentry-trace`` header names; ``None`` where there is none, or a malformed one."""
    trace_id, span_id, sampled = [*headers.get("sentry-trace", "").strip().split("-"), "", ""][:3]
    if (len(trace_id), len(span_id)) != (32, 16) or not _is_lower_hex(trace_id + span_id):
        return None
    return Trace(trace_id, span_id, {"1": True, "0": False}.get(sampled))


def headers_of_trace(trace: Trace) -> dict[str, str]:
    """The header that continues a trace which another output settled; each output samples for itself."""
    return {"sentry-trace": f"{trace.trace_id}-{trace.span_id}"}


def _is_lower_hex(text: str) -> bool:
    return not text.strip("0123456789abcdef")
