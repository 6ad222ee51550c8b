from __future__ import annotations

import dataclasses

from sentry_web.testing import Call, ExceptionFacts, Transcript, TranscriptWriter

FACTS = ExceptionFacts("call", "KeyError('x',)", True, ("[cause=None]",), 3)
FULL = Transcript(
    status=200,
    body=b"x",
    calls=(Call("server", "chunk", (b"x",)), Call("app", "close")),
    exceptions=(FACTS,),
    violations=("sent twice",),
)


def test_equal_transcripts_have_no_difference() -> None:
    assert dataclasses.replace(FULL) == FULL
    assert FULL.diff(FULL) == ""
    assert FULL.differing(FULL) == ()


def test_a_difference_reads_well() -> None:
    other = Transcript(status=500, body=b"x", calls=FULL.calls[:1], exceptions=(FACTS,), violations=("sent twice",))
    assert FULL.differing(other) == ("status", "calls")
    lines = FULL.diff(other).splitlines()
    assert {"-status = 200", "+status = 500", "-calls[1] app: close()"} <= set(lines)
    assert FULL.diff(other, ignore=("status", "calls")) == ""
    assert "status" not in FULL.diff(other, ignore=("status",))


def test_long_values_are_cut_but_stay_apart() -> None:
    a, b = Transcript(body=b"a" * 1000 + b"x" + b"a" * 1000), Transcript(body=b"a" * 2001)
    assert all(len(line) < 400 for line in a.lines())
    assert "+body" in a.diff(b)


def test_str_and_counts() -> None:
    assert FULL.closed == FULL.count("server", "chunk") == 1
    text = str(FULL)
    assert "calls[0] server: chunk(b'x')" in text
    assert "exceptions[0] KeyError('x',) out of call, own=True, depth=3, chain: [cause=None]" in text
    assert "violations[0] sent twice" in text


def test_a_cycle_of_exceptions_ends() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    recorder = TranscriptWriter()
    recorder.exception("call", first, frozenset())
    recorder.raised.append(second)
    recorder.exception("close", first, frozenset())
    assert [len(facts.chain) for facts in recorder.exceptions] == [10, 10]
    assert [facts.own for facts in recorder.exceptions] == [None, False]
