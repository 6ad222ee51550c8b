"""Requests as production has them: what the application does in them, what they carry, how the SDK is set up.

The rows and the columns of ``count.py`` are here as data; ``run.py`` times the first two rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import sentry_sdk

from . import applications as apps

#: A browser's headers with a session's cookie and a token: two secrets that must not be sent.
HEADERS = (
    *apps.HEADERS,
    ("cookie", "theme=dark; session=8f14e45fceea167a5a36dedd4bea2543"),
    ("authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"),
)


class Column(NamedTuple):
    """A configuration of the SDK.

    Attributes:
        title: What the table says.
        options: Options of ``sentry_sdk.init``, beside :data:`OPTIONS`.
        streamed: Whether spans are started with the API of streamed spans.
    """

    title: str
    options: dict[str, Any]
    streamed: bool = False


#: sentry-sdk 3 streams every span.
HAS_TRANSACTIONS = find_spec("sentry_sdk.tracing") is not None

COLUMNS = (
    Column("errors only", {}),
    Column("unsampled", {"traces_sample_rate": 0.0}),
    *([Column("sampled", {"traces_sample_rate": 1.0})] if HAS_TRANSACTIONS else []),
    Column("stream", {"traces_sample_rate": 1.0, "trace_lifecycle": "stream"}, streamed=True),
)

#: The default integrations, without those for the frameworks that happen to be installed; and constants in the place of
#: what differs from one machine to the next. A release, so each request counts for a session, as is the default.
OPTIONS: dict[str, Any] = {
    "auto_enabling_integrations": False,
    "project_root": str(Path(__file__).parent),
    "release": "shop@1.2.3",
    "server_name": "benchmark",
}


class Work(NamedTuple):
    """What the application does within a request, beside answering it."""

    log_lines: int = 0
    tags: int = 0
    users: int = 0
    child_spans: int = 0
    fails: bool = False


NOTHING = Work()

#: The most important first.
ROWS = {
    "real": Work(log_lines=2, tags=1, users=1, child_spans=3),
    "error event": Work(fails=True),
    "log line": Work(log_lines=1),
    "tag": Work(tags=1),
    "child span": Work(child_spans=1),
    "bare": NOTHING,
}


def column(title: str) -> Column:
    """Return the column of that title."""
    return next(each for each in COLUMNS if each.title == title)


def application(protocol: str, work: Work, streamed: bool) -> Any:
    """Return an application that does this work and answers."""
    do = _worker(work, streamed)

    def wsgi(environ: Any, start_response: Any) -> Any:
        do()
        return apps.wsgi_page(environ, start_response)

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        do()
        await apps.asgi_page(scope, receive, send)

    return wsgi if protocol == "wsgi" else asgi


def start_span(streamed: bool) -> Any:
    """Start a child span; ``sentry_sdk.start_span`` of sentry-sdk 2 does nothing where spans are streamed."""
    if streamed or not HAS_TRANSACTIONS:
        return sentry_sdk.traces.start_span(name=_QUERY, attributes={"sentry.op": "db"})
    return sentry_sdk.start_span(op="db", name=_QUERY)


_QUERY = "SELECT id, title, price FROM books WHERE id = %s"

_log = logging.getLogger("shop")
_log.setLevel(logging.INFO)
_log.addHandler(logging.NullHandler())
_log.propagate = False


def _worker(work: Work, streamed: bool) -> Callable[[], None]:
    """Return the function that does the work."""

    def do() -> None:
        for _ in range(work.users):
            sentry_sdk.set_user({"id": "42", "username": "ada"})
        for _ in range(work.tags):
            sentry_sdk.set_tag("shop", "berlin")
        for number in range(work.log_lines):
            _log.info("priced %s of %s books", number, 3)
        for _ in range(work.child_spans):
            with start_span(streamed):
                pass
        if work.fails:
            _check_out({"id": 7, "books": ["9780131103627", "9780262033848"], "gift": False})

    return do


# --- An error with a few frames and local variables ------------------------------------------------------------------


class _Book:
    def __init__(self, isbn: str, price: float) -> None:
        self.isbn = isbn
        self.price = price

    def __repr__(self) -> str:
        return f"<Book {self.isbn}>"


def _check_out(order: dict[str, Any]) -> float:
    books = [_Book(isbn, 12.5 + number) for number, isbn in enumerate(order["books"])]
    currency = "EUR"
    return _add_up(books, currency)


def _add_up(books: list[_Book], currency: str) -> float:
    discounts = {book.isbn: 0.1 for book in books}
    total = 0.0
    for book in books:
        total += _price(book, discounts, currency)
    return total


def _price(book: _Book, discounts: dict[str, float], currency: str) -> float:
    note = "the price of this book, less the discount of the day, in the currency of the shop " * 4
    rate = discounts.get(book.isbn)
    if rate is not None:
        raise RuntimeError(f"out of stock: {book.isbn}, {currency}, {len(note)}")
    return book.price
