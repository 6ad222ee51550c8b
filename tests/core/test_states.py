"""``_core.states``: the transition table, every state × every input."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._core.states import TRANSITIONS, Input, State

PAIRS = list(itertools.product(State, Input))
inputs = st.lists(st.sampled_from(Input), max_size=12)


def after(what: list[Input], state: State = State.OPEN) -> State:
    for one in what:
        following = TRANSITIONS[state][one]
        state = state if following is None else following
    return state


def test_the_table_is_total() -> None:
    assert len(TRANSITIONS) == len(State)
    assert {len(row) for row in TRANSITIONS} == {len(Input)}


@pytest.mark.parametrize(("state", "what"), PAIRS)
def test_every_input_in_every_state(state: State, what: Input) -> None:
    following = TRANSITIONS[state][what]
    if state is State.CLOSED:
        assert following is None, "CLOSED absorbs"
    elif what is Input.CLOSE:
        assert following is State.CLOSED
    elif what is Input.ERROR:
        assert following is state, "an error never changes how far the response has come"
    elif what is Input.GONE:
        assert following is (None if state is State.COMPLETE else state), "nobody leaves a complete response"
    elif state is State.COMPLETE:
        assert following is None, "what comes after the end of the body is no part of the response"
    elif what is Input.START:
        assert following is (State.STARTED if state < State.STREAMING else None)
    else:
        assert following is {Input.BODY: State.STREAMING, Input.LAST: State.COMPLETE}[what]


@given(inputs)
def test_a_request_never_goes_back(what: list[Input]) -> None:
    states = [after(what[:n]) for n in range(len(what) + 1)]
    assert states == sorted(states)


@given(inputs, inputs)
def test_closed_absorbs(before: list[Input], behind: list[Input]) -> None:
    assert after([*before, Input.CLOSE, *behind]) is State.CLOSED


def test_an_ordinary_response() -> None:
    seen = [Input.START, Input.BODY, Input.BODY, Input.LAST, Input.CLOSE]
    assert [after(seen[:n]) for n in range(1, 6)] == [
        State.STARTED,
        State.STREAMING,
        State.STREAMING,
        State.COMPLETE,
        State.CLOSED,
    ]
