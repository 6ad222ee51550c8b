"""Every parser of ours takes any text: no exception, and time that grows as the text does (issue 4, "fuzz").

Linearity is judged by the ratio of two sizes; a limit in seconds would be the machine's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentry_web._privacy.policy import Policy, Rule
from sentry_web._privacy.redactor import Redactor
from sentry_web._privacy.secrets import Secrets
from sentry_web._request import Request
from sentry_web._request.forwarding import Forwarding, forwarded_addresses, parse_address, parse_forwarded
from sentry_web._request.http import split_host, split_query
from sentry_web._request.parsing import parse

PLAIN = Rule()
POLICY = Policy(
    user_info=False,
    headers=PLAIN,
    query=PLAIN,
    cookies=PLAIN,
    fields=PLAIN,
    bodies=True,
    forwarding=Forwarding("*"),
)
BOUNDARY = "multipart/form-data; boundary=b"


class Given(Request):
    """A request with one header."""

    __slots__ = ("_given",)

    def __init__(self, name: str, value: str) -> None:
        super().__init__(protocol="wsgi", query=value if name == "query" else "", path=value)
        self._given = [(name, value)]

    def _read_headers(self) -> Any:
        return self._given


def secrets_of(name: str) -> Callable[[str], Any]:
    return lambda text: Redactor(Secrets(Given(name, text), POLICY).values(), repr).redact({"text": text})


#: What is parsed, each from one text.
PARSERS: dict[str, Callable[[str], Any]] = {
    "address": parse_address,
    "Forwarded": parse_forwarded,
    "Forwarded, resolved": lambda text: Forwarding("*").client_address("10.0.0.1", {"forwarded": text}.get),
    "Forwarded, host": lambda text: Forwarding("*").scheme_and_host("10.0.0.1", {"forwarded": text}.get),
    "X-Forwarded-For": lambda text: forwarded_addresses({"x-forwarded-for": text}.get),
    "X-Forwarded-For, resolved": lambda text: Forwarding(1).client_address("1.2.3.4", {"x-forwarded-for": text}.get),
    "cookies": POLICY.report_cookies,
    "query": POLICY.report_query,
    "query pairs": split_query,
    "URL": POLICY.scrub_url,
    "path": POLICY.scrub_path,
    "host": split_host,
    "multipart": lambda text: parse(BOUNDARY, text.encode("utf-8", "replace")),
    "content type": lambda text: parse(text, b"{}"),
    "form": lambda text: parse("application/x-www-form-urlencoded", text.encode("utf-8", "replace")),
    "JSON": lambda text: parse("application/json", text.encode("utf-8", "replace")),
    "secrets of Cookie": secrets_of("cookie"),
    "secrets of Authorization": secrets_of("authorization"),
    "secrets of the query": secrets_of("query"),
    "secrets of X-Forwarded-For": secrets_of("x-forwarded-for"),
}

WHATEVER = st.one_of(
    st.text(max_size=200),
    st.text('=;,&"\\[]()<>:/?#@%+. \t-a1', max_size=200),
    st.lists(
        st.sampled_from(
            [
                "for=",
                "by=",
                '"',
                "\\",
                "[::1]",
                "1.2.3.4",
                ":80",
                ";",
                ",",
                "%",
                "%zz",
                "--b",
                "\r\n",
                "name=",
                "{",
                "[",
            ]
        ),
        max_size=40,
    ).map("".join),
)


@pytest.mark.parametrize("name", PARSERS)
def test_no_text_is_too_odd(name):
    @given(WHATEVER)
    @example("")
    @example("\x00")
    @example("\ud800")
    @example("%")
    @example('--b\r\nContent-Disposition: form-data; name="a\r\n\r\n')
    def check(text: str) -> None:
        PARSERS[name](text)

    check()


@given(st.one_of(WHATEVER, st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True)))
def test_no_trace_header_is_too_odd(text):
    from sentry_web._sentry import tracing as trace

    header = trace.sentry_trace_from_traceparent(text)
    assert header is None or header[:32] == text.strip()[3:35]


#: What repeats in hostile texts.
PIECES = [
    'a="',
    "\\",
    ",",
    ";",
    "=",
    "for=",
    'for="\\"',
    "%25",
    "a=b&",
    "a=b; ",
    "//a:b@",
    "[",
    "--b\r\n",
    " ",
    ":",
    "@",
]


def seconds(function: Callable[[str], Any], text: str) -> float:
    """The least of three, of this thread's own processor time: what disturbs only adds."""
    times = []
    for _ in range(3):
        started = time.thread_time()
        function(text)
        times.append(time.thread_time() - started)
    return min(times)


def growth(function: Callable[[str], Any], piece: str) -> float:
    """How many times as long eight times the text takes; 1 where both are too short to say."""
    small = piece * (8_000 // len(piece))
    long = seconds(function, small * 8)
    return long / seconds(function, small) if long > 0.005 else 1.0


@pytest.mark.parametrize("name", PARSERS)
def test_time_is_linear(name):
    """Eight times the text takes about eight times the time; a quadratic parser would take 64 times, always."""
    for piece in PIECES:
        assert any(growth(PARSERS[name], piece) < 24 for _ in range(8)), piece


def test_a_quadratic_parser_would_be_found():
    def quadratic(text: str) -> None:
        for _ in range(len(text) // 100):
            text.count("no such text")

    assert min(growth(quadratic, "for=") for _ in range(3)) > 30


@pytest.mark.parametrize("name", PARSERS)
def test_a_megabyte_ends(name):
    for piece in PIECES[::3]:
        PARSERS[name](piece * (1_000_000 // len(piece)))
