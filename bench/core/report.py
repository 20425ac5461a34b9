"""What is said of a run: the judgement, then the next step. Every renderer is fed from this one value."""

from typing import assert_never

from bench.core import wording
from bench.core.compare import Comparison, Decision
from bench.core.metrics import Part, hop_name, label_and_unit, metric, named
from bench.core.record import Record
from bench.core.result import RunResult
from bench.core.sample import Outcome
from bench.core.success import SUCCESS
from bench.core.verdict import MetricComparison, Verdict

_CREPT = "Crept"


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
    headline = _headline(result, comparison)
    return Report(
        headline=headline,
        next_step=_next_step(result, comparison, headline),
        result=result,
        comparison=comparison,
    )


def _headline(result: RunResult, comparison: Comparison) -> str:
    match comparison.decision:
        case Decision.INVALID:
            return f"Not a measurement: {comparison.reasons[0]}."
        case Decision.UNDECIDED:
            return f"Cannot tell: {comparison.reasons[0]}."
        case Decision.FAIL:
            return _failure(result, comparison)
        case Decision.PASS:
            return _success(comparison)
        case _:
            assert_never(comparison.decision)


def _failure(result: RunResult, comparison: Comparison) -> str:
    worst = next(iter(comparison.regressed(Part.DECIDES)), None)
    success = next((each for each in comparison.regressed(Part.DECIDES) if each.key == SUCCESS), None)
    part = next(iter((*comparison.regressed(Part.TAILS), *comparison.regressed(Part.LOCATES))), None)
    if success is not None:
        return f"Success regressed from {wording.percent(success.base)} to {wording.percent(success.head)}."
    if worst is not None:
        return f"{_grew(worst)}{_mostly_in(comparison)}."
    crept = [each for each in comparison.crept if each.verdict is Verdict.REGRESSED]
    if crept and comparison.anchored_at is not None:
        sizes = [f"{metric(each.key).label} {wording.change(each.change_ratio)}" for each in crept]
        since = f"since the anchor of {comparison.anchored_at:%Y-%m-%d}"
        return f"{_CREPT}: {wording.listing(sizes)} {since}, in steps that were each too small to see."
    missing = [named(key) for key in comparison.vanished]
    if part is not None and not missing:
        return f"{_grew(part)}; the response time as a whole stayed within what can be told."
    for each in result.thresholds:
        if each.crossed:
            measured = wording.value(each.value, label_and_unit(each.metric)[1])
            return f"Threshold crossed: {each.metric} {each.threshold}, measured {measured}."
    other = comparison.beside or "the baseline"
    return f"{_capital(wording.listing(missing))} vanished: {other} has what this run has not."


def _grew(each: MetricComparison) -> str:
    tier = hop_name(each.key)
    label = f"The tier `{tier}`" if tier else _capital(metric(each.key).label)
    size = f"{wording.change_ms(each.change)}, {wording.change(each.change_ratio)}"
    if each.machine_ratio is not None:
        size += f" beside the machine's {wording.change(each.machine_ratio)}"
    return f"{label} regressed: {wording.duration(each.base)} → {wording.duration(each.head)} ({size})"


def _capital(label: str) -> str:
    """`p95 of …` stays as it is: it is a name."""
    return label if label[1:2].isdigit() else label.capitalize()


def _mostly_in(comparison: Comparison) -> str:
    tiers = [
        f"`{hop_name(each.key)}` ({wording.change_ms(each.change)})" for each in comparison.slower_tiers()
    ]
    return f", most of it in {wording.listing(tiers)}" if tiers else ""


def _improved(comparison: Comparison) -> bool:
    gating = [each for each in comparison.metrics if each.part is not Part.EXPLAINS]
    return any(each.verdict is Verdict.IMPROVED for each in gating)


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


def _next_step(result: RunResult, comparison: Comparison, headline: str) -> str:
    accept = f"bench baseline accept results/{result.provenance.run_id} --reason '…'"
    made_worse = bool(result.provenance.injections) or comparison.beside is not None
    worse = f"{accept} --allow-regression"
    acceptable = not (result.stop or made_worse) and result.summary.outcomes.get(Outcome.OK, 0) > 0
    match comparison.decision:
        case Decision.INVALID:
            step = "Measure again on a quieter machine; nothing was judged."
        case Decision.UNDECIDED:
            step = _to_tell_more(comparison, accept if acceptable else None)
        case Decision.FAIL if headline.startswith(_CREPT):
            pinned = f"bench baseline anchor {result.scenario.name} --reason '…'"
            step = f"bench ab tells which commits since then are slower; if it is meant: {pinned}."
        case Decision.FAIL:
            where = _where(headline)
            step = f"Look at {where}; if it is meant: {worse}." if acceptable else f"Look at {where}."
        case Decision.PASS if _improved(comparison) and acceptable:
            step = f"To hold the gain: {accept}."
        case Decision.PASS:
            step = "Nothing to do."
        case _:
            assert_never(comparison.decision)
    return step


def _where(headline: str) -> str:
    """What to look at."""
    # Only tiers stand in backticks in a headline.
    if "`" in headline:
        return "the tier named above"
    if headline.startswith("p95"):
        return "the slowest requests in samples.jsonl.gz"
    return "the failed requests and the services' logs"


def _to_tell_more(comparison: Comparison, accept: str | None) -> str:
    """What would decide what is undecided.

    Args:
        comparison: That decided nothing.
        accept: The command that accepts the run; None when it must not be.
    """
    if comparison.beside:
        return "Measure more pairs, to see smaller changes."
    if comparison.machine is not None and comparison.machine.moved:
        return "bench ab compares two versions on one machine; accept runs of this kind if it is to stay."
    if comparison.metrics:
        return "Accept more runs into the baseline, or measure longer, to see smaller changes."
    if accept is None:
        return "Measure again, to the end, with answers and without --inject, to compare or to accept."
    return f"If this run is as it should be: {accept}."
