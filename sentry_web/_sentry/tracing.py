"""Incoming and outgoing trace headers: Sentry's and W3C's. Functions of strings, without the SDK."""

from __future__ import annotations

from .._request import Request, Trace

TRACE_HEADERS = ("sentry-trace", "baggage")
#: The headers of which each may identify the trace of a request.
TELLS_TRACE = frozenset((*TRACE_HEADERS, "traceparent"))
_ZERO: set[str] = {"0" * 32, "0" * 16}


def incoming_trace(request: Request) -> dict[str, str]:
    """Return the trace headers of a request in Sentry's format: Sentry's own, or else a translated ``traceparent``.

    A ``traceparent`` leaves the sampling decision open, whatever its flag says: load balancers and service meshes send
    one with every request, and it is the user's own rate that counts.
    """
    if not request.may_have(TELLS_TRACE):
        return {}
    headers = {name: value for name in TRACE_HEADERS for value in [request.header(name)] if value}
    if "sentry-trace" not in headers:
        translated = sentry_trace_from_traceparent(request.header("traceparent") or "")
        if translated is not None:
            headers["sentry-trace"] = translated
    return headers


def link_to(request: Request) -> str | None:
    """Return the incoming trace in Sentry's format, with the decision of whoever sent it; it is not continued."""
    own = request.header("sentry-trace")
    return own or sentry_trace_from_traceparent(request.header("traceparent") or "", decided=True)


def sentry_trace_from_traceparent(value: str, decided: bool = False) -> str | None:
    """Translate a ``traceparent`` header to ``sentry-trace``; return ``None`` if it is malformed.

    ``00-<trace>-<span>-01`` becomes ``<trace>-<span>`` (W3C Trace Context, 3.2).

    Args:
        value: The header.
        decided: Whether to add ``-1`` where the header says that the caller has sampled the trace.
    """
    parts = value.strip().split("-")
    if len(parts) < 4 or (parts[0] == "00" and len(parts) != 4) or parts[0] == "ff":
        return None
    lengths = [len(part) for part in parts[:4]]
    if lengths != [2, 32, 16, 2] or not all(_is_lower_hex(part) for part in parts[:4]):
        return None
    trace_id, span_id = parts[1:3]
    if trace_id in _ZERO or span_id in _ZERO:
        return None
    return f"{trace_id}-{span_id}-1" if decided and int(parts[3], 16) & 1 else f"{trace_id}-{span_id}"


def trace_of_headers(headers: dict[str, str]) -> Trace | None:
    """Return the trace of a ``sentry-trace`` header, or ``None`` if it is missing or malformed."""
    trace_id, span_id, sampled = [*headers.get("sentry-trace", "").strip().split("-"), "", ""][:3]
    if (len(trace_id), len(span_id)) != (32, 16) or not _is_lower_hex(trace_id + span_id):
        return None
    return Trace(trace_id, span_id, {"1": True, "0": False}.get(sampled))


def headers_of_trace(trace: Trace) -> dict[str, str]:
    """Return the header that continues a trace chosen by another output; each output samples independently."""
    return {"sentry-trace": f"{trace.trace_id}-{trace.span_id}"}


def _is_lower_hex(text: str) -> bool:
    return not text.strip("0123456789abcdef")
