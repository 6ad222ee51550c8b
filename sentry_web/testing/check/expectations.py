"""The conditions that must hold after each run of ``runs``: one row for each aspect of a promise.

A new aspect is a new row here; ``properties`` assigns the rows to runs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from sentry_web.testing.check.cases import SECRETS
from sentry_web.testing.transcript import Transcript


@dataclass(frozen=True)
class Expectation:
    """A condition that must hold after a run.

    Attributes:
        aspect: The short name.
        holds: The condition, as a Python expression.
        broken: The meaning of a false condition.
        defect: A known fault with this symptom.
        residual: Whether to evaluate the condition only if all others hold, since it is less specific.
        shows: An expression whose text is shown as evidence, instead of the property's own.
    """

    aspect: str
    holds: str
    broken: str
    defect: str | None = None
    residual: bool = False
    shows: str | None = None


MISSING_KEY = "a key that the scope may lack raises KeyError before the application runs"
ERASED_CHAIN = "`raise … from None` erases the chain of the exception (getsentry/sentry-python#5624)"
EARLY_END = "the transaction ends before the body (getsentry/sentry-python#3736)"
STILL_OK = "an error in mid-stream leaves the transaction ok"
BACKGROUND = "background work after the response counts as duration"
CONSTANT = "every request is called “generic WSGI request” (getsentry/sentry-python#969)"
HOST = "the name is a URL with the bind address (getsentry/sentry-python#2341)"
CLEARED_MARK = "the mark of an instrumented request is cleared before iteration"
BRIDGED = "WSGI bridged into ASGI makes two transactions"
LOST_LENGTH = "the wrapped response has lost len(), so that wsgiref drops Content-Length"
SWALLOWED = "close() swallows the application's own AttributeError"
WRAPPED_FILE = "the object of wsgi.file_wrapper is wrapped"
CLIENT_GONE = "a client gone away is an error (getsentry/sentry-python#571, #3204)"
EXITS = "SystemExit(1) is reported on WSGI and not on ASGI"
KILLED = "GreenletExit and GeneratorExit are reported as errors"
FORWARDED = "forwarded scheme and host count on one protocol only"
ADDRESS = "user.ip_address is set on one protocol only"
SENT = {
    "header": "the list of sensitive headers is short, and written with underscores",
    "cookie": None,
    "query": "secrets in the query are sent (getsentry/sentry-python#6501)",
    "address": "headers that carry the client's address are sent",
}
AGAIN = "iter() of an iterator is another one: clients that look at the first part get it twice"
COPIED = "what the middleware keeps in the environ or scope cannot be copied"
RAISES = "what a framework left is read without precaution"
SIGNAL = "flask-sock ends a websocket by StopIteration under gunicorn, by ConnectionError under werkzeug"
FREED = "exceptions are known by their address, which the next one has again"
LEAKED = "asyncio hands the context of a request to the next one (encode/uvicorn#2167, python/cpython#140947)"
FRAMES = "secrets leave the process in frame variables"

_FAILED = '("internal_error", "error")'
_PLACES = {"the call": ("call",), "the iteration": ("iter", "next"), "close()": ("close",), "len()": ("len",)}
_PAIRS = "for a, b in zip(bare.exceptions, wrapped.exceptions) if a.what == b.what"


def _exceptions_out_of(place: str, defect: str | None = None) -> Expectation:
    bare, wrapped = (
        f"[e.what for e in {run}.exceptions if e.where in {_PLACES[place]}]" for run in ("bare", "wrapped")
    )
    broken = f"the exceptions that come out of {place} are others than without the middleware"
    return Expectation(f"exception out of {place}", f"{bare} == {wrapped}", broken, defect)


def _field(name: str, broken: str) -> Expectation:
    return Expectation(name, f"bare.{name} == wrapped.{name}", broken)


TRANSPARENT = (
    _exceptions_out_of("the call"),
    _exceptions_out_of("the iteration"),
    _exceptions_out_of("close()", SWALLOWED),
    _exceptions_out_of("len()"),
    Expectation(
        "exception object",
        f"all(a.own == b.own {_PAIRS})",
        "the exception is another object than the one that was raised",
    ),
    Expectation(
        "exception chain",
        f"all(a.chain == b.chain {_PAIRS})",
        "__cause__, __context__ or __suppress_context__ of an exception was changed",
        ERASED_CHAIN,
    ),
    Expectation(
        "traceback",
        f"all(a.depth == b.depth {_PAIRS})",
        "frames of the application are lost from the traceback of an exception",
    ),
    Expectation(
        "wsgi.file_wrapper",
        "script.returns is not Returns.FILE_WRAPPER or bare.own_object == wrapped.own_object",
        "the server does not get the file wrapper itself, and cannot send the file by the operating system",
        WRAPPED_FILE,
    ),
    Expectation(
        "response object",
        "script.returns is Returns.FILE_WRAPPER or bare.own_object == wrapped.own_object",
        "the server gets another object than the list that the application returned",
    ),
    Expectation("len()", "bare.length == wrapped.length", "the response has another len(), or none", LOST_LENGTH),
    Expectation("close()", "bare.closed == wrapped.closed", "close() does not reach the application as often"),
    _field("status", "the status is another"),
    _field("headers", "the headers are others"),
    _field("body", "the bytes of the body are others"),
    _field("own_scope", "the application does not get the server's own scope or environ"),
    _field("variables", "context variables that the application sets are not seen by the server as before"),
    _field("scope_restored", "the SDK's scope is not put back when the server has the control again"),
    _field("background", "what outlives the request is disturbed"),
    _field("violations", "the rules of the protocol are broken, or a breach by the application is hidden"),
    Expectation(
        "calls",
        "bare.calls == wrapped.calls",
        "the calls between server and application are others, or in another order",
        residual=True,
    ),
)

ITERATED = (
    Expectation(
        "iter() again", "peeked.body == straight.body", "iter() of the response's iterator starts it again", AGAIN
    ),
)
_INPUT = "{{call.name for call in {}.calls if call.name.startswith('input.')}}"
_READ = "[call for call in {}.calls if call.name == 'read']"
READ = (
    Expectation(
        "wsgi.input",
        f"{_INPUT.format('bare')} <= {_INPUT.format('wrapped')}",
        "wsgi.input lacks what the server's stream has: `with`, seek() or readinto()",
    ),
    Expectation(
        "wsgi.input again",
        f"{_READ.format('bare')} == {_READ.format('wrapped')}",
        "the application reads other bytes of the request's body",
        residual=True,
    ),
)
_RAISED = "[e.what for e in {}.exceptions]"


def _passed_on(aspect: str, broken: str, lost: str, defect: str) -> tuple[Expectation, ...]:
    raised = f"{_RAISED.format('bare')} == {_RAISED.format('wrapped')}"
    return (
        Expectation(aspect, raised, broken, defect, shows="bare.diff(wrapped)"),
        Expectation(f"{aspect}: reported", "len(roots) == 1", lost, defect, residual=True, shows="events"),
    )


def copied(how: str) -> tuple[Expectation, ...]:
    """Expect that an application may do this with the environ or scope, and is reported as any other."""
    given = f"environ or scope that is {how}"
    return _passed_on(given, f"an {given} breaks the application", f"an {given} is not one transaction", COPIED)


READERS = _passed_on(
    "odd objects",
    "an object that a framework left and that raises when it is read breaks the application",
    "a request is lost since an object that a framework left raises when it is read",
    RAISES,
)
TOUCHED = (
    Expectation(
        "text in events",
        "untouchable == []",
        "the application's own event processor finds objects where texts belong, and fails at them",
        shows="untouchable",
    ),
)
RECAPTURED = (
    Expectation(
        "captured before",
        "len(events.errors) == script.steps[0].times + 1",
        "an exception is lost since others of its kind were captured before",
        FREED,
    ),
)
_OF_AN_ENDED_ONE = "of an ended one, whose context leaked"
NOTHING_LEAKED = (
    Expectation("inherited tags", "inherited == []", f"a request has the tags {_OF_AN_ENDED_ONE}", LEAKED),
)
NOTHING_LEAKED_OF_TRACES = (
    Expectation("inherited mark", "len(traces) == 2", f"a request has the mark {_OF_AN_ENDED_ONE}: it is lost", LEAKED),
    Expectation(
        "inherited trace", "len(set(traces)) == len(traces)", f"a request has the trace {_OF_AN_ENDED_ONE}", LEAKED
    ),
)
NO_SPAN_LEAKED = (
    Expectation(
        "inherited span",
        "seen[0] != seen[1] or not any(seen)",
        f"a request has for its parent the span {_OF_AN_ENDED_ONE}",
        LEAKED,
    ),
)

MISSING_KEYS = (
    Expectation(
        "missing keys",
        "bare.count('app', 'called') == wrapped.count('app', 'called')",
        "the application is not called when the server leaves out a key",
        MISSING_KEY,
    ),
)


def once(how: str = "", defect: str | None = None) -> tuple[Expectation, ...]:
    """Expect one transaction and at most one error event for one request."""
    return (
        Expectation(f"transactions{how}", "len(roots) == 1", "one request is not one transaction", defect),
        Expectation(f"errors{how}", "len(events.errors) <= 1", "one exception is reported more than once", defect),
    )


BODY_COUNTS = (
    Expectation(
        "body",
        "min(seconds, default=pause) >= pause * 0.9",
        "the transaction ends before the body's last byte",
        EARLY_END,
    ),
)
BACKGROUND_DOES_NOT = (
    Expectation(
        "background", "max(seconds, default=0) < pause * 0.9", "work after the last byte counts as duration", BACKGROUND
    ),
)


def reported(what: str, defect: str | None = None) -> Expectation:
    """Expect an error event."""
    return Expectation(f"{what} reported", "len(events.errors) == 1", f"{what} is not one error event", defect)


def failed(what: str, defect: str | None = None) -> Expectation:
    """Expect a failed transaction."""
    holds = f"all(root.status in {_FAILED} for root in roots)"
    return Expectation(f"{what}: status", holds, f"{what} does not make the transaction an error", defect)


def harmless(what: str, defect: str) -> tuple[Expectation, ...]:
    """Expect neither an error event nor a failed transaction."""
    status = f"not any(root.status in {_FAILED} for root in roots)"
    return (
        Expectation(f"{what} reported", "events.errors == []", f"{what} is reported as an error", defect),
        Expectation(f"{what}: status", status, f"{what} makes the transaction an error", defect, residual=True),
    )


NAMES = (
    Expectation("constant", "len(set(names)) > 1", "requests for different paths have one name", CONSTANT),
    Expectation("host", "not any(request.host in name for name in names)", "the host is part of the name", HOST),
)
PRIVATE = (
    *(
        Expectation(
            place, f"{secret!r} not in others", f"a secret ({place}) is sent with personal data off", SENT[place]
        )
        for place, secret in SECRETS.items()
    ),
    *(
        Expectation(
            f"{place} in frames",
            f"{secret!r} not in frames",
            f"a secret ({place}) is sent with personal data off, inside of the exception",
            FRAMES,
        )
        for place, secret in SECRETS.items()
    ),
)
ISOLATED = (
    Expectation("tags", "both_tags == []", "tags of two requests at once meet in one event"),
    Expectation("request", "strayed == []", "an event has the tags of one request and the data of another"),
)

_PARALLEL = {
    "errors": EXITS,
    "messages": None,
    "names": CONSTANT,
    "status": None,
    "tags": None,
    "spans": EARLY_END,
    "url": FORWARDED,
    "query": None,
    "headers": None,
    "user": ADDRESS,
    "peer": ADDRESS,
}
SAME = tuple(
    Expectation(
        fact,
        f"wsgi[{fact!r}] == asgi[{fact!r}]",
        f"WSGI and ASGI report the same request with different facts: {fact}",
        defect,
        shows=f"(wsgi[{fact!r}], asgi[{fact!r}])",
    )
    for fact, defect in _PARALLEL.items()
)


def _steady(fact: str) -> str:
    """Return a condition that holds if a fact is equal, or differs even between two runs without the middleware."""
    bare, again, wrapped = (fact.format(run) for run in ("bare", "again", "wrapped"))
    return f"{wrapped} in ({bare}, {again}) or {bare} != {again}"


APPLICATION_SAME = (
    *(
        Expectation(field.name, _steady("{}." + field.name), f"{field.name}: another inside sentry_web's middleware")
        for field in fields(Transcript)
        if field.name not in ("calls", "exceptions")
    ),
    Expectation(
        "exceptions",
        _steady("[(e.where, e.what, e.chain) for e in {}.exceptions]"),
        "exceptions: others inside sentry_web's middleware",
    ),
    Expectation("calls", _steady("{}.calls"), "calls: others inside sentry_web's middleware", residual=True),
)
NO_VIOLATIONS = (
    Expectation("violations", "seen.violations == ()", "the application itself breaks the rules of its protocol"),
)
