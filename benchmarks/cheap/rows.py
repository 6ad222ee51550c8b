"""The rows that are timed in process: what each asks of an application, and how often a run is counted.

A row is measured in some configurations and protocols; in each, all peers race.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from . import applications as apps
from . import production
from .peers import (
    BARE,
    DATADOG,
    ELASTIC,
    LEAST,
    LEAST_OTEL,
    OTEL,
    OURS,
    OURS_OTEL,
    SDK,
    TRACED,
    Nowhere,
    Written,
    client,
    configured,
    peers,
    wait_for_exports,
)
from .timing import Many, race, take_turns

MIB = 1 << 20


class Row(NamedTuple):
    """One row of the table.

    Attributes:
        title: What it says in the table.
        columns: The configurations in which it is measured.
        protocols: Those that have such a thing.
        per: What one run is divided by: a stream of 1,000 chunks is told per chunk.
        slow: One run takes long: fewer rounds, and only the peers that the promise names.
        written: What would be sent is written, and waited for; else who exports it drops it unread.
        work: What the application does in a request as production has it (see ``production``). The bare application
            does none of it, so that the SDK's part of it counts as added.
    """

    title: str
    columns: tuple[str, ...]
    protocols: tuple[str, ...] = ("wsgi", "asgi")
    per: int = 1
    slow: bool = False
    written: bool = False
    work: production.Work | None = None


#: Seconds of a turn that ends with a wait for exports.
_LONG_TURN = 0.02

REQUEST = Row("a request", ("no client", "errors only", *TRACED))
ROWS = (
    *(
        Row(title, tuple(column.title for column in production.COLUMNS), written=True, work=production.ROWS[title])
        for title in ("real", "error event")
    ),
    REQUEST,
    Row("a request whose report is written", ("sampled", "stream"), written=True),
    Row("a request with 60 headers", ("errors only", "sampled")),
    Row("a chunk of 1,000", ("errors only", "sampled"), per=apps.LINES),
    Row("a websocket message of 1,000", ("errors only", "sampled"), ("asgi",), per=apps.LINES),
    Row("an upload of 1 MiB", ("errors only", "sampled"), slow=True),
    Row("an upload of 100 MiB", ("errors only",), slow=True),
    Row("an error event", ("errors only",)),
    Row("a request with 1 child span", TRACED),
    Row("a request with 100 child spans", TRACED, slow=True),
    Row("a request, eight threads", ("errors only", "sampled"), ("wsgi",), slow=True),
)


def measure(row: Row, rounds: int) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Protocol, configuration and seconds of each peer, one after the other.

    Each peer has a process of its own: what one of them replaces in sentry-sdk would make the other faster, too.
    """
    for protocol in row.protocols:
        for column in row.columns:
            arguments = {name: (ROWS.index(row), protocol, column, name) for name in _names(row)}
            taken = race(__name__, arguments, rounds // 4 if row.slow else rounds)
            if OURS in taken or OURS_OTEL in taken:
                yield protocol, column, {name: seconds / row.per for name, seconds in taken.items()}


def _names(row: Row) -> tuple[str, ...]:
    """OpenTelemetry's recorders know nothing of the SDK's spans and tags, so rows with those say nothing of them."""
    if row.work:
        return (BARE, OURS, SDK, LEAST)
    if _child_spans(row):
        return (BARE, OURS, SDK)
    named = (BARE, OURS, SDK, OTEL, OURS_OTEL, LEAST_OTEL)
    return (*named, ELASTIC, DATADOG) if row is REQUEST else named


def serve(index: str, protocol: str, column: str, name: str) -> None:
    """One peer's process: takes a turn for each line of standard input, and prints its seconds per run."""
    row = ROWS[int(index)]
    with _client(row, column) as known:
        wrap = None if known is False else peers(protocol, column, row.written).get(name)
        if wrap is not None:
            many = contestant(row, protocol, column, name, wrap)
            if row.written:
                take_turns(_to_its_end(name, many), _LONG_TURN)
            else:
                take_turns(many)


def _client(row: Row, column: str) -> AbstractContextManager[Any]:
    transport = Written if row.written else Nowhere
    if row.work is None:
        return configured(column, transport)
    options = {**production.OPTIONS, **production.column(column).options, "transport_queue_size": 10_000}
    return client(options, transport)


def contestant(row: Row, protocol: str, column: str, name: str, wrap: Any) -> Many:
    """Return what runs a row so many times for one peer."""
    app = wrap(_application(row, protocol, column, name))
    return (_wsgi if protocol == "wsgi" else _asgi)(row, app)


def _application(row: Row, protocol: str, column: str, name: str) -> Any:
    streamed = column == "stream"
    work = row.work or production.Work(child_spans=_child_spans(row))
    if work != production.NOTHING:
        work = production.Work(fails=work.fails) if name == BARE else work
        return production.application(protocol, work, streamed)
    known, page = (_WSGI, apps.wsgi_page) if protocol == "wsgi" else (_ASGI, apps.asgi_page)
    return next((app for word, app in known.items() if word in row.title), page)


def _to_its_end(name: str, many: Many) -> Many:
    """The same, and what its threads have to do for it."""

    def whole(times: int) -> None:
        many(times)
        wait_for_exports(name)

    return whole


#: The applications by a word of the row's title.
_WSGI = {"chunk": apps.wsgi_lines, "error": apps.wsgi_failing, "upload": apps.wsgi_upload}
_ASGI = {
    "chunk": apps.asgi_lines,
    "error": apps.asgi_failing,
    "upload": apps.asgi_upload,
    "websocket": apps.asgi_echo,
}


def _child_spans(row: Row) -> int:
    return int(row.title.split()[3]) if "child span" in row.title else 0


def _size(row: Row) -> int:
    return int(row.title.split()[3]) * MIB if "upload" in row.title else 0


def _headers(row: Row) -> Any:
    if row.work is not None:
        return production.HEADERS
    return apps.MANY_HEADERS if "60 headers" in row.title else apps.HEADERS


def _wsgi(row: Row, app: Any) -> Many:
    upload = b"x" * _size(row)
    environ = apps.environ(_headers(row), **({"CONTENT_LENGTH": str(len(upload))} if upload else {}))

    def many(times: int) -> None:
        for _ in range(times):
            try:
                asked = dict(environ)
                if upload:
                    asked["wsgi.input"] = io.BytesIO(upload)
                apps.ask_wsgi(app, asked)
            except RuntimeError:
                pass

    def threaded(times: int) -> None:
        threads = [threading.Thread(target=many, args=(max(1, times // 8),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return threaded if "threads" in row.title else many


def _asgi(row: Row, app: Any) -> Many:
    kind = "websocket" if "websocket" in row.title else "http"
    scope = apps.scope(kind, _headers(row))
    parts = _size(row) // 65_536
    part = {"type": "http.request", "body": b"x" * 65_536, "more_body": True}
    texts = [{"type": "websocket.connect"}, *([{"type": "websocket.receive", "text": "hello"}] * apps.LINES)]

    def receive() -> Any:
        if kind == "websocket":
            return apps.Incoming(texts, {"type": "websocket.disconnect", "code": 1000})
        return apps.Incoming([part] * parts, {"type": "http.request", "body": b""})

    async def ask(times: int) -> None:
        for _ in range(times):
            with contextlib.suppress(RuntimeError):
                await apps.ask_asgi(app, dict(scope), receive())

    return lambda times: apps.run(ask(times))


def ratios(taken: dict[str, float]) -> dict[str, float]:
    """What each adds to the bare application, as a ratio to what its rival adds."""
    added = {name: seconds - taken[BARE] for name, seconds in taken.items()}
    found = {}
    for name, rival in ((OURS, SDK), (LEAST, SDK), (OURS_OTEL, OTEL), (LEAST_OTEL, OTEL)):
        if name in added and added.get(rival, 0) > 0:
            found[f"{name} / {rival}"] = added[name] / added[rival]
    if OURS in added and added.get(OTEL, 0) > 0:
        found[f"{OURS} / {OTEL}"] = added[OURS] / added[OTEL]
    return found


if __name__ == "__main__":
    serve(*sys.argv[1:])
