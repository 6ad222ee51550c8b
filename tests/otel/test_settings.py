"""``_otel.settings``: every option is checked at construction, and OpenTelemetry's environment variables are read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry import trace

from sentry_web import AsgiMiddleware, OpenTelemetryRecorder, instrument_asgi, instrument_wsgi
from sentry_web._otel.settings import build_settings
from sentry_web.testing import ASGI3, DRIVERS, WSGI, RequestSpec, Script, SendChunk, StartResponse, Wrap

SCRIPT = Script((StartResponse(headers=(("X-Cache", "hit"), ("Set-Cookie", "a=b"))), SendChunk()))
BOTH = [instrument_asgi, instrument_wsgi]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the variables is set, whatever the machine."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def app(*arguments: Any) -> None: ...


BAD: list[tuple[str, Any, type[Exception]]] = [
    ("capture_headers", "yes", TypeError),
    ("send_default_pii", 2, TypeError),
    ("request_hook", "hook", TypeError),
    ("server_request_hook", 1, TypeError),
    ("response_hook", "hook", TypeError),
    ("default_span_details", ("GET", {}), TypeError),
    ("tracer_provider", "provider", TypeError),
    ("meter_provider", 7, TypeError),
    ("tracer", object(), TypeError),
    ("meter", "meter", TypeError),
    ("http_capture_headers_server_request", "x-one", TypeError),
    ("http_capture_headers_server_response", ["("], ValueError),
    ("http_capture_headers_sanitize_fields", [1], TypeError),
    ("excluded_urls", ["("], ValueError),
    ("transaction_style", "name", ValueError),
]


@pytest.mark.parametrize("instrument", BOTH)
@pytest.mark.parametrize(("option", "value", "error"), BAD, ids=[each[0] for each in BAD])
def test_a_bad_value_is_refused_by_name(instrument: Any, option: str, value: Any, error: type[Exception]) -> None:
    named = value[0] if isinstance(value, list) else value
    with pytest.raises(error, match=f"{option}.*{re.escape(repr(named))}"):
        instrument(app, **{option: value})


@pytest.mark.parametrize("instrument", BOTH)
def test_an_unknown_option_is_refused(instrument: Any) -> None:
    with pytest.raises(TypeError, match="unknown option 'colour'"):
        instrument(app, colour="red")


@pytest.mark.parametrize("option", ["client_request_hook", "client_response_hook", "exclude_spans"])
def test_options_of_messages_are_refused_where_there_are_none(option: str) -> None:
    with pytest.raises(TypeError, match=f"{option}.*WSGI"):
        instrument_wsgi(app, **{option: None})  # type: ignore[arg-type]
    instrument_asgi(app, **{option: None})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["sent", ["send", "sent"], 3])
def test_only_messages_that_exist_can_be_excluded(value: Any) -> None:
    with pytest.raises(ValueError, match=r"exclude_spans.*sen|exclude_spans.*3"):
        instrument_asgi(app, exclude_spans=value)


@pytest.mark.parametrize("option", ["excluded_urls", "record_send_receive", "on_request"])
def test_a_recorder_by_itself_refuses_what_only_a_middleware_can_do(option: str) -> None:
    with pytest.raises(TypeError, match=f"'{option}'.*middleware"):
        OpenTelemetryRecorder(**{option: None})


def test_a_recorder_by_itself_records_messages_where_its_middleware_asks(telemetry: Any) -> None:
    recorder = OpenTelemetryRecorder(tracer_provider=telemetry.tracer_provider, exclude_spans=["receive"])
    for asked in (False, True):
        wrap = Wrap(asgi=lambda app, asked=asked: AsgiMiddleware(app, recorders=[recorder], record_send_receive=asked))
        ASGI3.run(SCRIPT, wrap=wrap)
        assert len(telemetry.spans) == (5 if asked else 1)  # start, chunk, end
    assert {span.name for span in telemetry.spans} == {"GET", "GET http send"}


def test_which_messages_have_spans() -> None:
    assert build_settings("asgi").message_spans == frozenset()
    assert build_settings("asgi", exclude_spans=["send"]).message_spans == frozenset()
    assert build_settings("asgi", record_send_receive=True).message_spans == {"send", "receive"}
    assert build_settings("asgi", record_send_receive=True, exclude_spans=("send",)).message_spans == {"receive"}
    assert build_settings("asgi", record_send_receive=True, exclude_spans="send").message_spans == {"receive"}


@pytest.mark.parametrize(
    ("variables", "excluded"),
    [
        ({"OTEL_PYTHON_EXCLUDED_URLS": "/health,/metrics"}, {"/health", "/metrics"}),
        ({"OTEL_PYTHON_ASGI_EXCLUDED_URLS": "/health", "OTEL_PYTHON_WSGI_EXCLUDED_URLS": "/health"}, {"/health"}),
        (
            {
                "OTEL_PYTHON_EXCLUDED_URLS": "/metrics",
                "OTEL_PYTHON_ASGI_EXCLUDED_URLS": "/health",
                "OTEL_PYTHON_WSGI_EXCLUDED_URLS": "/health",
            },
            {"/health"},
        ),
        ({}, set()),
    ],
)
@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_urls_are_excluded_by_the_environment(
    driver: Any, telemetry: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], excluded: set[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    paths = ["/health", "/metrics", "/books"]
    for path in paths:
        driver.run(SCRIPT, RequestSpec(path=path), telemetry.wrap())
    assert {span.attributes["url.path"] for span in telemetry.requests} == set(paths) - excluded


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_the_argument_wins_over_the_environment(driver: Any, telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "/books")
    driver.run(SCRIPT, RequestSpec(path="/books"), telemetry.wrap(excluded_urls=""))
    assert len(telemetry.requests) == 1


def test_an_exclude_list_of_opentelemetrys_is_taken_too(telemetry: Any) -> None:
    http = pytest.importorskip("opentelemetry.util.http", reason="opentelemetry-util-http is not installed")
    wrap = telemetry.wrap(excluded_urls=http.ExcludeList(["/health"]))
    for driver in (WSGI, ASGI3):
        driver.run(SCRIPT, RequestSpec(path="/health"), wrap)
    assert telemetry.requests == []


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_headers_are_captured_and_sanitised_by_the_environment(
    driver: Any, telemetry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
    monkeypatch.setenv(prefix + "SERVER_REQUEST", "X-One, x-two.*")
    monkeypatch.setenv(prefix + "SERVER_RESPONSE", "x-cache,set-cookie")
    monkeypatch.setenv(prefix + "SANITIZE_FIELDS", ".*mine.*")
    headers = (("X-One", "1"), ("X-Two-Mine", "2"), ("X-Two", "3"), ("X-One-More", "4"))
    driver.run(SCRIPT, RequestSpec(headers=headers), telemetry.wrap())
    (span,) = telemetry.requests
    assert {key: value for key, value in span.attributes.items() if ".header." in key} == {
        "http.request.header.x-one": ("1",),
        "http.request.header.x-two-mine": ("[Filtered]",),
        "http.request.header.x-two": ("3",),
        "http.response.header.x-cache": ("hit",),
        "http.response.header.set-cookie": ("[Filtered]",),
    }


@pytest.mark.parametrize("driver", DRIVERS, ids=repr)
def test_known_methods_are_those_of_the_environment(
    driver: Any, new_telemetry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variables, expected in (
        ({}, ("_OTHER", "PURGE", "HTTP")),
        ({"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "GET, PURGE"}, ("PURGE", None, "PURGE")),
        ({"OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS": "1"}, ("PURGE", None, "PURGE")),
    ):
        telemetry = new_telemetry()
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            driver.run(SCRIPT, RequestSpec(method="PURGE"), telemetry.wrap())
        (span,) = telemetry.requests
        told = span.attributes
        assert (told["http.request.method"], told.get("http.request.method_original"), span.name) == expected


@pytest.mark.parametrize("value", ["", "http", "database", "database,http"])
def test_no_warning_where_the_stable_conventions_are_enough(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        instrument_wsgi(app)


@pytest.mark.parametrize("instrument", BOTH)
def test_the_wish_for_the_old_conventions_is_answered_by_a_warning(
    instrument: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "database, http/dup")
    with pytest.warns(UserWarning, match="'http/dup'.*stable HTTP conventions only") as caught:
        instrument(app)
    assert caught[0].filename == __file__  # where the user called


def test_a_tracer_and_a_meter_can_be_given_themselves(telemetry: Any) -> None:
    tracer, meter = telemetry.tracer_provider.get_tracer("own"), telemetry.meter_provider.get_meter("own")
    settings = build_settings("wsgi", tracer=tracer, meter=meter)
    assert settings.tracer is tracer
    assert settings.meter is meter


def test_nothing_is_read_at_import() -> None:
    code = (
        "import os, sentry_web._otel as room; os.environ['OTEL_PYTHON_EXCLUDED_URLS'] = '/late';"
        "print(room.build_settings('asgi').config.excludes('/late'))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "True"


def test_the_scope_of_the_spans_says_who_made_them(telemetry: Any) -> None:
    WSGI.run(SCRIPT, wrap=telemetry.wrap())
    scope = telemetry.requests[0].instrumentation_scope
    assert scope.name == "sentry_web"
    assert scope.schema_url.startswith("https://opentelemetry.io/schemas/1.")
    assert isinstance(trace.get_tracer("x"), trace.Tracer)
