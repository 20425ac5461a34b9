"""The project's rules and those of other tools, on the same runs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import stats as scipy_stats

from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision, compare

from .world import Run, World, as_baseline, as_result

BASELINE_RUNS = 10
PAIRS = 6
_SIGNIFICANT = 0.05
_ALERT_110, _ALERT_200 = 1.1, 2.0

# A rule receives the world, the baseline and the new version; it returns whether it reports a regression.
Rule = Callable[[World, "Base", "Version"], bool]


@dataclass
class Base:
    """The baseline: its runs, oldest first, and the accepted form."""

    runs: list[Run]
    accepted: Baseline = field(init=False)

    def __post_init__(self) -> None:
        self.accepted = as_baseline(self.runs)


class Version:
    """The new version on its machine.

    Args:
        world: Generates its runs.
        change: Slowdown factor.
        failed_ratio: Share of failed requests.
        tail_ratio: Share of much slower requests.
    """

    def __init__(self, world: World, change: float, failed_ratio: float, tail_ratio: float = 0.0) -> None:
        self._world, self._worse = world, (change, failed_ratio, tail_ratio)
        self.machine = world.machine(new=True)
        self.first = self.run()
        self._alone: Comparison | None = None

    def run(self) -> Run:
        """Return another run on the same machine."""
        return self._world.run(self.machine, *self._worse)

    def alone(self, base: Base) -> Comparison:
        """Return the comparison of its first run with a baseline; it is computed once."""
        if self._alone is None:
            self._alone = compare(as_result(self.first, 1), base.accepted)
        return self._alone


def check(_: World, base: Base, head: Version) -> bool:
    """`bench check`: the committed baseline, and a confirmation run if a metric looks worse."""
    alone = head.alone(base)
    if not alone.suspect:
        return alone.decision is Decision.FAIL
    again = as_result(head.run(), 2)
    return compare(as_result(head.first, 1), base.accepted, again).decision is Decision.FAIL


def single(_: World, base: Base, head: Version) -> bool:
    """`bench check --confirm never`: one run compared with the committed baseline."""
    return head.alone(base).decision is Decision.FAIL


def turns(world: World, _: Base, head: Version) -> bool:
    """`bench ab`: base and head alternated on the head's machine."""
    ours = [as_result(world.run(head.machine), number) for number in range(PAIRS)]
    theirs = [as_result(head.run(), number) for number in range(PAIRS)]
    return compare_pairs(ours, theirs, theirs[-1], "base").decision is Decision.FAIL


def ratio_110(_: World, base: Base, head: Version) -> bool:
    """github-action-benchmark with an alert threshold of 110 %: the mean compared with the previous one."""
    return _mean(head.first) > _ALERT_110 * _mean(base.runs[-1])


def ratio_200(_: World, base: Base, head: Version) -> bool:
    """The same with its default threshold, 200 %."""
    return _mean(head.first) > _ALERT_200 * _mean(base.runs[-1])


def rank_test(_: World, base: Base, head: Version) -> bool:
    """Mann-Whitney test over the requests of the run and of the previous one, one-sided, p < .05."""
    test = scipy_stats.mannwhitneyu(head.first.requests_ms, base.runs[-1].requests_ms, alternative="greater")
    return float(test.pvalue) < _SIGNIFICANT


def t_boundary(_: World, base: Base, head: Version) -> bool:
    """A boundary at the .95 quantile of Student's t over the stored means, as Bencher's t_test."""
    means = [_mean(run) for run in base.runs]
    reach = float(scipy_stats.t.ppf(1.0 - _SIGNIFICANT, len(means) - 1)) * float(np.std(means, ddof=1))
    return _mean(head.first) > float(np.mean(means)) + reach


RULES: dict[str, Rule] = {
    "bench check": check,
    "bench check, one run": single,
    "bench ab": turns,
    "ratio to previous run, 110 %": ratio_110,
    "ratio to previous run, 200 %": ratio_200,
    "Mann-Whitney over requests": rank_test,
    "t boundary over runs": t_boundary,
}


def _mean(run: Run) -> float:
    return math.fsum(run.requests_ms) / len(run.requests_ms)
