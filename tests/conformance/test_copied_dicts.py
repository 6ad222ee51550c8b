"""What we put into the server's dict, applications copy, deep-copy, pickle and print with it, on every request.

hypercorn's ProxyFixMiddleware deep-copies each scope; others serialise it for their log, or hand it to a process pool.
"""

from __future__ import annotations

import copy
import io
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._core.entry import MARKERS
from sentry_web.testing import (
    ASGI3,
    WSGI,
    CaptureMessage,
    Raise,
    ReadBody,
    RequestSpec,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.strategies import scripts

from .properties import ONCE, altered

DRIVERS = pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
JSON = (("Content-Type", "application/json"),)
REQUEST = RequestSpec(method="POST", path="/orders", headers=JSON, body=(b'{"password": "hunter2-17"}',))
FAILS = Script((ReadBody(), StartResponse(), SendChunk(b"x"), CaptureMessage("m"), Raise()))


def pickled(mapping: Any) -> Any:
    """Send the dict through a pickle, as to another process."""
    return pickle.loads(pickle.dumps(mapping))


def printed(mapping: Any) -> Any:
    """Print the dict in several ways, and go on with it."""
    assert repr(mapping)
    assert str(mapping)
    assert json.loads(json.dumps(mapping, default=str))
    assert json.loads(json.dumps(mapping, default=repr))
    return mapping


def rewritten(mapping: Any) -> Any:
    """Mount the application elsewhere, in a new dict."""
    return {**mapping, "root_path": "", "SCRIPT_NAME": ""}


WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "dict": dict,
    "deepcopy": copy.deepcopy,
    "deepcopy twice": lambda mapping: copy.deepcopy(copy.deepcopy(mapping)),
    "pickle": pickled,
    "printed": printed,
    "rewritten": rewritten,
    "each value copied": lambda mapping: {key: copy.copy(value) for key, value in mapping.items()},
}


def passing(change: Callable[[Any], Any]) -> Wrap:
    """A middleware that hands on a changed dict."""

    def wsgi(app: Any) -> Any:
        return lambda environ, start_response: app(change(environ), start_response)

    def asgi(app: Any) -> Any:
        return lambda scope, *channels: app(change(scope), *channels)

    return Wrap(wsgi, asgi)


def with_plain_values(mapping: Any) -> None:
    """Streams that can be copied and pickled, as servers' own seldom can."""
    if "wsgi.input" in mapping:
        mapping["wsgi.input"] = io.BytesIO(REQUEST.content)
        mapping["wsgi.errors"] = None


def given_arguments(mapping: Any) -> Any:
    mapping.pop("wsgi.file_wrapper", None)
    return mapping


@DRIVERS
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("twice", [False, True])
def test_copied_dicts_are_of_the_same_request(driver: Any, way: str, twice: bool) -> None:
    inner = passing(WAYS[way])
    if twice and way == "pickle":
        inner = passing(given_arguments)  # in another process nothing of ours is outside
    wrap = ONCE.around(inner.around(ONCE)) if twice else ONCE.around(inner)
    with altered(with_plain_values), recording(traces_sample_rate=1.0):
        expected = driver.run(FAILS, REQUEST, inner)
    with altered(with_plain_values), recording(traces_sample_rate=1.0) as events:
        actual = driver.run(FAILS, REQUEST, wrap)
        assert expected == actual
        assert (len(events.roots), len(events.errors), len(events.messages)) == (1, 1, 1)
        if way != "pickle" or driver is ASGI3:  # a stream that comes out of a pickle is not the request's any more
            assert b"hunter2-17" not in events.all_bytes
            assert events.errors[0]["request"]["data"] == {"password": "[Filtered]"}


@DRIVERS
def test_copied_dicts_hold_the_same_exchange_and_pickles_none(driver: Any) -> None:
    seen: list[Any] = []

    def look(mapping: Any) -> Any:
        (key,) = set(MARKERS.values()) & mapping.keys()
        marker = mapping[key]
        seen.append(copy.deepcopy(mapping)[key] is copy.copy(marker) is marker)
        seen.append(pickle.loads(pickle.dumps(marker)))
        seen.append(repr(marker))
        return mapping

    with altered(with_plain_values), recording():
        driver.run(FAILS, REQUEST, ONCE.around(passing(look)))
    assert seen == [True, None, "<Exchange OPEN>"]


@DRIVERS
def test_copied_dicts_of_any_application(driver: Any) -> None:
    @given(script=scripts(protocols=[driver.protocol]), way=st.sampled_from([way for way in WAYS if way != "pickle"]))
    def check(script: Script, way: str) -> None:
        inner = passing(WAYS[way])
        with altered(with_plain_values), recording(traces_sample_rate=1.0):
            expected = driver.run(script, REQUEST, inner)
        with altered(with_plain_values), recording(traces_sample_rate=1.0):
            assert expected == driver.run(script, REQUEST, ONCE.around(inner))

    check()
