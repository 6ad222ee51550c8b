"""``wsgi``: the adapter for PEP 3333. That the server sees no difference is ``tests/conformance``'s to prove."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import httpx
import pytest
import sentry_sdk
from werkzeug import Response
from werkzeug.test import Client as WerkzeugClient

from sentry_web import SentryWsgiMiddleware
from sentry_web._core.entry import MARKERS
from sentry_web.testing import (
    WSGI,
    WSGI_VALIDATED,
    CaptureMessage,
    Close,
    Events,
    Peer,
    Raise,
    RequestSpec,
    RestartWithExcInfo,
    Returns,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)
from sentry_web.testing.drivers import make_environ
from sentry_web.testing.sdk import STATIC, STREAM

OK = "200 OK", [("Content-Type", "text/plain")]


@pytest.fixture
def events() -> Iterator[Events]:
    with recording(traces_sample_rate=1.0) as recorded:
        yield recorded


class Server:
    """``start_response`` and ``write``; notes what it is given."""

    def __init__(self) -> None:
        self.started: list[tuple[Any, ...]] = []
        self.written: list[bytes] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Callable[[bytes], Any]:
        self.started.append((*args, *kwargs.items()))
        return self.write

    def write(self, data: bytes) -> str:
        self.written.append(data)
        return "written"


def call(app: Any, environ: dict[str, Any] | None = None, server: Any = None) -> Any:
    """Call an application, wrapped; its response object."""
    return SentryWsgiMiddleware(app)(make_environ(RequestSpec()) if environ is None else environ, server or Server())


def returning(response: Any) -> Callable[..., Any]:
    """An application that starts its response and returns this."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(*OK)
        return response

    return app


def size(events: Events) -> int:
    """The size of the response body, of the only root span."""
    (root,) = events.roots
    return int(root.data["http.response.body.size"])


# --- passing through -------------------------------------------------------------------------------------------------


def test_without_a_client_the_application_gets_the_very_same_objects() -> None:
    seen: list[Any] = []

    def app(*args: Any) -> Any:
        seen.extend(args)
        return response

    environ, server, response = make_environ(RequestSpec()), Server(), object()
    assert not sentry_sdk.get_client().is_active()
    assert call(app, environ, server) is response
    assert seen[0] is environ
    assert seen[1] is server
    assert MARKERS["wsgi"] not in environ


@pytest.mark.parametrize("environ", [{}, None, 5, {"REQUEST_METHOD": None}])
def test_whatever_the_environ_the_application_runs(events: Events, environ: Any) -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(environ)
        return []

    assert SentryWsgiMiddleware(app)(environ, Server()) == []
    assert seen == [environ]


# --- what applications return ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("response", [[b"abc", b"", b"de"], (b"abcde",), [], None, 5])
def test_what_runs_no_more_code_is_returned_as_it_is(events: Events, response: Any) -> None:
    assert call(returning(response)) is response
    assert size(events) == (5 if response and response != 5 else 0)


def test_a_list_of_odd_parts_ends_the_request(events: Events) -> None:
    response = [b"abc", None]
    assert call(returning(response)) is response
    assert len(events.roots) == 1


def answering(make: Callable[[], Any]) -> Any:
    """Make an application that starts a response, and returns a new object each time."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return make()

    return app


class OldStyle:
    """Iterable by ``__getitem__`` alone."""

    def __getitem__(self, index: int) -> bytes:
        return [b"abc", b"de"][index]


class Sized:
    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"abc", b"de"])

    def __len__(self) -> int:
        return 2

    def close(self) -> None:
        self.closed += 1


def generator() -> Iterator[bytes]:
    yield b"abc"
    yield b""
    yield b"de"


class ListOfItsOwn(list):  # type: ignore[type-arg]
    """A subclass may run code of its own."""


@pytest.mark.parametrize(
    "make", [generator, OldStyle, Sized, lambda: iter([b"abc", b"de"]), lambda: ListOfItsOwn([b"abcde"]), dict]
)
def test_what_can_be_iterated_is_watched(events: Events, make: Callable[[], Any]) -> None:
    response = make()
    body = call(returning(response))
    assert body is not response
    assert hasattr(type(body), "__len__") is hasattr(type(response), "__len__")
    parts = list(body)
    body.close()
    assert parts == list(make())
    assert size(events) == len(b"".join(parts))
    assert events.roots[0].outcome == "ok"


def test_a_length_is_kept(events: Events) -> None:
    response = Sized()
    body = call(returning(response))
    assert len(body) == 2
    assert list(body) == [b"abc", b"de"]
    body.close()
    assert response.closed == 1


def test_a_length_that_is_refused_is_no_error(events: Events) -> None:
    class Refusing(Sized):
        def __len__(self) -> int:
            raise NotImplementedError

    body = call(returning(Refusing()))
    with pytest.raises(NotImplementedError):
        len(body)
    assert b"".join(iter(body)) == b"abcde"
    body.close()
    assert events.errors == []
    assert size(events) == 5


def test_bytes_are_the_servers_to_refuse(events: Events) -> None:
    body = call(returning(b"abc"))
    assert list(body) == [97, 98, 99]  # as they are without us
    body.close()
    assert len(events.roots) == 1


def test_a_file_wrapper_is_returned_as_it_is(events: Events, tmp_path: Any) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    environ = make_environ(RequestSpec())

    class Wrapper(FileWrapper):
        pass

    with (tmp_path / "file").open("rb") as file:
        for wrapper, response in (
            (Wrapper, Wrapper(file)),  # of the server's own class
            (lambda file: file, file),  # a function that gives something with a fileno()
        ):
            environ["wsgi.file_wrapper"] = wrapper
            environ.pop(MARKERS["wsgi"], None)
            assert call(returning(response), environ) is response
    assert len(events.roots) == 2


def test_without_a_file_wrapper_or_with_another_one_a_file_is_watched(events: Events) -> None:
    environ = make_environ(RequestSpec())
    for wrapper in (None, lambda file: file, FileWrapper):
        environ["wsgi.file_wrapper"] = wrapper
        body = call(returning(generator()), environ)
        assert b"".join(body) == b"abcde"
        body.close()
    assert len(events.roots) == 3


def test_an_object_that_refuses_to_be_asked_is_left_alone(events: Events) -> None:
    class Refusing:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"abc"])

        @property
        def fileno(self) -> Any:
            raise ValueError("no file")

    response = Refusing()
    assert call(returning(response)) is response
    assert len(events.roots) == 1


class Reiterable:
    """Starts again with each ``iter()``, as Django's ``HttpResponse`` does."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"hel", b"lo"])


class Again(Reiterable):
    """Restarts itself, as a file does that is rewound."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        self.parts = [b"lo", b"hel"]
        return self  # type: ignore[return-value]

    def __next__(self) -> bytes:
        if not self.parts:
            raise StopIteration
        return self.parts.pop()


@pytest.mark.parametrize("make", [Reiterable, Again, generator, Sized, OldStyle])
def test_iter_of_a_response_and_of_its_iterator_is_what_it_is_without_us(make: Any, events: Events) -> None:
    def peek(response: Any) -> list[Any]:
        iterator = iter(response)
        first = next(iterator)
        seen = [iter(iterator) is iterator, iterator is response, first, *iter(iterator)]
        return [*seen, *iter(response)]

    body = call(returning(make()))
    assert peek(body) == peek(make())
    del body
    assert len(events.roots) == 1


@pytest.mark.parametrize("make", [Reiterable, Sized, generator])
def test_clients_that_look_at_the_first_part_get_the_body_once(make: Any, events: Events) -> None:
    """werkzeug's test client and ``Response.from_app``, and httpx's transport."""
    expected = b"".join(make())
    app = SentryWsgiMiddleware(answering(make))
    assert WerkzeugClient(app).get("/").data == expected
    assert Response.from_app(app, make_environ(RequestSpec())).get_data() == expected
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://shop") as client:
        assert client.get("/").content == expected


def test_two_iterators_of_one_response_go_on_by_themselves(events: Events) -> None:
    body = call(returning(Reiterable()))
    one, other = iter(body), iter(body)
    assert [next(one), next(other), *one, *other] == [b"hel", b"hel", b"lo", b"lo"]


# --- iteration -------------------------------------------------------------------------------------------------------


#: An application may well be wrapped in the validator itself, inside of our middleware.
VALIDATED = WSGI_VALIDATED


@pytest.mark.parametrize("driver", [WSGI, VALIDATED], ids=repr)
@pytest.mark.parametrize("returns", [kind for kind in Returns if kind is not Returns.NOTHING])
def test_every_kind_of_response_is_reported_the_same(driver: Any, returns: Returns, events: Events) -> None:
    script = Script(steps=(StartResponse(201), SendChunk(b"abc"), SendChunk(b"de")), returns=returns)
    transcript = driver.run(script, RequestSpec(path="/a"), Wrap.ours())
    assert transcript.body == b"abcde"
    assert transcript.violations == ()
    (root,) = events.roots
    assert root.outcome == "ok"
    assert root.data["http.response.status_code"] == 201
    if returns is not Returns.FILE_WRAPPER:  # sent by the server, unseen by us
        assert size(events) == 5


def test_next_without_iter_serves_an_iterator(events: Events) -> None:
    body = call(returning(generator()))
    assert [next(body), next(body), next(body)] == [b"abc", b"", b"de"]
    with pytest.raises(StopIteration):
        next(body)
    body.close()
    assert size(events) == 5


def test_next_without_iter_on_what_is_no_iterator_is_an_error_as_without_us(events: Events) -> None:
    with pytest.raises(TypeError, match="'Sized' object is not an iterator"):
        next(call(returning(Sized())))


def test_a_request_ends_with_its_body_where_there_is_nothing_to_close(events: Events) -> None:
    body = call(returning(iter([b"abc"])))
    assert events.roots == []
    assert list(body) == [b"abc"]
    assert size(events) == 3
    body.close()
    assert len(events.roots) == 1


@pytest.mark.parametrize("returns", [Returns.GENERATOR, Returns.LAZY_GENERATOR, Returns.ITERATOR])
@pytest.mark.parametrize("hopping", [False, True])
def test_an_error_while_iterating_is_reported_once_and_passes(returns: Returns, hopping: bool, events: Events) -> None:
    script = Script(
        steps=(StartResponse(), SendChunk(), Raise(ValueError, ("boom",))),
        returns=returns,
        peer=Peer(thread_hopping=hopping),
    )
    transcript = WSGI.run(script, RequestSpec(path="/a"), Wrap.ours())
    assert transcript.exceptions[0].own
    assert transcript.scope_restored
    (error,) = events.errors
    assert error.exception == ("ValueError", "boom")
    assert error.mechanism["type"] == "wsgi"
    assert error.mechanism["handled"] is False
    assert error["request"]["url"].endswith("/a")
    assert events.roots[0].outcome == "error"


def test_after_an_error_close_still_runs_inside_the_request(events: Events) -> None:
    class Failing(Sized):
        def __iter__(self) -> Iterator[bytes]:
            raise ValueError("in iteration")

        def close(self) -> None:
            sentry_sdk.set_tag("closing", "yes")
            sentry_sdk.capture_message("closing")
            raise KeyError("in close")

    body = call(returning(Failing()))
    with pytest.raises(ValueError, match="in iteration"):
        list(body)
    with pytest.raises(KeyError):
        body.close()
    (message,) = events.messages
    assert message.get("request")
    assert len(events.errors) == 2
    sentry_sdk.capture_message("next")
    assert "closing" not in events.messages[-1].tags


def test_an_error_in_close_is_reported(events: Events) -> None:
    script = Script(
        steps=(StartResponse(), SendChunk()), after=(CaptureMessage("closing"), Raise()), returns=Returns.ITERATOR
    )
    transcript = WSGI.run(script, RequestSpec(path="/a"), Wrap.ours())
    assert transcript.exceptions[0].where == "close"
    assert events.messages[0]["request"]["url"].endswith("/a")
    assert len(events.errors) == 1


def test_an_attribute_error_inside_close_is_the_applications_own(events: Events) -> None:
    class Broken(Sized):
        def close(self) -> None:
            raise AttributeError("inside")

    with pytest.raises(AttributeError, match="inside"):
        call(returning(Broken())).close()
    assert len(events.errors) == 1


@pytest.mark.parametrize("close", [Close.BEFORE, Close.DURING])
def test_a_response_closed_early_was_left_by_its_client(close: Close, events: Events) -> None:
    script = Script(steps=(StartResponse(), SendChunk(), SendChunk()), returns=Returns.ITERATOR, peer=Peer(close=close))
    transcript = WSGI.run(script, RequestSpec(), Wrap.ours())
    assert transcript.closed == 1
    (root,) = events.roots
    assert root.outcome == "cancelled"
    assert events.errors == []


def test_closing_twice_reaches_the_application_twice(events: Events) -> None:
    response = Sized()
    body = call(returning(response))
    list(body)
    body.close()
    body.close()
    assert response.closed == 2
    assert len(events.roots) == 1


def test_an_abandoned_response_is_reported_when_it_is_dropped(events: Events) -> None:
    script = Script(steps=(StartResponse(), SendChunk(b"abc")), returns=Returns.ITERATOR, peer=Peer(close=Close.NEVER))
    transcript = WSGI.run(script, RequestSpec(), Wrap.ours())
    assert transcript.closed == 0
    assert size(events) == 3


def streaming() -> Any:
    """A response of two parts, of which the first was taken."""
    body = SentryWsgiMiddleware(lambda environ, start_response: iter([b"a", b"b"]))(
        make_environ(RequestSpec()), Server()
    )
    next(iter(body))
    return body


def test_a_response_dropped_in_a_cycle_is_reported_once(events: Events) -> None:
    """On another thread: the collector may come amid code that holds a lock of sentry-sdk's."""
    body = streaming()
    holder: list[Any] = [body]
    holder.append(holder)
    del body, holder
    gc.collect()
    for _ in range(200):
        if events.roots:
            break
        time.sleep(0.05)
    assert [root.outcome for root in events.roots] == ["cancelled"]


def test_a_response_that_is_dropped_after_its_end_is_not_reported_again(events: Events) -> None:
    body = streaming()
    body.close()
    del body
    assert len(events.roots) == 1


def test_a_response_that_is_dropped_as_the_process_ends_is_left_alone(events: Events) -> None:
    body = streaming()
    body.__del__(lambda: True)
    assert events.roots == []


def test_a_failure_of_ours_in_a_dropped_response_is_logged(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    body = streaming()
    exchange, body._exchange = body._exchange, None
    del body
    assert "__del__ failed" in caplog.text
    exchange.close()


def test_a_stream_on_other_threads_stays_in_its_request(events: Events) -> None:
    def stream() -> Iterator[bytes]:
        for n in range(3):
            sentry_sdk.set_tag(f"chunk{n}", "seen")
            yield b"x"
        sentry_sdk.capture_message("done")

    body = iter(call(returning(stream())))
    for _ in range(4):
        thread = threading.Thread(target=next, args=(body, None))
        thread.start()
        thread.join()
    body.close()
    assert {"chunk0", "chunk1", "chunk2"} <= set(events.messages[0].tags)
    sentry_sdk.capture_message("outside")
    assert events.messages[1].tags == {}


# --- start_response and write ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "status"),
    [
        (("200", []), {}, 200),
        (("404 Not Found", []), {}, 404),
        (("404 Not Found", [], None), {}, 404),
        (("500 Oh", [], ()), {}, 500),
        (("503 No",), {"headers": []}, 503),
        ((), {"status": "201 Made", "response_headers": [], "exc_info": None}, 201),
        (("nonsense", []), {}, None),
        ((b"200 OK", []), {}, None),
        (("200 OK",), {}, 200),  # the server's to refuse; what it takes counts
        (("200 OK", None), {}, 200),
    ],
)
def test_the_arguments_are_handed_on_as_they_are(events: Events, args: Any, kwargs: Any, status: int | None) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(*args, **kwargs)
        return []

    server = Server()
    call(app, server=server)
    assert server.started == [(*args, *kwargs.items())]
    (root,) = events.roots
    assert root.data.get("http.response.status_code") == status


def test_keyword_arguments_count_by_name(events: Events) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(headers=[], status="201 Made")
        return []

    call(app)
    assert events.roots[0].data.get("http.response.status_code") == 201


def test_what_is_written_is_counted_and_the_servers_answer_handed_back(events: Events) -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response(*OK)
        seen.extend([write(b"abc"), write(b"")])
        return []

    server = Server()
    call(app, server=server)
    assert server.written == [b"abc", b""]
    assert seen == ["written", "written"]
    assert size(events) == 3


def test_a_server_without_write_stays_without(events: Events) -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(start_response(*OK))
        return []

    call(app, server=lambda *args: None)
    assert seen == [None]


@pytest.mark.parametrize(("error", "errors"), [(BrokenPipeError, 0), (ValueError, 1)])
def test_a_client_gone_while_writing_is_no_error(events: Events, error: type[Exception], errors: int) -> None:
    class Broken(Server):
        def write(self, data: bytes) -> str:
            raise error

    def app(environ: Any, start_response: Any) -> Any:
        start_response(*OK)(b"abc")

    with pytest.raises(error):
        call(app, server=Broken())
    assert len(events.errors) == errors
    assert events.roots[0].outcome == ("error" if errors else "cancelled")


def test_an_error_given_to_start_response_is_reported_as_handled(events: Events) -> None:
    script = Script(steps=(StartResponse(), RestartWithExcInfo(error=Raise(ValueError)), SendChunk(b"sorry")))
    transcript = WSGI.run(script, RequestSpec(), Wrap.ours())
    assert transcript.status == "500 Status"
    (error,) = events.errors
    assert error.mechanism["handled"] is True
    (root,) = events.roots
    assert root.data["http.response.status_code"] == 500


# --- errors and nesting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("boom"), SystemExit(1), KeyboardInterrupt()])
def test_an_error_in_the_call_is_reported_and_passes(events: Events, error: BaseException) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise error

    with pytest.raises(type(error)) as caught:
        call(app)
    assert caught.value is error
    assert len(events.errors) == 1
    assert events.roots[0].data["http.response.status_code"] == 500


def test_twice_wrapped_is_once_reported(events: Events) -> None:
    ours = Wrap.ours()
    WSGI.run(Script(steps=(StartResponse(), SendChunk(), Raise())), RequestSpec(), ours.around(ours))
    assert (len(events.errors), len(events.roots)) == (1, 1)


def nesting(seen: list[str]) -> Any:
    """A middleware around an application that calls it again, at another URL, and fails there."""

    def app(environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        start_response(*OK)
        if path == "/outer":
            list(wrapped(make_environ(RequestSpec(path="/inner")), Server()))
        sentry_sdk.capture_message("at " + path)
        if path == "/inner" and seen:
            raise ValueError("once")
        return [b"x"]

    wrapped = SentryWsgiMiddleware(app)
    return wrapped


def test_a_request_inside_a_request_has_its_own_data_and_trace(events: Events) -> None:
    nesting([])(make_environ(RequestSpec(path="/outer")), Server())
    for path in ("/outer", "/inner"):
        (message,) = [message for message in events.messages if message.message == "at " + path]
        (root,) = [root for root in events.roots if root.name == path]
        assert message["request"]["url"].endswith(path)
        assert message.trace["trace_id"] == root.trace["trace_id"]
    inner, outer = events.roots
    assert inner.trace["trace_id"] != outer.trace["trace_id"]


def test_one_error_through_nested_requests_is_reported_once(events: Events) -> None:
    with pytest.raises(ValueError, match="once"):
        nesting(["fail"])(make_environ(RequestSpec(path="/outer")), Server())
    assert len(events.errors) == 1
    assert [root.outcome for root in events.roots] == ["error"] * 2


# --- the request body ------------------------------------------------------------------------------------------------


def test_an_input_is_watched_where_there_may_be_a_body(events: Events) -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(environ["wsgi.input"])
        return []

    environ = make_environ(RequestSpec())
    untouched = environ["wsgi.input"]
    call(app, environ)
    assert seen[0] is untouched
    for headers in ({"CONTENT_LENGTH": "3"}, {"HTTP_TRANSFER_ENCODING": "chunked"}):
        call(app, {**make_environ(RequestSpec(body=(b"abc",))), "CONTENT_LENGTH": "", **headers})
        assert seen[-1].read(3) == b"abc"


# --- nothing is kept -------------------------------------------------------------------------------------------------


class Weak(dict):  # type: ignore[type-arg]
    """An environ that can be weakly referenced."""


@pytest.mark.parametrize("options", [STATIC, STREAM], ids=["transactions", "stream"])
@pytest.mark.parametrize("streaming", [False, True], ids=["in the call", "in the stream"])
def test_everything_of_a_failed_request_dies_by_reference_count(options: dict[str, Any], streaming: bool) -> None:
    references: list[weakref.ref[Any]] = []

    def one_request() -> None:
        def app(environ: Any, start_response: Any) -> Any:
            if not streaming:
                raise ValueError("boom")
            return stream()

        def stream() -> Iterator[bytes]:
            yield b"x"
            raise ValueError("boom")

        environ = Weak(make_environ(RequestSpec()))
        references.extend([weakref.ref(environ), weakref.ref(app)])
        with pytest.raises(ValueError, match="boom"):
            list(SentryWsgiMiddleware(app)(environ, Server()))

    with recording(traces_sample_rate=1.0, **options) as events:
        gc.collect()
        gc.disable()
        try:
            one_request()
            assert [reference() for reference in references] == [None, None]
        finally:
            gc.enable()
        assert len(events.errors) == 1


def test_parts_that_are_not_exactly_bytes_count_as_far_as_they_are(events: Events) -> None:
    class Part(bytes):
        pass

    def app(environ: Any, start_response: Any) -> Any:
        start_response(*OK)
        return iter([Part(b"abc"), bytearray(b"no bytes"), b"de"])

    assert list(SentryWsgiMiddleware(app)(make_environ(RequestSpec()), Server())) == [b"abc", b"no bytes", b"de"]
    (root,) = events.roots
    assert root.data["http.response.body.size"] == 5


class Streamed:
    """A response of two parts that announces its length, and notes that it is closed."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "4")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield b"ab"
        yield b"cd"

    def close(self) -> None:
        if self._error is not None:
            raise self._error


def test_a_response_that_has_been_sent_whole_is_reported_before_it_is_closed(events: Events) -> None:
    response = SentryWsgiMiddleware(Streamed())(make_environ(RequestSpec()), Server())
    parts = iter(response)
    assert next(parts) == b"ab"
    assert events.roots == []
    assert next(parts) == b"cd"  # nobody asks for more, nobody closes
    (root,) = events.roots
    assert root.outcome == "ok"
    response.close()
    assert len(events.roots) == 1


def test_a_failing_close_is_reported_though_the_root_span_was_sent(events: Events) -> None:
    response = SentryWsgiMiddleware(Streamed(RuntimeError("closing")))(make_environ(RequestSpec()), Server())
    assert list(response) == [b"ab", b"cd"]
    with pytest.raises(RuntimeError, match="closing"):
        response.close()
    (error,) = events.errors
    assert error.exception == ("RuntimeError", "closing")
    assert error.trace["trace_id"] == events.roots[0].trace["trace_id"]
