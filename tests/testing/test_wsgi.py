from __future__ import annotations

from typing import Any

import pytest
import sentry_sdk

from sentry_web.testing import (
    WSGI,
    WSGI_VALIDATED,
    Close,
    Peer,
    Raise,
    ReadVariable,
    Request,
    RestartWithExcInfo,
    Returns,
    Script,
    SendChunk,
    SetVariable,
    StartResponse,
    Wrap,
)
from sentry_web.testing.drivers import base, make_environ
from sentry_web.testing.drivers import wsgi as wsgi_driver

from .faulty import FaultyWsgiMiddleware

FAULTY = Wrap(wsgi=FaultyWsgiMiddleware)
ANSWER = (StartResponse(), SendChunk(b"a"), SendChunk(b""), SendChunk(b"b"))


@pytest.mark.parametrize("returns", [kind for kind in Returns if kind is not Returns.NOTHING], ids=repr)
def test_every_kind_of_response(returns: Returns) -> None:
    for driver in (WSGI, WSGI_VALIDATED):
        transcript = driver.run(Script(ANSWER, returns))
        assert (transcript.status, transcript.body, transcript.violations) == ("200 Status", b"ab", ())


@pytest.mark.parametrize(
    ("returns", "own", "length"),
    [
        (Returns.LIST, True, 3),
        (Returns.TUPLE, None, 3),
        (Returns.SIZED, None, 3),
        (Returns.FILE_WRAPPER, True, None),
        (Returns.WRITE, True, 0),
        (Returns.GENERATOR, None, None),
    ],
)
def test_identity_and_length(returns: Returns, own: bool | None, length: int | None) -> None:
    transcript = WSGI.run(Script(ANSWER, returns))
    assert (transcript.own_object, transcript.length, transcript.own_scope) == (own, length, True)


def test_none_is_what_the_server_gets() -> None:
    transcript = WSGI.run(Script((StartResponse(),), Returns.NOTHING))
    assert [(facts.where, facts.own) for facts in transcript.exceptions] == [("iter", None)]
    (violation,) = WSGI_VALIDATED.run(Script((StartResponse(),), Returns.NOTHING)).violations
    assert "must return an iterator" in violation


@pytest.mark.parametrize(
    ("close", "body", "names"),
    [
        (Close.AFTER, b"ab", ["close"]),
        (Close.BEFORE, b"", ["close"]),
        (Close.DURING, b"a", ["close"]),
        (Close.NEVER, b"ab", []),
    ],
)
def test_when_the_server_closes(close: Close, body: bytes, names: list[str]) -> None:
    transcript = WSGI.run(Script(ANSWER, Returns.ITERATOR, peer=Peer(close=close)))
    assert transcript.body == body
    assert [call.name for call in transcript.calls if call.side == "app" and call.name == "close"] == names


def test_a_generator_notices_that_it_is_dropped() -> None:
    transcript = WSGI.run(Script(ANSWER, peer=Peer(gone_after=1, close=Close.NEVER)))
    assert transcript.calls[-1].name == "generator closed"


def test_the_client_goes_away() -> None:
    assert WSGI.run(Script(ANSWER, peer=Peer(gone_after=1))).body == b"a"
    transcript = WSGI.run(Script(ANSWER, Returns.WRITE, peer=Peer(gone_after=1)))
    assert transcript.exceptions[0].what == "BrokenPipeError('client gone',)"


def test_each_step_of_the_iteration_in_a_thread_of_its_own() -> None:
    script = Script(
        (StartResponse(), SetVariable("v", "1"), SendChunk(b"a"), ReadVariable("v"), Raise()),
        Returns.LAZY_GENERATOR,
        peer=Peer(thread_hopping=True),
    )
    transcript = WSGI.run(script)
    assert transcript.body == b"a"
    assert transcript.variables == ()
    assert ("variable", ("v", None)) in [(call.name, call.details) for call in transcript.calls]
    assert transcript.exceptions[0].own


def test_start_response_with_exc_info() -> None:
    before = WSGI.run(Script((StartResponse(), RestartWithExcInfo(502), SendChunk(b"x"))))
    assert before.status == "502 Status"
    assert before.exceptions == before.violations == ()
    after = WSGI.run(Script((StartResponse(), SendChunk(b"x"), RestartWithExcInfo(502))))
    assert (after.status, after.exceptions[0].own) == ("200 Status", True)


@pytest.mark.parametrize(
    ("steps", "violation"),
    [
        ((StartResponse(), StartResponse()), "start_response called again without exc_info"),
        ((SendChunk(b"x"), StartResponse()), "body before start_response"),
        ((), "no start_response before the end of the response"),
    ],
)
def test_violations_are_listed(steps: Any, violation: str) -> None:
    assert WSGI.run(Script(steps)).violations == (violation,)


def test_a_status_line_without_a_reason() -> None:
    assert WSGI.run(Script((StartResponse(404, reason=None),))).status == "404"


def test_a_chunk_that_is_no_bytes() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return ["text"]

    assert WSGI.run_app(app).violations == ("a chunk that is not bytes: 'text'",)


def test_an_endless_response_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi_driver, "MAXIMUM_CHUNKS", 3)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        while True:
            yield b"x"

    transcript = WSGI.run_app(app)
    assert (transcript.body, transcript.violations) == (b"xxx", ("more than 3 chunks",))


def test_a_length_that_raises() -> None:
    class Response(list):  # type: ignore[type-arg]
        def __len__(self) -> int:
            raise LookupError

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Response()

    transcript = WSGI.run_app(app)
    assert (transcript.length, transcript.exceptions[0].where) == (None, "len")


def test_every_read_of_the_input_is_seen() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"]
        found = [body.read(1), body.readline(), *body.readlines(), *body]
        start_response("200 OK", [])
        return [b"".join(found)]

    transcript = WSGI.run_app(app, Request(body=(b"a\nb\n", b"c")))
    assert transcript.body == b"a\nb\nc"
    assert [call.name for call in transcript.calls[:4]] == [
        "input.read",
        "input.readline",
        "input.readlines",
        "input.iter",
    ]
    assert transcript.own_scope is None


def test_requests_interleaved_on_one_thread() -> None:
    script = Script((StartResponse(), SetVariable("v", "1"), SendChunk(b"a"), ReadVariable("v"), SendChunk(b"b")))
    longer = Script((StartResponse(), SendChunk(b"c"), ReadVariable("v"), SendChunk(b"d"), SendChunk(b"e")))
    first, second = WSGI.run_interleaved([(script, Request()), (longer, Request(path="/2"))])
    assert (first.body, second.body) == (b"ab", b"cde")
    assert ("variable", ("v", "1")) in [(call.name, call.details) for call in second.calls]


def test_the_validator_catches_a_response_that_nobody_closes() -> None:
    def forgetful(app: Any) -> Any:
        return lambda environ, start_response: iter(list(app(environ, start_response)))

    transcript = WSGI_VALIDATED.run(Script(ANSWER), wrap=Wrap(wsgi=forgetful))
    assert "wsgiref.validate: Iterator garbage collected without being closed" in transcript.violations
    abandoned = WSGI_VALIDATED.run(Script(ANSWER, peer=Peer(close=Close.NEVER)))
    assert abandoned.violations == ()


def test_exceptions_pass_the_validator() -> None:
    transcript = WSGI_VALIDATED.run(Script((Raise(AssertionError, args=("mine",)),)))
    assert (transcript.violations, transcript.exceptions[0].own) == ((), True)


def test_a_scope_left_behind_is_seen() -> None:
    def leaky(app: Any) -> Any:
        def wrapped(environ: Any, start_response: Any) -> Any:
            sentry_sdk.Scope.set_isolation_scope(sentry_sdk.get_isolation_scope().fork())
            return app(environ, start_response)

        return wrapped

    assert not WSGI.run(Script(ANSWER), wrap=Wrap(wsgi=leaky)).scope_restored


def test_defect_23_the_response_loses_its_length() -> None:
    script = Script(ANSWER, Returns.LIST)
    difference = WSGI.run(script).diff(WSGI.run(script, wrap=FAULTY))
    assert "-length = 3\n+length = None" in difference


def test_defect_24_close_swallows_the_applications_attribute_error() -> None:
    script = Script(ANSWER, Returns.ITERATOR, after=(Raise(AttributeError),))
    bare, wrapped = WSGI.run(script), WSGI.run(script, wrap=FAULTY)
    assert [facts.where for facts in bare.exceptions] == ["close"]
    assert wrapped.exceptions == ()


def test_defect_25_a_file_wrapper_is_replaced() -> None:
    script = Script(ANSWER, Returns.FILE_WRAPPER)
    assert WSGI.run(script).differing(WSGI.run(script, wrap=FAULTY)) == ("own_object",)


def test_defect_38_a_wrapper_written_as_a_generator_does_not_close() -> None:
    """As OpenTelemetry's and elastic-apm's wrappers are."""

    def as_generator(app: Any) -> Any:
        def chunks(response: Any) -> Any:
            try:
                yield from response
            finally:
                response.close()

        return lambda environ, start_response: chunks(app(environ, start_response))

    script = Script(ANSWER, Returns.ITERATOR, peer=Peer(close=Close.BEFORE))
    assert WSGI.run(script).closed == 1
    assert WSGI.run(script, wrap=Wrap(wsgi=as_generator)).closed == 0


class Instance:
    def __call__(self, environ: Any, start_response: Any) -> Any:
        raise LookupError


def test_where_an_applications_frames_are() -> None:
    assert WSGI.run_app(Instance()).exceptions[0].depth == 1
    assert base.source_files(Instance().__call__) == base.source_files(Instance())
    assert base.source_files(len) == frozenset()


def test_environ_has_its_own_input_without_a_recorder() -> None:
    assert make_environ(Request(body=(b"x",)))["wsgi.input"].read() == b"x"
