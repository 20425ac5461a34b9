"""The report on a run: the judgement first, then the next step. One value feeds every renderer."""

import re
import shlex
from typing import assert_never

from bench.core.report.advice import Advice
from bench.core.report.headline import (
    Claim,
    Clue,
    describe_claim,
    describe_pass,
    find_failure,
    find_pass,
)
from bench.core.report.invalid_runs import QUIET_MACHINE, suggest_cure
from bench.core.report.words import DECISIONS, Word, tolerated_pass
from bench.core.run.result import RunResult
from bench.core.samples.sample import Outcome
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.verdict import Verdict
from bench.core.watch.alerts import describe

_COMMIT_DIGITS = 9
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
ADDRESS_STACK = "external"
"""Name of the stack of a run against an address, which has no versions."""
TOLERATED_STEP = "No fix is needed: the tolerance allows it. Watch it, because changes add up."
"""The next step after a pass with a change for the worse within its tolerance."""
LONGEST_REASON = 200
"""Characters of a reason in a first sentence."""


_OF_COMMITS = frozenset({Clue.TIERS, Clue.SLOWEST, Clue.COSTS})
"""Places of a cause that a commit may have changed."""


class Report(Record):
    """A judged run, ready to be rendered."""

    headline: str
    """The judgement in one sentence, with the size of the change and the tier."""
    next_step: str
    """What the reader can do now."""
    result: RunResult
    """The run."""
    comparison: Comparison
    """The comparison with its baseline or with another version."""
    advice: tuple[Advice, ...] = ()
    """What may help in the situations that the run shows. It never changes the judgement."""

    @property
    def decision(self) -> Decision:
        """The verdict on the run."""
        return self.comparison.decision

    @property
    def word(self) -> Word:
        """The decision for people; a pass with a tolerated change names its direction."""
        claim = find_pass(self.comparison) if self.decision is Decision.PASS else None
        if claim is not None and claim.is_tolerated:
            return tolerated_pass(claim.rows[0].key)
        return DECISIONS[self.decision]


def make_report(result: RunResult, comparison: Comparison) -> Report:
    """Return the report on a run and its comparison."""
    match comparison.decision:
        case Decision.INVALID:
            headline = f"Invalid run: {comparison.reasons[0]}."
        case Decision.INCONCLUSIVE:
            headline = f"Cannot tell: {comparison.reasons[0]}."
        case Decision.FAIL:
            headline = describe_claim(find_failure(result, comparison))
        case Decision.PASS:
            headline = describe_pass(find_pass(comparison))
        case _:
            assert_never(comparison.decision)
    if comparison.saturation is not None and comparison.saturation not in headline:
        headline = f"{headline.removesuffix('.')}; {comparison.saturation}."
    if comparison.accepted is not None and comparison.decision is not Decision.INVALID:
        headline = f"{headline.removesuffix('.')}; {wording.shorten(comparison.accepted, LONGEST_REASON)}."
    next_step = advise(result, comparison, _accept_command(result, comparison))
    return Report(headline=headline, next_step=next_step, result=result, comparison=comparison)


def advise(result: RunResult, comparison: Comparison, accept: str | None) -> str:
    """Return the reader's next step.

    Args:
        result: The run.
        comparison: Its comparison.
        accept: How to accept the run, such as `run: bench baseline accept …`; None if it cannot be accepted.
    """
    match comparison.decision:
        case Decision.INVALID:
            is_busy = result.host is not None and result.host.busy_load is not None
            return f"{suggest_cure(comparison.reasons, is_busy=is_busy)} This run was not judged."
        case Decision.INCONCLUSIVE if comparison.saturation is not None:
            return QUIET_MACHINE  # more runs or pairs would be as uncertain
        case Decision.INCONCLUSIVE:
            return _get_a_verdict(result, comparison, accept)
        case Decision.FAIL:
            return _follow(find_failure(result, comparison), result, comparison, accept)
        case Decision.PASS:
            return _keep_gain(result, comparison, accept)


def is_acceptable(result: RunResult) -> bool:
    """Return whether a run may join a baseline: it is complete, has answers, and is as the scenario says."""
    slowed_down = bool(result.provenance.injections)
    answered = result.summary.outcomes.get(Outcome.OK, 0) > 0
    # A run with another load cannot be compared with the runs of its scenario.
    return answered and not result.stop and not slowed_down and not result.overrides


def find_claim(report: Report) -> Claim | None:
    """Return the change that the headline of a report describes; None if the run was not judged."""
    if report.decision is Decision.FAIL:
        return find_failure(report.result, report.comparison)
    return find_pass(report.comparison) if report.decision is Decision.PASS else None


def _accept_command(result: RunResult, comparison: Comparison) -> str | None:
    """Return how to accept the run here; `None` if the run must not be accepted, or has two versions."""
    if not is_acceptable(result) or comparison.base_name is not None:
        return None
    flag = " --allow-regression" if comparison.decision is Decision.FAIL else ""
    return f"run: bench baseline accept results/{result.provenance.run_id} --reason '…'{flag}"


def _keep_gain(result: RunResult, comparison: Comparison, accept: str | None) -> str:
    """Return the next step after a pass: only a gain beyond the tolerance is worth a new level."""
    for row in comparison.metrics:
        is_large = row.margin_ratio is None or abs(row.change_ratio or 0.0) > row.margin_ratio
        if row.verdict is Verdict.BETTER and row.gates and is_large and accept:
            return f"To keep the gain, {accept}."
    if result.alerts:
        alert = wording.shorten(describe(result.alerts[0]), LONGEST_REASON)
        rest = len(result.alerts) - 1
        more = f", and {wording.counted(rest, 'more alert')}" if rest else ""
        return f"No change needs a fix, but look at the alert: {alert}{more}."
    return TOLERATED_STEP if find_pass(comparison).is_tolerated else "Nothing to do."


def _follow(claim: Claim, result: RunResult, comparison: Comparison, accept: str | None) -> str:
    """Return the next step after a failure."""
    if result.provenance.injections:
        return f"The fault was made on purpose. {_name_obstacle(result)}"
    if claim.clue is Clue.COMMITS:
        pin = f"bench baseline pin {result.scenario.name} --reason '…'"
        return f"Find the slower commits with bench ab. If the change is intended, run: {pin}."
    commits = _name_commits(result, comparison) if claim.clue in _OF_COMMITS else ""
    if accept is None:
        return f"Look at {claim.place}{commits}."
    return f"Look at {claim.place}{commits}. If the change is intended, {accept}."


def _name_commits(result: RunResult, comparison: Comparison) -> str:
    """Return the command that lists the commits since the base; empty unless both commits are known."""
    base = known_commit(comparison.newest_baseline_commit)
    head = known_commit(result.provenance.commit)
    if base is None or head is None or base == head or result.fingerprint.stack == ADDRESS_STACK:
        return ""
    return f", then list the commits: git log {base[:_COMMIT_DIGITS]}..{head[:_COMMIT_DIGITS]}"


def _get_a_verdict(result: RunResult, comparison: Comparison, accept: str | None) -> str:
    """Return the next step that leads to a verdict.

    Args:
        result: The run.
        comparison: An inconclusive comparison.
        accept: How to accept the run; `None` if the run must not be accepted.
    """
    if comparison.base_name:
        return "Measure more pairs to detect smaller changes."
    command = _compare_command(result, comparison)
    if comparison.machine is not None and comparison.machine.environment_shift:
        compare_them = "with bench ab" if command is None else command
        return f"Accept runs of this machine, or compare both versions on it {compare_them}."
    if comparison.metrics:
        longer = "measure longer" if result.capacity is None else "declare a smaller width of the search"
        more = f"Accept more runs into the baseline, or {longer}, to detect smaller changes"
        return f"{more}. Or compare both versions {command}." if command else f"{more}."
    if result.overrides:
        options = wording.listing(result.overrides)
        return f"Measure again without {options} to compare with the baseline, or use bench ab."
    if accept is None:
        return f"{_name_obstacle(result)} A run like this cannot be accepted into a baseline."
    return f"If this run is correct, {accept}."


def _name_obstacle(result: RunResult) -> str:
    """Return how to measure a run that may be accepted, by what is wrong with this one."""
    if result.provenance.injections:
        options = [f"--inject {knob}={value:g}" for knob, value in result.provenance.injections.items()]
        return f"Measure again without {wording.listing(options)}."
    if result.stop is not None:
        return f"Measure again to the end: {result.stop.reason}."
    return "Measure again when requests are answered."


def known_commit(commit: str | None) -> str | None:
    """Return a commit; None for a text that git could take for an option or for a branch."""
    return commit if commit is not None and _COMMIT.fullmatch(commit) else None


def _compare_command(result: RunResult, comparison: Comparison) -> str | None:
    """Return how to measure this version and that of the baseline alternately; None if both are the same."""
    base = known_commit(comparison.newest_baseline_commit)
    head = known_commit(result.provenance.commit)
    stack = result.fingerprint.stack
    if base is None or head == base or stack == ADDRESS_STACK or result.capacity is not None:
        return None
    version = stack if head is None or result.provenance.dirty else f"{stack}@{head[:_COMMIT_DIGITS]}"
    sides = f"{shlex.quote(f'{stack}@{base[:_COMMIT_DIGITS]}')} {shlex.quote(version)}"
    return f"with this load: bench ab {sides} --scenario {shlex.quote(result.scenario.name)}"
