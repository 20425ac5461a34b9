"""A scenario that was not measured, with the reason and the last lines of the log."""

import re
from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import Field

from bench.core.run.origin import WorkflowAttempt
from bench.core.values.record import Record

NO_RESULT = "it has no result; the log of its job shows the reason"
"""The reason for a scenario of which nothing is known."""
_MOST_LINES = 30  # of a log; the log itself is next to the results
_LONGEST_LINE = 400  # characters
_SERVICE = re.compile(r"\bservice '([^']{1,200})'")
_EXIT_CODE = re.compile(r"\bended with code (-?\d{1,9})\b")
"""A service that ended, as errors and stopped runs describe it."""
_PLACES = re.compile(r"; (?:its log is|\d+ requests are kept in) [^;]+")
"""Files of the machine that measured, which a reader elsewhere does not have."""
Line = Annotated[str, Field(max_length=_LONGEST_LINE)]


class NotMeasured(Record):
    """A scenario that was not measured."""

    scenario: str = Field(min_length=1, max_length=200)
    """Name of the scenario."""
    reason: Line = NO_RESULT
    """The reason in one line."""
    service: str | None = Field(default=None, max_length=200)
    """The service that failed; null if it is unknown, or if no service failed."""
    exit_code: int | None = None
    """Exit code of that service; null if it is unknown, or if the service still runs."""
    workflow: WorkflowAttempt | None = None
    """The attempt of the workflow run that failed; null outside of GitHub Actions."""
    log: tuple[Line, ...] = Field(default=(), max_length=_MOST_LINES)
    """The last lines of the log of the service, if they are known."""

    @property
    def explanation(self) -> str:
        """The reason, with the service and its exit code if the reason does not name them."""
        details = []
        if self.service is not None and self.service not in self.reason:
            details.append(f"service '{self.service}'")
        if self.exit_code is not None and not re.search(rf"\b{self.exit_code}\b", self.reason):
            details.append(f"exit code {self.exit_code}")
        return f"{self.reason} ({', '.join(details)})" if details else self.reason

    def __str__(self) -> str:
        """Return the sentence, without a full stop."""
        return f"{self.scenario} was not measured: {self.explanation}"


def explain_failure(scenario: str, message: str) -> NotMeasured:
    """Return the record of a failed run.

    Args:
        scenario: Name of the scenario.
        message: The error. Its first line is the reason, which may name the service that ended and its exit
            code; further lines are the end of a log.
    """
    first, *lines = message.splitlines() or [NO_RESULT]
    service = _SERVICE.search(first)
    code = _EXIT_CODE.search(first)
    reason = _PLACES.sub("", first.strip().removesuffix("; the end of its log:"))
    log = [line.strip()[:_LONGEST_LINE] for line in lines[-_MOST_LINES:]]
    return NotMeasured(
        scenario=scenario[:200],
        reason=reason[:_LONGEST_LINE],
        service=None if service is None else service[1],
        exit_code=None if code is None else int(code[1]),
        log=tuple(filter(None, log)),
    )


def list_not_measured(
    expected: Collection[str], measured: Collection[str], failed: Sequence[NotMeasured]
) -> tuple[NotMeasured, ...]:
    """Return the scenarios without a result, sorted by name; without a known reason with the general one.

    Args:
        expected: Scenarios that must have a result.
        measured: Scenarios that have one.
        failed: Failed runs. A scenario with a result needs no reason.
    """
    reasons = {failure.scenario: failure for failure in failed}
    names = {*expected, *reasons} - {*measured}
    return tuple(reasons.get(name) or NotMeasured(scenario=name) for name in sorted(names))
