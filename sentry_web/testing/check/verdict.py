"""What a check found, for people (``str``) and for programs (``as_dict``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One way in which a promise is broken.

    Attributes:
        property: Which promise, such as ``transparent``.
        aspect: What about it, such as ``exception chain``.
        explanation: What is wrong, and below that what was seen in the smallest example.
        snippet: That example as a Python script; run, it ends with an ``AssertionError``.
        defect: The known fault of other middlewares that this looks like, if any.
        protocol: ``wsgi``, ``asgi``, or ``both`` for what takes both to be seen.
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
    """What came of a check.

    Attributes:
        subject: What was checked, in words.
        findings: What was found, in the order of the properties.
        examples: How many different examples were run for each property.
        notes: What was not checked, and why.
        seconds: How long it took.
    """

    subject: str
    findings: tuple[Finding, ...]
    examples: dict[str, int]
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        blocks = [f"[{number}] {finding}" for number, finding in enumerate(self.findings, start=1)]
        return "\n\n".join([*blocks, self.summary])

    @property
    def summary(self) -> str:
        """The findings counted, what was run, and what was not."""
        found = {0: "nothing found", 1: "1 finding"}.get(len(self.findings), f"{len(self.findings)} findings")
        counts = ", ".join(f"{name} {count}" for name, count in self.examples.items())
        lines = [f"{self.subject}: {found} in {self.seconds:.1f} s.", f"Examples run: {counts}."]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def as_dict(self) -> dict[str, Any]:
        """All of it in types that JSON has."""
        return {
            "subject": self.subject,
            "ok": self.ok,
            "findings": [dict(vars(finding)) for finding in self.findings],
            "examples": dict(self.examples),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
