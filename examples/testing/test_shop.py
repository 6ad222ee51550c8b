"""What the shop reports, asserted with sentry_web's pytest plugin (extra ``testing``). Run ``python -m pytest`` here.

The plugin's fixtures replace ``sentry_sdk.init`` for one test and keep what would have been sent.
"""
# ruff: noqa: S101

from __future__ import annotations

import pytest
from shop import application, shop
from werkzeug.test import Client

from sentry_web.testing import check


def test_a_book_that_is_there_is_a_root_span_and_no_error(sentry_events):
    assert Client(application).get("/books/faust").status_code == 200
    assert sentry_events.errors == []
    (root,) = sentry_events.roots
    assert (root.name, root.status) == ("/books/faust", "ok")


def test_a_book_that_is_missing_is_reported_with_its_title(sentry_events):
    with pytest.raises(KeyError):
        Client(application).get("/books/ulysses")
    (error,) = sentry_events.errors
    assert error.exception == ("KeyError", "'ulysses'")
    assert error.tags["title"] == "ulysses"
    assert sentry_events.roots[0].status in {"internal_error", "error"}  # of a transaction, of a streamed span


@pytest.mark.sentry(traces_sample_rate=0.0)
def test_options_of_the_sdk_are_set_with_a_marker(sentry_events):
    Client(application).get("/books/faust")
    assert sentry_events.roots == []


def test_a_token_in_the_query_stays_home(sentry_events):
    with pytest.raises(KeyError):
        Client(application).get("/books/ulysses?token=very-secret")
    assert b"very-secret" not in sentry_events.all_bytes


def test_the_middleware_changes_nothing_and_the_shop_keeps_to_its_protocol():
    verdict = check(shop, examples=20, paths=["/books/faust"])
    assert verdict.ok, str(verdict)
