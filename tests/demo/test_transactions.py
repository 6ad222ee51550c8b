from __future__ import annotations

import pytest

from sentry_web.demo import transactions
from sentry_web.demo.ingest import Ingest
from sentry_web.demo.visitor import VISITS, Answer


def attribute(value: object) -> dict:
    return {"type": "string", "value": value}


def span(span_id: str, segment_id: str, name: str, **attributes: object) -> dict:
    return {
        "trace_id": "t",
        "span_id": span_id,
        "parent_span_id": "0" if span_id == segment_id else segment_id,
        "name": name,
        "status": "error" if span_id == segment_id else "ok",
        "is_segment": span_id == segment_id,
        "start_timestamp": 1.0,
        "end_timestamp": 1.5,
        "attributes": {
            key.replace("__", "."): attribute(value)
            for key, value in {**attributes, "sentry__segment__id": segment_id}.items()
        },
    }


SPANS = [
    span("c1", "s1", "SELECT", sentry__op="db"),
    span("s1", "s1", "shop.order", sentry__op="http.server", url__scheme="http", server__address="a", url__path="/b"),
    span("s2", "s2", "shop.front_page", url__full="http://a/"),
]


def test_each_segment_becomes_a_transaction_with_the_spans_of_its_tree():
    order, page = transactions.as_transactions(SPANS)
    assert (order["transaction"], page["transaction"]) == ("shop.order", "shop.front_page")
    assert (order["request"]["url"], page["request"]["url"]) == ("http://a/b", "http://a/")
    trace = order["contexts"]["trace"]
    assert (trace["trace_id"], trace["span_id"], trace["op"]) == ("t", "s1", "http.server")
    assert trace["status"] == "internal_error"
    assert [(child["op"], child["description"], child["status"]) for child in order["spans"]] == [
        ("db", "SELECT", "ok")
    ]
    assert page["spans"] == []


def test_transactions_are_sent_as_envelopes():
    made = transactions.as_transactions(SPANS)
    with Ingest() as ingest:
        transactions.post(ingest.dsn.replace("public@", "").removesuffix("/1") + "/api/1/envelope/", made)
        assert [one["transaction"] for one in ingest.transactions] == ["shop.order", "shop.front_page"]
        assert ingest.rejected == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(200, 5, broke_off=False), "ok"),
        (Answer(404, 5, broke_off=False), "not_found"),
        (Answer(500, 5, broke_off=False), "internal_error"),
        (Answer(200, 5, broke_off=True), "internal_error"),
    ],
)
def test_the_visitors_own_transaction_is_the_parent_of_what_continues_its_trace(answer, status):
    (visit,) = (visit for visit in VISITS if visit.title == "a view that raises")
    transaction = transactions.of_visitor(visit, answer, 1.0, 1.5)
    assert "{trace_id}-{span_id}-1".format(**transaction["contexts"]["trace"]) == visit.sentry_trace
    assert transaction["contexts"]["trace"]["status"] == status
    assert transaction["transaction"] == "reader: GET /books/3/rating"
    assert (transaction["start_timestamp"], transaction["timestamp"]) == (1.0, 1.5)
