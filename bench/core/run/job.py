"""A job that measured a suite: `results/job.json`, which the publisher reads as untrusted input."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from bench.core.config.target import Name
from bench.core.run.origin import Attempt, RunNumber
from bench.core.values.record import NotNegative, Record

SCHEMA_VERSION = 1
MOST_SCENARIOS = 256
"""Largest number of scenarios of a job."""
LONGEST_SENTENCE = 400
"""Largest number of characters of a sentence; longer ones are cut."""
CommitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
EventName = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
Sentence = Annotated[str, StringConstraints(max_length=LONGEST_SENTENCE)]


class JobOutcome(StrEnum):
    """How a job ended, in one word."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    """A scenario was not measured, or its run is invalid."""
    SKIPPED = "skipped"
    """Nothing was measured on purpose: a label, a draft, or no changed file that matters."""
    CANCELLED = "cancelled"
    """A signal ended the job."""


class JudgedBy(StrEnum):
    """The comparison that decides on a scenario."""

    PAIRS = "pairs"
    BASELINE = "baseline"


class JobScenario(Record):
    """A scenario of the job."""

    scenario: Name
    """Name of the scenario."""
    stack: Name
    """Stack on which it ran."""
    judged_by: JudgedBy
    """`pairs` with the base, or the committed `baseline`."""
    reason: Sentence | None = None
    """Why it was not compared in pairs although the event has a base; null if it was, or without a base."""

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for the report, if the scenario was not compared in pairs although there is a base."""
        if self.reason is None:
            return ()
        return (f"{self.scenario} was compared with its committed baseline, not in pairs: {self.reason}",)


class SuiteJob(Record):
    """A job that measured a suite, or that skipped it."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    suite: Name
    """The suite that the check names."""
    run_id: RunNumber | None = None
    """Number of the workflow run; null outside of GitHub Actions."""
    attempt: Attempt = 1
    """Number of the attempt of the workflow run; a re-run has a higher one."""
    event: EventName | None = None
    """Event that started the workflow; null outside of GitHub Actions."""
    pull_request: Annotated[int, Field(ge=1, le=2**53)] | None = None
    """Number of the pull request."""
    base_sha: CommitId | None = None
    """Commit that the scenarios were compared with in pairs; null without one."""
    head_sha: CommitId | None = None
    """Measured commit; for a pull request the head of its branch."""
    merge_sha: CommitId | None = None
    """Commit whose files were measured, if GitHub merged the head into its base for that."""
    minutes: NotNegative = 0.0
    """Minutes that the job spent."""
    outcome: JobOutcome
    """How the job ended. The publisher judges the runs itself and does not trust it."""
    reason: Sentence
    """The verdict or the reason in one sentence."""
    scenarios: Annotated[tuple[JobScenario, ...], Field(max_length=MOST_SCENARIOS)] = ()
    """The scenarios that the job had to measure; empty if it skipped them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about scenarios that were not compared in pairs although there is a base."""
        notes: list[str] = []
        for scenario in self.scenarios:
            notes += scenario.notes
        return tuple(notes)


def cut_sentence(text: str) -> str:
    """Return the first line of a text, as a field of `SuiteJob` can hold it."""
    first = next(iter(text.splitlines()), "")
    return first if len(first) <= LONGEST_SENTENCE else f"{first[: LONGEST_SENTENCE - 1]}…"
