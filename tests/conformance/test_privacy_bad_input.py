"""Bad input of issue 4: bodies, cookies and lengths as broken or hostile clients send them.

No exception reaches the server, the application sees what it would see without us, the event is sent, and says what was
left out.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sentry_web.testing import (
    ASGI3,
    WSGI,
    CaptureMessage,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    StartResponse,
    Wrap,
    recording,
)

READS = Script((ReadBody(), CaptureMessage("here"), StartResponse(200), Raise()))
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=b")


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def part(name: str, content: str = "x") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{content}\r\n'


#: Content type, body, and what the event says in place of the body; ``...``: whatever it is.
BODIES: dict[str, tuple[tuple[str, str], bytes, Any]] = {
    "malformed JSON": (JSON, b'{"a": ', "[application/json: 6 bytes read]"),
    "JSON of another charset": (JSON, '{"ä": 1}'.encode("latin-1"), {"ä": 1}),
    "JSON in UTF-16": (JSON, '{"a": 1}'.encode("utf-16"), {"a": 1}),
    "JSON with a lone surrogate": (JSON, b'{"password": "\\ud800-abcdef", "b": "\\udc00"}', ...),
    "JSON with NUL": (JSON, b'{"a": "\\u0000", "b": 1}', ...),
    "JSON with raw NUL": (JSON, b'{"a": "\x00"}', "[application/json: 10 bytes read]"),
    "JSON with duplicate keys": (JSON, b'{"a": 1, "a": 2}', {"a": [1, 2]}),
    "JSON with NaN": (JSON, b'{"a": NaN, "b": Infinity}', ...),
    "JSON with a huge number": (JSON, b'{"a": 1' + b"0" * 5000 + b"}", ...),
    "JSON nested 10,000 deep": (JSON, deep(10_000), ...),
    "a form of 10,000 fields": (FORM, b"&".join(b"f%d=1" % n for n in range(10_000)), ...),
    "a form with duplicate keys": (FORM, b"a=1&a=2", {"a": ["1", "2"]}),
    "a form with NUL": (FORM, b"a=%00&b=\x00", ...),
    "a form of another charset": (FORM, b"a=%e4&b=\xe4", ...),
    "multipart of 10,000 parts": (MULTIPART, "".join(map(part, map(str, range(10_000)))).encode() + b"--b--", ...),
    "multipart without a boundary": (("Content-Type", "multipart/form-data"), part("a").encode(), ...),
    "multipart cut off": (MULTIPART, part("a").encode()[:-5], ...),
    "multipart with another boundary": (MULTIPART, b"--c\r\n\r\n--c--", ...),
    "multipart with an odd name": (MULTIPART, (part('a"; filename="') + part("\x00")).encode() + b"--b--", ...),
    "no content type": (("X-None", "1"), b"abc", "[no content type: 3 bytes read]"),
    "an odd content type": (("Content-Type", "a/b/c; ;=;charset"), b"abc", ...),
}


def told(driver: Any, request: RequestSpec, **options: Any) -> Any:
    """What was reported, the same seen from the server as without us."""
    expected = driver.run(READS, request)
    with recording(traces_sample_rate=1.0, max_request_body_size="always", **options) as events:
        assert driver.run(READS, request, Wrap.ours(capture_body="always")) == expected
    (error,), (message,) = events.errors, events.messages
    assert error.exception == ("RuntimeError", "boom")
    assert message["request"]["url"] == "http://shop.example/"
    return message


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_bodies(driver, name):
    content_type, body, expected = BODIES[name]
    message = told(driver, RequestSpec(method="POST", headers=(content_type,), body=(body,)))
    assert "data" in message["request"]  # or a word on why it is not there
    if expected is not ...:
        assert message["request"]["data"] == expected


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_a_body_over_the_limit_is_removed_with_a_remark(driver):
    body = json.dumps({"a": "x" * 2_000}).encode()
    with recording(max_request_body_size="small") as events:
        driver.run(READS, RequestSpec(method="POST", headers=(JSON,), body=(body,)), Wrap.ours())
    error = events.errors[0]
    assert error["request"]["data"] == ""
    assert error["_meta"]["request"]["data"][""]["rem"] == [["!config", "x"]]


LENGTHS = ["0", "1", "999999", "-5", "", "many", "²", "1, 1", " 3 "]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_lying_lengths(driver, length):
    """The script reads by the length, as WSGI applications do; what it makes of a bad one is the same with us."""
    request = RequestSpec(method="POST", headers=(JSON, ("Content-Length", length)), body=(b"[1]",))
    expected = driver.run(READS, request)
    with recording(traces_sample_rate=1.0) as events:
        assert driver.run(READS, request, Wrap.ours()) == expected
    assert len(events.errors) == 1


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_chunked(driver):
    request = RequestSpec(method="POST", headers=(JSON, ("Transfer-Encoding", "chunked")), body=(b"[1", b"]"))
    expected = driver.run(READS, request)
    with recording() as events:
        assert driver.run(READS, request, Wrap.ours()) == expected
    assert len(events.errors) == 1


@pytest.mark.parametrize(
    "cookie",
    [
        "a=" + "x" * 10_000_000,
        "; ".join(f"c{n}=value-{n}" for n in range(10_000)),
        "=;;a;b=;\x80",
        'a="\\',
        "\x00=\x00",
    ],
    ids=["10 MB", "10,000 cookies", "odd", "quoted", "NUL"],
)
@pytest.mark.parametrize("options", [{}, {"data_collection": {"cookies": {"mode": "denylist"}}}], ids=["off", "on"])
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_cookies(driver, cookie, options):
    assert told(driver, RequestSpec(headers=(("Cookie", cookie),)), **options)["request"]["headers"]
