"""The bookshop: plain functions and data, shared by both applications.

This module knows nothing of the web or Sentry. It contains two deliberate mistakes, each marked as one.
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
    {"number": 1003},  # without a total: see export_invoices
    {"number": 1004, "total": 74.0},
]
#: The time that the export of one line takes, in seconds: long enough to be visible in a duration.
LINE_SECONDS = 0.05


def front_page() -> str:
    """Return the front page, as HTML."""
    titles = "".join(f"<li>{book['title']}</li>" for book in BOOKS.values())
    return f"<!doctype html><title>Bookshop</title><ul>{titles}</ul>"


def find_book(book_id: int) -> dict[str, Any]:
    """Look up a book. The demo traces this call like a database query."""
    return BOOKS[book_id]


def show_book(book_id: int) -> dict[str, Any]:
    """Return a book's title and price."""
    book = find_book(book_id)
    return {"id": book_id, "title": book["title"], "price": book["price"]}


def place_order(order: dict[str, Any]) -> dict[str, Any]:
    """Accept an order, such as ``{"book": 2, "copies": 1, …}``, and return its price."""
    book = find_book(order["book"])
    return {"title": book["title"], "total": book["price"] * order["copies"]}


def export_catalogue() -> Iterator[str]:
    """Yield the catalogue as CSV, line by line and slowly."""
    yield "id,title,price\n"
    for book_id, book in BOOKS.items():
        time.sleep(LINE_SECONDS)
        yield f"{book_id},{book['title']},{book['price']}\n"


def average_rating(book_id: int) -> dict[str, Any]:
    """Return a book's average rating. The mistake: a book without ratings leads to a division by zero."""
    ratings = find_book(book_id)["ratings"]
    return {"id": book_id, "rating": sum(ratings) / len(ratings)}


def export_invoices() -> Iterator[str]:
    """Yield the invoices as CSV. The mistake: one has no total, which fails after half of them have been sent."""
    yield "number,total\n"
    for invoice in INVOICES:
        time.sleep(LINE_SECONDS)
        yield f"{invoice['number']},{invoice['total']:.2f}\n"


def answer(question: str) -> str:
    """Return the shop assistant's answer to a customer's question."""
    found = [book["title"] for book in BOOKS.values() if question.lower() in book["title"].lower()]
    return f"We have: {', '.join(found)}" if found else "Let me ask a colleague."
