"""The verdict on success: a count, so it is tested as one (Fisher's exact test)."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.run.summary import BLOCKS, RunSummary
from bench.core.samples.metrics import metric
from bench.core.samples.sample import Outcome
from bench.core.values import stats
from bench.core.verdict.baseline import BaselineRun
from bench.core.verdict.verdict import SCREEN_ALPHA, MetricComparison, Verdict

SUCCESS = "success_ratio"
SUCCESS_ALPHA = 0.01
MIN_FAILED_BLOCKS = 2  # one bad moment of the machine is not a bad target


@dataclass(frozen=True, slots=True)
class Successes:
    """How requests of some runs ended.

    Attributes:
        ok: Requests that succeeded.
        failed: Requests that did not.
        failed_blocks: In how many sixths of the runs requests failed.
        runs: How many runs.
    """

    ok: int
    failed: int
    failed_blocks: int
    runs: int

    @property
    def ratio(self) -> float:
        """Share of the requests that succeeded."""
        return self.ok / (self.ok + self.failed)

    def p_fewer(self, other: "Successes") -> float:
        """Probability of being this much less successful than others by chance.

        Failures come in clusters, and then requests are no witnesses, but moments are: the larger of both.
        """
        blocks, others = BLOCKS * self.runs, BLOCKS * other.runs
        of_requests = stats.fisher_less(self.ok, self.failed, other.ok, other.failed)
        of_blocks = stats.fisher_less(
            blocks - self.failed_blocks, self.failed_blocks, others - other.failed_blocks, other.failed_blocks
        )
        return max(of_requests, of_blocks)


def successes(runs: Sequence[RunSummary]) -> Successes:
    """How the requests of these runs ended."""
    ok = sum(run.outcomes.get(Outcome.OK, 0) for run in runs)
    return Successes(
        ok=ok,
        failed=sum(run.requests for run in runs) - ok,
        failed_blocks=sum(run.failed_blocks for run in runs),
        runs=len(runs),
    )


def accepted_successes(runs: Sequence[BaselineRun]) -> Successes:
    """How the requests of these accepted runs ended."""
    return Successes(
        ok=sum(run.ok for run in runs),
        failed=sum(run.failed for run in runs),
        failed_blocks=sum(run.failed_blocks for run in runs),
        runs=len(runs),
    )


def judge_success(head: Successes, base: Successes) -> MetricComparison:
    """The verdict on the success of one side beside the other's."""
    p_worse, p_better = head.p_fewer(base), base.p_fewer(head)
    verdict = Verdict.UNCHANGED
    if p_worse < SUCCESS_ALPHA and head.failed_blocks >= MIN_FAILED_BLOCKS:
        verdict = Verdict.REGRESSED
    elif p_better < SUCCESS_ALPHA:
        verdict = Verdict.IMPROVED
    return MetricComparison(
        key=SUCCESS,
        verdict=verdict,
        part=metric(SUCCESS).part,
        base=base.ratio,
        head=head.ratio,
        change=head.ratio - base.ratio,
        p_value=p_worse,
        suspect=p_worse < SCREEN_ALPHA and head.failed > 0,
    )
