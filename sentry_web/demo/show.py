"""The demo itself: start the servers, make the requests, collect the reports, compare them.

Both applications share one process and one ``sentry_sdk.init``. They are visited one after the other, so that every
report belongs to the application that was visited last. Nothing here prints.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from time import sleep
from typing import TYPE_CHECKING, Any

import sentry_sdk

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.cli import readings, servers
from sentry_web.cli.sdk import personal_data
from sentry_web.demo import asgi_front, shop, visitor, wsgi_front
from sentry_web.demo.comparison import Difference, differences
from sentry_web.demo.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["STEPS", "Result", "Row", "Side", "run"]

Json = dict[str, Any]

#: The number of times that ``run`` calls ``step``: once per request.
STEPS = 2 * len(visitor.VISITS) + 1

_ARRIVAL_SECONDS = 3.0
_SESSION_ROUNDS = 20


@dataclass
class Side:
    """The answer of one application to one visit, and what was reported to Sentry (JSON as received)."""

    answer: visitor.Answer
    trace: Json | None = None
    child_spans: list[Json] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)

    def reading(self) -> readings.TraceReading | None:
        """The trace in a readable form, for either mode of sentry-sdk."""
        if self.trace is None:
            return None
        if "is_segment" in self.trace:
            return readings.read_segment(self.trace, self.child_spans)
        return readings.read_transaction(self.trace)


@dataclass
class Row:
    """One visit to both applications; ``wsgi`` is ``None`` for the websocket."""

    visit: visitor.Visit
    wsgi: Side | None
    asgi: Side


@dataclass
class Result:
    """The rows, the sessions counted by outcome and protocol, the differences, and the secrets that leaked."""

    rows: list[Row]
    sessions: dict[str, dict[str, int]]
    differences: list[Difference]
    leaked: list[str]


def run(*, stream: bool = False, step: Callable[[str], None] = lambda _: None) -> Result:
    """Run the demo, which takes some seconds.

    It initialises sentry-sdk in this process while it runs, and leaves no client behind.

    Args:
        stream: Whether to use sentry-sdk's ``trace_lifecycle="stream"``; sentry-sdk 3 has nothing else.
        step: Called with the title of each request before it is made.
    """
    with quiet_servers(), Ingest() as ingest, sentry_initialised(ingest.dsn, stream=stream):
        wsgi_app = SentryWsgiMiddleware(wsgi_front.create_app())
        asgi_app = SentryAsgiMiddleware(asgi_front.create_app())
        with servers.serving(wsgi_app, "wsgi") as wsgi_port, servers.serving(asgi_app, "asgi") as asgi_port:
            wsgi = _tour(ingest, [partial(visitor.make, visit, wsgi_port) for visit in visitor.VISITS], step)
            asgi = _tour(ingest, [partial(visitor.make, visit, asgi_port) for visit in visitor.VISITS], step)
            talk = _tour(ingest, [partial(visitor.converse, visitor.CONVERSATION, asgi_port)], step)
    rows: list[Row] = []
    found: list[Difference] = []
    for visit in visitor.VISITS:
        rows.append(Row(visit, wsgi.sides[visit.trace_id], asgi.sides[visit.trace_id]))
        found += _compare(visit, wsgi.sides[visit.trace_id], asgi.sides[visit.trace_id])
    found += differences(wsgi.sessions, asgi.sessions, "sessions: ")
    found += [Difference("of no request", *pair) for pair in zip_longest(wsgi.strays, asgi.strays + talk.strays)]
    rows.append(Row(visitor.CONVERSATION, None, talk.sides[visitor.CONVERSATION.trace_id]))
    sent = wsgi.sent + asgi.sent + talk.sent
    leaked = [name for name, secret in visitor.SECRETS.items() if secret.encode() in sent]
    return Result(rows, {"wsgi": wsgi.sessions, "asgi": asgi.sessions}, found, leaked)


@dataclass
class _Tour:
    """The visits to one application, and the reports that were received."""

    sides: dict[str, Side]
    strays: list[str]
    sessions: dict[str, int]
    sent: bytes


def _tour(ingest: Ingest, visits: list[partial[visitor.Answer]], step: Callable[[str], None]) -> _Tour:
    """Make the visits to one application, wait for its reports, and remove them from the ingest."""
    tour = _Tour({}, [], {}, b"")
    for visit in visits:
        what: visitor.Visit = visit.args[0]
        step(f"{what.method} {what.target}")
        tour.sides[what.trace_id] = Side(visit())
    # A missing report is shown as a difference or an empty column.
    with contextlib.suppress(TimeoutError):
        ingest.wait_for(lambda: len(_traces(ingest)) >= len(tour.sides), _ARRIVAL_SECONDS)
    tour.sessions = _wait_for_sessions(ingest, len(tour.sides))
    for trace in _traces(ingest):
        side = tour.sides.get(_trace_id_of(trace))
        if side is None:
            tour.strays.append(f"trace {trace.get('transaction', trace.get('name'))}")
            continue
        side.trace = trace
        side.child_spans = [span for span in ingest.spans if _belongs(span, trace)]
    for event in ingest.errors:
        side = tour.sides.get(_trace_id_of(event))
        if side is None:
            tour.strays.append(f"error {readings.read_error(event).type}")
            continue
        side.errors.append(event)
    tour.sent = ingest.raw_bytes
    ingest.clear()
    return tour


def _traces(ingest: Ingest) -> list[Json]:
    return ingest.transactions + [span for span in ingest.spans if span["is_segment"]]


def _belongs(span: Json, trace: Json) -> bool:
    return not span["is_segment"] and span["trace_id"] == _trace_id_of(trace)


def _trace_id_of(event: Json) -> str:
    """Return the trace id of an event, a transaction or a span; each visit has its own."""
    context: Json = event.get("contexts", {}).get("trace", event)
    return str(context.get("trace_id"))


def _wait_for_sessions(ingest: Ingest, number: int) -> dict[str, int]:
    """Return the sessions by outcome. The SDK delays them for a minute, and one may end after the response."""
    counts: dict[str, int] = {}
    for _ in range(_SESSION_ROUNDS):
        sentry_sdk.flush(timeout=1.0)
        counts = _count_sessions(ingest.sessions)
        if sum(counts.values()) >= number:
            break
        sleep(0.05)
    return counts


def _count_sessions(sessions: list[Json]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for aggregate in (aggregate for item in sessions for aggregate in item["aggregates"]):
        for outcome in aggregate.keys() - {"started"}:
            counts[outcome] = counts.get(outcome, 0) + aggregate[outcome]
    return counts


def _compare(visit: visitor.Visit, wsgi: Side, asgi: Side) -> list[Difference]:
    where = f"{visit.number}. {visit.method} {visit.target.partition('?')[0]}: "
    if wsgi.trace is None or asgi.trace is None:
        return [Difference(f"{where}trace", *("missing" if side.trace is None else "there" for side in (wsgi, asgi)))]
    found = differences(wsgi.trace, asgi.trace, f"{where}trace: ")
    for name, left, right in (
        ("span", wsgi.child_spans, asgi.child_spans),
        ("error", wsgi.errors, asgi.errors),
    ):
        found += differences(len(left), len(right), f"{where}number of {name}s")
        for pair in zip(left, right):
            found += differences(*pair, f"{where}{name}: ")
    return found


@contextlib.contextmanager
def sentry_initialised(dsn: str, *, stream: bool, **options: Any) -> Generator[None, None, None]:
    """Initialise sentry-sdk for the demo, with further options; restore everything afterwards."""
    find_book = shop.find_book
    # sentry_sdk.traces does not exist in older releases.
    trace = importlib.import_module("sentry_sdk.traces").trace if stream else sentry_sdk.trace
    # Older releases of sentry-sdk reject the option, so it is passed only if necessary.
    mode: Json = {"trace_lifecycle": "stream"} if stream else {}
    sentry_sdk.init(
        dsn=dsn,
        release="bookshop@1.0",
        environment="demo",
        traces_sample_rate=1.0,
        # The visitor and both servers share this process, and only the middleware is to report each application: no
        # integration may report http.client, threads, logging, Flask or Starlette.
        default_integrations=False,
        auto_enabling_integrations=False,
        # Only the shop counts as the application: its front ends differ, and the package's location must not matter.
        in_app_include=[shop.__name__],
        in_app_exclude=["sentry_web"],
        http_proxy="",  # none, whatever the environment sets: the ingest is on loopback
        **personal_data(sent=False),
        **mode,
        **options,
    )
    shop.find_book = trace(find_book)
    try:
        yield
    finally:
        shop.find_book = find_book
        sentry_sdk.get_client().close(timeout=2.0)
        sentry_sdk.get_global_scope().set_client(None)


@contextlib.contextmanager
def quiet_servers() -> Generator[None, None, None]:
    """Silence the log messages of the servers and Flask about the demo's deliberate errors."""
    loggers = [logging.getLogger(name) for name in (*servers.SERVER_LOGGERS, wsgi_front.__name__)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
