from __future__ import annotations

import pytest

from sentry_web.demo import shop


def test_the_shop():
    assert "Discipline" in shop.front_page()
    assert shop.show_book(2)["title"] == "Gödel, Escher, Bach"
    assert shop.place_order({"book": 2, "copies": 2})["total"] == 57.0
    assert shop.average_rating(2) == {"id": 2, "rating": 4.0}
    assert shop.answer("bach") == "We have: Gödel, Escher, Bach"
    assert shop.answer("an atlas") == "Let me ask a colleague."


def test_the_exports_stream(monkeypatch):
    monkeypatch.setattr(shop, "LINE_SECONDS", 0)
    monkeypatch.setattr(shop, "INVOICES", [{"number": 1, "total": 2}])
    assert len(list(shop.export_catalogue())) == 1 + len(shop.BOOKS)
    assert list(shop.export_invoices()) == ["number,total\n", "1,2.00\n"]


def test_the_mistakes_are_mistakes(monkeypatch):
    monkeypatch.setattr(shop, "LINE_SECONDS", 0)
    with pytest.raises(ZeroDivisionError):
        shop.average_rating(3)
    with pytest.raises(KeyError, match="total"):
        list(shop.export_invoices())
