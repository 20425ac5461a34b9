"""A run among several that are shown side by side: its letter, its origin, and its problems."""

from collections.abc import Iterator

from pydantic import AwareDatetime

from bench.core.config.load_words import scenario_in_words
from bench.core.experiment.pareto import LEAST_SUCCESS
from bench.core.report.words import SIGNS, Tone
from bench.core.run.result import RunResult, environment
from bench.core.values import wording
from bench.core.values.record import Count, Record

LETTERS = "ABCDEFGHIJ"
"""The letters of the runs; there are at most so many."""
_INVALID = "is invalid"


class ListedRun(Record):
    """A run among several."""

    letter: str
    """Its name in tables, curves and sentences: `A` is the first run."""
    run_id: str
    """Id of the run."""
    scenario: str
    """Name of the scenario."""
    load: str
    """The load in words."""
    is_search: bool
    """Whether it is a capacity search."""
    stack: str
    """Name of the stack, with its environment."""
    started_at: AwareDatetime
    """Start of the run."""
    commit: str | None
    """Commit of the repository in which it was started; null outside a repository."""
    dirty: bool
    """Whether that repository had uncommitted changes."""
    subject: str | None = None
    """First line of the commit's message; null if it is unknown."""
    requests: Count
    """Number of answered and failed requests."""
    ok: Count
    """Number of successful requests."""
    problems: tuple[str, ...] = ()
    """Why its numbers are in doubt: invalid, interrupted, injected faults, failed requests."""
    excluded: str | None = None
    """Why it is never the best run, as `is invalid`; null if it can be. A refusal is fast and cheap."""

    @property
    def version(self) -> str:
        """The commit in nine characters, with a note of uncommitted changes; `no commit` without one."""
        if self.commit is None:
            return "no commit"
        return self.commit[:9] + ("+" if self.dirty else "")

    @property
    def name(self) -> str:
        """Scenario and stack."""
        return f"{self.scenario} on {self.stack}"

    @property
    def is_invalid(self) -> bool:
        """Whether its measurement is not valid."""
        return self.excluded == _INVALID

    @property
    def marked_letter(self) -> str:
        """The letter, with the sign of an invalid run: `C!`."""
        return f"{self.letter}{SIGNS[Tone.INVALID]}" if self.is_invalid else self.letter


def list_run(letter: str, result: RunResult) -> ListedRun:
    """Return a run under a letter."""
    provenance = result.provenance
    summary = result.summary
    place = result.fingerprint
    return ListedRun(
        letter=letter,
        run_id=provenance.run_id,
        scenario=result.scenario.name,
        load=scenario_in_words(result.scenario),
        is_search=result.capacity is not None,
        stack=f"{place.stack} ({environment(place)})",
        started_at=provenance.started_at,
        commit=provenance.commit,
        dirty=provenance.dirty is True,
        subject=provenance.subject,
        requests=summary.requests,
        ok=summary.ok,
        problems=tuple(_list_problems(result)),
        excluded=_find_exclusion(result),
    )


def _list_problems(result: RunResult) -> Iterator[str]:
    summary = result.summary
    if not result.validity.valid:
        yield f"is invalid: {'; '.join(result.validity.reasons)}"
    elif result.stop is not None:
        yield f"ended early: {result.stop.reason}"
    injections = ", ".join(f"{knob}={value:g}" for knob, value in result.provenance.injections.items())
    if injections:
        yield f"has injected faults: {injections}"
    if summary.failed and result.capacity is None:  # a search looks for the load that breaks
        share = wording.percent(summary.failed / summary.requests)
        yield f"has failed requests: {share} of {wording.counted(summary.requests, 'request')}"


def _find_exclusion(result: RunResult) -> str | None:
    summary = result.summary
    if not result.validity.valid:
        return _INVALID
    if result.capacity is None and summary.ok < LEAST_SUCCESS * summary.requests:
        return f"answered only {wording.percent(summary.ok / summary.requests)} of its requests"
    return None
