"""The report on a run: the judgement first, then the next step. One value feeds every renderer."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import assert_never

from bench.core.run.result import RunResult
from bench.core.samples.cost_metrics import cost_service
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, metric_of_tail, sentence_name, tier_name
from bench.core.samples.sample import Outcome
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison, Verdict


class Clue(StrEnum):
    """The first place to look at after a failed run."""

    TIERS = "the tier named above"
    SLOWEST = "the slowest requests (bench export RUN)"
    COSTS = "the memory and the processor time of that service"
    FAILED = "the failed requests and the services' logs"
    COMMITS = "the commits since the pinned baseline"


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

    @property
    def decision(self) -> Decision:
        """The verdict on the run."""
        return self.comparison.decision


def make_report(result: RunResult, comparison: Comparison) -> Report:
    """Return the report on a run and its comparison."""
    accept = _accept_command(result, comparison)
    match comparison.decision:
        case Decision.INVALID:
            headline = f"Invalid run: {comparison.reasons[0]}."
            next_step = "Remove this cause and measure again. This run was not judged."
        case Decision.INCONCLUSIVE:
            headline = f"Cannot tell: {comparison.reasons[0]}."
            next_step = _get_a_verdict(result, comparison, accept)
        case Decision.FAIL:
            headline, clue = _failure(result, comparison)
            next_step = _follow(clue, result, accept)
        case Decision.PASS:
            headline = _success(comparison)
            next_step = _keep_gain(comparison, accept)
        case _:
            assert_never(comparison.decision)
    return Report(headline=headline, next_step=next_step, result=result, comparison=comparison)


def _accept_command(result: RunResult, comparison: Comparison) -> str | None:
    """Return the command that accepts the run; `None` if the run must not be accepted."""
    slowed_down = bool(result.provenance.injections)
    two_versions = comparison.base_name is not None
    answered = result.summary.outcomes.get(Outcome.OK, 0) > 0
    # A run with another load cannot be compared with the runs of its scenario.
    if result.stop or slowed_down or two_versions or not answered or result.overrides:
        return None
    return f"bench baseline accept results/{result.provenance.run_id} --reason '…'"


def _keep_gain(comparison: Comparison, accept: str | None) -> str:
    for row in comparison.metrics:
        if row.verdict is Verdict.BETTER and row.gates and accept:
            return f"To keep the gain, run: {accept}."
    return "Nothing to do."


def _failure(result: RunResult, comparison: Comparison) -> tuple[str, Clue]:
    """Return the reason of a failure in one sentence, the gravest first, and where to look."""
    deciding = comparison.regressed(Part.DECIDES)
    for row in deciding:
        if row.key == SUCCESS:
            change = f"from {row.base_text} to {row.head_text}"
            return f"Success regressed {change}.", Clue.FAILED
    if deciding:
        tiers = comparison.slower_tiers()
        clue = Clue.TIERS if tiers else Clue.SLOWEST
        return f"{_regression(deciding[0])}{_mostly_in(tiers)}.", clue
    drifted = comparison.drifted
    if drifted and comparison.pinned_at is not None:
        return _drift(drifted, comparison.pinned_at), Clue.COMMITS
    vanished = comparison.vanished
    parts = (Part.TAILS, Part.LOCATES, Part.STEPS, Part.COSTS)
    partial = [*chain.from_iterable(map(comparison.regressed, parts))]
    if partial and not vanished:
        total = "the total response time shows no regression"
        return f"{_regression(partial[0])}; {total}.", _clue(partial[0].key)
    for limit in result.thresholds:
        if limit.crossed:
            crossed = f"{limit.metric} {limit.expression}, measured {limit.measured}"
            return f"Threshold crossed: {crossed}.", _clue(limit.metric)
    return _vanished(vanished, comparison.base_name or "the baseline")


def _clue(key: str) -> Clue:
    """Return where to look for the cause of a metric's change."""
    if tier_name(key) is not None:
        return Clue.TIERS
    if cost_service(key) is not None:
        return Clue.COSTS
    return Clue.FAILED if metric_of_tail(key) is None else Clue.SLOWEST


def _drift(drifted: Sequence[MetricComparison], pinned_at: datetime) -> str:
    changes = []
    for row in drifted:
        changes.append(f"{metric(row.key).label} {wording.change(row.change_ratio)}")
    since = f"since the pinned baseline of {pinned_at:%Y-%m-%d}"
    return f"Drift: {wording.listing(changes)} {since}, in steps that were each too small to detect."


def _vanished(keys: Sequence[str], other: str) -> tuple[str, Clue]:
    """Name the metrics that only the baseline has. Slow requests cannot explain them."""
    clue = Clue.FAILED
    names: list[str] = []
    for key in keys:
        names.append(sentence_name(key))
        if _clue(key) is Clue.TIERS:
            clue = Clue.TIERS
    return f"{_capitalize(wording.listing(names))} vanished: present in {other}, missing in this run.", clue


def _regression(row: MetricComparison) -> str:
    tier = tier_name(row.key)
    label = f"The tier `{tier}`" if tier else _capitalize(metric(row.key).label)
    change = wording.change(row.change_ratio)
    if metric(row.key).unit == "ms":
        change = f"{wording.change_ms(row.change)}, {change}"
    if row.machine_ratio is not None:
        change += f", without the machine's {wording.change(row.machine_ratio)}"
    return f"{label} regressed: {row.base_text} → {row.head_text} ({change})"


def _capitalize(label: str) -> str:
    """Capitalize a label, except names such as `p95 of …`."""
    return label if label[1:2].isdigit() else label.capitalize()


def _mostly_in(slower: Sequence[MetricComparison]) -> str:
    tiers = []
    for row in slower:
        tiers.append(f"`{tier_name(row.key)}` ({wording.change_ms(row.change)})")
    return f", most of it in {wording.listing(tiers)}" if tiers else ""


def _success(comparison: Comparison) -> str:
    gains: list[str] = []
    changes: list[str] = []
    for row in comparison.metrics:
        if row.part is not Part.DECIDES or row.key == SUCCESS:
            continue
        change = f"{metric(row.key).label} {wording.change(row.change_ratio)}"
        changes.append(f"{change}{_detectable(row)}")
        if row.verdict is Verdict.BETTER:
            gains.append(change)
    if gains:
        return f"Improved: {wording.listing(gains)}."
    if changes:
        return f"No regression: {wording.listing(changes)}."
    return "No regression. No request succeeded, as before."


def _detectable(row: MetricComparison) -> str:
    return f" (detectable: {wording.change(row.detectable_ratio)})" if row.detectable_ratio else ""


def _follow(clue: Clue, result: RunResult, accept: str | None) -> str:
    """Return the next step after a failure."""
    if clue is Clue.COMMITS:
        pin = f"bench baseline pin {result.scenario.name} --reason '…'"
        return f"Find the slower commits with bench ab. If the change is intended, run: {pin}."
    if accept is None:
        return f"Look at {clue}."
    return f"Look at {clue}. If the change is intended, run: {accept} --allow-regression."


def _get_a_verdict(result: RunResult, comparison: Comparison, accept: str | None) -> str:
    """Return the next step that leads to a verdict.

    Args:
        result: The run.
        comparison: An inconclusive comparison.
        accept: Command that accepts the run; `None` if the run must not be accepted.
    """
    if comparison.base_name:
        return "Measure more pairs to detect smaller changes."
    if comparison.machine is not None and comparison.machine.environment_shift:
        return "Compare both versions on this machine with bench ab, or accept runs of this machine."
    if comparison.metrics:
        return "Accept more runs into the baseline, or measure longer, to detect smaller changes."
    if result.overrides:
        options = wording.listing(result.overrides)
        return f"Measure again without {options} to compare with the baseline, or use bench ab."
    if accept is None:
        return "Measure again without --inject and without interrupting it; the run needs answers."
    return f"If this run is correct, run: {accept}."
