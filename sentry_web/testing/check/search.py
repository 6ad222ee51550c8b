"""The search for minimal examples that break a promise.

One sweep over a property's examples finds the aspects that break at all. Then, for each of these aspects, Hypothesis
draws the same examples again, whose results are cached, and shrinks the first that breaks it. The promises are in
``properties``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random
from types import CodeType
from typing import Any, NamedTuple

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import NoSuchExample

import sentry_web.testing as names
from sentry_web.testing.check.expectations import Expectation
from sentry_web.testing.check.properties import Needs, Property, properties_of
from sentry_web.testing.check.snippets import Source, assignments, imports_for
from sentry_web.testing.check.subject import Side, Subject
from sentry_web.testing.check.verdict import Finding, Progress, Verdict
from sentry_web.testing.drivers import Driver
from sentry_web.testing.script import Script
from sentry_web.testing.steps import Raise, StartResponse
from sentry_web.testing.transport import recording

_FEWEST = 3  # examples of a property, however little it weighs
_UNCHECKED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.nested_given)
_SHOWN = 3000  # characters of an example's evidence


class Judged(NamedTuple):
    """The values of an example, and the aspects that break with them."""

    values: dict[str, Any]
    broken: frozenset[str]


class Trial:
    """One property of one subject, with all examples that were tried.

    Args:
        tested: The property.
        constants: The names that the code can use in addition to the example's values.
        examples: The number of examples.
        seed: The seed of the examples.
        deadline: The time at which to stop, by ``time.monotonic``.
        stop: Returns true when the check is to end.
        known: Traits of examples that show what is found already, and are left out.
    """

    def __init__(
        self,
        tested: Property,
        constants: dict[str, Any],
        *,
        examples: int,
        seed: int,
        deadline: float,
        stop: Callable[[], bool],
        known: tuple[str, ...] = (),
    ) -> None:
        self.tested = tested
        self.judged: dict[str, Judged] = {}
        self.out_of_time = False
        self._constants = constants
        self._examples = examples
        self._seed = seed
        self._deadline = deadline
        self._stop = stop
        self._known = known
        self._run = _compiled("\n".join([*tested.imports, tested.run]), "exec")
        self._holds = [(expected, _compiled(expected.holds, "eval")) for expected in tested.expects]

    def sweep(self) -> list[Expectation]:
        """Try all examples, and return the expectations that do not hold in all of them."""
        self._draw(lambda judged: False)
        broken = {aspect for judged in self.judged.values() for aspect in judged.broken}
        return [expected for expected in self.tested.expects if expected.aspect in broken]

    def smallest(self, expected: Expectation) -> dict[str, Any]:
        """Return the example with the shortest source that breaks an expectation, which must be known to break."""
        self._draw(lambda judged: expected.aspect in judged.broken)
        breaking = [text for text, judged in self.judged.items() if expected.aspect in judged.broken]
        return self.judged[min(breaking, key=lambda text: (len(text), text))].values

    def _draw(self, wanted: Callable[[Judged], bool]) -> None:
        settings = hypothesis.settings(
            max_examples=self._examples,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=_UNCHECKED,
        )
        with suppress(NoSuchExample):
            hypothesis.find(
                self.tested.cases,
                lambda values: wanted(self.judge(values)),
                settings=settings,
                random=Random(self._seed),  # noqa: S311 - it is meant to be reproducible
            )

    def judge(self, values: dict[str, Any]) -> Judged:
        """Run an example, unless its result is cached, the deadline has passed or the check is to end."""
        values = dict(sorted(values.items()))  # independent of the order in which they were drawn
        text = repr(values)
        if any(trait in text for trait in self._known):
            return Judged(values, frozenset())
        if text not in self.judged:
            if time.monotonic() > self._deadline or self._stop():
                self.out_of_time = True
                return Judged(values, frozenset())
            broken = self.broken_by(values)
            for _ in range(self.tested.repeats - 1):
                broken &= self.broken_by(values) if broken else broken
            self.judged[text] = Judged(values, broken)
        return self.judged[text]

    def broken_by(self, values: dict[str, Any]) -> frozenset[str]:
        """Return the aspects that break in one run."""
        seen = self.seen(values)
        broken: set[str] = set()
        for expected, holds in self._holds:
            if not (expected.residual and broken) and not eval(holds, seen):  # noqa: S307 - the table's own source
                broken.add(expected.aspect)
        return frozenset(broken)

    def seen(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the names and their values after a run."""
        seen = {**self._constants, **values}
        exec(self._run, seen)  # noqa: S102 - the table's own source
        return seen


def _compiled(source: str, mode: str) -> CodeType:
    return compile(source, "<sentry_web.testing.check>", mode)


def search(
    subject: Subject,
    *,
    examples: int,
    seconds: float,
    seed: int,
    only: frozenset[str],
    on_progress: Callable[[Progress], object],
    stop: Callable[[], bool],
) -> Verdict:
    """Check every applicable property of a subject, or only those that are named.

    Args:
        subject: The subject under test.
        examples: The approximate number of examples for each property.
        seconds: The time limit.
        seed: The seed of the examples.
        only: The names of the properties to check; all if empty.
        on_progress: Called before each property.
        stop: Returns true when the check is to end, with what was found until then.
    """
    start = time.monotonic()
    findings: list[Finding] = []
    traits: list[str] = []
    counts: dict[str, int] = {}
    cut_short: dict[str, int] = {}
    served = [replace(side, drivers=tuple(_served(side, subject))) for side in subject.sides]
    unserved = [
        (side.protocol, driver)
        for side, kept in zip(subject.sides, served)
        for driver in side.drivers
        if driver not in kept.drivers
    ]
    subject = replace(subject, sides=tuple(served))
    sides = {side.protocol: side for side in subject.sides}
    silent = {protocol: _not_reported(side, subject) for protocol, side in sides.items()}
    notes = [f"It does not serve {driver!r} ({protocol}); that was not checked." for protocol, driver in unserved]
    notes += [_note(protocol, needs) for protocol, missing in silent.items() for needs in sorted(missing, key=str)]
    chosen = [p for p in properties_of(subject) if not only or p.name in only]
    tested = [p for p in chosen if p.needs not in silent.get(p.protocol, ())]
    for position, each in enumerate(tested):
        on_progress(Progress(each.name, each.protocol, position, len(tested), len(findings)))
        label, now = f"{each.name} ({each.protocol})", time.monotonic()
        counts.setdefault(each.name, 0)
        if now >= start + seconds or stop():  # nothing of it would be run: do not even draw its examples
            cut_short.setdefault(label, 0)
            continue
        share = (start + seconds - now) * _cost(each) / sum(map(_cost, tested[position:]))
        side = sides.get(each.protocol)
        number = max(_FEWEST, round(examples * each.weight))
        constants, deadline, known_traits = constants_of(subject, side), now + share, tuple(traits)
        trial = Trial(each, constants, examples=number, seed=seed, deadline=deadline, stop=stop, known=known_traits)
        known = {
            finding.aspect for finding in findings if (finding.property, finding.protocol) == (each.name, each.protocol)
        }
        found = [_finding(trial, e, subject, side) for e in trial.sweep() if e.aspect not in known]
        findings += found
        traits += [each.trait] if found and each.trait else []
        counts[each.name] += len(trial.judged)
        if trial.out_of_time:
            cut_short[label] = cut_short.get(label, 0) + len(trial.judged)
    notes += _notes_of_time(cut_short, "It was interrupted" if stop() else "The time was over")
    return Verdict(subject.title, tuple(findings), counts, tuple(notes), time.monotonic() - start)


def _notes_of_time(cut_short: dict[str, int], reason: str) -> Iterator[str]:
    """Yield what was checked in part, and what was not checked at all."""
    in_part = [label for label, number in cut_short.items() if number]
    not_at_all = [label for label, number in cut_short.items() if not number]
    if in_part:
        yield f"{reason}: checked with fewer examples than asked for: {', '.join(in_part)}."
    if not_at_all:
        yield f"{reason}: not checked at all: {', '.join(not_at_all)}."


def _cost(tested: Property) -> float:
    """Return a property's share of the time, relative to others; properties that depend on clocks are slow."""
    return tested.weight * 10.0 if tested.repeats > 1 else max(tested.weight, 0.1)


def constants_of(subject: Subject, side: Side | None) -> dict[str, Any]:
    """Return the names that every run can use."""
    public = {name: getattr(names, name) for name in names.__all__}
    return {**public, "sdk": subject.sdk, "app": subject.app, "wrap": side and side.wrap}


def _served(side: Side, subject: Subject) -> Iterator[Driver]:
    """Yield the drivers whose version of the protocol a middleware serves: the first, and others if it does."""
    first, *others = side.drivers
    yield first
    for driver in others:
        with recording(**subject.sdk):
            bare, wrapped = (driver.run(Script((StartResponse(),)), wrap=wrap) for wrap in (None, side.wrap))
        if side.protocol == "both" or bare.count("app", "called") == wrapped.count("app", "called"):
            yield driver


def _not_reported(side: Side, subject: Subject) -> set[Needs]:
    """Return the kinds of reports that the middleware does not make at all."""
    with recording(**subject.sdk) as events:
        side.drivers[0].run(Script((StartResponse(),)), wrap=side.wrap)
        side.drivers[0].run(Script((Raise(),)), wrap=side.wrap)
    found = {Needs.ERRORS: events.errors, Needs.TRACES: events.transactions + events.segments}
    return {needs for needs, reported in found.items() if not reported}


def _note(protocol: str, needs: Needs) -> str:
    return f"It reports no {needs.value} to Sentry ({protocol}); what is promised of them was not checked."


def _finding(trial: Trial, expected: Expectation, subject: Subject, side: Side | None) -> Finding:
    tested, values = trial.tested, trial.smallest(expected)
    evidence = str(eval(expected.shows or tested.shows, trial.seen(values)))[:_SHOWN]  # noqa: S307 - the table's own
    return Finding(
        tested.name,
        expected.aspect,
        f"{expected.broken}\n{evidence}".rstrip(),
        snippet_of(tested, expected, values, side.source if side else subject.source, subject),
        expected.defect,
        tested.protocol,
    )


def snippet_of(
    tested: Property, expected: Expectation, values: dict[str, Any], source: Source, subject: Subject
) -> str:
    """Return the example as a standalone script."""
    under_test = "app" if subject.app is not None else "wrap"
    lines = [] if source.expression == under_test else [f"{under_test} = {source.expression}"]
    lines += [assignments({"sdk": subject.sdk, **values}), tested.run.rstrip("\n")]
    lines.append(f"assert {expected.holds}, {expected.shows or tested.shows}")
    body = "\n".join(lines)
    imports = imports_for(body, values.values())
    return "\n".join([*dict.fromkeys([*tested.imports, *source.imports, *imports]), "", body, ""])
