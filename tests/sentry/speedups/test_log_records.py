"""The same loggers make breadcrumbs, logs and events as with the SDK alone."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk.integrations import logging as sdk

from sentry_web._sentry import _speedups
from sentry_web._sentry._speedups import log_records as fast

names = st.sampled_from(["a", "a.b", "a.b.c", "A", " a ", "b", "urllib3.connectionpool", "x[1]", ""])
patterns = st.sampled_from(["a", "a.*", "*", "b", "[ab]", "x[1]"])
#: Leave a pattern out, or no longer; or have a record of a logger.
steps = st.lists(st.tuples(st.sampled_from(["add", "discard", "record", "record"]), names, patterns), max_size=12)


@pytest.fixture(autouse=True, scope="module")
def _kept() -> None:
    _speedups.install()
    assert fast.probe()


def record_of(name: Any, **extra: Any) -> logging.LogRecord:
    record = logging.LogRecord(name, logging.INFO, "path", 1, "message", (), None)
    vars(record).update(extra)
    return record


@given(steps, st.integers(0, 7))
def test_the_same_loggers_are_left_out(steps: Any, number: int) -> None:
    kind = fast._handlers()[number % len(fast._handlers())]
    remembered, decide = fast.remembering(fast._methods[kind]), fast._methods[kind]
    handler = sdk.BreadcrumbHandler()
    sets: list[set[str]] = [getattr(sdk, name) for name in fast._IGNORED]
    before = [set(each) for each in sets]
    try:
        for act, name, pattern in steps:
            for each in sets:
                if act != "record":
                    getattr(each, act)(pattern)
            assert remembered(handler, record_of(name)) == decide(handler, record_of(name))
    finally:
        for each, former in zip(sets, before, strict=True):
            each.clear()
            each.update(former)


def test_no_more_than_some_loggers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    remembered = fast.remembering(lambda handler, record: not asked.append(record.name))
    monkeypatch.setattr(fast, "_MOST", 1)
    for name in ("a", "b", "a", "b"):
        assert remembered(None, record_of(name))
    assert asked == ["a", "b", "b"]


class Name(str):
    """A name of a class of its own, which may compare as it likes."""

    __slots__ = ()


def test_a_name_that_is_no_plain_text_is_not_remembered() -> None:
    asked: list[str] = []
    remembered = fast.remembering(lambda handler, record: not asked.append(record.name))
    for _ in range(2):
        assert remembered(None, record_of(Name("a")))
    assert asked == ["a", "a"]


@given(
    st.dictionaries(st.sampled_from(["order", "_private", "tags", "message", "taskName"]), st.integers(), max_size=4)
)
def test_additional_attributes_are_those_of_the_sdk(extra: dict[str, int]) -> None:
    handler = sdk.BreadcrumbHandler()
    ours = fast.extra_from_record(handler, record_of("a", **extra))
    assert list(ours.items()) == list(fast._sdk_extra(handler, record_of("a", **extra)).items())


def test_it_is_in_use() -> None:
    assert vars(sdk._BaseHandler)["_extra_from_record"] is fast.extra_from_record
    assert {kind._can_record.__qualname__ for kind in fast._handlers()} == {"remembering.<locals>.can_record"}


def test_the_probe_sees_a_release_that_decides_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(range(1000))
    for kind in fast._handlers():
        monkeypatch.setitem(fast._methods, kind, lambda handler, record: next(answers))
    assert not fast.probe()


def test_the_probe_sees_a_release_with_other_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_sdk_extra", lambda handler, record: {"level": record.levelno})
    assert not fast.probe()
