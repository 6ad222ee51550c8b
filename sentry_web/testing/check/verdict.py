"""The result of a check, for people (``str``) and for programs (``as_dict``), and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """How far a check has come.

    Attributes:
        property: The name of the property that is checked next.
        protocol: ``wsgi``, ``asgi`` or ``both``.
        done: How many properties are done; a property may be checked several times, with examples of other kinds.
        total: How many there are.
        findings: How many findings there are so far.
    """

    property: str
    protocol: str
    done: int
    total: int
    findings: int


@dataclass(frozen=True)
class Finding:
    """One broken aspect of a promise.

    Attributes:
        property: The promise, such as ``transparent``.
        aspect: The aspect, such as ``exception chain``.
        explanation: The description of the fault, followed by the evidence from the smallest example.
        snippet: The smallest example as a Python script, which ends with an ``AssertionError``.
        defect: A known fault of other middlewares with the same symptom, if any.
        protocol: ``wsgi``, ``asgi``, or ``both`` for a difference between the two.
    """

    property: str
    aspect: str
    explanation: str
    snippet: str
    defect: str | None = None
    protocol: str = "both"

    def __str__(self) -> str:
        lines = [f"{self.property}, {self.aspect} ({self.protocol}): {self.explanation}"]
        if self.defect is not None:
            lines.append(f"Looks like a known fault: {self.defect}")
        return "\n".join([*lines, "", self.snippet])


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Attributes:
        subject: The description of the subject.
        findings: The findings, in the order of the properties.
        examples: The number of different examples that were run, by property.
        notes: The properties that were not checked, and the reasons.
        seconds: The duration of the check.
    """

    subject: str
    findings: tuple[Finding, ...]
    examples: dict[str, int]
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def __str__(self) -> str:
        blocks = [f"[{number}] {finding}" for number, finding in enumerate(self.findings, start=1)]
        return "\n\n".join([*blocks, self.summary])

    @property
    def summary(self) -> str:
        """The number of findings, the examples that were run, and the notes, as text."""
        found = {0: "nothing found", 1: "1 finding"}.get(len(self.findings), f"{len(self.findings)} findings")
        counts = ", ".join(f"{name} {count}" for name, count in self.examples.items())
        lines = [f"{self.subject}: {found} in {self.seconds:.1f} s.", f"Examples run: {counts}."]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict in JSON's types."""
        return {
            "subject": self.subject,
            "ok": self.ok,
            "findings": [dict(vars(finding)) for finding in self.findings],
            "examples": dict(self.examples),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
