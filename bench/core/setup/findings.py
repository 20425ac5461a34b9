"""What a check of a set-up finds: one sentence for each subject, with the cure of each problem."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    """Nothing to do."""
    NOTE = "note"
    """Works, with a restriction."""
    PROBLEM = "problem"
    """Must be corrected before a run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one part of a set-up."""

    subject: str
    """The part, such as `open files`."""
    grade: Grade
    """How much it matters."""
    message: str
    """Its state in words."""
    cure: str | None = None
    """What to do; None if there is nothing to do."""


def count_problems(findings: Iterable[Finding]) -> int:
    """Return the number of problems."""
    return sum(finding.grade is Grade.PROBLEM for finding in findings)


def order_by_grade(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the problems first, then notes, then all others, each in their order."""
    grades = [Grade.PROBLEM, Grade.NOTE, Grade.OK]
    yield from sorted(findings, key=lambda finding: grades.index(finding.grade))
