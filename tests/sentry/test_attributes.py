"""The attributes of a root span: in both of the SDK's tracing modes they are the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sentry_sdk

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import recording
from sentry_web.testing.sdk import STATIC, STREAM


def answer(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("X-Shelf", "7"), ("X-Token", "abcdef123456"), ("Content-Type", "text/plain")])
    return [b"hello"]


BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])


@BOTH_MODES
@pytest.mark.parametrize("touch", [False, True], ids=["untouched", "touched"])
def test_request_outcome_and_the_headers_that_are_asked_for(sdk: dict[str, Any], touch: bool) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        if touch:
            sentry_sdk.set_tag("shelf", "7")
        return answer(environ, start_response)

    with recording(traces_sample_rate=1.0, **sdk) as events:
        middleware = SentryWsgiMiddleware(app, capture_response_headers=["x-"])
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/books/7", "SERVER_NAME": "s", "SERVER_PORT": "80"}
        assert list(middleware(environ, lambda *_: lambda _: None)) == [b"hello"]
        (root,) = events.roots
    assert root.data["url.path"] == "/books/7"
    assert root.data["http.response.body.size"] == 5
    assert "7" in root.data["http.response.header.x-shelf"]
    assert "[Filtered]" in root.data["http.response.header.x-token"]
    assert "http.response.header.content-type" not in root.data
    assert "sentry.previous_trace" not in root.data


@BOTH_MODES
@pytest.mark.parametrize("continued", [True, False])
def test_a_trace_that_is_not_continued_is_named(continued: bool, sdk: dict[str, Any]) -> None:
    header = b"0123456789abcdef0123456789abcdef-0123456789abcdef-1"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def nothing(*_: Any) -> Any:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"sentry-trace", header)]}
    with recording(traces_sample_rate=1.0, **sdk) as events:
        asyncio.run(SentryAsgiMiddleware(app, continue_traces=continued)(scope, nothing, nothing))
        (root,) = events.roots
    assert root.data.get("sentry.previous_trace") == (None if continued else header.decode())
