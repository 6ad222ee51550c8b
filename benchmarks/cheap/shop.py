"""A realistic application for both protocols: what ``realistic`` measures, with FastAPI and with Flask.

A list, a book by its number, and books that are added as JSON; SQLite, validation, and a line in the log for each.
Who reports on it is in the environment, as a user would have it: ``sentry_sdk.init`` with the SDK's default
integrations, its transport and its queue; OpenTelemetry's own instrumentation of the framework. Nothing is imported
that a contestant does not need: what the others change in a process must not serve it.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BOOKS = 500
MISSING = 999_999_999
#: Who reports: ``""``, or one of those that are asked for below.
REPORTER = os.environ.get("BENCHMARK_REPORTER", "")

_log = logging.getLogger("shop")


class Books:
    """The table of books, in a file; a connection for each thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        with self._connection as connection:
            connection.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, price REAL NOT NULL)")
            rows = [(f"Book number {number}", 5 + number / 10) for number in range(BOOKS)]
            connection.executemany("INSERT INTO book (title, price) VALUES (?, ?)", rows)

    @property
    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = sqlite3.connect(self._path, timeout=30)
            found.row_factory = sqlite3.Row
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=NORMAL")  # no wait for the disk at each commit
        return found

    def page(self, number: int) -> list[dict[str, Any]]:
        """Return twenty books."""
        query = "SELECT id, title, price FROM book WHERE id > ? ORDER BY id LIMIT 20"
        return [dict(row) for row in self._connection.execute(query, (20 * number,))]

    def get(self, number: int) -> dict[str, Any] | None:
        """Return one, if there is one."""
        row = self._connection.execute("SELECT id, title, price FROM book WHERE id = ?", (number,)).fetchone()
        return None if row is None else dict(row)

    def add(self, title: str, price: float) -> dict[str, Any]:
        """Insert one."""
        with self._connection as connection:
            number = connection.execute("INSERT INTO book (title, price) VALUES (?, ?)", (title, price)).lastrowid
        return {"id": number, "title": title, "price": price}


def fastapi() -> Any:
    """Return the shop of FastAPI, for uvicorn."""
    books = _started()
    from fastapi import FastAPI, HTTPException
    from pydantic import Field, create_model

    # Not a class here: annotations are strings in this module, and FastAPI looks them up among the module's names
    new_book = create_model("NewBook", title=(str, Field(max_length=100)), price=(float, Field(gt=0)))
    app = FastAPI()

    # Functions, not coroutines: FastAPI's documentation has them so for a database that blocks
    @app.get("/books")
    def page(page: int = 0) -> Any:
        _log.info("page %d", page)
        return {"books": books.page(page)}

    @app.get("/books/{number}")
    def book(number: int) -> Any:
        _log.info("book %d", number)
        found = books.get(number)
        if found is None:
            raise HTTPException(404, "no such book")
        return found

    def add(book: Any) -> Any:
        _log.info("new book %s", book.title)
        return books.add(book.title, book.price)

    add.__annotations__["book"] = new_book
    app.post("/books", status_code=201)(add)

    @app.get("/fails")
    def fails() -> Any:
        raise RuntimeError("out of stock")

    @app.get("/flush")
    def flush() -> Any:
        return _written()

    _instrument("asgi", app)
    return app


def flask() -> Any:
    """Return the shop of Flask, for gunicorn."""
    books = _started()
    from flask import Flask, abort, jsonify, request

    app = Flask("shop")

    @app.get("/books")
    def page() -> Any:
        number = request.args.get("page", 0, type=int)
        _log.info("page %d", number)
        return jsonify(books=books.page(number))

    @app.get("/books/<int:number>")
    def book(number: int) -> Any:
        _log.info("book %d", number)
        found = books.get(number)
        if found is None:
            abort(404)
        return jsonify(found)

    @app.post("/books")
    def add() -> Any:
        given = request.get_json()
        title, price = given.get("title"), given.get("price")
        if not (isinstance(title, str) and len(title) <= 100 and isinstance(price, (int, float)) and price > 0):
            abort(422)
        _log.info("new book %s", title)
        return jsonify(books.add(title, price)), 201

    @app.get("/fails")
    def fails() -> Any:
        raise RuntimeError("out of stock")

    @app.get("/flush")
    def flush() -> Any:
        return jsonify(_written())

    _instrument("wsgi", app)
    return app


#: Writes all that has not been sent, and returns what OpenTelemetry's exporter was given, by the name of the span.
_write: list[Callable[[], dict[str, int]]] = []


def _written() -> dict[str, int]:
    """Write what is waiting to be sent: each turn of a contestant ends with that."""
    return next((write() for write in _write), {})


def _started() -> Books:
    """Begin with what comes before the application: logging, and ``sentry_sdk.init``."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if REPORTER in ("sentry_sdk", "WebIntegration"):
        import sentry_sdk

        options = json.loads(os.environ["BENCHMARK_OPTIONS"])
        if REPORTER == "WebIntegration":
            from sentry_web import WebIntegration

            options["integrations"] = [WebIntegration()]
        sentry_sdk.init(os.environ["BENCHMARK_DSN"], **options)
        _write.append(lambda: sentry_sdk.flush(timeout=20) or {})
    return Books(Path(os.environ["BENCHMARK_FOLDER"], "books.sqlite3"))


def _instrument(protocol: str, app: Any) -> None:
    """Instrument the application for OpenTelemetry, if that is what is measured."""
    if REPORTER == "SentryWebInstrumentor":
        from sentry_web.instrumentor import SentryWebInstrumentor

        SentryWebInstrumentor().instrument(tracer_provider=_provider())
    elif REPORTER == "opentelemetry":
        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"  # the stable conventions, which are all that ours speaks
        _OTHERS[protocol, has_instrumentation(protocol)](app, _provider())


def has_instrumentation(protocol: str) -> bool:
    """Return whether OpenTelemetry's instrumentation of the framework is installed; else its middleware must do."""
    return find_spec("opentelemetry.instrumentation." + {"asgi": "fastapi", "wsgi": "flask"}[protocol]) is not None


#: Without the spans of each ASGI message, which none of the others records.
_NO_MESSAGES = {"exclude_spans": ["send", "receive"]}


def _instrument_fastapi(app: Any, provider: Any) -> None:
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, **_NO_MESSAGES)


def _add_asgi_middleware(app: Any, provider: Any) -> None:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    app.add_middleware(OpenTelemetryMiddleware, tracer_provider=provider, **_NO_MESSAGES)


def _instrument_flask(app: Any, provider: Any) -> None:
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)


def _add_wsgi_middleware(app: Any, provider: Any) -> None:
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    app.wsgi_app = OpenTelemetryMiddleware(app.wsgi_app, tracer_provider=provider)


#: OpenTelemetry's own, by protocol, and whether the framework's instrumentation is installed.
_OTHERS: dict[tuple[str, bool], Callable[[Any, Any], None]] = {
    ("asgi", True): _instrument_fastapi,
    ("asgi", False): _add_asgi_middleware,
    ("wsgi", True): _instrument_flask,
    ("wsgi", False): _add_wsgi_middleware,
}


def _provider() -> Any:
    """Return a provider with a batch processor as it is by default, and an exporter that counts and drops."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    exported: Counter[str] = Counter()

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> Any:
            exported.update(span.name for span in spans)
            return SpanExportResult.SUCCESS

    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(Nowhere()))

    def write() -> dict[str, int]:
        made.force_flush()
        return dict(exported)

    _write.append(write)
    return made


def asks() -> list[tuple[str, str, str | None]]:
    """Return what a client asks for in turn: method, path, and JSON; one in twenty is not there."""
    new = json.dumps({"title": "A new book", "price": 12.5})
    kinds = {
        "list": lambda turn: ("GET", f"/books?page={turn % 20}", None),
        "detail": lambda turn: ("GET", f"/books/{1 + 7 * turn % BOOKS}", None),
        "new": lambda turn: ("POST", "/books", new),
        "missing": lambda turn: ("GET", f"/books/{MISSING}", None),
    }
    order = ["list", "detail", "detail", "new", "list", "detail", "detail", "list", "new", "detail"]
    return [kinds["missing" if turn % 20 == 19 else order[turn % 10]](turn) for turn in range(100)]
