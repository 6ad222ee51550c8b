"""``sentry_web.testing.privacy`` and ``places``: what a report says of applications that keep secrets or do not."""

from __future__ import annotations

import gzip
import sys
import types
import zlib
from contextlib import suppress
from typing import Any

import pytest
import sentry_sdk
from click.testing import CliRunner
from flask import Flask, request
from sentry_sdk.integrations.flask import FlaskIntegration
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sentry_web import WebIntegration
from sentry_web.cli import main
from sentry_web.testing import RequestSpec, recording
from sentry_web.testing.check import WrongSubjectError
from sentry_web.testing.places import PROMISED, basic_credentials, traces_of
from sentry_web.testing.privacy import Report, _where, privacy_report

#: The places of a request; a response's headers are the application's.
ASKED = len([place for place in PROMISED if place.answer is None])

flask = Flask("shop")


@flask.route("/orders", methods=["GET", "POST"])
def orders() -> str:
    form = dict(request.form)
    sentry_sdk.capture_message(f"{len(form)} fields from {request.headers.get('Authorization')}")
    return "hello"


COOKIES: list[str] = []


async def careless(found: Any) -> PlainTextResponse:
    """Keeps a cookie, for a hook of its own to send it."""
    COOKIES[:] = [found.cookies.get("basket", "")]
    sentry_sdk.capture_message("here")
    return PlainTextResponse("hello")


def hook(event: Any, hint: Any) -> Any:
    """Runs after all else, and may do as it likes."""
    return {**event, "extra": {"cookies": COOKIES}}


starlette = Starlette(routes=[Route("/orders", careless, methods=["GET", "POST"])])


def double(scope: Any) -> Any:
    async def instance(receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return instance


@pytest.mark.parametrize("app", [flask, starlette, double], ids=["WSGI", "ASGI 3", "ASGI 2"])
def test_nothing_leaves_by_default(app):
    report = privacy_report(app, name="shop:app")
    assert report.ok, str(report)
    assert f"0 of {ASKED} leave" in str(report)
    assert report.paths[-1:] == (("/orders",) if app is not double else ("/",))


def test_what_settings_ask_for_is_told_with_its_place():
    report = privacy_report(flask, sdk={"data_collection": {"user_info": True, "cookies": {"mode": "denylist"}}})
    assert not report.ok
    leaving = {leak.place for leak in report.leaks}
    assert "address of the peer" in leaving
    assert "cookie with any name" in leaving
    assert "cookie with a telling name" not in leaving
    peer = next(leak for leak in report.leaks if leak.place == "address of the peer")
    assert "event: user.ip_address" in peer.where
    assert "LEAVES" in str(report)
    assert "event: user.ip_address" in str(report)
    document = report.as_dict()
    assert document["ok"] is False
    assert document["leaks"]
    assert document["requests"] == ASKED * len(report.paths)


def test_what_the_applications_own_hook_sends_is_found():
    report = privacy_report(starlette, sdk={"before_send": hook})
    assert [(leak.place, leak.path) for leak in report.leaks] == [("cookie with any name", "/orders")]
    assert set(report.leaks[0].where) == {"event: extra.cookies.0"}


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "JSON"])
def test_command_line(arguments):
    target = f"{__name__}:flask"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, __name__, sys.modules.get(__name__) or types.SimpleNamespace(flask=flask))
        result = CliRunner().invoke(main, ["check", target, "--privacy", "--path", "/orders", *arguments])
    assert result.exit_code == 0, result.output
    assert ('"ok": true' if arguments else f"0 of {ASKED} leave") in result.output


def test_the_applications_own_settings_count():
    with recording(data_collection={"user_info": True}, max_request_body_size="small"):
        report = privacy_report(double)
    assert report.settings["max_request_body_size"] == "small"
    assert report.settings["data_collection"]["user_info"] is True
    assert "address of the peer" in {leak.place for leak in report.leaks}


@pytest.mark.filterwarnings("ignore:The send_default_pii option is deprecated")
def test_that_the_application_asked_for_personal_data_counts():
    with recording(send_default_pii=True):
        report = privacy_report(double)
    collection = report.settings.get("data_collection", {})
    assert report.settings.get("send_default_pii", collection.get("user_info")) is True
    assert "address of the peer" in {leak.place for leak in report.leaks}


def test_what_leaves_outside_of_the_items_is_found():
    class Sent(list[Any]):
        """Envelopes whose items are clean."""

        all_bytes = b'{"trace":{"transaction":"of a secret"}}'

    assert list(_where(Sent(), ["a secret"])) == ["header of an envelope"]
    assert list(_where(Sent(), ["another"])) == []


def test_what_is_no_application():
    with pytest.raises(WrongSubjectError):
        privacy_report(3)


def unpacked(body):
    """The bytes of a body, as text of whichever encoding and compression."""
    for unpack in (gzip.decompress, zlib.decompress, lambda data: data.decode("utf-16").encode()):
        with suppress(OSError, zlib.error, ValueError):
            return unpack(body)
    return body


@pytest.mark.parametrize("place", PROMISED, ids=repr)
def test_a_planted_secret_is_there(place):
    secret = "81.123.134.145" if place.holds == "address" else "WXRTZPLKMNBVCXQS"
    planted = place.plant(RequestSpec(), secret)
    answer = place.answer(secret) if place.answer else ()
    told = repr((planted, answer)).encode() + unpacked(b"".join(planted.body))
    assert any(trace in told for trace in traces_of(place, secret))


def test_places_add_to_what_is_there():
    cookies = [place for place in PROMISED if place.name.startswith("cookie")]
    planted = cookies[1].plant(cookies[0].plant(RequestSpec(), "one"), "two")
    assert planted.headers == (("Cookie", "session=one; basket=two"),)


@pytest.mark.parametrize("header", ["", "Bearer abc", "Basic %%%", "Basic /w=="])
def test_what_is_no_basic_credential(header):
    assert basic_credentials(header) == ""


# --- As it is deployed -----------------------------------------------------------------------------------------------


def deployed(*integrations: Any) -> Report:
    """The report on a Flask application that initialises the SDK so."""
    app = Flask("shop")
    app.add_url_rule("/books", "books", lambda: "books", methods=["GET", "POST"])
    with recording(traces_sample_rate=1.0, integrations=list(integrations)):
        return privacy_report(app, paths=["/books"], name="shop:app")


def test_an_application_is_tested_with_its_integrations_and_no_middleware_that_it_does_not_have() -> None:
    report = deployed(FlaskIntegration())
    assert not report.ok
    first, *_ = str(report).splitlines()
    assert first == (
        "Privacy of app (wsgi application), as it is deployed, no middleware added; sentry-sdk's integrations: flask"
    )


def test_an_application_with_the_integration_of_ours_lets_nothing_leave() -> None:
    report = deployed(FlaskIntegration(), WebIntegration())
    assert report.ok, str(report)
    assert "sentry-sdk's integrations: flask, sentry_web" in str(report).splitlines()[0]


def test_ours_is_added_where_it_is_asked_for_or_nothing_would_be_reported() -> None:
    app = Flask("shop")
    assert "inside this package's middleware" in str(privacy_report(app)).splitlines()[0]
    with recording(integrations=[FlaskIntegration()]):
        report = privacy_report(app, wrap=True)
    assert report.ok, str(report)
    assert "inside this package's middleware, which was added" in str(report).splitlines()[0]
