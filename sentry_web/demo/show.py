"""The demo itself: start everything, make the requests, collect what arrived, compare.

One process and one ``sentry_sdk.init`` for both fronts, visited one after the other, so that whatever arrives
belongs to the front just visited. Nothing here prints.
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
from sentry_web.demo import asgi_front, shop, visitor, wsgi_front
from sentry_web.demo.comparison import Difference, differences
from sentry_web.demo.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["STEPS", "Result", "Row", "Side", "run"]

Json = dict[str, Any]

#: How often ``run`` calls ``step``: once a request.
STEPS = 2 * len(visitor.VISITS) + 1

_ARRIVAL_SECONDS = 3.0
_SESSION_ROUNDS = 20


@dataclass
class Side:
    """What one front answered to one visit, and what was reported to Sentry of it (JSON as it arrived)."""

    answer: visitor.Answer
    trace: Json | None = None
    child_spans: list[Json] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)

    def reading(self) -> readings.TraceReading | None:
        """The trace for people, of either mode of sentry-sdk."""
        if self.trace is None:
            return None
        if "is_segment" in self.trace:
            return readings.read_segment(self.trace, self.child_spans)
        return readings.read_transaction(self.trace)


@dataclass
class Row:
    """One visit, side by side; ``wsgi`` is ``None`` for the websocket."""

    visit: visitor.Visit
    wsgi: Side | None
    asgi: Side


@dataclass
class Result:
    """The rows, the sessions counted by outcome and protocol, what differs, and the secrets that got out."""

    rows: list[Row]
    sessions: dict[str, dict[str, int]]
    differences: list[Difference]
    leaked: list[str]


def run(*, stream: bool = False, step: Callable[[str], None] = lambda _: None) -> Result:
    """Run the demo, in some seconds; ``step`` is called with the title of each request before it is made.

    It takes ``sentry_sdk.init``'s place in this process while it runs, and leaves no client behind.
    ``stream`` chooses sentry-sdk's ``trace_lifecycle="stream"``.
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
    """The visits to one front, and what arrived of them."""

    sides: dict[str, Side]
    strays: list[str]
    sessions: dict[str, int]
    sent: bytes


def _tour(ingest: Ingest, visits: list[partial[visitor.Answer]], step: Callable[[str], None]) -> _Tour:
    """Make the visits to one front, wait for what it reports, and take it out of the ingest."""
    tour = _Tour({}, [], {}, b"")
    for visit in visits:
        what: visitor.Visit = visit.args[0]
        step(f"{what.method} {what.target}")
        tour.sides[what.trace_id] = Side(visit())
    # What does not arrive is a difference, or an empty column, and shown as that.
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
    """The trace of an event, a transaction or a span; each visit has one of its own."""
    context: Json = event.get("contexts", {}).get("trace", event)
    return str(context.get("trace_id"))


def _wait_for_sessions(ingest: Ingest, number: int) -> dict[str, int]:
    """Sessions by outcome. The SDK keeps them back for a minute, and a request's may end after its answer."""
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
    """``sentry_sdk.init`` for the demo, with further options; afterwards the client is gone, and the shop as it was."""
    find_book = shop.find_book
    # sentry_sdk.traces is not there in older releases.
    trace = importlib.import_module("sentry_sdk.traces").trace if stream else sentry_sdk.trace
    # Older releases of sentry-sdk refuse the option, so it is given only where it is asked for.
    mode: Json = {"trace_lifecycle": "stream"} if stream else {}
    sentry_sdk.init(
        dsn=dsn,
        release="bookshop@1.0",
        environment="demo",
        traces_sample_rate=1.0,
        # Nothing is said of send_default_pii: off is its default, and newer releases deprecate naming it.
        # The visitor and both servers live in this process, and each front is to be seen through the
        # middleware alone: no integration may report http.client, threads, logging, Flask or Starlette.
        default_integrations=False,
        auto_enabling_integrations=False,
        # Only the shop is the application; the fronts differ, and where this package lies must not matter.
        in_app_include=[shop.__name__],
        in_app_exclude=["sentry_web"],
        http_proxy="",  # none, whatever the environment says: the ingest is on loopback
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
    """The servers' and Flask's own complaints about the errors that the demo makes on purpose."""
    loggers = [logging.getLogger(name) for name in (*servers.SERVER_LOGGERS, wsgi_front.__name__)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
