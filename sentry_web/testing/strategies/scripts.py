"""Strategies for application scripts, websocket and lifespan scripts. This module knows nothing of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import lru_cache

from hypothesis import strategies as st

from sentry_web.testing.connections import (
    Accept,
    CloseSocket,
    Deny,
    LifespanScript,
    Receive,
    Send,
    WsScript,
)
from sentry_web.testing.script import CLOSABLE, WHOLE, Close, Peer, Protocol, Returns, Script
from sentry_web.testing.steps import (
    READING_WAYS,
    Act,
    Breadcrumb,
    Cancel,
    CaptureMany,
    CaptureMessage,
    ChildSpan,
    ClientDisconnect,
    Log,
    Raise,
    ReadBody,
    ReadVariable,
    RestartWithExcInfo,
    SendChunk,
    SetTag,
    SetVariable,
    Sleep,
    SpawnTask,
    SpawnThread,
    StartResponse,
    Step,
    StopReading,
    Translate,
    WebSocketDisconnect,
)

EVERY_PROTOCOL: tuple[Protocol, ...] = tuple(Protocol)

_WORDS = st.sampled_from(["a", "b", "order", "42", "Zoë", "🜚"])

# Cached, since Hypothesis prepares a strategy at its first draw, which would dominate if each draw made a new one.
_once = lru_cache(maxsize=None)

_ERRORS: tuple[type[BaseException], ...] = (RuntimeError, ValueError, KeyError, AttributeError, OSError)
_ODD_ERRORS: tuple[type[BaseException], ...] = (
    *_ERRORS,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    StopIteration,  # a signal to gunicorn
    ConnectionError,  # a signal to werkzeug
    ClientDisconnect,
)


@_once
def acts() -> st.SearchStrategy[Act]:
    """Return steps that touch neither request nor response."""
    return st.one_of(
        st.builds(SetTag, st.sampled_from(["t1", "t2"]), _WORDS),
        st.builds(Log, _WORDS),
        st.builds(Breadcrumb, _WORDS),
        st.builds(CaptureMessage, _WORDS),
        st.builds(SetVariable, st.sampled_from(["v1", "v2"]), _WORDS),
        st.builds(ReadVariable, st.sampled_from(["v1", "v2"])),
    )


@_once
def raises(kinds: tuple[type[BaseException], ...] = _ERRORS) -> st.SearchStrategy[Raise]:
    """Return exceptions with every kind of chain."""
    linked = st.sampled_from([None, ValueError, KeyError])
    return st.builds(
        Raise,
        kind=st.sampled_from(kinds),
        cause=linked,
        context=linked,
        suppress=st.sampled_from([None, True, False]),
    )


@_once
def _quiet() -> st.SearchStrategy[Step]:
    """Return steps that do not touch the response."""
    return st.one_of(
        acts(),
        st.builds(ReadBody, st.sampled_from([-1, 1, 5]), st.sampled_from(READING_WAYS)),
        st.just(StopReading()),
        st.just(Sleep(0.0)),
        st.builds(SpawnThread, st.lists(acts(), max_size=2).map(tuple)),
    )


@_once
def _within(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    """Return the same steps, some of them inside a span."""
    return st.one_of(inner, st.builds(ChildSpan, _WORDS, st.lists(inner, max_size=2).map(tuple)))


@_once
def _translated(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    """Return the same steps, some of them below a framework that raises exceptions of its own."""
    kinds = st.sampled_from([RuntimeError, OSError, ClientDisconnect, WebSocketDisconnect])
    several = st.lists(inner, max_size=2).map(tuple)
    return st.one_of(inner, st.builds(Translate, several, kinds, st.booleans()))


@_once
def _chunks() -> st.SearchStrategy[Step]:
    return st.builds(SendChunk, st.sampled_from([b"", b"x", b"chunk"]))


@_once
def _starts() -> st.SearchStrategy[StartResponse]:
    headers = st.sampled_from([(), (("X-A", "1"),), (("Set-Cookie", "a=b"), ("Set-Cookie", "c=d"))])
    typed = headers.map(lambda others: (("Content-Type", "text/plain"), *others))
    return st.builds(StartResponse, status=st.sampled_from([200, 201, 302, 404, 500, 503]), headers=typed)


@_once
def _many(steps: st.SearchStrategy[Step], most: int) -> st.SearchStrategy[list[Step]]:
    return st.lists(steps, max_size=most)


@_once
def _either(*strategies: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    """Return one of the strategies with equal probability, whereas ``one_of`` weighs them by their alternatives."""
    return st.integers(0, len(strategies) - 1).flatmap(strategies.__getitem__)


@_once
def _kinds(protocols: tuple[Protocol, ...]) -> st.SearchStrategy[Returns]:
    return st.sampled_from([kind for kind in Returns if _in_all(Script(returns=kind), protocols)])


def _breaks_in_the_midst(steps: list[Step]) -> bool:
    """Return whether the application raises after it has sent a part of the response."""
    sends = False
    for step in steps:
        if isinstance(step, Raise):
            return sends
        sends = sends or isinstance(step, SendChunk) or (isinstance(step, ChildSpan) and _sends(step))
    return False


def _sends(span: ChildSpan) -> bool:
    return any(isinstance(step, SendChunk) for step in span.steps)


def _is_response(returns: Returns) -> bool:
    return returns is not Returns.NOTHING  # PEP 3333: an application must return an iterable


@_once
def _peers(protocol: Protocol) -> st.SearchStrategy[Peer]:
    gone_after = st.sampled_from([None, None, 0, 1, 2])
    leaves = st.booleans() if Script(peer=Peer(leaves_amid_body=True)).expressible_in(protocol) else st.just(False)
    if Script(peer=Peer(thread_hopping=True)).expressible_in(protocol):
        return st.builds(Peer, gone_after, st.sampled_from(list(Close)), st.booleans(), st.booleans(), leaves)
    return st.builds(Peer, gone_after, leaves_amid_body=leaves)


def _in_all(script: Script, protocols: tuple[Protocol, ...]) -> bool:
    return all(script.expressible_in(protocol) for protocol in protocols)


@st.composite
def scripts(draw: st.DrawFn, protocols: Iterable[Protocol] = EVERY_PROTOCOL, raising: bool = True) -> Script:
    """Return scripts that are valid, and have the same meaning, in several protocols.

    Args:
        draw: Passed by Hypothesis.
        protocols: The protocols that must be able to express the script.
        raising: Whether the script may raise an ``Exception``, at any point.
    """
    protocols = tuple(protocols)
    quiet = _within(_quiet())
    steps = [*draw(_many(quiet, 3)), draw(_starts()), *draw(_many(_either(_within(_chunks()), quiet), 5))]
    if raising and draw(st.booleans()):
        where = draw(st.integers(0, len(steps)))
        steps[where:] = [draw(raises())]
    returns = draw(_kinds(protocols).filter(_is_response))
    if returns in WHOLE and _breaks_in_the_midst(steps) and len(protocols) > 1:
        returns = Returns.GENERATOR
    after: tuple[Step, ...] = ()
    if returns in CLOSABLE and _in_all(Script(returns=returns, after=(Sleep(),)), protocols):
        after = tuple(draw(_many(_within(acts()), 2)))
    return Script(tuple(steps), returns, after)


@_once
def _any_step(protocol: Protocol) -> st.SearchStrategy[Step]:
    odd: list[Step] = [
        StartResponse(reason=None),
        StartResponse(204, ()),
        RestartWithExcInfo(),
        RestartWithExcInfo(error=Raise(KeyError, cause=ValueError)),
        SpawnTask((CaptureMessage("late"),)),
        Cancel(),
    ]
    kinds = st.sampled_from([ValueError, OSError])
    captures = st.builds(CaptureMany, st.sampled_from([1, 3, 20]), kinds, st.booleans())
    usual = _translated(_within(st.one_of(_quiet(), _chunks(), _starts(), raises(_ODD_ERRORS), captures)))
    return st.one_of(usual, st.sampled_from([step for step in odd if Script((step,)).expressible_in(protocol)]))


@st.composite
def odd_scripts(draw: st.DrawFn, protocol: Protocol) -> Script:
    """Return any scripts that a protocol can express, valid or not: any step anywhere, any exception, any peer."""
    returns = draw(_kinds((protocol,)))
    steps = tuple(draw(_many(_any_step(protocol), 8)))
    peer = draw(_peers(protocol))
    after: tuple[Step, ...] = ()
    if returns in CLOSABLE:
        after = tuple(draw(_many(_either(acts(), raises(_ODD_ERRORS)), 2)))
    script = Script(steps, returns, after, peer)
    return script if script.expressible_in(protocol) else Script(steps, returns, (), peer)


def websocket_scripts() -> st.SearchStrategy[WsScript]:
    """Return websocket scripts: accepted, rejected, denied, closed by either side, or with an exception."""
    data = st.sampled_from(["", "text", b"", b"\xff"])
    receives = st.builds(Receive, st.booleans())
    spoken = _translated(st.one_of(acts(), receives, st.builds(Send, data), raises()))
    opened = st.lists(spoken, max_size=5).map(lambda steps: (Accept(), *steps))
    closed = st.tuples(opened, st.sampled_from([1000, 1011, 4000])).map(lambda pair: (*pair[0], CloseSocket(pair[1])))
    refused = st.sampled_from([(CloseSocket(),), (Deny(),), (Raise(),)])
    return st.builds(
        WsScript,
        steps=st.one_of(opened, closed, refused),
        messages=st.lists(data, max_size=3).map(tuple),
        leaves_with=st.sampled_from([1000, 1001, 1006]),
        gone_after=st.sampled_from([None, None, 0, 1]),
    )


def lifespan_scripts() -> st.SearchStrategy[LifespanScript]:
    """Return lifespan scripts: supported or not, failing or raising at either end."""
    steps = st.lists(st.one_of(acts(), raises()), max_size=2).map(tuple)
    failure = st.sampled_from([None, None, "no database"])
    return st.builds(
        LifespanScript,
        before=steps,
        startup=steps,
        state=st.sampled_from([(), (("pool", 1),)]),
        startup_failed=failure,
        shutdown=steps,
        shutdown_failed=failure,
    )
