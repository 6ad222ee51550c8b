"""``_sentry.unwritten``: an envelope that is made at the first look at it, and is one like any other from then on.

That the same is sent, however late somebody looks, is a property in ``test_untouched``.
"""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import Scope
from sentry_sdk.envelope import Envelope, Item

from sentry_web._sentry.unwritten import UnwrittenEnvelope


class Losing:
    """Counts what it is told was lost."""

    def __init__(self) -> None:
        self.lost: list[tuple[str, Any]] = []

    def record_lost_event(self, reason: str, data_category: Any = None, **_: Any) -> None:
        self.lost.append((reason, data_category))


class Client:
    """As much of a client as is asked for."""

    def __init__(self) -> None:
        self.transport = Losing()

    def is_active(self) -> bool:
        return True


def unwritten(write: Any, client: Any = None) -> UnwrittenEnvelope:
    return UnwrittenEnvelope(write, ("transaction", "span"), client or Client(), Scope())


def hello() -> Envelope:
    return Envelope(headers={"event_id": "1"}, items=[Item(b"hello", type="attachment")])


LOOKS: list[Any] = [
    lambda envelope: envelope.items,
    lambda envelope: envelope.headers,
    list,
    lambda envelope: envelope.serialize(),
    lambda envelope: envelope.description,
    lambda envelope: envelope.get_transaction_event(),
    lambda envelope: envelope.add_item(Item(b"more")) or envelope.items.pop(),
    repr,
    copy.copy,
    copy.deepcopy,
]


@pytest.mark.parametrize("look", LOOKS)
def test_it_is_made_at_the_first_look_whatever_that_is(look: Any) -> None:
    asked: list[int] = []
    envelope = unwritten(lambda: asked.append(1) or hello())
    assert isinstance(envelope, Envelope)
    assert asked == []
    look(envelope)
    look(envelope)
    assert asked == [1]
    assert type(envelope) is Envelope
    assert envelope.serialize() == hello().serialize()
    assert vars(envelope).keys() == {"headers", "items"}  # what it was made of is let go


@pytest.mark.parametrize("taken", [copy.copy, copy.deepcopy, lambda envelope: pickle.loads(pickle.dumps(envelope))])
def test_a_copy_is_written(taken: Any) -> None:
    envelope = unwritten(hello)
    assert taken(envelope).serialize() == envelope.serialize() == hello().serialize()


def test_nothing_makes_an_empty_envelope() -> None:
    client = Client()
    envelope = unwritten(lambda: None, client)
    assert (envelope.items, envelope.headers, client.transport.lost) == ([], {}, [])


def test_a_fault_of_ours_is_logged_and_counted_and_makes_an_empty_envelope(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Any:
        raise RuntimeError("a fault of ours")

    client = Client()
    envelope = unwritten(fail, client)
    assert (envelope.items, envelope.headers) == ([], {})
    assert client.transport.lost == [("internal_sdk_error", "transaction"), ("internal_sdk_error", "span")]
    assert "the application is not affected" in caplog.text


def test_other_attributes_are_none_of_it() -> None:
    envelope: Any = unwritten(hello)
    with pytest.raises(AttributeError, match="colour"):
        envelope.colour  # noqa: B018
    assert not hasattr(envelope, "__len__")
    assert type(envelope) is UnwrittenEnvelope


@pytest.mark.parametrize("fails", [False, True])
def test_the_client_is_found_while_it_is_written_and_the_scope_is_put_back(fails: bool) -> None:
    client: Any = Client()
    found: list[Any] = []

    def write() -> Any:
        found.append(sentry_sdk.get_client())
        sentry_sdk.get_current_scope().set_tag("of", "the writing")
        if fails:
            raise RuntimeError("a fault of ours")

    current = Scope()
    envelope = UnwrittenEnvelope(write, (), client, current)

    def look() -> None:
        before = sentry_sdk.get_current_scope()
        assert envelope.items == []
        assert sentry_sdk.get_current_scope() is before
        found.append(before)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(timeout=10)
    assert found[0] is client
    assert len(found) == 2
    assert (current._tags, found[1]._tags) == ({}, {})


def test_two_threads_that_look_first_at_once_find_the_same() -> None:
    both = threading.Barrier(2, timeout=10)

    def write() -> Envelope:
        both.wait()
        return hello()

    envelope = unwritten(write)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(envelope.serialize())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert found == [hello().serialize()] * 2
