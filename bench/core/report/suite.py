"""The decision on several scenarios of one version: what is chance among many, and what moved them all."""

import math
from collections.abc import Sequence

from bench.core.config.scenario import Scenario
from bench.core.report.report import Report
from bench.core.values import stats, wording
from bench.core.values.record import Record
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import ALPHA, ALPHAS, SCREEN_RATIO, MetricComparison, Verdict

# More scenarios than this share that became slower were made so by something that they have in common.
TOGETHER_RATIO = 0.7
FEWEST_TOGETHER = 4  # fewer say nothing of all
_RESPONSE = "e2e_ms"
_SETUP_MINUTES = 20  # to set up, to build or fetch images and a model, and to start the stack
# What is worse hides what is better.
_WORST_FIRST = (Decision.FAIL, Decision.INVALID, Decision.INCONCLUSIVE, Decision.PASS)


class SuiteReport(Record):
    """Several judged runs of one version.

    Attributes:
        decision: The verdict on all of them.
        headline: The judgement in one sentence.
        reasons: What was not put down to the version, and why.
        reports: Each run by itself, the worst first.
        excused: Why regressions of a scenario were not put down to the version, by its name.
        missing: Scenarios that should have been measured and were not.
    """

    decision: Decision
    headline: str
    reasons: tuple[str, ...]
    reports: tuple[Report, ...]
    excused: dict[str, str] = {}
    missing: tuple[str, ...] = ()


def longest_minutes(scenario: Scenario) -> int:
    """How long a job may take that measures a scenario, and measures it again, in minutes."""
    once_s = (
        scenario.duration_s + len(scenario.phases) * scenario.graceful_stop_s + scenario.request_timeout_s
    )
    return _SETUP_MINUTES + math.ceil(2 * once_s / 60)


def judge_suite(reports: Sequence[Report], expected: Sequence[str] = ()) -> SuiteReport:
    """Judge several scenarios together, of which each was judged alone.

    A regression stays one if it is none of chance among so many scenarios (Holm, 1979), and if not all of
    them moved together where no control says that the machine did not.

    Args:
        reports: One of each scenario, at least one.
        expected: Scenarios that must be among them: one that vanished is no pass.
    """
    adjusted = stats.holm({_name(each): _p_value(each) for each in reports})
    together = _moved_together(reports)
    excused: dict[str, str] = {}
    for each in reports:
        name = _name(each)
        if each.decision is not Decision.FAIL or not _only_regressed(each):
            continue
        if together is not None and each.comparison.machine is None:
            excused[name] = together
        elif adjusted[name] >= ALPHA:
            excused[name] = f"{name}: one of {len(reports)} scenarios does as badly as this by chance"
    decisions = {
        _name(each): Decision.INCONCLUSIVE if _name(each) in excused else each.decision for each in reports
    }
    ordered = sorted(reports, key=lambda each: _WORST_FIRST.index(decisions[_name(each)]))
    decision = decisions[_name(ordered[0])]
    headline, missing = _headline(ordered, decisions, decision), sorted(set(expected) - adjusted.keys())
    if missing and decision is not Decision.FAIL:
        decision = Decision.INVALID
        all_of_it = wording.counted(len(expected), "scenario")
        headline = f"{len(missing)} of {all_of_it} are missing: {wording.listing(missing)}."
    vanished = [f"{name} was not measured" for name in missing]
    return SuiteReport(
        decision=decision,
        headline=headline,
        reasons=(*vanished, *dict.fromkeys(excused.values())),
        reports=tuple(ordered),
        excused=excused,
        missing=tuple(missing),
    )


def _name(report: Report) -> str:
    return report.result.scenario.name


def _p_value(report: Report) -> float:
    """Of all that can fail it, each part at its own rate: the smallest, in terms of what decides."""
    found = [
        each.p_value * ALPHA / ALPHAS[each.part]
        for each in report.comparison.metrics
        if each.part in ALPHAS and each.p_value is not None and each.regressed
    ]
    return min([1.0, *found])


def _only_regressed(report: Report) -> bool:
    """Whether nothing but a change beside the baseline fails it: no threshold, nothing missing, no creep."""
    comparison = report.comparison
    other = [each for each in comparison.metrics if each.verdict is Verdict.MISSING]
    return not other and not comparison.worse_than_pinned and not report.result.crossed


def _moved_together(reports: Sequence[Report]) -> str | None:
    """That nearly all scenarios are slower; None when they are not, or time is simulated."""
    moves = [
        change
        for each in reports
        if not each.result.fingerprint.simulated and (change := _change(each.comparison.metrics)) is not None
    ]
    if len(moves) < FEWEST_TOGETHER:
        return None
    slower = sorted(change for change in moves if change > SCREEN_RATIO)
    if len(slower) <= TOGETHER_RATIO * len(moves):
        return None
    size = (
        f"{len(slower)} of {len(moves)} scenarios are slower, by {wording.percent(slower[len(slower) // 2])}"
    )
    return f"environment shift: {size} in the middle, and no control says whether the machine is"


def _change(metrics: Sequence[MetricComparison]) -> float | None:
    return next((each.change_ratio for each in metrics if each.key == _RESPONSE), None)


def _headline(ordered: Sequence[Report], decisions: dict[str, Decision], decision: Decision) -> str:
    count = len(ordered)
    if decision is Decision.PASS:
        return f"No regression in {wording.counted(count, 'scenario')}."
    concerned = [each for each in ordered if decisions[_name(each)] is decision]
    names = wording.listing([_name(each) for each in concerned])
    match decision:
        case Decision.FAIL:
            return f"{len(concerned)} of {wording.counted(count, 'scenario')} failed: {names}."
        case Decision.INVALID:
            return f"{len(concerned)} of {wording.counted(count, 'scenario')} could not be measured: {names}."
        case _:
            return f"Cannot tell of {len(concerned)} of {wording.counted(count, 'scenario')}: {names}."
