"""Judge every metric, message and class of messages of a run against the levels of its baseline."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.core.calibration.machine_speed import MachineSpeed
from bench.core.limits.tolerance import Tolerance
from bench.core.run.costs import costs_of
from bench.core.run.figures import Figures, figures_of, usual_value
from bench.core.run.messages import MessageMix, mix_messages
from bench.core.run.summary import RunSummary
from bench.core.run.tails import tails_of
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, metric_of_tail, tail_key
from bench.core.verdict.baseline import MIN_RUNS, BaselineRun
from bench.core.verdict.bounds import Prompts, drop_figures, judge_with_bounds
from bench.core.verdict.change import ChangeEstimate, compare_metric
from bench.core.verdict.level_messages import MessageChanges, measure_messages
from bench.core.verdict.level_shift import CORRECTED_PRIOR_SD, PRIOR_DF, LevelRuns, estimate_from_baseline
from bench.core.verdict.margins import margin_of, margin_of_group
from bench.core.verdict.message_comparison import JudgedRows, MessageComparison, MessageKind
from bench.core.verdict.messages import MessageGroup, group_messages, judge_groups
from bench.core.verdict.noise import Noise
from bench.core.verdict.success import count_successes, judge_success
from bench.core.verdict.tails import compare_tails, count_tails, explain_too_few
from bench.core.verdict.verdict import MetricComparison, Verdict, sort_by_part, values_by_run

MARGIN_RATIO = 0.10
"""Tolerated change of a metric without a declared tolerance."""
ALPHAS = {
    Part.DECIDES: 0.02,
    Part.TAILS: 0.004,
    Part.LOCATES: 0.002,
    Part.STEPS: 0.002,
    Part.COSTS: 0.002,
    Part.EXPLAINS: 0.002,
}
"""False-alarm rate of each test, by the part of its metric."""
GROUP_ALPHA = 0.004
"""False-alarm rate of all classes of a metric together, and of all its messages together."""


@dataclass(frozen=True)
class AcceptedRuns:
    """A run, its confirmation run, and the comparable runs of its baseline."""

    heads: Sequence[RunSummary]
    """The run, and its confirmation run if there is one."""
    levels: Sequence[Sequence[BaselineRun]]
    """The comparable runs by level, the oldest level first, without outliers."""
    tolerances: Mapping[str, Tolerance]
    """Tolerances of the scenario."""
    noise: Noise | None = None
    """Measured noise of the scenario, instead of the default priors."""
    speed: MachineSpeed | None = None
    """Machine speed of the heads, and of the runs in their order."""
    simulated: bool = False
    """Whether the stack simulates time, so that the machine hardly matters."""

    @cached_property
    def mix(self) -> MessageMix:
        """The messages of the heads and of the newest level."""
        of_heads = [summary.messages for summary in self.heads]
        return mix_messages([*of_heads, *[run.messages for run in self.newest]])

    @cached_property
    def values(self) -> "_Values":
        """The compared values of all runs."""
        return self._values_without({})

    @cached_property
    def estimates(self) -> dict[str, ChangeEstimate | None]:
        """The change of each metric; `None` with too few runs."""
        return self._estimate(self.values)

    @property
    def newest(self) -> Sequence[BaselineRun]:
        """The runs of the newest level."""
        return self.levels[-1]

    def judge(self) -> JudgedRows:
        """Judge success, every metric and every message."""
        bounds = [run.lower_bounds for run in self.newest]
        metrics = judge_with_bounds(self._judge_metrics, self.heads, bounds)
        success = judge_success(count_successes(self.heads), count_successes(self.newest))
        return JudgedRows((success, *metrics), self._judge_messages())

    def _values_without(self, without: Prompts) -> "_Values":
        """Return the compared values, without some messages of the base."""
        levels: list[list[dict[str, Figures]]] = []
        for level in self.levels:
            levels.append([drop_figures(run.figures, without) | run.costs for run in level])
        return _Values([figures_of(summary) | costs_of(summary) for summary in self.heads], levels, self.mix)

    def _estimate(self, values: "_Values") -> dict[str, ChangeEstimate | None]:
        """Return the change of each metric but percentiles; `None` with too few runs."""
        estimates: dict[str, ChangeEstimate | None] = {}
        for key in values.metrics():
            prior = self.noise.prior(key) if self.noise else None
            if prior is None and self.simulated:
                prior = (CORRECTED_PRIOR_SD, PRIOR_DF)  # no effect of the machine remains
            estimates[key] = estimate_from_baseline(key, values.of(key), prior, self.speed)
        return estimates

    def _judge_metrics(self, without: Prompts) -> tuple[MetricComparison, ...]:
        """Judge every metric but success, without some messages of the base."""
        values = self._values_without(without) if without else self.values
        estimates = self._estimate(values) if without else self.estimates
        rows: dict[str, MetricComparison] = {}
        estimated: dict[str, ChangeEstimate] = {}
        for key, estimate in estimates.items():
            if estimate is None:
                rows[key] = _judge_unpaired(key, values.of(key))
            else:
                estimated[key] = estimate
        return sort_by_part(rows | self._compare(estimated))

    def _compare(self, estimates: Mapping[str, ChangeEstimate]) -> dict[str, MetricComparison]:
        """Judge the estimated changes, and the 95th percentiles of the same metrics."""
        response = estimates.get(RESPONSE_TIME)
        response_ms = None if response is None else response.base
        rows: dict[str, MetricComparison] = {}
        for key, estimate in estimates.items():
            margin = margin_of(key, self.tolerances, MARGIN_RATIO, response_ms)
            rows[key] = compare_metric(estimate, ALPHAS[metric(key).part], margin)
            tail = tail_key(key)
            if metric_of_tail(tail) is not None:
                row = self._judge_tail(tail, estimate)
                if row is not None:
                    rows[tail] = row
        return rows

    def _judge_tail(self, tail: str, estimate: ChangeEstimate) -> MetricComparison | None:
        """Judge a 95th percentile, pooled over the runs of the newest level and over the heads.

        The runs differ, and the machine acts, as in the metric itself: the spread between runs and the effect
        of the machine come from the metric's estimate. The error of percentiles of few requests adds to it.
        """
        key = estimate.key
        base = [run.tails[key] for run in self.newest if key in run.tails]
        tails = [tails_of(summary) for summary in self.heads]
        heads = [of_run[key] for of_run in tails if key in of_run]
        if not base or not heads:
            return None
        base_counts = count_tails(base)
        head_counts = count_tails(heads)
        too_few = explain_too_few(base_counts, head_counts)
        if too_few is not None:
            part = metric(tail).part
            return MetricComparison(key=tail, verdict=Verdict.INCONCLUSIVE, part=part, doubt=too_few)
        start = metric(tail).resolution
        change = compare_tails(base_counts, head_counts, start)
        smallest = change.log_change
        for head in heads if len(heads) > 1 else ():
            alone = compare_tails(base_counts, count_tails([head]), start)
            smallest = min(smallest, alone.log_change)
        offset = change.log_change - estimate.machine_effect - estimate.log_change
        estimated = replace(
            estimate,
            key=tail,
            base=change.base,
            head=change.head,
            log_change=estimate.log_change + offset,
            lowest=None if estimate.lowest is None else estimate.lowest + offset,
            highest=None if estimate.highest is None else estimate.highest + offset,
            standard_error=math.sqrt(estimate.standard_error**2 + change.chance),
            upper_error=math.sqrt(estimate.standard_error**2 + change.upper_chance),
            agreed=smallest - estimate.machine_effect,
        )
        return compare_metric(
            estimated, ALPHAS[Part.TAILS], margin_of(tail, self.tolerances, MARGIN_RATIO, None)
        )

    def _judge_messages(self) -> tuple[MessageComparison, ...]:
        """Judge the classes and the messages of each deciding latency, the largest change first."""
        rows: list[MessageComparison] = []
        for key, estimate in self.estimates.items():
            if estimate is None or metric(key).part is not Part.DECIDES:
                continue
            changes = measure_messages(estimate, self.values.with_refusals(key), self.speed)
            if changes is None:
                continue
            for kind in MessageKind:
                rows += judge_groups(_groups(changes, kind, self.mix.classes, self.tolerances), GROUP_ALPHA)
        return tuple(sorted(rows, key=lambda row: -(row.change_ratio or 0.0)))


@dataclass(frozen=True, slots=True)
class _Values:
    """The compared values of all runs, by metric and message."""

    heads: Sequence[Mapping[str, Figures]]
    levels: Sequence[Sequence[Mapping[str, Figures]]]
    mix: MessageMix

    def metrics(self) -> list[str]:
        """Return the metrics of the heads and of the newest level: an accepted removal stays accepted."""
        keys = set[str]().union(*self.heads, *self.levels[-1])
        return sorted(key for key in keys if metric_of_tail(key) is None)

    def with_refusals(self, key: str) -> LevelRuns:
        """Return the values of one metric, of all messages."""
        levels = [values_by_run(key, level) for level in self.levels]
        return LevelRuns(values_by_run(key, self.heads), levels, self.mix.requests)

    def of(self, key: str) -> LevelRuns:
        """Return the values of one metric, without refusals."""
        runs = self.with_refusals(key)
        refusals = self.mix.refusals
        if not refusals:
            return runs
        levels: list[list[Figures]] = []
        for level in runs.levels:
            levels.append([_without(values, refusals) for values in level])
        return LevelRuns([_without(values, refusals) for values in runs.heads], levels, runs.weights)


def _groups(
    changes: MessageChanges,
    kind: MessageKind,
    classes: Mapping[str, str],
    tolerances: Mapping[str, Tolerance],
) -> list[MessageGroup]:
    """Return the changes of the messages, or of the classes; a single one has no row of its own."""
    members = group_messages(changes.messages, kind, classes)
    if not members:
        return []
    usual_variance = changes.usual_variance
    groups: list[MessageGroup] = []
    for name, selected in members.items():
        estimate = changes.estimate_group(selected, usual_variance)
        if estimate is not None:
            margin = margin_of_group(kind, name, tolerances)
            share = float(changes.weights[selected].sum() / changes.weights.sum())
            groups.append(MessageGroup(name, kind, estimate, margin, int(selected.sum()), share))
    return groups


def _without(values: Figures, refusals: Collection[str]) -> Figures:
    """Return the values without refusals, unless there are no others."""
    others = {name: value for name, value in values.items() if name not in refusals}
    return others or values


def _judge_unpaired(key: str, runs: LevelRuns) -> MetricComparison:
    """Judge a metric that only one side has, or that too few runs of the baseline have."""
    part = metric(key).part
    of_base = sum(bool(values) for level in runs.levels for values in level)
    verdict = Verdict.INCONCLUSIVE
    if not any(runs.heads):
        # A metric is missing if enough runs have it; a service can be absent because the head has others.
        if of_base >= MIN_RUNS and part is not Part.COSTS:
            verdict = Verdict.MISSING
    elif not any(runs.levels[-1]):
        verdict = Verdict.NEW
    base = usual_value(key, runs.levels[-1])
    return MetricComparison(key=key, verdict=verdict, part=part, base=base, head=usual_value(key, runs.heads))
