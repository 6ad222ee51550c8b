"""Under Logfire: ``logfire.configure(...)``, then ours, gives a readable message and a level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("logfire", reason="logfire is not installed")

import logfire
import logfire.testing
from opentelemetry import propagate
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from sentry_web import instrument_asgi, instrument_wsgi
from sentry_web.testing import ASGI3, DRIVERS, WSGI, Raise, Request, Script, SendChunk, StartResponse, Wrap

#: Logfire's numbers of levels; a span without one is "info".
WARNING, ERROR = 13, 17


@pytest.fixture
def exporter() -> Iterator[Any]:
    """An exporter that Logfire's own configuration sends to."""
    former = propagate.get_global_textmap()  # Logfire puts one of its own around it, which warns of what callers say
    exporter = logfire.testing.TestExporter()
    logfire.configure(
        local=False,
        send_to_logfire=False,
        console=False,
        metrics=False,
        inspect_arguments=False,
        additional_span_processors=[SimpleSpanProcessor(exporter)],
    )
    yield exporter
    logfire.shutdown()
    propagate.set_global_textmap(former)


def ours() -> Wrap:
    """As users write it: nothing but the application is handed over."""
    return Wrap(wsgi=instrument_wsgi, asgi=instrument_asgi)


def told(exporter: Any) -> list[dict[str, Any]]:
    spans: list[dict[str, Any]] = exporter.exported_spans_as_dict()
    return spans


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_a_request_has_a_readable_message(driver: Any, exporter: Any) -> None:
    driver.run(Script((StartResponse(), SendChunk())), Request(path="/books/7", query="page=2"), ours())
    (span,) = told(exporter)
    assert span["name"] == "GET"
    assert span["attributes"]["logfire.msg"].startswith("GET /books/7")  # how the query is shown is Logfire's affair
    assert "logfire.level_num" not in span["attributes"]


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_the_name_has_the_route_and_the_message_the_path(driver: Any, exporter: Any) -> None:
    wrap = Wrap(
        wsgi=lambda app: instrument_wsgi(app, route_resolver=lambda request: "/books/{number}"),
        asgi=lambda app: instrument_asgi(app, route_resolver=lambda request: "/books/{number}"),
    )
    driver.run(Script((StartResponse(), SendChunk())), Request(path="/books/7"), wrap)
    (span,) = told(exporter)
    assert span["name"] == "GET /books/{number}"
    assert span["attributes"]["logfire.msg"] == "GET /books/7"


@pytest.mark.parametrize(("status", "level"), [(404, WARNING), (503, ERROR)])
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_the_level_follows_the_status(driver: Any, exporter: Any, status: int, level: int) -> None:
    driver.run(Script((StartResponse(status), SendChunk())), Request(path="/books/7"), ours())
    (span,) = told(exporter)
    assert span["attributes"]["logfire.level_num"] == level


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_an_exception_is_an_error_with_its_traceback(driver: Any, exporter: Any) -> None:
    driver.run(Script((Raise(ValueError),)), Request(path="/books/7"), ours())
    (span,) = told(exporter)
    assert span["attributes"]["logfire.level_num"] == ERROR
    assert span["events"][0]["name"] == "exception"
    assert span["events"][0]["attributes"]["exception.type"] == "ValueError"


def test_spans_of_logfire_are_children_of_the_request(exporter: Any) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        with logfire.span("looking for {book}", book="ulysses"):
            start_response("200 OK", [])
        return [b""]

    WSGI.run_app(app, Request(path="/books"), ours())
    own, request = told(exporter)
    assert own["attributes"]["logfire.msg"] == "looking for ulysses"
    assert own["parent"]["span_id"] == request["context"]["span_id"]


def test_suppressed_instrumentation_is_silent(exporter: Any) -> None:
    with logfire.suppress_instrumentation():
        ASGI3.run(Script((StartResponse(), SendChunk())), wrap=ours())
    assert told(exporter) == []
