"""The properties to check: examples from ``cases``, code from ``runs``, and conditions from ``expectations``.

The code that is printed for a finding is the code that was run to find it, so that the two cannot diverge. The search
for examples is in ``search``.
"""

from __future__ import annotations

import enum
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

from sentry_web.testing.check import cases, expectations, runs
from sentry_web.testing.check.expectations import Expectation
from sentry_web.testing.check.subject import Side, Subject
from sentry_web.testing.drivers import BRIDGE_BOTH


class Needs(enum.Enum):
    """The kind of report that a middleware must make for a property to be applicable."""

    NOTHING = "nothing"
    ERRORS = "errors"
    TRACES = "transactions"


@dataclass(frozen=True)
class Property:
    """One promise, for one protocol of the subject.

    Attributes:
        name: The name of the promise.
        protocol: The protocol.
        cases: The strategy of the examples.
        run: The code that is run with each example.
        expects: The conditions that must hold after a run.
        shows: An expression whose text is shown as evidence.
        imports: Import lines that ``run`` needs.
        needs: The kinds of reports without which the property is not applicable.
        weight: The number of examples, as a multiple of the requested number.
        trait: Text of examples that show the same fault under other properties, which leave them out once it is found.
        repeats: The number of runs of one example in which a condition must fail, for those that depend on clocks.
    """

    name: str
    protocol: str
    cases: cases.Cases
    run: str
    expects: tuple[Expectation, ...]
    shows: str = "events"
    imports: tuple[str, ...] = ()
    needs: Needs = Needs.TRACES
    weight: float = 1.0
    trait: str = ""
    repeats: int = 1


def properties_of(subject: Subject) -> Iterator[Property]:
    """Yield the properties of a subject, the most important first."""
    if subject.app is not None:
        yield from _of_application(subject)
    for side in subject.sides:
        if side.protocol == "both":
            yield from _of_pair(side, subject)
        else:
            yield from _transparent(side)
            yield from _once(side)
            yield from _duration(side)
            yield from _outcome(side)
            yield from _told(side)


def _transparent(side: Side) -> Iterator[Property]:
    drivers, protocol = side.drivers, side.protocol
    if protocol == "wsgi":
        yield Property(
            "transparent",
            protocol,
            cases.peeked(drivers),
            runs.ITERATED,
            expectations.ITERATED,
            "(straight.body, peeked.body)",
            runs.ITERATED_IMPORTS,
            Needs.NOTHING,
            weight=0.3,
            trait="peeks=True",
        )
        reads, shows = cases.read_in_other_ways(drivers), "bare.diff(wrapped)"
        yield Property(
            "transparent",
            protocol,
            reads,
            runs.TWO_RUNS,
            expectations.READ,
            shows,
            needs=Needs.NOTHING,
            weight=0.1,
            trait="way=",
        )
    for examples, run, expects, weight in (
        (cases.anything(side.drivers), runs.TWO_RUNS, expectations.TRANSPARENT, 3.0),
        (cases.sparse(side.drivers), runs.SPARSE[side.protocol], expectations.MISSING_KEYS, 1.0),
    ):
        shows, needs = "bare.diff(wrapped)", Needs.NOTHING
        yield Property("transparent", side.protocol, examples, run, expects, shows, needs=needs, weight=weight)


def _once(side: Side) -> Iterator[Property]:
    valid = cases.valid(side.drivers)
    yield Property("once", side.protocol, valid, runs.REPORTED, expectations.once())
    twice = expectations.once(", wrapped twice")
    yield Property("once", side.protocol, valid, runs.REPORTED_TWICE, twice, weight=0.5)
    if side.protocol == "wsgi":
        between = expectations.once(", wrapped twice around a generator", expectations.CLEARED_MARK)
        yield Property("once", side.protocol, valid, runs.REPORTED_AROUND_GENERATOR, between, weight=0.5)
    yield from _passed_on(side)
    recaptured, expects = cases.recaptured(side.drivers), expectations.RECAPTURED
    yield Property("once", side.protocol, recaptured, runs.REPORTED, expects, needs=Needs.ERRORS, weight=0.2)


def _passed_on(side: Side) -> Iterator[Property]:
    """Yield what is promised of applications that do something with the environ or scope before they go on."""
    examples, protocol = cases.copying(side.drivers), side.protocol
    for how, (argument, imports) in runs.COPIES.items():
        if (protocol, how) != ("wsgi", "pickled"):  # no server's environ can be pickled, for its streams
            source, expects = runs.copied(protocol, argument), expectations.copied(how)
            yield Property("once", protocol, examples, source, expects, imports=imports, weight=0.05)
    source, imports = runs.copied_between(protocol), runs.COPIES["deep-copied"][1]
    expects = expectations.once(", wrapped twice around a copy", expectations.COPIED)[:1]
    yield Property("once", protocol, examples, source, expects, imports=imports, weight=0.05)
    yield Property("once", protocol, examples, runs.odd_objects(protocol), expectations.READERS, weight=0.05)


def _duration(side: Side) -> Iterator[Property]:
    for examples, expects, weight in (
        (cases.slow(side.drivers), expectations.BODY_COUNTS, 0.1),
        (cases.late(side.drivers), expectations.BACKGROUND_DOES_NOT, 0.05),
    ):
        yield Property(
            "duration",
            side.protocol,
            examples,
            runs.TIMED,
            expects,
            shows="seconds",
            imports=runs.TIMED_IMPORTS,
            weight=weight,
            repeats=3,
        )


def _outcome(side: Side) -> Iterator[Property]:
    for examples, expects in _outcomes(side):
        yield Property("outcome", side.protocol, examples, runs.REPORTED, expects, needs=Needs.ERRORS, weight=0.3)
    if side.protocol == "asgi":
        what, examples, source = "a client gone from its websocket", cases.leaving_socket(side.drivers), runs.SOCKET
        expects = expectations.harmless(what, expectations.CLIENT_GONE)
    else:
        what, examples, source = "a server's own signal", cases.signalling(side.drivers), runs.SIGNALLED
        expects = expectations.harmless(what, expectations.SIGNAL)
    yield Property("outcome", side.protocol, examples, source, expects, needs=Needs.ERRORS, weight=0.1)


def _outcomes(side: Side) -> Iterator[tuple[cases.Cases, tuple[Expectation, ...]]]:
    drivers, expect = side.drivers, expectations
    what = "an error in the call"
    yield cases.failing_before(drivers), (expect.reported(what), expect.failed(what))
    what = "an error in mid-stream"
    yield cases.failing_amid(drivers), (expect.reported(what), expect.failed(what, expect.STILL_OK))
    yield cases.raising(drivers, SystemExit, (1,)), (expect.reported("SystemExit(1)", expect.EXITS),)
    yield cases.raising(drivers, KeyboardInterrupt), (expect.reported("KeyboardInterrupt", expect.EXITS),)
    for kind in cases.killed():
        defect = expect.KILLED if "Exit" in kind.__name__ else expect.CLIENT_GONE
        yield cases.raising(drivers, kind), expect.harmless(kind.__name__, defect)
    yield cases.leaving(drivers), expect.harmless("a client gone away", expect.CLIENT_GONE)
    yield cases.losing(drivers), expect.harmless("a client gone amid its upload", expect.CLIENT_GONE)
    yield cases.losing_wrapped(drivers), expect.harmless("a wrapped disconnect", expect.CLIENT_GONE)


def _told(side: Side) -> Iterator[Property]:
    drivers, protocol = side.drivers, side.protocol
    paths = cases.two_paths(drivers)
    yield Property("name", protocol, paths, runs.NAMED, expectations.NAMES, shows="names", weight=0.5)
    for examples in (cases.silent(drivers), cases.broken(drivers)):
        yield Property(
            "private",
            protocol,
            examples,
            runs.SECRETIVE,
            expectations.PRIVATE,
            shows="events.describe()[:2000]",
            needs=Needs.ERRORS,
        )
    secrets, imports = cases.silent(drivers[:1]), runs.TOUCHED_IMPORTS
    touched, expects = runs.touched(protocol), expectations.TOUCHED
    yield Property("private", protocol, secrets, touched, expects, imports=imports, needs=Needs.ERRORS, weight=0.1)
    connections, leaked = cases.kept(drivers), expectations.NOTHING_LEAKED
    yield Property("isolation", protocol, connections, runs.KEPT, leaked, needs=Needs.ERRORS, weight=0.1)
    traces = expectations.NOTHING_LEAKED_OF_TRACES
    yield Property("isolation", protocol, connections, runs.KEPT, traces, shows="traces", weight=0.1)
    if importlib.util.find_spec("opentelemetry") is not None:
        examples, source, imports = cases.kept_spans(drivers[:1]), runs.kept_spans(protocol), runs.KEPT_SPANS_IMPORTS
        leaked = expectations.NO_SPAN_LEAKED
        yield Property("isolation", protocol, examples, source, leaked, "seen", imports, Needs.NOTHING, weight=0.05)
    two = cases.interleaved(drivers)
    yield Property("isolation", protocol, two, runs.INTERLEAVED, expectations.ISOLATED, needs=Needs.ERRORS)


def _of_pair(side: Side, subject: Subject) -> Iterator[Property]:
    bridged, once = cases.valid((BRIDGE_BOTH,)), expectations.once(", bridged", expectations.BRIDGED)
    yield Property("once", side.protocol, bridged, runs.REPORTED, once, weight=0.5)
    alike = cases.parallel(side.drivers, subject.sdk)
    yield Property("same", side.protocol, alike, runs.PARALLEL, expectations.SAME, shows="(wsgi, asgi)")


def _of_application(subject: Subject) -> Iterator[Property]:
    protocol = subject.protocol
    requests = cases.addressed((subject.driver,), subject.paths)
    same, shows = expectations.APPLICATION_SAME, "bare.diff(wrapped)"
    yield Property("transparent", protocol, requests, runs.APPLICATION, same, shows, needs=Needs.NOTHING)
    checked = cases.addressed((subject.oracle,), subject.paths)
    rules, shows = expectations.NO_VIOLATIONS, "seen.violations"
    yield Property("protocol", protocol, checked, runs.PROTOCOL, rules, shows, needs=Needs.NOTHING)
