"""Judge every metric, message and class of messages of two versions in pairs of runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.core.limits.tolerance import Tolerance
from bench.core.run.costs import costs_of
from bench.core.run.figures import Figures, bounds_of, figures_of, usual_value
from bench.core.run.messages import MessageMix, mix_messages
from bench.core.run.summary import RunSummary
from bench.core.run.tails import tails_of
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, metric_of_tail, tail_key
from bench.core.verdict.accepted_change import AcceptedChange
from bench.core.verdict.bounds import (
    Prompts,
    bounded_prompts,
    drop_figures,
    has_waiting,
    judge_with_bounds,
)
from bench.core.verdict.margins import margin_of
from bench.core.verdict.message_comparison import JudgedRows, MessageComparison
from bench.core.verdict.pair_messages import MessageRule
from bench.core.verdict.pair_tails import estimate_tail
from bench.core.verdict.pairs import (
    LOOKS_WORSE,
    PairedChange,
    estimate_change,
    judge_paired_metric,
    pair_up,
)
from bench.core.verdict.stopping import MIN_PAIRS, share_of_look
from bench.core.verdict.success import count_successes, judge_success
from bench.core.verdict.verdict import MetricComparison, Verdict, sort_by_part, values_by_run

PAIR_MARGIN_RATIO = 0.05
"""Tolerated change in a pair: half of that of a baseline, because the runs share one machine."""
TAIL_MARGIN_RATIO = 0.10
"""Tolerated change of a 95th percentile, which varies more than a typical value."""
ACCEPTED_FACTOR = 2.0
"""An accepted level was measured at another time, so the tolerance is that of a baseline: twice as large."""
PAIR_ALPHAS = {
    Part.DECIDES: 0.006,
    Part.TAILS: 0.004,
    Part.LOCATES: 0.001,
    Part.STEPS: 0.001,
    Part.COSTS: 0.001,
    Part.EXPLAINS: 0.001,
}
"""False-alarm rate of each test over all looks, by the part of its metric."""
PAIR_SUCCESS_ALPHA = 0.005
"""False-alarm rate of the success ratio over all looks."""


def judge_paired_runs(
    base: Sequence[RunSummary],
    head: Sequence[RunSummary],
    tolerances: Mapping[str, Tolerance],
    scenarios: int = 1,
    accepted: AcceptedChange | None = None,
) -> JudgedRows:
    """Judge success, every metric and every message that the pairs have.

    Args:
        base: The runs of the base.
        head: The runs of the head, in the order of the base's.
        tolerances: Margins that differ from the default, by metric.
        scenarios: Number of scenarios that share the false-alarm rates.
        accepted: A change for the worse that was accepted.
    """
    judge = _PairsOfRuns(base, head, tolerances, scenarios, accepted or AcceptedChange())
    base_bounds = list(map(bounds_of, base))
    metrics = judge_with_bounds(judge.judge_metrics, head, base_bounds)
    return JudgedRows((judge.judge_success(), *metrics), judge.judge_messages(base_bounds))


@dataclass(frozen=True)
class _PairsOfRuns:
    """The runs of two versions."""

    base: Sequence[RunSummary]
    head: Sequence[RunSummary]
    tolerances: Mapping[str, Tolerance]
    scenarios: int
    accepted: AcceptedChange

    @cached_property
    def base_figures(self) -> list[Mapping[str, Figures]]:
        """The compared values of each base run, by metric and message."""
        return [figures_of(run) | costs_of(run) for run in self.base]

    @cached_property
    def head_figures(self) -> list[Mapping[str, Figures]]:
        """The same of each head run."""
        return [figures_of(run) | costs_of(run) for run in self.head]

    @cached_property
    def mix(self) -> MessageMix:
        """The messages of both sides."""
        return mix_messages(run.messages for run in (*self.base, *self.head))

    @property
    def share(self) -> float:
        """The share of a test's false-alarm rate that this look may spend in this scenario."""
        return share_of_look(len(self.base)) / self.scenarios

    def judge_success(self) -> MetricComparison:
        """Judge the success ratio; more pairs can settle it if it looks worse."""
        head = count_successes(self.head)
        row = judge_success(head, count_successes(self.base), PAIR_SUCCESS_ALPHA * self.share)
        looks_worse = row.p_value is not None and row.p_value < LOOKS_WORSE and head.failed > 0
        return row.model_copy(update={"settled": row.regressed or not looks_worse})

    def judge_metrics(self, without: Prompts) -> tuple[MetricComparison, ...]:
        """Judge every metric but success, without some messages of the base."""
        base = [drop_figures(figures, without) for figures in self.base_figures]
        head = self.head_figures
        rows: dict[str, MetricComparison] = {}
        response_ms: float | None = None
        for key in sorted(set[str]().union(*base, *head), key=lambda key: key != RESPONSE_TIME):
            if metric_of_tail(key) is not None:
                continue
            base_values = values_by_run(key, base)
            head_values = values_by_run(key, head)
            pairs = pair_up(key, base_values, head_values, self.mix.requests, self.mix.refusals)
            change = None if pairs is None else estimate_change(pairs)
            if change is None:
                rows[key] = _judge_unpaired(key, base_values, head_values)
                continue
            if key == RESPONSE_TIME:
                response_ms = change.estimate.base
            rows[key] = self._judge(change, PAIR_MARGIN_RATIO, response_ms)
        return sort_by_part(rows | self._judge_tails(rows))

    def judge_messages(self, base_bounds: Sequence[Prompts]) -> tuple[MessageComparison, ...]:
        """Judge the messages and classes of each deciding latency, without lower bounds of the base."""
        rows: list[MessageComparison] = []
        bounded = bounded_prompts(base_bounds)
        for key in sorted(set[str]().union(*self.base_figures)):
            if metric(key).part is not Part.DECIDES or metric_of_tail(key) is not None:
                continue
            kept = [drop_figures({key: run.get(key, {})}, bounded) for run in self.base_figures]
            head = values_by_run(key, self.head_figures)
            pairs = pair_up(key, values_by_run(key, kept), head, self.mix.requests)
            if pairs is not None:
                rule = MessageRule(
                    pairs=pairs,
                    classes=self.mix.classes,
                    tolerances=self.tolerances,
                    scenarios=self.scenarios,
                    accepted=self.accepted.messages.get(key, {}),
                )
                rows += rule.judge()
        if has_waiting(self.head):  # their real times may be longer
            rows = [_without_gain(row) for row in rows]
        return tuple(sorted(rows, key=lambda row: -(row.change_ratio or 0.0)))

    def _judge(
        self, change: PairedChange, margin_ratio: float, response_ms: float | None
    ) -> MetricComparison:
        key = change.estimate.key
        accepted = self.accepted.changes.get(key)
        if accepted is not None:
            margin_ratio *= ACCEPTED_FACTOR
            change = change.beyond(accepted)
        margin = margin_of(key, self.tolerances, margin_ratio, response_ms)
        return judge_paired_metric(change, PAIR_ALPHAS[metric(key).part], margin, self.scenarios)

    def _judge_tails(self, keys: Collection[str]) -> dict[str, MetricComparison]:
        """Judge the 95th percentiles of the metrics that have one."""
        base = list(map(tails_of, self.base))
        head = list(map(tails_of, self.head))
        judged: dict[str, MetricComparison] = {}
        for key in keys:
            tail = tail_key(key)
            if metric_of_tail(tail) is None:
                continue
            change = estimate_tail(tail, [run.get(key) for run in base], [run.get(key) for run in head])
            if isinstance(change, str):
                part = metric(tail).part
                judged[tail] = MetricComparison(
                    key=tail, verdict=Verdict.INCONCLUSIVE, part=part, doubt=change
                )
            elif change is not None:
                judged[tail] = self._judge(change, TAIL_MARGIN_RATIO, None)
        return judged


def _without_gain(row: MessageComparison) -> MessageComparison:
    """Return a row that is inconclusive instead of better."""
    if row.verdict is not Verdict.BETTER:
        return row
    return row.model_copy(update={"verdict": Verdict.INCONCLUSIVE})


def _judge_unpaired(key: str, base: Sequence[Figures], head: Sequence[Figures]) -> MetricComparison:
    """Judge a metric that too few pairs have on both sides."""
    part = metric(key).part
    base_runs = sum(map(bool, base))
    head_runs = sum(map(bool, head))
    verdict = Verdict.INCONCLUSIVE
    # A service can be absent because the head has other services.
    if base_runs >= MIN_PAIRS and not head_runs and part is not Part.COSTS:
        verdict = Verdict.MISSING
    elif head_runs >= MIN_PAIRS and not base_runs:
        verdict = Verdict.NEW
    settled = verdict is not Verdict.INCONCLUSIVE or part is not Part.DECIDES
    return MetricComparison(
        key=key,
        verdict=verdict,
        part=part,
        base=usual_value(key, base),
        head=usual_value(key, head),
        settled=settled,
    )
