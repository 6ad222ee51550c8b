"""``_sentry.events``: request data, client and name on each event of a request."""

from __future__ import annotations

from typing import Any

import pytest
import sentry_sdk

from sentry_web._naming.naming import Naming
from sentry_web._privacy.policy import SUBSTITUTE, Filtered, Oversized, Unparsed
from sentry_web._request import Name
from sentry_web._request.forwarding import Forwarding
from sentry_web._request.http import text
from sentry_web._request.scope import ScopeRequest
from sentry_web._sentry.events import RequestProcessor, annotated, request_data
from sentry_web._sentry.settings import build_policy
from sentry_web.recorder import Captured
from sentry_web.testing import (
    CaptureMessage,
    Driver,
    Events,
    Raise,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.sdk import STATIC, STREAM, is_streaming
from sentry_web.testing.steps import Act
from sentry_web.testing.transcript import TranscriptWriter

BOTH_MODES = pytest.mark.parametrize("sdk", [STATIC, STREAM], ids=["transactions", "stream"])
pytestmark = pytest.mark.filterwarnings("ignore:.*send_default_pii:DeprecationWarning")


def request_of(**scope: Any) -> ScopeRequest:
    return ScopeRequest({"type": "http", "method": "GET", "path": "/books/7", **scope})


def policy(**options: Any) -> Any:
    return build_policy(options, Forwarding())


def processor_for(
    request: ScopeRequest, capture_body: str = "errors", names_before: Any = (), **options: Any
) -> RequestProcessor:
    naming = Naming(request, "endpoint", {}, None)
    return RequestProcessor(request, policy(**options), naming, Captured(), capture_body, names_before)


# --- request data ----------------------------------------------------------------------------------------------------


def data_of(request: Any, **options: Any) -> dict[str, Any]:
    rules = policy(**options)
    return request_data(request, rules, rules.address(request))


def test_what_is_not_known_is_left_out() -> None:
    bare = ScopeRequest({"type": "http"})
    assert data_of(bare) == {"url": "/", "headers": {}}


def test_addresses_have_cgis_names() -> None:
    request = request_of(server=("127.0.0.1", 8000), client=("127.0.0.1", 1))
    assert data_of(request)["env"] == {"SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000"}
    assert data_of(request, send_default_pii=True)["env"]["REMOTE_ADDR"] == "127.0.0.1"


def test_remarks_are_made_of_what_was_replaced_at_any_depth() -> None:
    value = {"a": [Filtered(SUBSTITUTE), {"b": Oversized("")}], "c": Unparsed("[3 bytes]"), "d": 1, "e": "text"}
    shown = annotated(value)
    assert shown["a"][0].value == SUBSTITUTE
    assert shown["a"][0].metadata == {"rem": [["!config", "s"]]}
    assert shown["a"][1]["b"].metadata == {"rem": [["!config", "x"]]}
    assert shown["c"].metadata == {"rem": [["!raw", "s"]]}
    assert (shown["d"], shown["e"]) == (1, "text")


@pytest.mark.parametrize(("value", "shown"), [("ä", "ä"), (b"\xe4", "ä"), (5, "5"), (None, "None")])
def test_header_names_and_values_are_text(value: object, shown: str) -> None:
    assert text(value) == shown


def test_an_event_has_data_of_its_own_that_hooks_may_change() -> None:
    processor = processor_for(request_of(headers=[(b"x-shop", b"north")]))
    first: dict[str, Any] = processor({}, {})
    first["request"]["headers"].clear()
    second: dict[str, Any] = processor({}, {})
    assert second["request"]["headers"] == {"x-shop": "north"}


def test_what_the_sender_of_an_event_said_stays() -> None:
    processor = processor_for(request_of(client=("127.0.0.1", 1)), send_default_pii=True)
    event = processor({"request": {"url": "mine"}, "user": {"ip_address": "192.0.2.1", "id": 5}}, {})
    assert event["request"]["url"] == "mine"
    assert event["request"]["method"] == "GET"
    assert event["user"] == {"ip_address": "192.0.2.1", "id": 5}
    assert processor({"user": {"id": 5}}, {})["user"] == {"id": 5, "ip_address": "127.0.0.1"}


@pytest.mark.parametrize(
    ("exc_info", "known"),
    [((ValueError, ValueError(), None), True), ([ValueError, ValueError(), None], True), (None, False), ((1,), False)],
)
def test_an_exception_that_somebody_captured_is_known(exc_info: Any, known: bool) -> None:
    captured = Captured()
    request = request_of()
    processor = RequestProcessor(request, policy(), Naming(request, "endpoint", {}, None), captured, "errors")
    processor({}, {"exc_info": exc_info})
    assert bool(captured) is known


# --- names -----------------------------------------------------------------------------------------------------------


def test_an_event_is_named_as_its_transaction_will_be() -> None:
    processor = processor_for(request_of(), names_before=("the lifespan",))
    assert processor({}, {})["transaction"] == "/books/7"
    processor.initial_name = Name("/books/7", "url")
    for event in ({"transaction": "the lifespan"}, {"transaction": "/books/7", "transaction_info": {"source": "url"}}):
        named = processor(event, {})
        assert (named["transaction"], named["transaction_info"]) == ("/books/7", {"source": "url"})


@pytest.mark.parametrize(
    ("given", "source"), [("url", "custom"), (None, "custom"), ("route", "route"), ("component", "component")]
)
def test_a_chosen_name_stays_and_has_a_source(given: Any, source: str) -> None:
    """Where only the name was set, the scope still has the source of ours."""
    processor = processor_for(request_of())
    processor.initial_name = Name("/books/7", "url")
    named = processor({"transaction": "chosen", "transaction_info": {"source": given, "changes": []}}, {})
    assert named["transaction"] == "chosen"
    assert named["transaction_info"] == {"source": source, "changes": []}


class Choose(Act):
    """Choose a name for the transaction, on one of the scopes, as applications and integrations do."""

    def __init__(self, scope: str, source: str | None) -> None:
        self.scope, self.source = scope, source

    def act(self, recorder: TranscriptWriter) -> None:
        scope = getattr(sentry_sdk, f"get_{self.scope}_scope")()
        scope.set_transaction_name("chosen", source=self.source)


@BOTH_MODES
@pytest.mark.parametrize("scope", ["current", "isolation"])
@pytest.mark.parametrize("source", [None, "route", "custom"])
def test_a_name_chosen_on_a_scope_names_events_and_root_span(
    driver: Driver, run: Any, scope: str, source: str | None, sdk: dict[str, Any]
) -> None:
    script = Script((Choose(scope, source), StartResponse(), CaptureMessage("here"), SendChunk()))
    events: Events = run(driver, script, sdk=sdk)
    assert [message.name for message in events.messages] == ["chosen"]
    (root,) = events.roots
    assert root.name == "chosen"
    # The isolation scope keeps no source that a transaction would take, see RequestProcessor.chosen_on
    assert root.source == (source if source and scope == "current" else "custom")


@pytest.mark.parametrize("scope", ["current", "isolation"])
def test_a_name_chosen_where_no_traces_are_made_names_events(driver: Driver, run: Any, scope: str) -> None:
    script = Script((Choose(scope, None), StartResponse(), CaptureMessage("here"), SendChunk()))
    events: Events = run(driver, script, sdk={"traces_sample_rate": None})
    assert [message.name for message in events.messages] == ["chosen"]


class Rename(Act):
    """Rename the root span itself, as applications that know the SDK do."""

    def act(self, recorder: TranscriptWriter) -> None:
        scope: Any = sentry_sdk.get_current_scope()
        root = sentry_sdk.traces.get_current_span() if is_streaming() else scope.transaction
        root.name = "chosen"


@BOTH_MODES
def test_a_renamed_root_span_keeps_its_name(driver: Driver, run: Any, sdk: dict[str, Any]) -> None:
    events: Events = run(driver, Script((Rename(), StartResponse(), SendChunk())), sdk=sdk)
    (root,) = events.roots
    assert root.name == "chosen"


@BOTH_MODES
def test_a_name_that_was_there_before_the_request_is_no_choice(driver: Driver, sdk: dict[str, Any]) -> None:
    script = Script((StartResponse(), CaptureMessage("here"), SendChunk()))
    with recording(traces_sample_rate=1.0, **sdk) as events:
        sentry_sdk.get_current_scope().set_transaction_name("the server")
        sentry_sdk.get_isolation_scope().set_transaction_name("the process")
        driver.run(script, RequestSpec(path="/books/7"), Wrap.ours())
    (root,) = events.roots
    assert {root.name, *(message.name for message in events.messages)} == {"/books/7"}


# --- bodies and errors on every driver -------------------------------------------------------------------------------


def test_an_error_tells_its_request(driver: Driver, run: Any) -> None:
    request = RequestSpec("PUT", "/books/7", query="page=2", headers=(("X-Shop", "north"),), root_path="/shop")
    (error,) = run(driver, Script((Raise(),), Returns.LAZY_GENERATOR), request).errors
    assert error["request"]["url"] == request.url
    assert error["request"]["method"] == "PUT"
    assert error["request"]["query_string"] == "page=2"
    assert {name.lower(): value for name, value in error["request"]["headers"].items()} == {
        "host": "shop.example",
        "x-shop": "north",
    }
    assert error["request"]["env"] == {"SERVER_NAME": "shop.example", "SERVER_PORT": "80"}
    assert error.name == "/shop/books/7"
    assert error.mechanism["handled"] is False


def test_an_error_that_the_application_captured_itself_is_not_captured_again(driver: Driver, run: Any) -> None:
    class Captures(Raise):
        def act(self, recorder: TranscriptWriter) -> None:
            try:
                super().act(recorder)
            except RuntimeError as error:
                sentry_sdk.capture_exception(error)
                raise

    (error,) = run(driver, Script((Captures(),))).errors
    assert error.mechanism["handled"] is True
