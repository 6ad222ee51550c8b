"""Prints what a few requests report, without ids and times: the same with and without each speedup.

Run by ``test_same.py``. ``RELABEL=1`` has sentry-sdk give itself out as its next minor release.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import sentry_sdk
import sentry_sdk.client
import sentry_sdk.consts

if os.environ.get("RELABEL"):
    major, minor, *_ = sentry_sdk.consts.VERSION.split(".")
    sentry_sdk.consts.VERSION = sentry_sdk.VERSION = f"{major}.{int(minor) + 1}.0"

from sentry_sdk.consts import DEFAULT_OPTIONS

from sentry_web.testing import (
    ASGI3,
    WSGI,
    Breadcrumb,
    CaptureMessage,
    ChildSpan,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    SetTag,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS, STATIC, STREAM

SCRIPTS = (
    Script((StartResponse(), SendChunk(b"hello"))),
    Script((SetTag("shelf", "7"), Breadcrumb("seen"), StartResponse(), ChildSpan("inside", (SendChunk(b"x"),)))),
    Script((ReadBody(), CaptureMessage("here"), StartResponse(), Raise())),
)
REQUEST = RequestSpec(
    method="POST",
    path="/books/7",
    query="page=2&token=very-secret-1",
    headers=(("cookie", "a=b; session=very-secret-2"), ("content-type", "application/json")),
    body=(b'{"password": "very-secret-3", "shelf": 7}',),
)
MODES: dict[str, dict[str, Any]] = {"errors only": {}}
for name, mode in {"transactions": HAS_TRANSACTIONS and STATIC, "stream": HAS_STREAMED_SPANS and STREAM}.items():
    if mode:
        MODES[name] = {**mode, "traces_sample_rate": 1.0, "attach_stacktrace": True}
        MODES[f"unsampled {name}"] = {**mode, "traces_sample_rate": 0.0}
        MODES[f"{name} with limits"] = {**mode, "traces_sample_rate": 1.0, "max_value_length": 20}
#: Without the variables of frames, whose addresses differ from run to run.
NO_VARIABLES: dict[str, Any] = {"include_local_variables": False}
if "include_local_variables" not in DEFAULT_OPTIONS:
    NO_VARIABLES = {"data_collection": {"user_info": False, "cookies": {"mode": "off"}, "stack_frame_variables": False}}
#: What differs from run to run, or says which release it was.
CHANGES = re.compile(
    r"_id$|^id$|\.id$|timestamp|time_to_first_byte|sample_rand|started|sent_at|^version$|^trace$|^release$|thread\.id|abs_path"
    r"|^in_app$"
)


def without_changes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_changes(item) for key, item in value.items() if not CHANGES.search(key)}
    if isinstance(value, list):
        return [without_changes(item) for item in value]
    return value


def main() -> None:
    printed: dict[str, Any] = {}
    for mode, options in MODES.items():
        for driver in (WSGI, ASGI3):
            for number, script in enumerate(SCRIPTS):
                with recording(**options, **NO_VARIABLES, release="shop@1") as events:
                    driver.run(script, REQUEST, Wrap.ours())
                    reports = [
                        {"item": item["type"], "payload": json.loads(payload)}
                        for item, payload in _items(events.envelopes)
                    ]
                # Spans and sessions are sent by threads of their own, in any order
                printed[f"{mode}, {driver!r}, {number}"] = sorted(without_changes(reports), key=json.dumps)
    print(json.dumps(printed, indent=1, sort_keys=True))


def _items(envelopes: list[bytes]) -> list[tuple[Any, bytes]]:
    found = []
    for envelope in envelopes:
        _, *lines = envelope.split(b"\n")
        while len(lines) > 1:
            header = json.loads(lines[0])
            found.append((header, lines[1]))
            lines = lines[2:]
    return found


if __name__ == "__main__":
    main()
