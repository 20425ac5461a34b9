"""The decision on several scenarios of one version: chance among many tests, and moves of the machine."""

from collections.abc import Sequence

from bench.core.config.scenario import Scenario
from bench.core.report.not_measured import NotMeasured, list_not_measured
from bench.core.report.report import Report
from bench.core.report.verdict_line import describe_not_measured, describe_suite, find_lead
from bench.core.report.words import DECISIONS, Word
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values import stats, wording
from bench.core.values.record import Record
from bench.core.verdict.accepted_runs import ALPHAS, GROUP_ALPHA
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import MetricComparison, Verdict

SLOWER_RATIO = 0.05
"""A scenario is slower above this change of its response time."""
TOGETHER_RATIO = 0.7
"""If more than this share of the scenarios is slower, the cause is common to all, such as the machine."""
FEWEST_TOGETHER = 4
"""Fewer scenarios cannot show a common cause."""
_WORST_FIRST = (Decision.FAIL, Decision.INVALID, Decision.INCONCLUSIVE, Decision.PASS)


class SuiteReport(Record):
    """Several judged runs of one version."""

    decision: Decision
    """The verdict on all of them."""
    headline: str
    """The verdict, the size of the most important change, and its certainty."""
    reasons: tuple[str, ...]
    """Regressions that do not fail the version, and scenarios that were not measured or skipped, with the
    reason."""
    reports: tuple[Report, ...]
    """The report on each run, the worst first."""
    excused: dict[str, str] = {}
    """Reason why the regressions of a scenario do not fail the version, by the scenario's name."""
    not_measured: tuple[NotMeasured, ...] = ()
    """Scenarios without a result, with the reason."""

    @property
    def lead(self) -> Report | None:
        """The most important run, which the headline describes; None if the headline describes no run."""
        leads = [report for report in self.reports if self.decision_on(report) is self.decision]
        return find_lead(leads) if leads and not self._is_not_measured else None

    @property
    def _is_not_measured(self) -> bool:
        return bool(self.not_measured) and self.decision is not Decision.FAIL

    def decision_on(self, report: Report) -> Decision:
        """Return the decision on one of the runs; an excused regression is inconclusive."""
        is_excused = report.result.scenario.name in self.excused
        return Decision.INCONCLUSIVE if is_excused else report.decision

    @property
    def word(self) -> Word:
        """The decision for people; a pass with a tolerated change names its direction."""
        lead = self.lead if self.decision is Decision.PASS else None
        return DECISIONS[self.decision] if lead is None else lead.word


def describe_skipped(scenario: Scenario) -> str:
    """Return the sentence about a scenario that a suite leaves out because of its side effects."""
    return (
        f"{scenario.name} was skipped, because it has side effects ({scenario.side_effects}); "
        "to measure it: --allow-side-effects"
    )


def judge_suite(
    reports: Sequence[Report],
    expected: Sequence[str] = (),
    skipped: Sequence[str] = (),
    failed: Sequence[NotMeasured] = (),
) -> SuiteReport:
    """Judge several scenarios together, each of which was judged alone.

    A regression fails the version if it is significant among that many scenarios, and if the scenarios did
    not all become slower together on a machine whose speed is unknown.
    Source: Holm, A simple sequentially rejective multiple test procedure, 1979.

    Args:
        reports: One report for each measured scenario.
        expected: Scenarios that must be present: a scenario that was not measured never passes.
        skipped: Sentences about scenarios that were left out on purpose.
        failed: Scenarios that were not measured. A run that is invalid for the same reason, such as one that
            a service ended, is left out.

    Raises:
        ValueError: There is neither a report nor a scenario that was not measured.
    """
    reasons = {failure.scenario for failure in failed}
    reports = [run for run in reports if run.decision is not Decision.INVALID or _name(run) not in reasons]
    excused = _excuse(reports)
    decisions: dict[str, Decision] = {}
    for report in reports:
        name = _name(report)
        decisions[name] = Decision.INCONCLUSIVE if name in excused else report.decision
    ordered = sorted(reports, key=lambda report: _WORST_FIRST.index(decisions[_name(report)]))
    not_measured = list_not_measured(expected, decisions.keys(), failed)
    if not ordered and not not_measured:
        raise ValueError("a suite needs a run")
    decision = decisions[_name(ordered[0])] if ordered else Decision.INVALID
    total = len(ordered) + len(not_measured)
    if not_measured and decision is not Decision.FAIL:
        decision = Decision.INVALID
        headline = describe_not_measured(not_measured, total)
    else:
        leads = [report for report in ordered if decisions[_name(report)] is decision]
        headline = describe_suite(leads, total, decision, excused.get(_name(find_lead(leads))))
    return SuiteReport(
        decision=decision,
        headline=headline,
        reasons=(*map(str, not_measured), *skipped, *dict.fromkeys(excused.values())),
        reports=tuple(ordered),
        excused=excused,
        not_measured=not_measured,
    )


def _excuse(reports: Sequence[Report]) -> dict[str, str]:
    """Return the failed scenarios that chance or the machine explains, with the reason."""
    adjusted = stats.holm(_strengths(reports))
    together = _moved_together(reports)
    excused: dict[str, str] = {}
    for report in reports:
        name = _name(report)
        if report.decision is not Decision.FAIL or not _only_regressed(report):
            continue
        if together is not None and report.comparison.machine is None:
            excused[name] = together
        elif adjusted.get(name, 0.0) >= 1.0:
            excused[name] = f"{name}: by chance, one of {len(adjusted)} scenarios is as slow as this"
    return excused


def _strengths(reports: Sequence[Report]) -> dict[str, float]:
    """Return the smallest ratio of a p value to its test's level, of each scenario that needs a correction.

    A ratio below 1 is significant alone. Pairs already divided their levels among the scenarios of the suite,
    so they need no second correction.
    """
    strengths: dict[str, float] = {}
    for report in reports:
        comparison = report.comparison
        if comparison.pairs is not None:
            continue
        ratios = [1.0]
        for row in comparison.metrics:
            if row.regressed and row.p_value is not None:
                ratios.append(row.p_value / _level(row))
        for message in comparison.messages:
            if message.verdict is Verdict.WORSE and message.p_value is not None:
                ratios.append(message.p_value / GROUP_ALPHA)
        strengths[_name(report)] = min(ratios)
    return strengths


def _level(row: MetricComparison) -> float:
    """Return the level of a metric's test, which is that of its interval."""
    if row.confidence is None:
        return ALPHAS.get(row.part, ALPHAS[Part.DECIDES])
    return (1.0 - row.confidence) / 2.0


def _name(report: Report) -> str:
    return report.result.scenario.name


def _only_regressed(report: Report) -> bool:
    """Check that only regressions fail a run: no crossed threshold, no missing metric, no drift."""
    comparison = report.comparison
    missing = any(row.verdict is Verdict.MISSING for row in comparison.metrics)
    return (
        not missing
        and not comparison.vanished_messages
        and not comparison.drifted
        and not report.result.crossed
    )


def _moved_together(reports: Sequence[Report]) -> str | None:
    """Return a sentence if nearly all scenarios are slower; `None` otherwise.

    Scenarios whose time is simulated are left out: the machine hardly changes them.
    """
    changes: list[float] = []
    for report in reports:
        change = _response_change(report.comparison.metrics)
        if change is not None and not report.result.fingerprint.simulated:
            changes.append(change)
    slower = sorted(change for change in changes if change > SLOWER_RATIO)
    if len(changes) < FEWEST_TOGETHER or len(slower) <= TOGETHER_RATIO * len(changes):
        return None
    median = wording.percent(slower[len(slower) // 2])
    size = f"{len(slower)} of {len(changes)} scenarios are slower, with a median of {median}"
    return f"environment shift: {size}, and without a reference workload the machine's speed is unknown"


def _response_change(metrics: Sequence[MetricComparison]) -> float | None:
    for row in metrics:
        if row.key == RESPONSE_TIME:
            return row.change_ratio
    return None
