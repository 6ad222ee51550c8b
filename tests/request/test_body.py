"""``_request.body``: the bounded tee over what the application reads, and what becomes of it when an event asks."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from sentry_web._request.body import KEPT_AT_MOST, KEPT_FOR_REDACTION, Body
from sentry_web.testing import (
    BRIDGE_OUTSIDE,
    DRIVERS,
    CaptureMessage,
    Driver,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=frontier"


def multipart(*parts: tuple[str, str], end: str = "--frontier--\r\n") -> bytes:
    """A body of parts, each given by its disposition's parameters and its content."""
    text = "".join(
        f"--frontier\r\nContent-Disposition: form-data; {parameters}\r\n\r\n{content}\r\n"
        for parameters, content in parts
    )
    return (text + end).encode()


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_what_is_read_is_kept_by_reference_and_counted() -> None:
    body, part = Body(100), b'{"a":'
    body.feed(part)
    body.feed(b"")
    body.feed(b" 1}")
    assert body._parts is not None
    assert body._parts[0] is part
    assert (body.size, body.over_limit, len(body._parts)) == (8, False, 2)
    assert body.parse("application/json").value == {"a": 1}


@pytest.mark.parametrize(("limit", "kept"), [(0, KEPT_FOR_REDACTION), (10**9, KEPT_AT_MOST)])
def test_no_more_is_kept_than_is_of_use(limit: int, kept: int) -> None:
    body = Body(limit)
    body.feed(b"x" * kept)
    assert body._parts is not None
    body.feed(b"y")
    assert body._parts is None
    body.feed(b"z")
    assert (body.size, body.over_limit, body._parts) == (kept + 2, True, None)
    assert body.parse("application/json").too_large


def test_a_body_over_the_limit_is_parsed_still_so_that_its_secrets_are_known() -> None:
    body = Body(10)
    body.feed(json.dumps({"password": "hunter2-secret"}).encode())
    assert body.over_limit
    assert body.parse("application/json").value == {"password": "hunter2-secret"}


def test_a_body_is_parsed_once_for_what_was_read_by_now() -> None:
    body = Body(100)
    body.feed(b"a=1")
    first = body.parse(FORM)
    assert body.parse(FORM) is first
    body.feed(b"&b=2")
    assert body.parse(FORM).value == {"a": "1", "b": "2"}


def test_nothing_read_is_nothing_understood() -> None:
    assert Body(10).parse(None).kind == "raw"


# --- WSGI's input stream ---------------------------------------------------------------------------------------------


# --- on every driver -------------------------------------------------------------------------------------------------


def errors_data(driver: Driver, request: RequestSpec, sdk: dict[str, Any] | None = None, **options: Any) -> Any:
    """What the error event of an application says that has read the whole body and then failed."""
    script = Script((ReadBody(), StartResponse(), SendChunk(), Raise()))
    with recording(**(sdk or {})) as events:
        driver.run(script, request, Wrap.ours(**options))
    (error,) = events.errors
    return error["request"].get("data")


def posted(content_type: str, *parts: bytes, **headers: str) -> RequestSpec:
    pairs = [("Content-Type", content_type)] if content_type else []
    return RequestSpec("POST", "/orders", headers=(*pairs, *headers.items()), body=parts)


every_driver = pytest.mark.parametrize("driver", DRIVERS, ids=repr)
#: A bridge below ours reads the whole body itself.
reading_drivers = pytest.mark.parametrize("driver", [item for item in DRIVERS if item is not BRIDGE_OUTSIDE], ids=repr)


@every_driver
def test_an_error_carries_the_body_with_its_secrets_replaced(driver: Driver) -> None:
    request = posted("application/json", b'{"book": 7, "pass', b'word": "hunter2-secret"}')
    assert errors_data(driver, request) == {"book": 7, "password": "[Filtered]"}


@every_driver
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "text/json", ""])
@pytest.mark.parametrize("packed", [bytes, gzip.compress, zlib.compress], ids=["plain", "gzip", "deflate"])
def test_json_is_scrubbed_whatever_it_is_called(driver: Driver, content_type: str, packed: Any) -> None:
    data = errors_data(driver, posted(content_type, packed(b'{"book": 7, "password": "hunter2-secret"}')))
    assert data == {"book": 7, "password": "[Filtered]"}


@every_driver
@pytest.mark.parametrize("content_type", ["text/plain", "application/json", ""])
def test_a_body_that_is_not_understood_is_sent_as_its_size(driver: Driver, content_type: str) -> None:
    data = errors_data(driver, posted(content_type, b"hunter2", b"-secret"))
    assert data == f"[{content_type or 'no content type'}: 14 bytes read]"


@every_driver
def test_files_are_sent_by_all_but_their_content(driver: Driver) -> None:
    data = multipart(('name="a"', "1"), ('name="f"; filename="me.txt"\r\nContent-Type: text/plain', "hunter2"))
    assert errors_data(driver, posted(MULTIPART, data)) == {"a": "1", "f": "[file me.txt, text/plain, 7 bytes]"}


@every_driver
def test_a_body_nested_too_deep_loses_its_depths_and_nothing_else(driver: Driver) -> None:
    depth = 10_000
    body = b'{"deep":' + b"[" * depth + b"]" * depth + b', "password": "hunter2-secret"}'
    data = errors_data(driver, posted("application/json", body), {"max_request_body_size": "always"})
    assert "hunter2" not in str(data)
    assert data is not None


@reading_drivers
def test_what_the_application_has_not_read_is_not_there(driver: Driver) -> None:
    script = Script((ReadBody(5), StartResponse(), SendChunk(), Raise()))
    with recording(max_request_body_size="always") as events:
        driver.run(script, posted("application/json", b'{"a":', b" 1}"), Wrap.ours())
    (error,) = events.errors
    assert error["request"]["data"] == "[application/json: 5 bytes read]"


@reading_drivers
def test_nothing_read_is_nothing_sent(driver: Driver) -> None:
    with recording() as events:
        driver.run(Script((StartResponse(), SendChunk(), Raise())), posted("application/json", b"{}"), Wrap.ours())
    assert "data" not in events.errors[0]["request"]


@every_driver
@pytest.mark.parametrize(
    ("mode", "errors", "messages", "transactions"),
    [("never", False, False, False), ("errors", True, True, False), ("always", True, True, True)],
)
def test_capture_body_says_which_events_carry_the_body(
    driver: Driver, mode: str, errors: bool, messages: bool, transactions: bool
) -> None:
    script = Script((ReadBody(), CaptureMessage("here"), StartResponse(), SendChunk(), Raise()))
    with recording(traces_sample_rate=1.0) as events:
        driver.run(script, posted("application/json", b'{"a": 1}'), Wrap.ours(capture_body=mode))
    for kind, carries in ((events.errors, errors), (events.messages, messages), (events.roots, transactions)):
        (event,) = kind
        streamed = event.kind == "span"
        body = event.data.get("http.request.body.data") if streamed else event["request"].get("data")
        assert body == (('{"a": 1}' if streamed else {"a": 1}) if carries else None)


@every_driver
@pytest.mark.parametrize("body", ["{}", "[]", "0", "false"])
def test_a_parsed_body_that_is_empty_is_sent(driver: Driver, body: str) -> None:
    script = Script((ReadBody(), StartResponse(), SendChunk()))
    with recording(traces_sample_rate=1.0) as events:
        driver.run(script, posted("application/json", body.encode()), Wrap.ours(capture_body="always"))
    (root,) = events.roots
    sent = root.data.get("http.request.body.data") if root.kind == "span" else json.dumps(root["request"].get("data"))
    assert sent == body


#: The SDK's sizes: 1 kB, 10 kB, and no limit but ours.
@every_driver
@pytest.mark.parametrize(
    ("mode", "size", "sent"),
    [
        ("never", 1, False),
        ("small", 1_000, True),
        ("small", 1_001, False),
        ("medium", 10_000, True),
        ("medium", 10_001, False),
        ("always", 100_000, True),
        ("always", KEPT_AT_MOST + 1, False),
    ],
)
def test_a_body_over_the_limit_is_removed_with_a_remark(driver: Driver, mode: str, size: int, sent: bool) -> None:
    request = posted(FORM, b"a=" + b"x" * (size - 2) if size > 2 else b"a")
    script = Script((ReadBody(), StartResponse(), SendChunk(), Raise()))
    with recording(max_request_body_size=mode, max_value_length=10**7) as events:
        driver.run(script, request, Wrap.ours())
    (error,) = events.errors
    data, remark = error["request"]["data"], ((error.get("_meta") or {}).get("request") or {}).get("data")
    if sent:
        assert len(data["a"]) == size - 2
        assert remark is None
    else:
        assert data == ""
        assert remark == {"": {"rem": [["!config", "x"]]}}


@every_driver
@pytest.mark.parametrize("length", ["0", "3", "99999999999999999999", "nonsense", "-1"])
def test_a_content_length_that_lies_harms_nobody(driver: Driver, length: str) -> None:
    """What counts is what is read. PEP 3333's application trusts the length; where it cannot, it fails by itself."""
    request = posted("application/json", b'{"a": 1}', **{"Content-Length": length})
    script = Script((ReadBody(), StartResponse(), SendChunk(), Raise()))
    with recording() as events:
        bare, ours = (driver.run(script, request, wrap) for wrap in (Wrap(), Wrap.ours()))
    assert ours == bare
    assert ours.exceptions
    (error,) = events.errors
    assert error["request"].get("data") in (None, {"a": 1}, "[application/json: 3 bytes read]")
