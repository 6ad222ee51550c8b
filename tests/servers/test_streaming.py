"""A WSGI stream shows its true duration and the spans inside of it, under servers with threads, in both SDK modes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from sentry_web.demo.ingest import Ingest
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS

from .client import Conversation, request_bytes
from .processes import SERVERS, START, Process, process_of, wait_until
from .roots import roots_of
from .streaming_app import CHUNKS, PAUSE

if TYPE_CHECKING:
    from pathlib import Path


def listens(process: Process) -> bool:
    """Whether a connection is accepted; the request then waits until there is a worker."""
    try:
        Conversation(process.port).__exit__()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("mode", ["transactions", "stream"])
@pytest.mark.parametrize("name", ["gunicorn, gthread", "waitress"])
def test_a_stream_is_as_long_as_it_takes_and_keeps_its_spans(name: str, mode: str, tmp_path: Path) -> None:
    if not (HAS_STREAMED_SPANS if mode == "stream" else HAS_TRANSACTIONS):
        pytest.skip(f"not with this sentry-sdk: it has no such mode ({mode})")
    server = dataclasses.replace(SERVERS[name], command=(*SERVERS[name].command[:-1], "streaming_app:application"))
    with Ingest() as ingest, process_of(server, tmp_path, "", DSN=ingest.dsn, SDK_MODE=mode) as process:
        assert wait_until(lambda: listens(process), START), str(process)
        with Conversation(process.port) as conversation:
            conversation.send(request_bytes("GET", "/download", {}))
            answer = conversation.answer()
        ingest.wait_for(lambda: roots_of(ingest), 15)
        (root,) = roots_of(ingest)
        children = (spans_of if mode == "stream" else spans_of_transaction)(ingest)
        assert answer.body.split() == [b"%d" % number for number in range(CHUNKS)]
        assert sorted(children) == [f"chunk {number}" for number in range(CHUNKS)]
        assert root.seconds >= CHUNKS * PAUSE


def spans_of_transaction(ingest: Any) -> list[str]:
    (transaction,) = ingest.transactions
    return [span["description"] for span in transaction["spans"]]


def spans_of(ingest: Any) -> list[str]:
    return [span["name"] for span in ingest.spans if not span["is_segment"]]
