"""What is said of a run: the judgement, then the next step. Every renderer is fed from this one value."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.metrics import label_and_unit, metric, metric_of_tail, sentence_name, tier_name
from bench.core.samples.sample import Outcome
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison, Verdict


class Place(StrEnum):
    """Where to look for what fails a run."""

    TIERS = "the tier named above"
    SLOWEST = "the slowest requests in samples.jsonl.gz"
    FAILED = "the failed requests and the services' logs"
    COMMITS = "the commits since the anchor"


class Report(Record):
    """A judged run, ready to be rendered.

    Attributes:
        headline: The judgement in one sentence, with the size and the place.
        next_step: What the reader does now.
        result: The run.
        comparison: How it was judged.
    """

    headline: str
    next_step: str
    result: RunResult
    comparison: Comparison

    @property
    def decision(self) -> Decision:
        """The verdict on the run."""
        return self.comparison.decision


def make_report(result: RunResult, comparison: Comparison) -> Report:
    """The report on a run and its comparison."""
    accept = _accept(result, comparison)
    match comparison.decision:
        case Decision.INVALID:
            headline = f"Not a measurement: {comparison.reasons[0]}."
            next_step = "Measure again on a quieter machine; nothing was judged."
        case Decision.INCONCLUSIVE:
            headline = f"Cannot tell: {comparison.reasons[0]}."
            next_step = _to_tell_more(comparison, accept)
        case Decision.FAIL:
            headline, place = _failure(result, comparison)
            next_step = _look_at(place, result, accept)
        case Decision.PASS:
            headline = _success(comparison)
            next_step = (
                f"To hold the gain: {accept}." if _improved(comparison) and accept else "Nothing to do."
            )
        case _:
            assert_never(comparison.decision)
    return Report(headline=headline, next_step=next_step, result=result, comparison=comparison)


def _accept(result: RunResult, comparison: Comparison) -> str | None:
    """The command that accepts the run; None when it must not be."""
    made_worse = bool(result.provenance.injections) or comparison.compare_with is not None
    answered = result.summary.outcomes.get(Outcome.OK, 0) > 0
    if result.stop or made_worse or not answered:
        return None
    return f"bench baseline accept results/{result.provenance.run_id} --reason '…'"


def _failure(result: RunResult, comparison: Comparison) -> tuple[str, Place]:
    """What fails a run in a sentence, and where to look for it."""
    worst = next(iter(comparison.regressed(Part.DECIDES)), None)
    success = next((each for each in comparison.regressed(Part.DECIDES) if each.key == SUCCESS), None)
    part = next(iter((*comparison.regressed(Part.TAILS), *comparison.regressed(Part.LOCATES))), None)
    if success is not None:
        sizes = f"from {wording.percent(success.base)} to {wording.percent(success.head)}"
        return f"Success regressed {sizes}.", Place.FAILED
    if worst is not None:
        tiers = comparison.slower_tiers()
        return f"{_grew(worst)}{_mostly_in(tiers)}.", Place.TIERS if tiers else Place.FAILED
    drifted = comparison.worse_than_pinned
    if drifted and comparison.pinned_at is not None:
        return _drifted(drifted, comparison.pinned_at), Place.COMMITS
    missing = comparison.vanished
    if part is not None and not missing:
        whole = "the response time as a whole stayed within what can be told"
        return f"{_grew(part)}; {whole}.", _place(part.key)
    for each in result.thresholds:
        if each.crossed:
            measured = wording.value(each.value, label_and_unit(each.metric)[1])
            limit = f"{each.metric} {each.expression}"
            return f"Threshold crossed: {limit}, measured {measured}.", _place(each.metric)
    return _gone(missing, comparison.compare_with or "the baseline")


def _place(key: str) -> Place:
    """Where to look for what is wrong with a metric."""
    if tier_name(key) is not None:
        return Place.TIERS
    return Place.FAILED if metric_of_tail(key) is None else Place.SLOWEST


def _drifted(drifted: Sequence[MetricComparison], pinned_at: datetime) -> str:
    sizes = [f"{metric(each.key).label} {wording.change(each.change_ratio)}" for each in drifted]
    since = f"since the anchor of {pinned_at:%Y-%m-%d}"
    return f"Crept: {wording.listing(sizes)} {since}, in steps that were each too small to see."


def _gone(keys: Sequence[str], other: str) -> tuple[str, Place]:
    """What vanished, and where to look: slow requests say nothing of what is not there."""
    said = _capital(wording.listing([sentence_name(key) for key in keys]))
    tiers = any(_place(key) is Place.TIERS for key in keys)
    return f"{said} vanished: {other} has what this run has not.", Place.TIERS if tiers else Place.FAILED


def _grew(each: MetricComparison) -> str:
    tier = tier_name(each.key)
    label = f"The tier `{tier}`" if tier else _capital(metric(each.key).label)
    size = f"{wording.change_ms(each.change)}, {wording.change(each.change_ratio)}"
    if each.machine_ratio is not None:
        size += f" beside the machine's {wording.change(each.machine_ratio)}"
    return f"{label} regressed: {wording.duration(each.base)} → {wording.duration(each.head)} ({size})"


def _capital(label: str) -> str:
    """`p95 of …` stays as it is: it is a name."""
    return label if label[1:2].isdigit() else label.capitalize()


def _mostly_in(slower: Sequence[MetricComparison]) -> str:
    tiers = [f"`{tier_name(each.key)}` ({wording.change_ms(each.change)})" for each in slower]
    return f", most of it in {wording.listing(tiers)}" if tiers else ""


def _improved(comparison: Comparison) -> bool:
    return any(each.verdict is Verdict.IMPROVED and each.gates for each in comparison.metrics)


def _success(comparison: Comparison) -> str:
    improved = [
        each
        for each in comparison.metrics
        if each.verdict is Verdict.IMPROVED and each.part is Part.DECIDES and each.key != SUCCESS
    ]
    if improved:
        gains = [f"{metric(each.key).label} {wording.change(each.change_ratio)}" for each in improved]
        return f"Improved: {wording.listing(gains)}."
    trends = [each for each in comparison.metrics if each.part is Part.DECIDES and each.key != SUCCESS]
    said = [f"{metric(each.key).label} {wording.change(each.change_ratio)}{_seen(each)}" for each in trends]
    return (
        f"No regression: {wording.listing(said)}."
        if said
        else "No regression, and nothing succeeded, as before."
    )


def _seen(each: MetricComparison) -> str:
    return f" (a change of {wording.change(each.mde_ratio)} would have been seen)" if each.mde_ratio else ""


def _look_at(place: Place, result: RunResult, accept: str | None) -> str:
    """What to do about a run that fails."""
    if place is Place.COMMITS:
        pinned = f"bench baseline pin {result.scenario.name} --reason '…'"
        return f"bench ab tells which commits since then are slower; if it is meant: {pinned}."
    if accept is None:
        return f"Look at {place}."
    return f"Look at {place}; if it is meant: {accept} --allow-regression."


def _to_tell_more(comparison: Comparison, accept: str | None) -> str:
    """What would decide what is inconclusive.

    Args:
        comparison: That decided nothing.
        accept: The command that accepts the run; None when it must not be.
    """
    if comparison.compare_with:
        return "Measure more pairs, to see smaller changes."
    if comparison.machine is not None and comparison.machine.moved:
        return "bench ab compares two versions on one machine; accept runs of this kind if it is to stay."
    if comparison.metrics:
        return "Accept more runs into the baseline, or measure longer, to see smaller changes."
    if accept is None:
        return "Measure again, to the end, with answers and without --inject, to compare or to accept."
    return f"If this run is as it should be: {accept}."
