"""``_sentry.tracing``: the trace context in and out."""

from __future__ import annotations

from typing import Any

import pytest

from sentry_web._request.http import outgoing_trace
from sentry_web._request.scope import ScopeRequest
from sentry_web._sentry.tracing import (
    headers_of_trace,
    incoming_trace,
    link_to,
    sentry_trace_from_traceparent,
    trace_of_headers,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def request_with(**headers: str) -> ScopeRequest:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return ScopeRequest({"type": "http", "headers": pairs})


@pytest.mark.parametrize(
    ("traceparent", "sentry_trace"),
    [
        (f"00-{TRACE}-{SPAN}-01", f"{TRACE}-{SPAN}"),
        (f"  00-{TRACE}-{SPAN}-01 ", f"{TRACE}-{SPAN}"),
        (f"00-{TRACE}-{SPAN}-00", f"{TRACE}-{SPAN}"),  # the decision is left to us
        (f"00-{TRACE}-{SPAN}-03", f"{TRACE}-{SPAN}"),  # level 2's random flag beside the sampled one
        (f"00-{TRACE}-{SPAN}-02", f"{TRACE}-{SPAN}"),
        (f"cc-{TRACE}-{SPAN}-01", f"{TRACE}-{SPAN}"),  # 3.2.2: a version to come is read as far as it is known
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", f"{TRACE}-{SPAN}"),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),  # 3.2.2.1: invalid
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE[:-1]}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}0-01", None),
        (f"00-{TRACE}-{SPAN}-1", None),
        (f"0-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f"00-{TRACE}-{SPAN}-0x", None),
        ("zz-" + "g" * 32 + "-" + "h" * 16 + "-01", None),
        ("", None),
        ("---", None),
    ],
)
def test_a_traceparent_is_translated_or_taken_for_none(traceparent: str, sentry_trace: str | None) -> None:
    assert sentry_trace_from_traceparent(traceparent) == sentry_trace


@pytest.mark.parametrize(
    ("headers", "link"),
    [
        ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, f"{TRACE}-{SPAN}-1"),
        ({"traceparent": f"00-{TRACE}-{SPAN}-00"}, f"{TRACE}-{SPAN}"),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01", "sentry_trace": "s"}, "s"),
        ({"traceparent": "nonsense"}, None),
        ({}, None),
    ],
)
def test_a_link_has_the_callers_decision(headers: dict[str, str], link: str | None) -> None:
    assert link_to(request_with(**headers)) == link


@pytest.mark.parametrize(
    ("headers", "followed"),
    [
        ({}, {}),
        ({"sentry_trace": "s", "baggage": "b"}, {"sentry-trace": "s", "baggage": "b"}),
        ({"sentry_trace": "s", "traceparent": f"00-{TRACE}-{SPAN}-01"}, {"sentry-trace": "s"}),
        ({"sentry_trace": "", "traceparent": f"00-{TRACE}-{SPAN}-01"}, {"sentry-trace": f"{TRACE}-{SPAN}"}),
        (
            {"traceparent": f"00-{TRACE}-{SPAN}-01", "baggage": "b"},
            {"baggage": "b", "sentry-trace": f"{TRACE}-{SPAN}"},
        ),
        ({"traceparent": "nonsense"}, {}),
    ],
)
def test_sentrys_own_header_goes_before_the_w3cs(headers: dict[str, str], followed: Any) -> None:
    assert incoming_trace(request_with(**headers)) == followed


@pytest.mark.parametrize("sampled", [True, False])
def test_a_span_is_told_in_the_forms_that_are_read(sampled: bool) -> None:
    flag = int(sampled)
    assert outgoing_trace(TRACE, SPAN, sampled) == {
        "traceresponse": f"00-{TRACE}-{SPAN}-0{flag}",
        "server-timing": f'traceparent;desc="00-{TRACE}-{SPAN}-0{flag}", sentry-trace;desc="{TRACE}-{SPAN}-{flag}"',
    }


def test_a_sentry_trace_header_names_a_trace() -> None:
    for header, sampled in (("-1", True), ("-0", False), ("", None)):
        trace = trace_of_headers({"sentry-trace": "a" * 32 + "-" + "b" * 16 + header})
        assert trace is not None
        assert (trace.trace_id, trace.span_id, trace.sampled) == ("a" * 32, "b" * 16, sampled)
        assert headers_of_trace(trace) == {"sentry-trace": "a" * 32 + "-" + "b" * 16}


@pytest.mark.parametrize("header", ["", "-", "x", "a" * 32, "A" * 32 + "-" + "b" * 16, "a" * 31 + "-" + "b" * 16])
def test_a_malformed_one_names_none(header: str) -> None:
    assert trace_of_headers({"sentry-trace": header}) is None
