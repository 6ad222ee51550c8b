"""The table of frameworks: names in both styles, transactions and errors a request, from real runs.

``python -m tests.frameworks.table`` in the checkout writes it to ``TABLE.md`` and between the marks in the quick start.
"""

from __future__ import annotations

from typing import Any

from .shops import HERE, SHOPS, Shop, probe

PAGE = HERE.parent.parent / "docs" / "quickstart.md"
TABLE = HERE / "TABLE.md"
BEGIN, END = "<!-- frameworks -->\n", "<!-- /frameworks -->\n"
#: The request whose name is shown.
SHOWN = "/annex/shelves/2"
HEAD = """\
| framework | name, `"endpoint"` | name, `"url"` | transactions, errors a request: integration off | on |
|---|---|---|---|---|
"""


def table() -> str:
    """All rows."""
    return HEAD + "".join(row(shop) for shop in SHOPS.values())


def row(shop: Shop) -> str:
    off = probe(shop.name, "off")["passes"]
    (endpoint, _), (url, _) = (off[style][SHOWN]["roots"][0] for style in ("endpoint", "url"))
    on = counts(probe(shop.name, "on")["passes"]["endpoint"]) if shop.integration else "none exists"
    return f"| {shop.title} | `{endpoint}` | `{url}` | {counts(off['endpoint'])} | {on} |\n"


def counts(answers: dict[str, Any]) -> str:
    """Transactions of any request, and errors of a request that fails; a range where they differ."""
    failing = ("/broken", "/guarded", "/torn")
    transactions = {len(answer["roots"]) for answer in answers.values()}
    errors = {len(answers[path]["errors"]) for path in failing}
    quiet = [error["cause"] for path, answer in answers.items() if path not in failing for error in answer["errors"]]
    assert set(quiet) <= {"NotFoundException"}  # Litestar's integration once reported its 404s
    return f"{span(transactions)}, {span(errors)}"


def span(numbers: set[int]) -> str:
    return "–".join(str(number) for number in sorted({min(numbers), max(numbers)}))


def in_page(text: str, rows: str) -> str:
    """The page with these rows between the marks."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + rows + END + tail


if __name__ == "__main__":
    rows = table()
    TABLE.write_text(rows, encoding="utf-8")
    PAGE.write_text(in_page(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
