"""The bookshop: plain functions and data, written once for both fronts.

Nothing of the web may enter here, and nothing of Sentry: what a front makes of a result is the front's
affair, and so is what a middleware makes of a mistake. Two mistakes are here on purpose, each marked as one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BOOKS: dict[int, dict[str, Any]] = {
    1: {"title": "The Art of Computer Programming", "price": 249.0, "ratings": [5, 5, 4]},
    2: {"title": "Gödel, Escher, Bach", "price": 28.5, "ratings": [5, 3]},
    3: {"title": "A Discipline of Programming", "price": 74.0, "ratings": []},
}
INVOICES: list[dict[str, Any]] = [
    {"number": 1001, "total": 28.5},
    {"number": 1002, "total": 323.0},
    {"number": 1003},  # never totalled: see export_invoices
    {"number": 1004, "total": 74.0},
]
#: How long the export of one line takes, in seconds: long enough to be seen in a duration.
LINE_SECONDS = 0.05


def front_page() -> str:
    """The shop's window, as HTML."""
    titles = "".join(f"<li>{book['title']}</li>" for book in BOOKS.values())
    return f"<!doctype html><title>Bookshop</title><ul>{titles}</ul>"


def find_book(book_id: int) -> dict[str, Any]:
    """Look a book up. The demo traces this call, as it would a database query."""
    return BOOKS[book_id]


def show_book(book_id: int) -> dict[str, Any]:
    """One book's title and price."""
    book = find_book(book_id)
    return {"id": book_id, "title": book["title"], "price": book["price"]}


def place_order(order: dict[str, Any]) -> dict[str, Any]:
    """Take an order: ``{"book": 2, "copies": 1, …}``; returns what it costs."""
    book = find_book(order["book"])
    return {"title": book["title"], "total": book["price"] * order["copies"]}


def export_catalogue() -> Iterator[str]:
    """The catalogue as CSV, a line at a time and slowly."""
    yield "id,title,price\n"
    for book_id, book in BOOKS.items():
        time.sleep(LINE_SECONDS)
        yield f"{book_id},{book['title']},{book['price']}\n"


def average_rating(book_id: int) -> dict[str, Any]:
    """A book's rating. The mistake: a book that nobody has rated divides by zero."""
    ratings = find_book(book_id)["ratings"]
    return {"id": book_id, "rating": sum(ratings) / len(ratings)}


def export_invoices() -> Iterator[str]:
    """The invoices as CSV. The mistake: one has no total, and that shows when half of them are out."""
    yield "number,total\n"
    for invoice in INVOICES:
        time.sleep(LINE_SECONDS)
        yield f"{invoice['number']},{invoice['total']:.2f}\n"


def answer(question: str) -> str:
    """What the shop's assistant says to a customer."""
    found = [book["title"] for book in BOOKS.values() if question.lower() in book["title"].lower()]
    return f"We have: {', '.join(found)}" if found else "Let me ask a colleague."
